"""A bone made of boxes and an ellipse: every volume and distance in it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedicle.model.bone import Bone, Opening
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_LEFT_PEDICLE, PART_POSTERIOR, PART_RIGHT_PEDICLE
from pedicle.model.volume import Volume

HALF_WIDTH, HALF_DEPTH, HALF_HEIGHT = 20.3, 14.2, 12.3
LOW, HIGH = (-36.0, -30.0, -28.0), (36.0, 52.0, 28.0)
PLAIN = Pose("lps", "vertebra", np.eye(4))


def turned(degrees: float = 25.0) -> Pose:
    """Turned about the head-to-feet axis and moved: words must follow the patient, not the array."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Pose.from_axes(
        "lps", "vertebra", np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]), [31.0, -7.0, 250.0]
    )


def parts_at(x, y, z):
    parts = np.zeros(x.shape, np.uint8)
    arch = (np.abs(x) < 16.3) & (y > 36.3) & (y < 41.3) & (np.abs(z) < 8.3)
    pillar = (np.abs(np.abs(x) - 13.5) < 4.2) & (y > 8.3) & (y < 36.3) & (np.abs(z - 3.0) < 6.3)
    parts[arch] = PART_POSTERIOR
    parts[pillar & (x > 0)] = PART_LEFT_PEDICLE
    parts[pillar & (x < 0)] = PART_RIGHT_PEDICLE
    parts[(np.abs(x) < 9.2) & (y > 15.5) & (y < 35.5)] = PART_CANAL
    body = (x / HALF_WIDTH) ** 2 + (y / HALF_DEPTH) ** 2 < 1.0
    parts[body & (np.abs(z) < HALF_HEIGHT)] = PART_BODY
    return parts


def simple_bone(density=80.0, pose=PLAIN, spacing=1.0, cleft=None, foramen=False) -> Bone:
    """Uniform density, or a function of (x, y, z); `cleft` a function of (x, y, z) that is true inside it."""
    grid = Grid.in_frame(pose, LOW, HIGH, spacing)
    x, y, z = np.moveaxis(pose.inverse @ grid.centres_lps_mm(), -1, 0)
    parts = parts_at(x, y, z)
    body = parts == PART_BODY
    values = density(x, y, z) if callable(density) else np.full(grid.shape, density)
    hole = body & cleft(x, y, z) if cleft else np.zeros(grid.shape, bool)
    values = np.where(hole, -700.0, values).astype(np.float32)
    shell = body & ((x / (HALF_WIDTH - 1)) ** 2 + (y / (HALF_DEPTH - 1)) ** 2 >= 1.0)
    bone = Bone("L2", Volume(grid, values), Volume(grid, parts), Volume(grid, shell), Volume(grid, hole))
    if not foramen:
        return bone
    patch = body & (np.abs(x) < 2.2) & (np.abs(z) < 1.5) & (y > 13.3)
    return replace(bone, openings=(Opening("basivertebral", "posterior wall, middle", Volume(grid, patch), "test"),))


def plate(half_mm=1.2, wide=10.0):
    """A cleft that lies across the body, `2 half_mm` thick, and ends `wide` mm from the axis."""
    return lambda x, y, z: (np.abs(z - 3.0) < half_mm) & (np.hypot(x, y * HALF_WIDTH / HALF_DEPTH) < wide)
