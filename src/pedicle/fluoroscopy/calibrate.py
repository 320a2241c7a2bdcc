"""Where source and detector were, from points of known place seen in a picture.

First the linear solution of the projection matrix on normalised points, then least squares over source and detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.conebeam import ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import unit

Array = NDArray[np.float64]
FEWEST = 6
# Singular values of the points' spread below this share: they lie in a plane and do not fix a matrix.
_FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class Calibration:
    """The geometry found, and how well: parameters are source (3), and principal point, distance and turn about LPS axes.

    `covariance` (9, 9) is of `PARAMETERS`: source x y z in mm, rotation vector in rad (3), source-detector distance in mm,
    principal point (column, row) in pixels. `residual_px` is the root mean square distance of seen and projected points.
    """

    beam: ConeBeam
    covariance: Array
    residual_px: float

    def pixel_covariance(self, point_lps_mm: ArrayLike) -> Array:
        """What the calibration's own error makes of a point's pixel, (2, 2) pixels squared."""
        point = np.asarray(point_lps_mm, dtype=np.float64)[None]
        size = self.beam.pixel_mm[0]
        given = _parameters(self.beam)
        slope = np.empty((2, 9))
        for n, step in enumerate(_STEPS):
            change = np.zeros(9)
            change[n] = step
            high, low = (_projected(given, s * change, point, size)[0] for s in (1.0, -1.0))
            slope[:, n] = (high - low) / (2.0 * step)
        return np.asarray(slope @ self.covariance @ slope.T)


PARAMETERS = ("x", "y", "z", "turn x", "turn y", "turn z", "distance", "column", "row")
_STEPS = (1e-3, 1e-3, 1e-3, 1e-6, 1e-6, 1e-6, 1e-3, 1e-3, 1e-3)


@dataclass(frozen=True, eq=False)
class _Camera:
    source: Array
    axes: Array
    distance: float
    centre: Array


def linear_matrix(points_lps_mm: ArrayLike, pixels: ArrayLike) -> Array:
    """Projection matrix (3, 4) from points (n, 3) and their pixels (n, 2): the smallest algebraic error, normalised.

    InputError 452 with fewer than six points, or when they lie in a plane.
    """
    points, seen = np.asarray(points_lps_mm, dtype=np.float64), np.asarray(pixels, dtype=np.float64)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if len(points) < FEWEST or spread[2] < _FLAT * spread[0]:
        raise InputError(
            452,
            "calibration",
            f"{len(points)} points, flattest extent {spread[-1] / max(spread[0], 1e-12):.3g} of the longest",
            f"at least {FEWEST} points that do not lie in a plane",
            "use a phantom with beads at different depths",
        )
    from_space, from_pixel = _normaliser(points), _normaliser(seen)
    p = np.c_[points, np.ones(len(points))] @ from_space.T
    q = np.c_[seen, np.ones(len(seen))] @ from_pixel.T
    none = np.zeros_like(p)
    rows = np.concatenate([np.c_[p, none, -q[:, :1] * p], np.c_[none, p, -q[:, 1:2] * p]])
    matrix = np.linalg.svd(rows)[2][-1].reshape(3, 4)
    return np.asarray(np.linalg.solve(from_pixel, matrix @ from_space))


def _normaliser(points: Array) -> Array:
    """The similarity that moves points (n, d) to mean 0 and root mean square distance sqrt(d)."""
    size = points.shape[1]
    mean = points.mean(axis=0)
    scale = np.sqrt(size) / np.sqrt(((points - mean) ** 2).sum(axis=1).mean())
    found = np.eye(size + 1)
    found[:size, :size] *= scale
    found[:size, size] = -scale * mean
    return found


def calibrate(
    points_lps_mm: ArrayLike, pixels: ArrayLike, size: tuple[int, int], pixel_mm: float, sigma_px: float | None = None
) -> Calibration:
    """Source and detector with square pixels of `pixel_mm` from points (n, 3) seen at pixels (n, 2); `size` (rows, columns).

    `sigma_px` is 1 SD of a seen point (each axis); from the residuals when not given. InputError 452 as `linear_matrix`.
    """
    from scipy.optimize import least_squares

    points, seen = np.asarray(points_lps_mm, dtype=np.float64), np.asarray(pixels, dtype=np.float64)
    beam = ConeBeam.from_matrix(linear_matrix(points, seen), size, 1000.0, points.mean(axis=0))
    start = _parameters(beam, pixel_mm)
    scales = np.array([10.0] * 3 + [0.01] * 3 + [10.0] * 3)
    solved = least_squares(
        lambda x: (_projected(start, x, points, pixel_mm) - seen).ravel(), np.zeros(9), x_scale=scales, method="lm"
    )
    freedom = 2 * len(points) - 9
    variance = sigma_px**2 if sigma_px is not None else float(2.0 * solved.cost / freedom)
    covariance = variance * np.linalg.inv(solved.jac.T @ solved.jac)
    residual = float(np.sqrt(2.0 * solved.cost / len(points)))
    return Calibration(_beam(_moved(start, solved.x), size, pixel_mm), covariance, residual)


def _parameters(beam: ConeBeam, pixel_mm: float | None = None) -> _Camera:
    """The nearest camera with square pixels: axes are the unit column, row and normal directions, one a row."""
    normal = beam.normal_lps
    column = unit(beam.column_step_lps_mm - (beam.column_step_lps_mm @ normal) * normal)
    row = np.cross(normal, column) * np.sign(np.cross(normal, column) @ beam.row_step_lps_mm)
    size = float(np.sqrt(np.prod(beam.pixel_mm)))
    foot = beam.source_lps_mm + beam.source_to_detector_mm * normal
    centre = beam.project(foot)
    distance = beam.source_to_detector_mm * ((pixel_mm or size) / size)
    return _Camera(beam.source_lps_mm, np.stack([column, row, normal]), distance, centre)


def _moved(camera: _Camera, x: Array) -> _Camera:
    from scipy.spatial.transform import Rotation

    turned = camera.axes @ Rotation.from_rotvec(x[3:6]).as_matrix().T
    return _Camera(camera.source + x[:3], turned, camera.distance + x[6], camera.centre + x[7:9])


def _projected(camera: _Camera, x: Array, points: Array, pixel_mm: float) -> Array:
    """Pixels (n, 2) of points after a change of the parameters."""
    moved = _moved(camera, x)
    local = (points - moved.source) @ moved.axes.T
    return np.asarray(moved.centre + moved.distance / pixel_mm * local[:, :2] / local[:, 2:])


def _beam(camera: _Camera, size: tuple[int, int], pixel_mm: float) -> ConeBeam:
    column, row = pixel_mm * camera.axes[0], pixel_mm * camera.axes[1]
    middle = camera.source + camera.distance * camera.axes[2]
    corner = middle - camera.centre[0] * column - camera.centre[1] * row
    return ConeBeam(camera.source, corner, column, row, *size)
