"""Endplates: the upper and lower surface of a body and the robust plane through each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.volume import Volume

RIM_MM = 4.0


@dataclass(frozen=True, eq=False)
class Endplate:
    """Plane z = a + b x + c y in the frame; `residual_mm` is the rms of the columns the fit kept."""

    coefficients: NDArray[np.float64]
    residual_mm: float

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal towards the head, in the frame."""
        _, b, c = self.coefficients
        return np.asarray(np.array([-b, -c, 1.0]) / np.sqrt(1.0 + b * b + c * c))


@dataclass(frozen=True, eq=False)
class Columns:
    """Lower and upper surface of a body over the nodes (x, y) of a view, mm in the frame; NaN where there is no body."""

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    lower_mm: NDArray[np.float64]
    upper_mm: NDArray[np.float64]

    @property
    def height_mm(self) -> NDArray[np.float64]:
        """Height of each column; NaN where there is no body."""
        return self.upper_mm - self.lower_mm


def columns(view: Volume, low_mm: NDArray[np.float64], body: NDArray[np.bool_]) -> Columns:
    """Surfaces of the body's columns, finer than the view's nodes."""
    from pedicle.kernels.shadow import column_ends

    spacing = float(view.grid.spacing_mm[0])
    lower, upper = column_ends(view.values, body)
    x = low_mm[0] + np.arange(view.values.shape[0]) * spacing
    y = low_mm[1] + np.arange(view.values.shape[1]) * spacing
    return Columns(x, y, low_mm[2] + lower * spacing, low_mm[2] + upper * spacing)


def endplates(found: Columns) -> tuple[Endplate, Endplate] | None:
    """Lower and upper endplate, fitted to the columns at least 4 mm inside the rim (2 mm where fewer than 30 are)."""
    from pedicle.kernels.distance import signed_distance

    there = np.isfinite(found.lower_mm)
    spacing = float(found.x_mm[1] - found.x_mm[0])
    depth = -signed_distance(there[:, :, None], (spacing, spacing, 1.0))[:, :, 0]
    inner = depth >= RIM_MM if (depth >= RIM_MM).sum() >= 30 else depth >= RIM_MM / 2
    if inner.sum() < 12:
        return None
    x, y = np.meshgrid(found.x_mm, found.y_mm, indexing="ij")
    return tuple(_plane(x[inner], y[inner], z[inner]) for z in (found.lower_mm, found.upper_mm))  # type: ignore[return-value]


def _plane(x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> Endplate:
    """Plane by reweighted least squares with Tukey's weights."""
    matrix = np.stack([np.ones_like(x), x, y], axis=1)
    weight = np.ones_like(z)
    for _ in range(12):
        root = np.sqrt(weight)[:, None]
        coefficients = np.linalg.lstsq(matrix * root, z * root[:, 0], rcond=None)[0]
        residual = z - matrix @ coefficients
        scale = max(1.4826 * float(np.median(np.abs(residual))), 0.2)
        weight = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, None) ** 2
    rms = float(np.sqrt(np.average(residual**2, weights=weight)))
    return Endplate(coefficients, rms)
