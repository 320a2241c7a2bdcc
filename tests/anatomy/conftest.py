"""An exact solid that is nearly a vertebra: every height, axis and volume of it is known without measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import LabelMap
from pedicle.model.volume import Volume


@dataclass(frozen=True)
class Solid:
    """Body: an ellipse (20 x 17 mm half axes) cut by the plane of its back wall, between two planes that meet at
    `wedge_deg`. Arch: an elliptic ring about the canal, open by `gap_mm`. Frame: x left, y back, z head."""

    height_mm: float = 26.0
    wedge_deg: float = 0.0
    gap_mm: float = 0.0
    half_width_mm: float = 20.0
    front_mm: float = -17.0
    wall_mm: float = 12.0

    @property
    def slope(self) -> float:
        return float(np.tan(np.radians(self.wedge_deg / 2)))

    def height_at(self, y_mm: float) -> float:
        return self.height_mm + 2 * self.slope * y_mm

    def heights(self) -> tuple[float, float, float]:
        depth = self.wall_mm - self.front_mm
        a, m, p = (self.height_at(self.front_mm + share * depth) for share in (0.12, 0.50, 0.88))
        return a, m, p

    def body(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        x, y, z = np.moveaxis(points, -1, 0)
        outline = (x / self.half_width_mm) ** 2 + (y / self.front_mm) ** 2 <= 1
        return np.asarray(outline & (y <= self.wall_mm) & (np.abs(z) <= self.height_at(0) / 2 + self.slope * y))

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        x, y, z = np.moveaxis(points, -1, 0)
        centre = self.wall_mm + 8.5
        outer = (x / 17) ** 2 + ((y - centre) / 13.5) ** 2 <= 1
        inner = (x / 11) ** 2 + ((y - centre) / 8.5) ** 2 <= 1
        half = min(8.0, 0.4 * self.height_mm)
        ring = outer & ~inner & (y > self.wall_mm) & (z >= -half) & (z <= half + 1)
        spinous = (np.abs(x) <= 3.5) & (y >= centre + 9.5) & (y <= centre + 35) & (z >= -14) & (z <= 2)
        processes = (np.abs(x) >= 13) & (np.abs(x) <= 38) & (np.abs(y - centre - 4) <= 3.5) & (np.abs(z) <= 4)
        gap = (np.abs(x) < self.gap_mm / 2) & (y > centre)
        return np.asarray(self.body(points) | ((ring | spinous | processes) & ~gap))


@dataclass(frozen=True)
class Setup:
    """Solids by level, each in its own pose, drawn on one grid by the voxel's centre."""

    solids: dict[str, Solid] = field(default_factory=lambda: {"L2": Solid()})
    poses: dict[str, Pose] = field(default_factory=lambda: {"L2": pose()})

    def labels(self, grid: Grid) -> LabelMap:
        points = grid.centres_lps_mm()
        values = np.zeros(grid.shape, np.uint8)
        for level, solid in self.solids.items():
            values[solid(self.poses[level].inverse @ points)] = verse_of_level(level)
        return LabelMap(Volume(grid, values).canonical(), "verse")


def pose(turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0), at_mm: tuple[float, float, float] = (0, 0, 0)) -> Pose:
    """A frame turned about x, y, z (degrees) from the patient's axes."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = at_mm
    return Pose("lps", "vertebra", matrix)


def grid_about(spacing_mm: tuple[float, float, float], half_mm: tuple[float, float, float] = (48, 72, 42)) -> Grid:
    """A grid along the patient's axes about the origin, a little off centre so that nothing falls on a voxel face."""
    half = np.array(half_mm)
    shape = np.ceil(2 * half / np.array(spacing_mm)).astype(int)
    matrix = np.diag([*spacing_mm, 1.0])
    matrix[:3, 3] = -half + np.array([0.13, 0.27, 0.41])
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), matrix)


@pytest.fixture(scope="session")
def solid() -> type[Solid]:
    return Solid


@pytest.fixture(scope="session")
def setup() -> type[Setup]:
    return Setup


@pytest.fixture(scope="session")
def posed() -> Callable[..., Pose]:
    return pose


@pytest.fixture(scope="session")
def grid() -> Callable[..., Grid]:
    return grid_about
