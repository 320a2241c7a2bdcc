"""Exact Euclidean distances on a grid with unequal spacings, one axis after the other.

Lower envelope of parabolas: Felzenszwalb and Huttenlocher 2012, Theory of Computing 8:415-428. Distances between voxel
centres are exact; `signed_distance` places the surface half-way between the last voxel inside and the first outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.kernels.jit import kernel

FAR = 1.0e12


@kernel
def _first_axis(sites: Any, step_mm: float, out: Any) -> None:
    """Squared distance along the last axis to the nearest true cell of the same line; FAR where the line has none."""
    ni, nj, nk = sites.shape
    for i in range(ni):
        for j in range(nj):
            last = -1
            for k in range(nk):
                if sites[i, j, k]:
                    last = k
                out[i, j, k] = FAR if last < 0 else ((k - last) * step_mm) ** 2
            last = -1
            for k in range(nk - 1, -1, -1):
                if sites[i, j, k]:
                    last = k
                if last >= 0:
                    found = ((last - k) * step_mm) ** 2
                    if found < out[i, j, k]:
                        out[i, j, k] = found


@kernel
def _line(height: Any, count: int, step_mm: float, vertex: Any, start: Any) -> None:
    """Replace height[:count] by the lower envelope of the parabolas height[q] + ((p - q) step)^2."""
    n = -1
    square = step_mm * step_mm
    for q in range(count):
        if height[q] >= FAR:
            continue
        meet = -1.0e30
        while n >= 0:
            p = vertex[n]
            meet = ((height[q] - height[p]) / square + q * q - p * p) / (2.0 * (q - p))
            if meet > start[n]:
                break
            n -= 1
            meet = -1.0e30
        n += 1
        vertex[n] = q
        start[n] = meet
    if n < 0:
        return
    for m in range(n + 1):
        height[count + m] = height[vertex[m]]
    at = 0
    for p in range(count):
        while at < n and start[at + 1] < p:
            at += 1
        height[p] = height[count + at] + ((p - vertex[at]) * step_mm) ** 2


@kernel
def _other_axes(squared: Any, step_i_mm: float, step_j_mm: float) -> None:
    ni, nj, nk = squared.shape
    most = max(ni, nj)
    height = np.empty(2 * most)
    vertex = np.empty(most, np.int64)
    start = np.empty(most)
    for i in range(ni):
        for k in range(nk):
            for j in range(nj):
                height[j] = squared[i, j, k]
            _line(height, nj, step_j_mm, vertex, start)
            for j in range(nj):
                squared[i, j, k] = height[j]
    for j in range(nj):
        for k in range(nk):
            for i in range(ni):
                height[i] = squared[i, j, k]
            _line(height, ni, step_i_mm, vertex, start)
            for i in range(ni):
                squared[i, j, k] = height[i]


@kernel
def _place_surface(outward: Any, inward: Any, steps_mm: Any) -> None:
    """outward - inward, less half a voxel step along the surface's normal: the surface lies between the centres."""
    ni, nj, nk = outward.shape
    raw = np.empty((ni, nj, nk), np.float32)
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                raw[i, j, k] = np.sqrt(outward[i, j, k]) - np.sqrt(inward[i, j, k])
    for i in range(ni):
        before_i, after_i = max(i - 1, 0), min(i + 1, ni - 1)
        for j in range(nj):
            before_j, after_j = max(j - 1, 0), min(j + 1, nj - 1)
            for k in range(nk):
                here = raw[i, j, k]
                along_i = abs(raw[after_i, j, k] - raw[before_i, j, k]) / steps_mm[0]
                along_j = abs(raw[i, after_j, k] - raw[i, before_j, k]) / steps_mm[1]
                along_k = abs(raw[i, j, min(k + 1, nk - 1)] - raw[i, j, max(k - 1, 0)]) / steps_mm[2]
                norm = np.sqrt(along_i**2 + along_j**2 + along_k**2) + 1e-12
                half = 0.5 * max(along_i * steps_mm[0], along_j * steps_mm[1], along_k * steps_mm[2]) / norm
                half = min(half, 0.5 * abs(here))
                outward[i, j, k] = here - half if here > 0 else here + half


def squared_distance(sites: NDArray[np.bool_], spacing_mm: ArrayLike) -> NDArray[np.float32]:
    """Squared distance in mm^2 from every cell's centre to the nearest true cell's centre; FAR (1e12) when there is none.

    `sites` is a bool array (i, j, k), `spacing_mm` three positive numbers. Serial, exact to float32 rounding.
    """
    steps = np.asarray(spacing_mm, dtype=np.float64)
    out = np.empty(sites.shape, np.float32)
    _first_axis(np.ascontiguousarray(sites), steps[2], out)
    _other_axes(out, steps[0], steps[1])
    return out


def signed_distance(inside: NDArray[np.bool_], spacing_mm: ArrayLike) -> NDArray[np.float32]:
    """Signed distance in mm to the surface of a mask, negative inside; float32, shape of `inside`.

    The surface is taken half-way between neighbouring centres on either side, so that a flat face is exact. An empty
    mask gives large positive values, a full one large negative values (1e6 mm).
    """
    steps = np.asarray(spacing_mm, dtype=np.float64)
    out = squared_distance(inside, steps)
    _place_surface(out, squared_distance(~inside, steps), steps)
    return out
