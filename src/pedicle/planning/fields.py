"""A vertebra's distance fields as one needle sees them: always as if the needle came from the positive side.

The right side is searched in the mirrored fields, so that a mirrored patient gets the mirrored plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import Pose, Side
from pedicle.model.vertebra import PART_CANAL, PART_OTHER_BONE, LocalMaps, Vertebra

Floats = NDArray[np.float64]
# Radius of the thickest usual needle (11 G, 1.5 mm) and as much again.
NEIGHBOUR_REACH_MM = 3.0


@dataclass(frozen=True, eq=False)
class SideFields:
    """Fields in the side's frame: first axis to the needle's own side, second to the back, third to the head; mm.

    `depth` is positive inside the vertebra, `canal` positive outside the canal; both float32 on one isotropic grid with
    its first centre at `origin_mm`. `wall_mm`, `front_mm`, `canal_mm` are places along the second axis: posterior wall,
    anterior wall, middle of the canal; `canal_edge_mm` is the canal's edge along the first.
    """

    side: Side
    depth: NDArray[np.float32]
    canal: NDArray[np.float32]
    parts: NDArray[np.uint8]
    spacing_mm: float
    origin_mm: Floats
    wall_mm: float
    front_mm: float
    canal_mm: float
    canal_edge_mm: float
    lps_from_vertebra: Pose

    @property
    def sign(self) -> float:
        """+1 on the left, -1 on the right."""
        return 1.0 if self.side == "left" else -1.0

    def index(self, points_mm: ArrayLike) -> Floats:
        """Fractional indices of points (..., 3) of the side's frame."""
        return (np.asarray(points_mm, dtype=np.float64) - self.origin_mm) / self.spacing_mm

    def point(self, index: ArrayLike) -> Floats:
        """Points of the side's frame, mm, at fractional indices (..., 3)."""
        return self.origin_mm + self.spacing_mm * np.asarray(index, dtype=np.float64)

    def lps(self, points_mm: ArrayLike) -> Floats:
        """LPS of points (..., 3) of the side's frame."""
        return self.lps_from_vertebra @ (np.asarray(points_mm) * [self.sign, 1.0, 1.0])

    def from_lps(self, points_mm: ArrayLike) -> Floats:
        """Points of the side's frame from LPS points (..., 3)."""
        return np.asarray((self.lps_from_vertebra.inverse @ points_mm) * [self.sign, 1.0, 1.0])

    def turned(self, directions_lps: ArrayLike) -> Floats:
        """Directions (..., 3) of LPS in the side's frame."""
        return np.asarray(self.lps_from_vertebra.inverse.turn(directions_lps) * [self.sign, 1.0, 1.0])

    @cached_property
    def blocked(self) -> NDArray[np.uint8]:
        """Where a needle's axis may not pass behind the entry (uint8): other labelled bone, widened by needle and a margin."""
        from pedicle.kernels.corridor import widen

        other = np.asarray(self.parts == PART_OTHER_BONE, dtype=np.uint8)
        return np.asarray(widen(other, NEIGHBOUR_REACH_MM / self.spacing_mm), dtype=np.uint8)


def side_fields(vertebra: Vertebra, side: Side) -> SideFields:
    """The fields of one side of a vertebra that has maps, walls and a canal; ValueError where one is missing."""
    maps, pose = vertebra.maps, vertebra.lps_from_vertebra
    if maps is None or pose is None or vertebra.posterior_wall_mm is None or vertebra.anterior_wall_mm is None:
        raise ValueError(f"{vertebra.level} was not measured")
    spacing = float(maps.parts.grid.spacing_mm[0])
    origin = pose.inverse @ maps.parts.grid.lps_from_index([0.0, 0.0, 0.0])
    middle, edge = _canal_place(maps, origin, spacing, side)
    if side == "right":
        origin = origin * [-1.0, 1.0, 1.0]
        origin[0] -= spacing * (maps.parts.grid.shape[0] - 1)
    step = 1 if side == "left" else -1
    return SideFields(
        side,
        np.ascontiguousarray(-maps.surface_mm.values[::step], dtype=np.float32),
        np.ascontiguousarray(maps.canal_mm.values[::step], dtype=np.float32),
        np.ascontiguousarray(maps.parts.values[::step]),
        spacing,
        origin,
        vertebra.posterior_wall_mm,
        vertebra.anterior_wall_mm,
        middle,
        edge,
        pose,
    )


def _canal_place(maps: LocalMaps, origin: Floats, spacing: float, side: Side) -> tuple[float, float]:
    """Middle of the canal along the back axis and its edge towards the side, near the body's mid-height, mm."""
    where = np.argwhere(maps.parts.values == PART_CANAL)
    points = origin + spacing * where
    near = points[np.abs(points[:, 2]) < 10.0]
    if len(near) < 20:
        raise ValueError("no canal in the maps")
    sideways = near[:, 0] * (1.0 if side == "left" else -1.0)
    return float(np.median(near[:, 1])), float(np.percentile(sideways, 98))


def boundary_matrix(axes_lps: Floats, voxel_mm: ArrayLike, fields: SideFields, sd_voxels: float) -> Floats:
    """Matrix B (3, 3) in mm: |B n| is 1 SD of a label boundary with unit normal n in the side's frame.

    `axes_lps` are the label map's unit axes (rows), `voxel_mm` its spacing along them. Along a fine axis of thick slices
    the error is that of the voxel's geometric mean: a segmenter's border follows the voxel as a whole.
    """
    voxel = np.asarray(voxel_mm, dtype=np.float64)
    size = np.maximum(voxel, np.prod(voxel) ** (1.0 / 3.0))
    return np.asarray(fields.turned(axes_lps) * (sd_voxels * size)[:, None])
