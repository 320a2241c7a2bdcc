"""The posterior wall of the body, felt for from inside the canal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.anatomy.canal import Canal
from pedicle.model.volume import Volume

STRIP_MM = 4.0
REACH_MM = 25.0


@dataclass(frozen=True, eq=False)
class Wall:
    """y = a + b z + c z^2 in the frame, held constant beyond the heights it was fitted on. `residual_mm` is robust."""

    coefficients: NDArray[np.float64]
    low_mm: float
    high_mm: float
    residual_mm: float

    def at(self, z_mm: ArrayLike) -> NDArray[np.float64]:
        """Place of the wall along the front-to-back axis at heights."""
        z = np.clip(np.asarray(z_mm, dtype=np.float64), self.low_mm, self.high_mm)
        a, b, c = self.coefficients
        return np.asarray(a + b * z + c * z * z)


def posterior_wall(view: Volume, low_mm: NDArray[np.float64], canal: Canal) -> Wall | None:
    """The wall fitted to the first bone in front of the canal's centre line within 4 mm of it; None with < 6 points."""
    z, y = _first_bone(view, low_mm, canal)
    if len(z) < 6:
        return None
    coefficients, residual = _robust_quadratic(z, y)
    return Wall(coefficients, float(z.min()), float(z.max()), residual)


def _first_bone(view: Volume, low_mm: NDArray[np.float64], canal: Canal) -> tuple[NDArray[np.float64], ...]:
    """Heights and places where walks from the canal's centre line towards the front first meet bone."""
    spacing = canal.spacing_mm
    xs = round((canal.centre_mm[0] - low_mm[0]) / spacing) + np.arange(
        -round(STRIP_MM / spacing), round(STRIP_MM / spacing) + 1
    )
    xs = xs[(xs >= 0) & (xs < view.values.shape[0])]
    heights, places = [], []
    for k in range(view.values.shape[2]):
        z = low_mm[2] + k * spacing
        start = int((canal.centre_at(z)[1] - low_mm[1]) / spacing)
        lowest = max(start - round(REACH_MM / spacing), 0)
        if start <= lowest + 1 or start >= view.values.shape[1]:
            continue
        lines = view.values[xs, lowest : start + 1, k][:, ::-1]
        met = lines < 0
        rows = np.flatnonzero(met.any(axis=1) & ~met[:, 0])
        first = met[rows].argmax(axis=1)
        inside, outside = lines[rows, first], lines[rows, first - 1]
        steps = first - inside / (inside - outside)
        places.append(low_mm[1] + (start - steps) * spacing)
        heights.append(np.full(len(rows), z))
    if not heights:
        return np.empty(0), np.empty(0)
    return np.concatenate(heights), np.concatenate(places)


def _robust_quadratic(z: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Quadratic by reweighted least squares with Tukey's weights (4.685 sigma), started from the median."""
    matrix = np.stack([np.ones_like(z), z, z * z], axis=1)
    weight = (np.abs(y - np.median(y)) <= 6.0).astype(float)
    scale = 1.0
    for _ in range(12):
        root = np.sqrt(weight)[:, None]
        coefficients = np.linalg.lstsq(matrix * root, y * root[:, 0], rcond=None)[0]
        residual = y - matrix @ coefficients
        scale = max(1.4826 * float(np.median(np.abs(residual))), 0.2)
        weight = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, None) ** 2
    return coefficients, scale
