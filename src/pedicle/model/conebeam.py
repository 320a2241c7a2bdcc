"""A point source and a flat detector in the patient: where each pixel's ray runs.

Pixels are named (column, row); pixel (0, 0) has its *centre* at `corner_lps_mm`, columns run along `column_step_lps_mm`,
rows along `row_step_lps_mm`. The picture is what an eye at the detector sees when it looks towards the source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import unit

Array = NDArray[np.float64]
# Two directions closer than this to parallel do not say which way is up.
_PARALLEL = 1e-6


@dataclass(frozen=True)
class CArm:
    """What a C-arm is: distances from the source, the detector's pixels, square and of one size."""

    source_to_detector_mm: float
    source_to_isocentre_mm: float
    pixel_mm: float
    rows: int
    columns: int


@dataclass(frozen=True, eq=False)
class ConeBeam:
    """The geometry of one X-ray picture in LPS mm.

    ValueError when the detector has no area or the source lies in its plane.
    """

    source_lps_mm: Array
    corner_lps_mm: Array
    column_step_lps_mm: Array
    row_step_lps_mm: Array
    rows: int
    columns: int

    def __post_init__(self) -> None:
        for name in ("source_lps_mm", "corner_lps_mm", "column_step_lps_mm", "row_step_lps_mm"):
            vector = np.array(getattr(self, name), dtype=np.float64)
            vector.setflags(write=False)
            object.__setattr__(self, name, vector)
        if abs(np.linalg.det(self._basis)) < _PARALLEL:
            raise ValueError("the detector has no area, or the source lies in its plane")

    @classmethod
    def aimed(cls, arm: CArm, isocentre_lps_mm: ArrayLike, detector_lps: ArrayLike, up_lps: ArrayLike) -> ConeBeam:
        """The C-arm with its detector in the direction `detector_lps` of the isocentre and `up_lps` at the picture's top.

        ValueError when both directions are parallel.
        """
        eye, centre = unit(detector_lps), np.asarray(isocentre_lps_mm, dtype=np.float64)
        up = np.asarray(up_lps, dtype=np.float64)
        up = up - (up @ eye) * eye
        if np.linalg.norm(up) < _PARALLEL:
            raise ValueError("up and the beam are parallel: say which way is up")
        down = -unit(up)
        right = np.cross(-down, eye)
        column_step, row_step = arm.pixel_mm * right, arm.pixel_mm * down
        middle = centre + (arm.source_to_detector_mm - arm.source_to_isocentre_mm) * eye
        corner = middle - 0.5 * (arm.columns - 1) * column_step - 0.5 * (arm.rows - 1) * row_step
        source = centre - arm.source_to_isocentre_mm * eye
        return cls(source, corner, column_step, row_step, arm.rows, arm.columns)

    @classmethod
    def from_matrix(
        cls, matrix: ArrayLike, size: tuple[int, int], source_to_detector_mm: float, seen_lps_mm: ArrayLike
    ) -> ConeBeam:
        """The geometry of a projection matrix (3, 4) that takes LPS mm to homogeneous (column, row, 1).

        A matrix fixes source and rays only: `source_to_detector_mm` says how far the detector is, along its normal, and
        `seen_lps_mm`, any point in the beam, on which side of the source it lies. `size` is (rows, columns). The matrix
        may have any scale and sign.
        """
        matrix = np.asarray(matrix, dtype=np.float64)
        square, inverse = matrix[:, :3], np.linalg.inv(matrix[:, :3])
        source = -inverse @ matrix[:, 3]
        depth = float(square[2] @ (np.asarray(seen_lps_mm, dtype=np.float64) - source))
        steps = source_to_detector_mm * np.linalg.norm(square[2]) * np.sign(depth) * inverse
        return cls(source, source + steps[:, 2], steps[:, 0], steps[:, 1], *size)

    @property
    def _basis(self) -> Array:
        """Columns: column step, row step, source to corner."""
        return np.stack(
            [self.column_step_lps_mm, self.row_step_lps_mm, self.corner_lps_mm - self.source_lps_mm], axis=1
        )

    @property
    def matrix(self) -> Array:
        """Projection matrix (3, 4): LPS mm to (column x depth, row x depth, depth); the detector has depth 1."""
        square = np.linalg.inv(self._basis)
        return np.concatenate([square, -(square @ self.source_lps_mm)[:, None]], axis=1)

    @property
    def normal_lps(self) -> Array:
        """Unit normal of the detector, away from the source."""
        normal = unit(np.cross(self.column_step_lps_mm, self.row_step_lps_mm))
        away = self.corner_lps_mm - self.source_lps_mm
        return np.asarray(normal if normal @ away > 0 else -normal)

    @property
    def source_to_detector_mm(self) -> float:
        """Distance of the source from the detector's plane."""
        return float(self.normal_lps @ (self.corner_lps_mm - self.source_lps_mm))

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Size of a pixel along a row and down a column."""
        return float(np.linalg.norm(self.column_step_lps_mm)), float(np.linalg.norm(self.row_step_lps_mm))

    def project(self, points_lps_mm: ArrayLike) -> Array:
        """Where points (..., 3) are seen: (column, row), shape (..., 2), also beyond the detector's edge.

        ValueError for a point at or behind the source's height: it is not seen at all.
        """
        found = np.asarray(points_lps_mm, dtype=np.float64) @ self.matrix[:, :3].T + self.matrix[:, 3]
        if (found[..., 2] <= 0).any():
            raise ValueError("a point lies behind the source")
        return np.asarray(found[..., :2] / found[..., 2:])

    def magnification(self, points_lps_mm: ArrayLike) -> Array:
        """How much larger things at points (..., 3) are on the detector, shape (...)."""
        depth = (np.asarray(points_lps_mm, dtype=np.float64) - self.source_lps_mm) @ self.normal_lps
        return np.asarray(self.source_to_detector_mm / depth)

    def pixel_lps_mm(self, pixels: ArrayLike) -> Array:
        """Points on the detector of pixels (..., 2) = (column, row), shape (..., 3)."""
        pixels = np.asarray(pixels, dtype=np.float64)
        return np.asarray(
            self.corner_lps_mm + pixels[..., :1] * self.column_step_lps_mm + pixels[..., 1:] * self.row_step_lps_mm
        )

    def rays(self, pixels: ArrayLike) -> Array:
        """Unit directions from the source to pixels (..., 2), shape (..., 3)."""
        return unit(self.pixel_lps_mm(pixels) - self.source_lps_mm)

    def pixels(self) -> Array:
        """(column, row) of all pixel centres, shape (rows, columns, 2)."""
        row, column = np.indices((self.rows, self.columns), dtype=np.float64)
        return np.stack([column, row], axis=-1)

    def cropped(self, first: tuple[int, int], rows: int, columns: int) -> ConeBeam:
        """The part of the picture from pixel `first` = (column, row) on: collimation, or a region of interest."""
        return replace(self, corner_lps_mm=self.pixel_lps_mm(first), rows=rows, columns=columns)

    def binned(self, factor: int) -> ConeBeam:
        """The same detector with `factor` x `factor` pixels read as one; what is left over at the far edges is dropped."""
        centre = self.pixel_lps_mm([0.5 * (factor - 1)] * 2)
        return ConeBeam(
            self.source_lps_mm,
            centre,
            factor * self.column_step_lps_mm,
            factor * self.row_step_lps_mm,
            self.rows // factor,
            self.columns // factor,
        )
