"""How a picture's background varies from place to place, so that what lies under a needle can be told from what lies beside it.

Bone edges, soft tissue and noise of the detector beside the needle are taken as one draw of a random field: noise of single
pixels and a part that hangs together, whose correlation falls exponentially with distance. That law is the one of pictures
made of areas with sharp edges at random places (their spectrum falls with the third power of frequency).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
# Differences are looked at over these steps in pixels; neighbours share light in the detector.
_STEPS = (2, 3, 4, 6, 9, 13, 18)
# Fewer pairs than this of one step say nothing.
_FEWEST_PAIRS = 60
# Noise below this (natural logarithm) is rounding.
_LEAST_SD = 2e-3


@dataclass(frozen=True)
class Field:
    """Variances of darkness: `noise` of single pixels, `varying` of the part that hangs together over `length` pixels."""

    noise: float
    varying: float
    length: float


def field_beside(darkness: NDArray[np.floating], use: NDArray[np.bool_], length: float) -> Field:
    """The field's variances from half the mean squared differences between usable pixels along rows and down columns.

    Least squares with both variances not negative. With too few usable pixels the variances are infinite.
    """
    from scipy.optimize import nnls

    found = [_half_square(darkness, use, step) for step in _STEPS]
    steps = np.array([step for step, (_, count) in zip(_STEPS, found, strict=True) if count >= _FEWEST_PAIRS], float)
    values = np.array([value for value, count in found if count >= _FEWEST_PAIRS])
    if len(values) < 3:
        return Field(np.inf, np.inf, length)
    columns = np.stack([np.ones_like(steps), 1.0 - np.exp(-steps / length)], axis=1)
    # Relative errors: a difference of few is as uncertain as it is large.
    noise, varying = nnls(columns / values[:, None], np.ones_like(values))[0]
    return Field(float(noise) + _LEAST_SD**2, float(varying) + _LEAST_SD**2, length)


def _half_square(darkness: NDArray[np.floating], use: NDArray[np.bool_], step: int) -> tuple[float, int]:
    """Half the mean squared difference over so many pixels, and how many pairs it comes from."""
    total, count = 0.0, 0
    for here, there in ((np.s_[step:, :], np.s_[:-step, :]), (np.s_[:, step:], np.s_[:, :-step])):
        both = use[here] & use[there]
        change = (darkness[here].astype(np.float64) - darkness[there])[both]
        total, count = total + float(change @ change), count + change.size
    return (0.5 * total / count if count else 0.0), count


def level_beside(darkness: NDArray[np.floating], use: NDArray[np.bool_], reach: float) -> Array:
    """The background's level everywhere, from usable pixels about: a mean weighed by a Gauss of 1 SD `reach` pixels."""
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(use.astype(np.float64), reach)
    total = gaussian_filter(np.where(use, darkness, 0.0).astype(np.float64), reach)
    return np.asarray(total / np.maximum(weight, 1e-9))


class Whitener:
    """Makes the field's errors at given pixels independent, of variance 1."""

    def __init__(self, together: NDArray[np.float32], field: Field, needle: Array, wavering: float) -> None:
        """`together` (n, n) is from `correlation`; `needle` (n) the needle's darkness at the pixels: behind it fewer quanta
        are counted, and its own darkness wavers by the share `wavering`, because scatter's share changes along it.
        """
        wavers = (wavering * needle).astype(np.float32)
        covariance = together * (np.float32(field.varying) + np.outer(wavers, wavers))
        covariance[np.diag_indices(len(needle))] += (field.noise * np.exp(needle)).astype(np.float32)
        self._lower = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)

    def __call__(self, values: Array) -> Array:
        """Whitened values (n) or (n, columns)."""
        return np.asarray(
            solve_triangular(self._lower, values.astype(np.float32), lower=True, check_finite=False), dtype=np.float64
        )


def correlation(pixels: Array, length: float) -> NDArray[np.float32]:
    """Of the part that hangs together, between pixels (n, 2): (n, n)."""
    apart = cdist(pixels, pixels).astype(np.float32)
    apart *= np.float32(-1.0 / length)
    return np.asarray(np.exp(apart, out=apart))
