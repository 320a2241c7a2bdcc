"""One level of simple shapes whose sides are known: an elliptic body, two pedicles, a canal behind, a disc above and below."""

from __future__ import annotations

import numpy as np

from pedicle.model.bone import Bone
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.medium import Outlet, Place
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_LEFT_PEDICLE, PART_POSTERIOR, PART_RIGHT_PEDICLE
from pedicle.model.volume import Volume

# Half width, half depth, half height of the body; the canal is a tube behind it.
HALF = np.array([22.0, 15.0, 13.0])
CANAL_MM, CENTRE = 9.0, np.array([4.0, 30.0, -80.0])


def pose() -> Pose:
    return Pose.from_axes("lps", "vertebra", np.eye(3), CENTRE)


def bone(density_mg_cm3: float = 100.0, spacing_mm: float = 1.0) -> Bone:
    grid = Grid.in_frame(pose(), [-40.0, -34.0, -30.0], [40.0, 46.0, 30.0], spacing_mm)
    x, y, z = np.moveaxis(pose().inverse @ grid.centres_lps_mm(), -1, 0)
    parts = np.zeros(grid.shape, np.uint8)
    parts[(np.abs(x) < 20) & (y > 15) & (y < 42) & (np.abs(z) < 9)] = PART_POSTERIOR
    parts[(x > 11) & (x < 19) & (y > 12) & (y < 30) & (np.abs(z - 4) < 5)] = PART_LEFT_PEDICLE
    parts[(x < -11) & (x > -19) & (y > 12) & (y < 30) & (np.abs(z - 4) < 5)] = PART_RIGHT_PEDICLE
    body = ((x / HALF[0]) ** 2 + (y / HALF[1]) ** 2 < 1.0) & (np.abs(z) < HALF[2])
    tube = (x**2 + (y - HALF[1] - CANAL_MM) ** 2 < CANAL_MM**2) & ~body
    parts[tube] = PART_CANAL
    parts[body] = PART_BODY
    inner = ((x / (HALF[0] - 1)) ** 2 + (y / (HALF[1] - 1)) ** 2 < 1.0) & (np.abs(z) < HALF[2] - 1)
    density = np.where(parts == PART_BODY, density_mg_cm3, 0.0).astype(np.float32)
    nothing = np.zeros(grid.shape, bool)
    return Bone(
        "L3", Volume(grid, density), Volume(grid, parts), Volume(grid, body & ~inner), Volume(grid, nothing)
    )  # fmt: skip


def opening(of: Bone, place: Place, near_mm: tuple[float, float, float], reach_mm: float = 3.0) -> Outlet:
    """An outlet of the body's cells within reach of a point in the vertebra's frame."""
    points = pose().inverse @ of.parts.grid.centres_lps_mm()
    cells = np.flatnonzero(of.shell.values & (np.linalg.norm(points - np.array(near_mm), axis=-1) < reach_mm))
    return Outlet(place, "cortical", place, cells, np.full(len(cells), 1e-6), 0.0, "test")


def starts(of: Bone, outlet: Outlet) -> np.ndarray:
    index = np.stack(np.unravel_index(outlet.cells, of.parts.grid.shape), axis=1)
    return of.parts.grid.lps_from_index(index)
