"""A lumbar spine of simple shapes whose sides are known: bodies, pedicles that converge by 25 degrees, a sacrum below."""

from __future__ import annotations

import numpy as np

from pedicle.model.frames import Pose, Side, unit
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.needle import Needle
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.standard_views import bulls_eye, true_ap, true_lateral
from pedicle.model.trajectory import LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, LocalMaps, Pedicle, Spine, Vertebra
from pedicle.model.volume import Volume

CONVERGENCE_DEG, PEDICLE_RADIUS_MM, STEP_MM = 25.0, 5.0, 36.0
# Isthmus in the vertebra's frame (left, back, head) for the left side; the posterior wall is the plane y = WALL_MM.
ISTHMUS, WALL_MM = np.array([16.0, 22.0, 3.0]), 15.0
CENTRE = np.array([4.0, 30.0, -80.0])
NEEDLE = Needle(11, 125.0, 3.048, 2.388)


def sign(side: Side) -> float:
    return 1.0 if side == "left" else -1.0


def isthmus(side: Side) -> np.ndarray:
    return ISTHMUS * [sign(side), 1.0, 1.0]


def axis(side: Side, convergence_deg: float = CONVERGENCE_DEG) -> np.ndarray:
    """Forward and towards the midline."""
    turn = np.radians(convergence_deg)
    return np.array([-sign(side) * np.sin(turn), -np.cos(turn), 0.0])


def vertebra(level: str = "L3", pose: Pose | None = None, spacing_mm: float = 0.75) -> Vertebra:
    pose = pose or Pose.from_axes("lps", "vertebra", np.eye(3), CENTRE)
    grid = Grid.in_frame(pose, [-36.0, -22.0, -20.0], [36.0, 48.0, 20.0], spacing_mm)
    points = pose.inverse @ grid.centres_lps_mm()
    parts = np.zeros(grid.shape, np.uint8)
    pedicles = {}
    for side, code in (("left", PART_LEFT_PEDICLE), ("right", PART_RIGHT_PEDICLE)):
        offset = points - isthmus(side)
        along = offset @ axis(side)
        radial = np.linalg.norm(offset - along[..., None] * axis(side), axis=-1)
        parts[(radial < PEDICLE_RADIUS_MM) & (np.abs(along) < 12.0)] = code
        width = 2.0 * PEDICLE_RADIUS_MM
        pedicles[side] = Pedicle(
            side, True, width, width, width, None, 0.3, pose.turn(axis(side)), pose @ isthmus(side)
        )
    x, y, z = np.moveaxis(points, -1, 0)
    parts[((x / 22) ** 2 + (y / 30) ** 2 < 1) & (np.abs(y) < WALL_MM) & (np.abs(z) < 13)] = PART_BODY
    flat = Volume(grid, np.zeros(grid.shape, np.float32))
    return Vertebra(
        level, "sacrum", 0.98, True, pose.origin_mm, pose, posterior_wall_mm=WALL_MM, anterior_wall_mm=-WALL_MM,
        pedicles=pedicles, maps=LocalMaps(Volume(grid, parts), flat, flat),
    )  # fmt: skip


def trajectory(
    side: Side = "left",
    level: str = "L3",
    pose: Pose | None = None,
    shift_mm: float = 0.0,
    convergence_deg: float = CONVERGENCE_DEG,
) -> Trajectory:
    """A needle down the pedicle's axis, moved `shift_mm` towards the midline."""
    pose = pose or Pose.from_axes("lps", "vertebra", np.eye(3), CENTRE)
    forward = axis(side, convergence_deg)
    middle = isthmus(side) - [sign(side) * shift_mm, 0.0, 0.0]
    entry, target = middle - 14.0 * forward, middle + 26.0 * forward
    wall = float((WALL_MM - entry[1]) / forward[1])
    direction = pose.turn(forward)
    skin = pose @ (entry - 60.0 * forward)
    return Trajectory(
        level, side, "transpedicular", "paramedian", NEEDLE, pose @ entry, pose @ target, skin, wall, 60.0, 60.0, 25.0, 0.0,
        bulls_eye(unit(direction), side), {}, True,
    )  # fmt: skip


def spine(*found: Vertebra, sacrum_mm: float | None = -216.0) -> Spine:
    """A spine of these vertebrae; the sacrum's top lies at this height (None = not in the scan)."""
    grid = Grid((40, 40, 100), np.array([[4.0, 0, 0, -70], [0, 4.0, 0, -40], [0, 0, 4.0, -316], [0, 0, 0, 1.0]]))
    labels = np.zeros(grid.shape, np.uint8)
    if sacrum_mm is not None:
        points = grid.centres_lps_mm()
        near = (np.abs(points[..., 0]) < 40) & (np.abs(points[..., 1] - 40) < 20)
        labels[near & (points[..., 2] <= sacrum_mm) & (points[..., 2] > sacrum_mm - 60)] = verse_of_level("sacrum")
    return Spine(tuple(found), Volume(grid, labels), Acquisition(), "whole")


def scan(spacing_mm: float = 2.5) -> Scan:
    """Water of a body's size about the spine, bone in bodies and pedicles of L3."""
    grid = Grid.in_frame(
        Pose("lps", "box", np.eye(4)), CENTRE - [130.0, 110.0, 60.0], CENTRE + [130.0, 110.0, 60.0], spacing_mm
    )
    points = grid.centres_lps_mm() - CENTRE
    values = np.where((points[..., 0] / 120) ** 2 + (points[..., 1] / 95) ** 2 < 1, 40.0, -1000.0)
    bone = vertebra()
    assert bone.maps is not None
    parts = bone.maps.parts.sampled(grid.centres_lps_mm(), order=0, fill=0.0)
    values[parts == PART_BODY] = 150.0
    values[(parts == PART_LEFT_PEDICLE) | (parts == PART_RIGHT_PEDICLE)] = 400.0
    return Scan(Volume(grid, values.astype(np.int16)), Acquisition(kvp=120.0, patient_position="HFS"))


def plan(*needles: Trajectory) -> Plan:
    bone = vertebra()
    sides = tuple(needle.side for needle in needles)
    level = LevelPlan("L3", needles, sides, (), true_ap(bone), true_lateral(bone), None)
    return Plan((level,), "rehearse", "supine")
