"""A volume is a grid with values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """Values on a grid.

    `values` has the grid's shape; `outside` (bool, same shape, or None) marks voxels where the scan has no data.
    After the input gate every volume is canonical: i, j, k run nearest to L, P, S, C-contiguous. Intensities of a CT
    are Hounsfield units, int16 where they fit, else float32; label maps are uint8.

    Raises ValueError when the shapes differ.
    """

    grid: Grid
    values: NDArray[Any]
    outside: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shapes = {self.grid.shape, self.values.shape} | ({self.outside.shape} if self.outside is not None else set())
        if len(shapes) != 1:
            raise ValueError(f"grid {self.grid.shape} and values {self.values.shape} differ")

    def canonical(self) -> Volume:
        """The same voxels with axes permuted and flipped so that i, j, k run nearest to L, P, S; nothing is resampled."""
        order = canonical_order(self.grid)
        flips = tuple(
            slice(None, None, -1 if self.grid.axes[source, axis] < 0 else 1) for axis, source in enumerate(order)
        )
        matrix = np.eye(4)
        matrix[:3, :3] = self.grid.lps_from_ijk[:3, :3][:, order]
        origin = np.zeros(3)
        for axis, source in enumerate(order):
            if flips[axis].step == -1:
                matrix[:3, axis] *= -1.0
                origin[source] = self.grid.shape[source] - 1
        matrix[:3, 3] = self.grid.lps_from_index(origin)
        shape = tuple(self.grid.shape[source] for source in order)

        def turned(array: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(array.transpose(order)[flips])

        outside = None if self.outside is None else turned(self.outside)
        return Volume(Grid((shape[0], shape[1], shape[2]), matrix), turned(self.values), outside)

    def with_values(self, values: NDArray[Any]) -> Volume:
        """The same grid and outside mask with other values."""
        return replace(self, values=values)

    def cropped(self, low: ArrayLike, high: ArrayLike) -> Volume:
        """The part with index low <= index < high, copied."""
        box = tuple(slice(int(a), int(b)) for a, b in zip(np.asarray(low), np.asarray(high), strict=True))
        outside = None if self.outside is None else np.ascontiguousarray(self.outside[box])
        return Volume(self.grid.cropped(low, high), np.ascontiguousarray(self.values[box]), outside)

    def sampled(self, points_mm: ArrayLike, order: int = 1, fill: float = np.nan) -> NDArray[np.float64]:
        """Values at LPS points (..., 3): nearest (order 0) or trilinear (order 1); `fill` beyond the outermost centres."""
        from scipy.ndimage import map_coordinates

        points = np.asarray(points_mm, dtype=np.float64)
        index = self.grid.index_from_lps(points).reshape(-1, 3)
        inside = self.grid.contains(points)
        found = map_coordinates(
            self.values, index.T, output=np.float64, order=order, mode="nearest", prefilter=False
        ).reshape(inside.shape)
        return np.where(inside, found, fill)

    def resampled(self, grid: Grid, order: int = 1, fill: float = 0.0) -> Volume:
        """This volume on another grid: nearest (order 0, for labels) or trilinear (order 1); keeps the dtype.

        Voxels of `grid` beyond this volume get `fill` and are marked `outside`.
        """
        from scipy.ndimage import affine_transform

        index_from_index = np.linalg.inv(self.grid.lps_from_ijk) @ grid.lps_from_ijk
        linear, offset = index_from_index[:3, :3], index_from_index[:3, 3]
        values = affine_transform(
            self.values,
            linear,
            offset,
            grid.shape,
            self.values.dtype,
            order=order,
            mode="constant",
            cval=fill,
            prefilter=False,
        )
        mask = np.zeros(self.grid.shape, np.uint8) if self.outside is None else self.outside.astype(np.uint8)
        outside = affine_transform(mask, linear, offset, grid.shape, np.uint8, order=0, mode="constant", cval=1)
        return Volume(grid, values, outside.astype(bool))


def canonical_order(grid: Grid) -> list[int]:
    """For each of L, P, S the index axis that runs nearest to it; each axis is used once."""
    weight = np.abs(grid.axes)
    order = [-1, -1, -1]
    for _ in range(3):
        source, axis = np.unravel_index(int(weight.argmax()), (3, 3))
        order[int(axis)] = int(source)
        weight[source, :] = -1.0
        weight[:, axis] = -1.0
    return order


def bounding_box(mask: NDArray[Any], margin: int = 0) -> tuple[NDArray[np.int_], NDArray[np.int_]] | None:
    """Index box low <= index < high of the true voxels, widened by `margin` and cut at the border; None when empty."""
    if not mask.any():
        return None
    low, high = [], []
    for axis in range(3):
        line = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        low.append(max(int(line[0]) - margin, 0))
        high.append(min(int(line[-1]) + 1 + margin, mask.shape[axis]))
    return np.array(low), np.array(high)
