"""Line integrals of a whole picture at once: perspective shear-warp with separable resampling.

For slices square to the main axis the way from the base plane to a slice, seen from the source, is a scale and a shift
along each of the two other axes. A slice is therefore resampled in two passes, each contiguous in memory:

    T[k, x]     = sum over rows r of values[a, r, k] weight[r, x]      rows of the volume to columns of the base plane
    base[n, x] += (1 - v) T[k, x] + v T[k + 1, x]                      k runs with n

The first pass multiplies a few rows by hat weights for sixteen columns at once, so that nothing has to be transposed.
Tiles of columns are the parallel unit: each picture element is summed by one thread in one order, whatever their number.

One sample a slice is Joseph's rule. The interpolant's own integral sees each slice through a hat two slices long along the
ray; its second moment, a sixth, is put back on the base plane (`along_rays`), which costs one short pass over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel, parallel_kernel, prange, threads_for
from pedicle.kernels.simd import LANES, add_blend, add_rows, cubic_sum, set_rows

TILE = 32
# So many voxels are as much work as a pixel.
_VOXELS = 8


@parallel_kernel
def _occupied(values: Any, strides: Any, sizes: Any, out: Any) -> None:
    slices, rows, width = sizes
    for a in prange(slices):
        for r in range(rows):
            first, last = width, -1
            at = a * strides[0] + r * strides[1]
            for c in range(values.shape[0]):
                for k in range(width):
                    if values[c, at + k] != 0:
                        first = min(first, k)
                        break
                for k in range(width - 1, last, -1):
                    if values[c, at + k] != 0:
                        last = k
                        break
            out[a, r, 0], out[a, r, 1] = first, last


@dataclass(frozen=True, eq=False)
class Slices:
    """A volume as slices square to one axis: `values` (channels, voxels), and where slice a, row r begins in it.

    Index k along a row is contiguous: ``values[c, a * strides[0] + r * strides[1] + k]``; `sizes` is (slices, rows, width).
    `filled` (slices, rows, 2) holds the first and last k that is not zero in any channel; (width, -1) where none is.
    """

    values: NDArray[Any]
    strides: tuple[int, int]
    sizes: tuple[int, int, int]
    filled: NDArray[np.int32]


def slices_along(values: NDArray[Any], axis: int) -> Slices:
    """Slices square to an axis of (channels, i, j, k) values, C-contiguous; only the last axis needs a copy."""
    channels, ni, nj, nk = values.shape
    if axis == 2:
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        sizes, strides = (nk, ni, nj), (ni * nj, nj)
    else:
        sizes, strides = ((ni, nj, nk), (nj * nk, nk)) if axis == 0 else ((nj, ni, nk), (nk, nj * nk))
    flat = values.reshape(channels, -1)
    filled = np.empty((*sizes[:2], 2), np.int32)
    with threads_for(flat.size // _VOXELS):
        _occupied(flat, strides, sizes, filled)
    return Slices(flat, strides, sizes, filled)


@kernel
def _slice_strip(
    values: Any, start: int, stride: int, rows: int, offset: float, step: float, span: Any, out: Any
) -> None:
    """Pass one: the strip T[k - first, column] of one slice for TILE columns; rows beyond the slice count as zero.

    Column x of the tile looks at row offset + step x. Rows are taken four at a time; the last four may hold rows of
    weight zero.
    """
    first, last = span
    weight = np.empty((int(step * LANES) + 8) * LANES, np.float32)
    for group in range(0, TILE, LANES):
        low = max(int(np.floor(offset + step * group)), 0)
        high = min(int(np.floor(offset + step * (group + LANES - 1))) + 1, rows - 1)
        count = max((high - low + 4) // 4, 1)
        for r in range(4 * count):
            for x in range(LANES):
                away = abs(offset + step * (group + x) - (low + r))
                weight[r * LANES + x] = np.float32(max(1.0 - away, 0.0)) if low + r <= high else np.float32(0.0)
        for four in range(count):
            r = low + 4 * four
            p0, p1 = start + min(r, rows - 1) * stride + first, start + min(r + 1, rows - 1) * stride + first
            p2, p3 = start + min(r + 2, rows - 1) * stride + first, start + min(r + 3, rows - 1) * stride + first
            if four == 0:
                set_rows(out, group, TILE, values, p0, p1, p2, p3, last - first, weight, 0)
            else:
                add_rows(out, group, TILE, values, p0, p1, p2, p3, last - first, weight, 4 * LANES * four)


@kernel
def _gather(strip: Any, span: Any, offset: float, step: float, out: Any, count: int) -> None:
    """Pass two for one slice: out[n, x] += strip at k = offset + step n, linear between rows and zero beyond them.

    The strip has a row of zeros before its first and one behind its last.
    """
    first, last = span
    low = max(int(np.ceil((first - 1 - offset) / step)), 0)
    high = min(int(np.floor((last - offset) / step)), count - 1)
    for n in range(low, high + 1):
        k = offset + step * n - (first - 1)
        k0 = min(max(int(np.floor(k)), 0), last - first)
        v = np.float32(min(max(k - k0, 0.0), 1.0))
        u = np.float32(1.0) - v
        for x in range(0, TILE, LANES):
            add_blend(out, n * TILE + x, strip, k0 * TILE + x, (k0 + 1) * TILE + x, u, v)


@kernel
def _tile(values: Any, strides: Any, sizes: Any, where: Any, filled: Any, tile: int, out: Any, count: int) -> None:
    """All slices into one tile of the base plane, out[n, x]; `where` is (slices, 4): row offset and step, k offset and step."""
    slices, rows, width = sizes
    strip = np.empty((width + 2) * TILE, np.float32)
    strip[:TILE] = np.float32(0.0)
    for a in range(slices):
        step = where[a, 1]
        if step <= 0.0:
            continue
        offset = where[a, 0] + step * tile * TILE
        low = max(int(np.floor(offset)), 0)
        high = min(int(np.floor(offset + step * (TILE - 1))) + 1, rows - 1)
        first, last = width, -1
        for r in range(low, high + 1):
            first, last = min(first, filled[a, r, 0]), max(last, filled[a, r, 1])
        if last < first:
            continue
        span = (first, last + 1)
        behind = (span[1] - span[0] + 1) * TILE
        strip[behind : behind + TILE] = np.float32(0.0)
        _slice_strip(values, a * strides[0], strides[1], rows, offset, step, span, strip[TILE:])
        _gather(strip, span, where[a, 2], where[a, 3], out, count)


@parallel_kernel
def _base_plane(values: Any, strides: Any, sizes: Any, where: Any, filled: Any, out: Any) -> None:
    """Every tile of every channel; out is (channels, count, tiles x TILE)."""
    channels, count, columns = out.shape
    tiles = columns // TILE
    for job in prange(channels * tiles):
        # Neighbouring tiles are alike: dealt out in turn, two threads share the thick middle.
        order = (job % 2) * ((channels * tiles + 1) // 2) + job // 2
        c, tile = order // tiles, order % tiles
        flat = np.zeros(count * TILE, np.float32)
        _tile(values[c], strides, sizes, where, filled, tile, flat, count)
        for n in range(count):
            out[c, n, tile * TILE : (tile + 1) * TILE] = flat[n * TILE : (n + 1) * TILE]


def base_plane(slices: Slices, where: NDArray[np.float64], columns: int, count: int) -> NDArray[np.float32]:
    """Sums over all slices on the base plane, (channels, count, columns or a few more) float32.

    Slice a sees column x and element n of the base plane at row ``where[a, 0] + where[a, 1] x`` and index
    ``where[a, 2] + where[a, 3] n``; slices whose step is not positive are left out. Values are float32 or int16.
    """
    channels, tiles = slices.values.shape[0], -(-columns // TILE)
    out = np.empty((channels, count, tiles * TILE), np.float32)
    with threads_for(slices.values.size // _VOXELS):
        _base_plane(slices.values, slices.strides, slices.sizes, where, slices.filled, out)
    return out


@parallel_kernel
def _along_rays(base: Any, foot: Any, slices: float, apart: Any, out: Any) -> None:
    channels, count, columns = base.shape
    hx, hn = apart
    inner = columns - 2 * hx
    for n in prange(count):
        up, down = max(n - hn, 0), min(n + hn, count - 1)
        slope = (n - foot[1]) / slices
        along_n = np.float32(slope * slope / (12.0 * hn * hn))
        along_x, mixed = np.empty(inner, np.float32), np.empty(inner, np.float32)
        for x in range(inner):
            aside = (x + hx - foot[0]) / slices
            along_x[x] = np.float32(aside * aside / (12.0 * hx * hx))
            mixed[x] = np.float32(aside * slope / (24.0 * hx * hn))
        for c in range(channels):
            above, here, below, found = base[c, up], base[c, n], base[c, down], out[c, n]
            found[:hx], found[columns - hx :] = here[:hx], here[columns - hx :]
            for x in range(inner):
                middle, left, right = here[x + hx], here[x], here[x + 2 * hx]
                change = along_x[x] * (left + right - (middle + middle))
                change += along_n * (above[x + hx] + below[x + hx] - (middle + middle))
                change += mixed[x] * (below[x + 2 * hx] + above[x] - (above[x + 2 * hx] + below[x]))
                found[x + hx] = middle + change


def along_rays(
    base: NDArray[np.float32], foot: NDArray[np.float64], slices: float, apart: tuple[int, int]
) -> NDArray[np.float32]:
    """The base plane as if every slice were seen through a hat two slices long along its ray, (channels, count, columns).

    A ray at (column, element) leans by (place - `foot`) / `slices` a slice, `foot` being the place square below the source
    and `slices` its distance. The hat's second moment is 1/6, so a twelfth of the second derivative along the lean is
    added, from neighbours `apart` (columns, elements). Rims as wide as that stay as they are. Slices nearer to the source
    than the base plane are seen through a hat a little too short, those beyond it a little too long.
    """
    out = np.empty_like(base)
    with threads_for(out.size):
        _along_rays(base, foot, float(slices), apart, out)
    return out


@kernel
def _cubic(t: Any) -> Any:
    """Catmull-Rom weights of the four neighbours of a place t (float32) in 0..1 beyond the second."""
    half, one = np.float32(0.5), np.float32(1.0)
    s = one - t
    first, last = -half * t * s * s, -half * s * t * t
    second = one + t * t * (np.float32(1.5) * t - np.float32(2.5))
    return first, second, one - first - second - last, last


@parallel_kernel
def _warped(base: Any, homography: Any, length: Any, out: Any) -> None:
    channels, rows, columns = out.shape
    height, width = base.shape[1:]
    flat = base.reshape(channels, height * width)
    for r in prange(rows):
        x0 = homography[0, 1] * r + homography[0, 2]
        n0 = homography[1, 1] * r + homography[1, 2]
        d0 = homography[2, 1] * r + homography[2, 2]
        for c in range(columns):
            depth = homography[2, 0] * c + d0
            share = 1.0 / depth
            x = (homography[0, 0] * c + x0) * share
            n = (homography[1, 0] * c + n0) * share
            # Written so that a place that is not a number is outside.
            if not (depth > 0.0 and n >= 1.0 and x >= 1.0 and n < height - 2 and x < width - 2):
                for channel in range(channels):
                    out[channel, r, c] = np.float32(0.0)
                continue
            i, j = int(n), int(x)
            down, across = _cubic(np.float32(n - i)), _cubic(np.float32(x - j))
            first = (i - 1) * width + j - 1
            # The way per slice: an ellipsoid norm of the ray's direction, scaled to one slice along the main axis.
            dx, dn = x - length[0, 3], n - length[1, 3]
            squared = length[2, 3]
            squared += dx * (length[0, 0] * dx + 2.0 * length[0, 1] * dn + 2.0 * length[0, 2])
            squared += dn * (length[1, 1] * dn + 2.0 * length[1, 2])
            way = np.sqrt(np.float32(squared))
            for channel in range(channels):
                out[channel, r, c] = way * cubic_sum(flat[channel], first, width, down, across)


def warped(
    base: NDArray[np.float32], homography: NDArray[np.float64], length: NDArray[np.float64], rows: int, columns: int
) -> NDArray[np.float32]:
    """The base plane seen by the detector, times each ray's way per slice; (channels, rows, columns) float32.

    `homography` (3, 3) takes (column, row, 1) to base-plane (column, element, 1). `length` (3, 4) is the quadratic form of
    the squared way in mm per slice about the source's foot point (its last column's first two entries; the third is the
    constant). Pixels whose ray leaves the base plane are zero.
    """
    out = np.empty((base.shape[0], rows, columns), np.float32)
    with threads_for(out.size):
        _warped(base, homography, length, out)
    return out
