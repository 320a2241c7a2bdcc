"""Shadows of a solid along a tilted direction, and the hole that light falls through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel


@kernel
def shadow(field: Any, slope: float, level: int, margin: int) -> Any:
    """Whether any cell with field < 0 lies on each ray (x, y + slope (z - level)); (x, y + 2 margin) bool array.

    `field` is (x, y, z); ray y has index y + margin. `margin` must be at least |slope| times the height.
    """
    nx, ny, nz = field.shape
    image = np.zeros((nx, ny + 2 * margin), np.bool_)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if field[x, y, z] < 0:
                    image[x, y + margin - int(np.round(slope * (z - level)))] = True
    return image


@kernel
def _fill(piece: Any, image: Any, x0: int, y0: int, mark: int, stack: Any) -> int:
    """Flood the false cells of `image` from (x0, y0) with `mark`, four neighbours; returns their number."""
    nx, ny = image.shape
    count, depth = 0, 1
    stack[0] = x0 * ny + y0
    piece[x0, y0] = mark
    while depth > 0:
        depth -= 1
        x, y = stack[depth] // ny, stack[depth] % ny
        count += 1
        for turn in range(4):
            u = x + (1 if turn == 0 else -1 if turn == 1 else 0)
            v = y + (1 if turn == 2 else -1 if turn == 3 else 0)
            if 0 <= u < nx and 0 <= v < ny and piece[u, v] == 0 and not image[u, v]:
                piece[u, v] = mark
                stack[depth] = u * ny + v
                depth += 1
    return count


@kernel
def largest_hole(image: Any) -> Any:
    """The largest region of false cells that does not reach the border of a 2-D bool image; all false when none."""
    nx, ny = image.shape
    piece = np.zeros((nx, ny), np.int32)
    stack = np.empty(nx * ny, np.int64)
    for x in range(nx):
        for y in range(ny):
            if (x in (0, nx - 1) or y in (0, ny - 1)) and piece[x, y] == 0 and not image[x, y]:
                _fill(piece, image, x, y, 1, stack)
    best, most, mark = 0, 0, 1
    for x in range(nx):
        for y in range(ny):
            if piece[x, y] == 0 and not image[x, y]:
                mark += 1
                count = _fill(piece, image, x, y, mark, stack)
                if count > most:
                    best, most = mark, count
    return (piece == best) & (piece > 0)


@kernel
def column_ends(field: Any, keep: Any) -> tuple[Any, Any]:
    """Lowest and highest zero crossing of `field` along the last axis in cells, over kept cells; NaN where none.

    `keep` (bool, same shape) marks the solid's own cells, field < 0. Crossings are linear between a kept cell and
    the next cell beyond, which makes them finer than the grid.
    """
    nx, ny, nz = field.shape
    low = np.full((nx, ny), np.nan)
    high = np.full((nx, ny), np.nan)
    for x in range(nx):
        for y in range(ny):
            first, last = -1, -1
            for z in range(nz):
                if keep[x, y, z]:
                    last = z
                    if first < 0:
                        first = z
            if first < 0:
                continue
            low[x, y] = first
            high[x, y] = last
            if first > 0 and field[x, y, first - 1] > 0:
                low[x, y] -= field[x, y, first] / (field[x, y, first] - field[x, y, first - 1])
            if last < nz - 1 and field[x, y, last + 1] > 0:
                high[x, y] += field[x, y, last] / (field[x, y, last] - field[x, y, last + 1])
    return low, high


def hole_area_cells(image: NDArray[np.bool_]) -> int:
    """Number of cells of the largest hole of a shadow."""
    return int(largest_hole(image).sum())
