"""One vertebra's label as a field: the signed distance to its surface, to be looked at along any axes.

The distance is interpolated, never the labels: surfaces become finer than the voxels, and coarse oblique grids stop
stepping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume

MARGIN_MM = 14.0
Box = tuple[NDArray[np.int_], NDArray[np.int_]]


@dataclass(frozen=True, eq=False)
class BoneField:
    """A label's neighbourhood cut out of the map, widened beyond the map's border where it must be.

    `surface_mm` (float32) is the signed distance to the label's surface, negative inside; beyond the map counts as
    outside. `others` (uint8) is 1 where any other label lies. `points_mm` are the LPS centres of the label's voxels.
    """

    level: str
    grid: Grid
    surface_mm: NDArray[np.float32]
    others: NDArray[np.uint8]
    points_mm: NDArray[np.float64]

    @property
    def volume_ml(self) -> float:
        """Volume of the label's voxels."""
        return len(self.points_mm) * self.grid.voxel_ml

    @property
    def centroid_lps_mm(self) -> NDArray[np.float64]:
        """Centroid of the whole label, body and processes together."""
        return np.asarray(self.points_mm.mean(axis=0))

    def box_in(self, lps_from_frame: Pose, margin_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners in a frame of the box about the label's voxels, widened by a margin."""
        points = lps_from_frame.inverse @ self.points_mm
        return points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm

    def seen_from(self, lps_from_frame: Pose, low: ArrayLike, high: ArrayLike, spacing_mm: float) -> Volume:
        """The distance on an isotropic grid along a frame's axes, with a node at the frame's origin."""
        from pedicle.kernels.sampling import trilinear

        grid = Grid.in_frame(lps_from_frame, *_through_origin(low, high, spacing_mm), spacing_mm)
        return Volume(grid, trilinear(self.surface_mm, self._index_from(grid), grid.shape))

    def others_on(self, grid: Grid) -> NDArray[np.bool_]:
        """Where another label lies on a grid; nearest voxel."""
        from pedicle.kernels.sampling import nearest

        return nearest(self.others, self._index_from(grid), grid.shape).astype(bool)

    def _index_from(self, grid: Grid) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self.grid.lps_from_ijk) @ grid.lps_from_ijk)


def _through_origin(
    low: ArrayLike, high: ArrayLike, spacing_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    down = np.floor(np.asarray(low) / spacing_mm) * spacing_mm
    return down, np.ceil(np.asarray(high) / spacing_mm) * spacing_mm


def label_boxes(labels: Volume) -> dict[int, Box]:
    """Index box low <= index < high of every label of a map, found in one pass."""
    from scipy.ndimage import find_objects

    found = enumerate(find_objects(labels.values), start=1)
    return {n: (np.array([s.start for s in box]), np.array([s.stop for s in box])) for n, box in found if box}


def bone_field(labels: Volume, label: int, level: str, box: Box) -> BoneField:
    """The field of one label of a canonical map; `box` is the label's own."""
    from pedicle.kernels.distance import signed_distance

    pad = np.ceil(MARGIN_MM / labels.grid.spacing_mm).astype(int)
    low, high = box[0] - pad, box[1] + pad
    values = _cut(labels.values, low, high)
    inside = values == label
    grid = labels.grid.cropped(low, high)
    surface = signed_distance(inside, grid.spacing_mm)
    others = ((values != 0) & ~inside).astype(np.uint8)
    return BoneField(level, grid, surface, others, grid.lps_from_index(np.argwhere(inside)))


def _cut(values: NDArray[np.uint8], low: NDArray[np.int_], high: NDArray[np.int_]) -> NDArray[np.uint8]:
    """The box low <= index < high; zeros where it reaches beyond the array."""
    out = np.zeros(tuple(int(n) for n in high - low), values.dtype)
    first, last = np.maximum(low, 0), np.minimum(high, values.shape)
    source = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    target = tuple(slice(int(a), int(b)) for a, b in zip(first - low, last - low, strict=True))
    out[target] = values[source]
    return out
