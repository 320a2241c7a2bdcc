"""Flow of a shear-thinning fluid, with or without yield stress, through round pipes: the law of a needle.

Herschel and Bulkley: stress = yield + consistency * shear_rate^index; power law without yield, Newton with index 1.
Fully developed, no slip at the wall, inertia left out (a Reynolds number of cement in a cannula is below 1e-4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
# A bisection of doubles: 60 halvings leave no digit of the bracket.
_HALVINGS = 60


def wall_shear_rate_per_s(flow_mm3_s: ArrayLike, radius_mm: ArrayLike, index: ArrayLike) -> Array:
    """Shear rate at the wall, 1/s, of a power-law fluid (Rabinowitsch).

    >>> round(float(wall_shear_rate_per_s(4000.0 / 60.0, 2.388 / 2, 1.0)), 1)
    49.9
    """
    flow, radius, n = (np.asarray(given, dtype=np.float64) for given in (flow_mm3_s, radius_mm, index))
    return np.asarray(flow * (3.0 * n + 1.0) / (n * np.pi * radius**3), dtype=np.float64)


def power_law_gradient_pa_mm(
    flow_mm3_s: ArrayLike, radius_mm: ArrayLike, consistency: ArrayLike, index: ArrayLike
) -> Array:
    """Pressure drop in Pa per mm of pipe: (2 K / R) (Q (3n + 1) / (pi n R^3))^n; 0 at rest.

    >>> round(float(power_law_gradient_pa_mm(4000.0 / 60.0, 2.388 / 2, 100.0, 1.0)) * 100.0 / 1e3, 1)
    835.3
    """
    shear = wall_shear_rate_per_s(flow_mm3_s, radius_mm, index)
    with np.errstate(invalid="ignore"):  # inf * 0: set cement at rest
        wall = np.asarray(consistency, dtype=np.float64) * shear ** np.asarray(index, dtype=np.float64)
    wall = np.where(np.asarray(flow_mm3_s) == 0.0, 0.0, wall)
    return np.asarray(2.0 * wall / np.asarray(radius_mm, dtype=np.float64), dtype=np.float64)


def yielding_flow_mm3_s(
    wall_stress_pa: ArrayLike, radius_mm: ArrayLike, consistency: ArrayLike, index: ArrayLike, yield_pa: ArrayLike
) -> Array:
    """Flow in mm3/s at a wall stress, after Herschel and Bulkley; 0 where the wall does not yield.

    With t the wall stress, y the yield, d = t - y: Q = pi R^3 (n / K^(1/n)) d^((n+1)/n) / t^3
    (d^2 / (3n+1) + 2 y d / (2n+1) + y^2 / (n+1)).
    """
    wall, radius, k, n, y = (
        np.asarray(given, dtype=np.float64) for given in (wall_stress_pa, radius_mm, consistency, index, yield_pa)
    )
    over = np.maximum(wall - y, 0.0)
    core = over**2 / (3.0 * n + 1.0) + 2.0 * y * over / (2.0 * n + 1.0) + y**2 / (n + 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        flow = np.pi * radius**3 * n * (over / k) ** (1.0 / n) * over * core / wall**3
    return np.where(over > 0.0, flow, 0.0)


def yielding_gradient_pa_mm(
    flow_mm3_s: ArrayLike, radius_mm: ArrayLike, consistency: ArrayLike, index: ArrayLike, yield_pa: ArrayLike
) -> Array:
    """Pressure drop in Pa per mm of pipe of a fluid with yield stress; at rest what the wall must bear before it yields.

    The inverse of `yielding_flow_mm3_s` by bisection; without yield stress equal to `power_law_gradient_pa_mm`.
    """
    flow, radius, k, n, y = np.broadcast_arrays(
        *(np.asarray(given, dtype=np.float64) for given in (flow_mm3_s, radius_mm, consistency, index, yield_pa))
    )
    # d^2/(3n+1) + ... > d^2/(3n+1) and t < d + y: twice the power law's stress and four yields bound it from above.
    low, high = y.copy(), 2.0 * power_law_gradient_pa_mm(flow, radius, k, n) * radius / 2.0 + 4.0 * y
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        above = yielding_flow_mm3_s(middle, radius, k, n, y) > flow
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(2.0 * high / radius, dtype=np.float64)
