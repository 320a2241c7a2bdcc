"""A point and a line in space from two pictures, with what noise, movement and calibration make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.conebeam import ConeBeam
from pedicle.model.errors import RefusedError
from pedicle.model.frames import angle_deg, unit
from pedicle.model.notices import Notice
from pedicle.model.shot import TipEstimate

Array = NDArray[np.float64]
# Below the first the depth is poor and said so; below the second two views are one view.
FEW_DEG, NONE_DEG = 30.0, 3.0
# Rays that miss each other by more than this many standard deviations do not show one point.
MISS_SD = 3.0
_STEPS, _CLOSE_MM = 20, 1e-9


@dataclass(frozen=True)
class Unseen:
    """Errors that no picture shows, 1 SD: movement of the patient between both pictures in mm (each axis), and of the
    geometry's calibration in pixels (each axis, each picture). 0 = not included."""

    movement_mm: float = 0.0
    calibration_px: float = 0.0


NOTHING_UNSEEN = Unseen()


@dataclass(frozen=True, eq=False)
class Sight:
    """A point seen in one picture: pixel (column, row) and its covariance (2, 2) in pixels squared."""

    beam: ConeBeam
    pixel: Array
    covariance_px2: Array

    @property
    def ray_lps(self) -> Array:
        """Unit direction from the source through the pixel."""
        return self.beam.rays(self.pixel)


def triangulated(first: Sight, second: Sight, unseen: Unseen = NOTHING_UNSEEN) -> TipEstimate:
    """The point seen in both pictures: least squares over both pixels, weighed by their covariances.

    The place is the patient's at the first picture. Warnings: views less than 30 degrees apart (`tip-views-close`), rays that
    miss each other by over three standard deviations (`tip-rays-miss`). RefusedError 451 below 3 degrees.
    """
    start = _midpoint(first, second)
    sights = (first, second)
    weights = _weights(sights, start, unseen)
    found = start
    for _ in range(_STEPS):
        slopes = [jacobian(sight.beam, found) for sight in sights]
        normal = sum(j.T @ w @ j for j, w in zip(slopes, weights, strict=True))
        pull = sum(
            j.T @ w @ (sight.pixel - sight.beam.project(found))
            for j, w, sight in zip(slopes, weights, sights, strict=True)
        )
        step = np.linalg.solve(normal, pull)
        found = found + step
        if np.linalg.norm(step) < _CLOSE_MM:
            break
    separation = view_separation_deg(first.beam, second.beam, found)
    miss, miss_sd = _miss(sights, weights, found)
    return TipEstimate(
        found, np.asarray(np.linalg.inv(normal)), separation, abs(miss), _warnings(separation, abs(miss), miss_sd)
    )


def view_separation_deg(first: ConeBeam, second: ConeBeam, point_lps_mm: ArrayLike) -> float:
    """Angle at a point between the lines to both sources, 0 to 90: opposite views are one view."""
    point = np.asarray(point_lps_mm, dtype=np.float64)
    angle = angle_deg(point - first.source_lps_mm, point - second.source_lps_mm)
    return min(angle, 180.0 - angle)


def jacobian(beam: ConeBeam, point_lps_mm: Array) -> Array:
    """Change of (column, row) with a point's place, (2, 3), pixels a mm."""
    rows = beam.matrix
    x, y, depth = rows[:, :3] @ point_lps_mm + rows[:, 3]
    return np.asarray((rows[:2, :3] - np.outer([x / depth, y / depth], rows[2, :3])) / depth)


def _midpoint(first: Sight, second: Sight) -> Array:
    """The point halfway where both rays pass closest; RefusedError when the views are as good as one."""
    a, b = first.ray_lps, second.ray_lps
    angle = angle_deg(a, b)
    if min(angle, 180.0 - angle) < NONE_DEG:
        raise RefusedError(
            451,
            "tip",
            f"the two views lie {min(angle, 180.0 - angle):.1f} deg apart",
            f"a place in depth needs {NONE_DEG:.0f} deg, better {FEW_DEG:.0f}",
            "take the second picture from another side",
        )
    apart = second.beam.source_lps_mm - first.beam.source_lps_mm
    along = np.linalg.lstsq(np.stack([a, -b], axis=1), apart, rcond=None)[0]
    return np.asarray(0.5 * (first.beam.source_lps_mm + along[0] * a + second.beam.source_lps_mm + along[1] * b))


def _weights(sights: tuple[Sight, Sight], point: Array, unseen: Unseen) -> list[Array]:
    """Inverse covariances (2, 2) of both pixels; movement moves the second picture's."""
    found: list[Array] = []
    for n, sight in enumerate(sights):
        slope = jacobian(sight.beam, point)
        moved = n * unseen.movement_mm**2 * slope @ slope.T
        found.append(np.asarray(np.linalg.inv(sight.covariance_px2 + unseen.calibration_px**2 * np.eye(2) + moved)))
    return found


def _miss(sights: tuple[Sight, Sight], weights: list[Array], point: Array) -> tuple[float, float]:
    """How far the rays miss each other, mm, and 1 SD of that: both pixels' errors across the common perpendicular."""
    first, second = sights
    across = unit(np.cross(first.ray_lps, second.ray_lps))
    miss = float(across @ (second.beam.source_lps_mm - first.beam.source_lps_mm))
    variance = 0.0
    for sight, weight in zip(sights, weights, strict=True):
        pull = across @ np.linalg.pinv(jacobian(sight.beam, point))
        variance += float(pull @ np.linalg.inv(weight) @ pull)
    return miss, float(np.sqrt(variance))


def _warnings(separation_deg: float, miss_mm: float, miss_sd_mm: float) -> tuple[Notice, ...]:
    found = []
    if separation_deg < FEW_DEG:
        text = f"the two views lie only {separation_deg:.0f} deg apart: depth is poor, 60 to 90 deg are wanted"
        found.append(Notice("tip-views-close", "tip", text))
    if miss_mm > MISS_SD * miss_sd_mm:
        text = (
            f"the rays of both pictures miss each other by {miss_mm:.1f} mm, {miss_sd_mm:.1f} mm is 1 SD: the patient moved, "
            "the geometry is wrong, or the pictures show two different points. Do not use this place"
        )
        found.append(Notice("tip-rays-miss", "tip", text, "danger"))
    return tuple(found)


def line_direction(first: tuple[ConeBeam, Array, Array], second: tuple[ConeBeam, Array, Array]) -> Array | None:
    """Unit direction in space of a line seen in two pictures, each given as (beam, pixel, direction in the picture).

    Where both pictures' planes through the sources meet; its sense is the first picture's. None when the planes are
    within 3 degrees of one: then the line may run anywhere in it.
    """
    along = np.cross(_plane(*first), _plane(*second))
    if np.linalg.norm(along) < np.sin(np.radians(NONE_DEG)):
        return None
    beam, pixel, forward = first
    moved = beam.pixel_lps_mm(pixel + forward) - beam.pixel_lps_mm(pixel)
    return unit(along if along @ moved >= 0 else -along)


def _plane(beam: ConeBeam, pixel: Array, forward: Array) -> Array:
    """Unit normal of the plane through the source and a line of the picture."""
    return unit(np.cross(beam.rays(pixel), beam.rays(np.asarray(pixel) + forward)))
