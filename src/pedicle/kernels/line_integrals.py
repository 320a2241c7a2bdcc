"""Line integrals through a volume to the last digit, ray by ray in float64: what a fast projector is held against.

Two image models, each with its own exact answer. `box`: a voxel is a box of one value (Siddon). `linear`: values are
trilinear between voxel centres and fade to zero over one voxel beyond the outermost ones; inside a cell the value along a
ray is a cubic, so that Simpson's rule is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel, parallel_kernel, prange


@kernel
def _span(start: Any, way: Any, low: Any, high: Any) -> Any:
    """Part of the ray start + t way, t in 0..1, inside a box; first >= last when it misses."""
    first, last = 0.0, 1.0
    for axis in range(3):
        if way[axis] == 0.0:
            if start[axis] < low[axis] or start[axis] >= high[axis]:
                return 1.0, 0.0
            continue
        near, far = (low[axis] - start[axis]) / way[axis], (high[axis] - start[axis]) / way[axis]
        first, last = max(first, min(near, far)), min(last, max(near, far))
    return first, last


@kernel
def _next_plane(start: float, way: float, cell: int, corner: float) -> float:
    """Ray parameter at which a ray leaves cell number `cell` (cells begin at `corner`) along one axis."""
    if way > 0.0:
        return (cell + 1 + corner - start) / way
    if way < 0.0:
        return (cell + corner - start) / way
    return np.inf


@kernel
def _linear_at(values: Any, x: float, y: float, z: float, i: int, j: int, k: int) -> float:
    """Trilinear value at a point of the cell whose lower corner is (i, j, k); zero beyond the outermost centres."""
    ni, nj, nk = values.shape
    u, v, w = x - i, y - j, z - k
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                p, q, r = i + a, j + b, k + c
                if 0 <= p < ni and 0 <= q < nj and 0 <= r < nk:
                    weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                    total += weight * values[p, q, r]
    return total


@kernel
def _along(values: Any, start: Any, way: Any, linear: bool) -> float:
    """Integral over t in 0..1 of the values at start + t way (index coordinates)."""
    corner = -1.0 if linear else -0.5
    extra = 0.0 if linear else -0.5
    low, high = np.empty(3), np.empty(3)
    for axis in range(3):
        low[axis], high[axis] = corner, values.shape[axis] + extra
    t, last = _span(start, way, low, high)
    if t >= last:
        return 0.0
    total = 0.0
    cell = np.empty(3, np.int64)
    count = np.empty(3, np.int64)
    for axis in range(3):
        count[axis] = values.shape[axis] + (1 if linear else 0)
        place = start[axis] + t * way[axis]
        found = int(np.floor(place - corner))
        # On a plane a ray that runs down belongs to the cell below it.
        if way[axis] < 0.0 and place - corner == found:
            found -= 1
        cell[axis] = min(max(found, 0), count[axis] - 1)
    while t < last:
        following, axis = last, -1
        for n in range(3):
            plane = _next_plane(start[n], way[n], cell[n], corner)
            if plane < following:
                following, axis = plane, n
        following = max(following, t)
        if linear:
            total += _cell_integral(values, start, way, t, following, cell)
        else:
            total += (following - t) * values[cell[0], cell[1], cell[2]]
        t = following
        if axis < 0:
            break
        cell[axis] += 1 if way[axis] > 0.0 else -1
        if cell[axis] < 0 or cell[axis] >= count[axis]:
            break
    return total


@kernel
def _cell_integral(values: Any, start: Any, way: Any, first: float, last: float, cell: Any) -> float:
    """Simpson's rule over a ray's way through one cell of the trilinear interpolant: exact, for it is a cubic there."""
    total = 0.0
    for n in range(3):
        t = first + 0.5 * n * (last - first)
        x, y, z = start[0] + t * way[0], start[1] + t * way[1], start[2] + t * way[2]
        weight = 4.0 if n == 1 else 1.0
        total += weight * _linear_at(values, x, y, z, cell[0] - 1, cell[1] - 1, cell[2] - 1)
    return total * (last - first) / 6.0


@parallel_kernel
def _all_rays(
    values: Any, start: Any, corner: Any, column: Any, row: Any, lengths: Any, linear: bool, out: Any
) -> None:
    rows, columns = out.shape
    for r in prange(rows):
        way = np.empty(3)
        for c in range(columns):
            for axis in range(3):
                way[axis] = corner[axis] + c * column[axis] + r * row[axis] - start[axis]
            out[r, c] = _along(values, start, way, linear) * lengths[r, c]


def line_integrals(
    values: NDArray[np.floating],
    source_index: NDArray[np.float64],
    detector_index: NDArray[np.float64],
    lengths_mm: NDArray[np.float64],
    model: str,
) -> NDArray[np.float64]:
    """Integrals of `values` along the rays from the source to every pixel, float64, shape of `lengths_mm` (rows, columns).

    `source_index` (3,) and `detector_index` (3, 3: corner, column step, row step) are in fractional voxel indices;
    `lengths_mm` is each ray's whole length. `model` is "linear" or "box". The unit is that of `values` times mm.
    """
    corner, column, row = np.ascontiguousarray(detector_index, dtype=np.float64)
    out = np.empty(lengths_mm.shape)
    source = np.ascontiguousarray(source_index, dtype=np.float64)
    _all_rays(values, source, corner, column, row, lengths_mm, model == "linear", out)
    return out
