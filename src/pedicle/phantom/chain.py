"""The vertebrae on each other: poses from the lowest body upward, so that a fracture bends the spine by itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, degrees, pi, radians, sin

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Pose
from pedicle.model.levels import rank
from pedicle.phantom.morphometry import VertebraShape
from pedicle.phantom.options import FractureOptions, PhantomOptions

LOWEST_TILT_DEG = -22.0
CHORD_DEG = 4.0  # from the lowest body to T8: a little to the back
MOST_GIVE_DEG = 16.0


@dataclass(frozen=True, eq=False)
class Link:
    """A vertebra in its place: intact and present shape, and where its frame lies (origin in the middle of the body)."""

    shape: VertebraShape
    intact: VertebraShape
    lps_from_vertebra: Pose


def wedge_deg(shape: VertebraShape) -> float:
    """Angle between the endplates, positive when the front is higher."""
    depth = 0.5 * (shape.depth_top + shape.depth_bottom)
    return degrees(atan2(shape.height_front - shape.height_back, 0.76 * depth))


def linked(options: PhantomOptions, shapes: list[VertebraShape], intact: list[VertebraShape]) -> list[Link]:
    """Poses of all levels from the head down; the lowest body's origin is at LPS zero.

    The pelvis gives until T8 lies over the lowest body again, as far as hips give.
    """
    start = _stacked(options, shapes, intact, LOWEST_TILT_DEG)
    upper = next(link for link in start if link.shape.level == "T8").lps_from_vertebra.origin_mm
    lack = CHORD_DEG - degrees(atan2(upper[1], upper[2]))
    return _stacked(options, shapes, intact, LOWEST_TILT_DEG + max(-MOST_GIVE_DEG, min(MOST_GIVE_DEG, lack)))


def _stacked(
    options: PhantomOptions, shapes: list[VertebraShape], intact: list[VertebraShape], tilt: float
) -> list[Link]:
    links = []
    point = np.zeros(3)
    bend = _bend(options, intact)
    torn = {fracture.level: fracture for fracture in options.fractures if fracture.torn}
    twist = 0.0
    for n in range(len(shapes) - 1, -1, -1):
        shape, whole = shapes[n], intact[n]
        lean, turn = _side(options, shape, twist)
        pose = _pose(shape.level, tilt, lean, turn, point)
        links.append(Link(shape, whole, pose))
        if n == 0:
            break
        above = shapes[n - 1]
        wedge = above.disc_wedge if above.disc_wedge < 0 else above.disc_wedge * bend
        top_tilt = tilt + 0.5 * wedge_deg(shape)
        next_tilt = top_tilt + wedge + 0.5 * wedge_deg(above)
        poses = (pose, _leaning(options, above, top_tilt + 0.5 * wedge), _leaning(options, above, next_tilt))
        point = _next_point(poses, (shape, above), (whole, intact[n - 1]))
        tilt = next_tilt
        if shape.level in torn:
            point, tilt = _torn(pose, shape, torn[shape.level], point, tilt)
            twist += torn[shape.level].turn_deg
    return links[::-1]


def _torn(
    pose: Pose, shape: VertebraShape, fracture: FractureOptions, point: NDArray[np.float64], tilt: float
) -> tuple[NDArray[np.float64], float]:
    """Origin and tilt of the next body up after the posterior column of a level has failed.

    The hinge lies at the back of the upper endplate; the middle of the spinous process moves by the asked distance.
    """
    half_depth = 0.25 * (shape.depth_top + shape.depth_bottom)
    arm = shape.canal_depth + 0.5 * shape.spine_length + 1.0
    angle = fracture.distraction_mm / arm
    hinge = pose @ np.array([0.0, half_depth, 0.5 * shape.height_back])
    turn = np.array([[1, 0, 0], [0, cos(angle), -sin(angle)], [0, sin(angle), cos(angle)]])
    moved = hinge + pose.turn(turn @ (pose.inverse.turn(point - hinge)))
    return moved - fracture.slide_mm * pose.axis(1), tilt - degrees(angle)


def _bend(options: PhantomOptions, intact: list[VertebraShape]) -> float:
    """Factor on the lumbar disc wedges that gives the asked lordosis from the upper plate of T12 to the sacrum."""
    lumbar = [shape for shape in intact if rank(shape.level) >= rank("T12")]
    bodies = sum(wedge_deg(shape) for shape in lumbar)
    discs = sum(shape.disc_wedge for shape in lumbar)
    return max(0.0, (options.lordosis_deg - bodies) / discs)


def _pose(level: str, tilt_deg: float, lean_deg: float, turn_deg: float, origin_mm: NDArray[np.float64]) -> Pose:
    t, s, a = radians(tilt_deg), radians(lean_deg), radians(turn_deg)
    tilt = np.array([[1, 0, 0], [0, cos(t), sin(t)], [0, -sin(t), cos(t)]])
    lean = np.array([[cos(s), 0, sin(s)], [0, 1, 0], [-sin(s), 0, cos(s)]])
    turn = np.array([[cos(a), -sin(a), 0], [sin(a), cos(a), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = lean @ tilt @ turn
    matrix[:3, 3] = origin_mm
    return Pose("lps", f"vertebra {level}", matrix)


def _side(options: PhantomOptions, shape: VertebraShape, twist_deg: float = 0.0) -> tuple[float, float]:
    """Coronal lean and axial turn of a level, degrees: a smooth S about the apex, the level's own scatter, an injury's twist."""
    away = (rank(options.scoliosis_apex) - rank(shape.level)) / 4.0
    bell = 0.0 if abs(away) > 2.0 else 0.5 * (1.0 + cos(0.5 * pi * away))
    lean = -0.5 * options.scoliosis_deg * sin(0.5 * pi * max(-2.0, min(2.0, away)))
    turn = options.rotation_deg * bell + twist_deg
    sign = -1.0 if options.mirror else 1.0
    return sign * lean + shape.roll_deg, sign * turn + shape.rotation_deg


def _leaning(options: PhantomOptions, shape: VertebraShape, tilt_deg: float) -> Pose:
    """Pose at zero with a sagittal tilt and the level's own lean and turn."""
    return _pose(shape.level, tilt_deg, *_side(options, shape), np.zeros(3))


def _next_point(
    poses: tuple[Pose, Pose, Pose],
    shapes: tuple[VertebraShape, VertebraShape],
    intact: tuple[VertebraShape, VertebraShape],
) -> NDArray[np.float64]:
    """Origin of the next body up; pairs are (lower, upper), poses (lower, disc, upper).

    The disc keeps its height: it fills what a fracture has opened.
    """
    craters = intact[0].crater_top * intact[0].crater_mm + (1.0 - intact[1].crater_top) * intact[1].crater_mm
    halves = [0.25 * (shape.height_front + shape.height_back) for shape in shapes]
    gap = max(1.2, shapes[1].disc - craters)
    low, disc, high = (pose.axis(2) for pose in poses)
    return np.asarray(poses[0].origin_mm + low * halves[0] + disc * gap + high * halves[1])


def sacrum_pose(lowest: Link, options: PhantomOptions, intact: list[VertebraShape]) -> Pose:
    """Frame of the sacrum: origin in the middle of its endplate, w along the endplate's normal to the head."""
    extra = lowest.shape.disc_wedge * _bend(options, intact)
    down = lowest.lps_from_vertebra.axis(2)
    tilt = degrees(atan2(down[1], down[2])) - 0.5 * wedge_deg(lowest.shape) - extra
    half = 0.25 * (lowest.shape.height_front + lowest.shape.height_back)
    end = _pose("sacrum", tilt, 0.0, 0.0, np.zeros(3)).axis(2)
    origin = lowest.lps_from_vertebra.origin_mm - down * half - 0.5 * (down + end) * 9.0
    return _pose("sacrum", tilt, 0.0, 0.0, origin)
