"""Values of one grid at the nodes of another that is turned against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel


@kernel
def _trilinear(values: Any, start: Any, steps: Any, out: Any) -> None:
    ni, nj, nk = values.shape
    a_count, b_count, c_count = out.shape
    for a in range(a_count):
        for b in range(b_count):
            for c in range(c_count):
                x = min(max(start[0] + a * steps[0, 0] + b * steps[0, 1] + c * steps[0, 2], 0.0), ni - 1.0)
                y = min(max(start[1] + a * steps[1, 0] + b * steps[1, 1] + c * steps[1, 2], 0.0), nj - 1.0)
                z = min(max(start[2] + a * steps[2, 0] + b * steps[2, 1] + c * steps[2, 2], 0.0), nk - 1.0)
                i, j, k = min(int(x), ni - 2), min(int(y), nj - 2), min(int(z), nk - 2)
                u, v, w = x - i, y - j, z - k
                near = (1 - v) * ((1 - w) * values[i, j, k] + w * values[i, j, k + 1]) + v * (
                    (1 - w) * values[i, j + 1, k] + w * values[i, j + 1, k + 1]
                )
                far = (1 - v) * ((1 - w) * values[i + 1, j, k] + w * values[i + 1, j, k + 1]) + v * (
                    (1 - w) * values[i + 1, j + 1, k] + w * values[i + 1, j + 1, k + 1]
                )
                out[a, b, c] = (1 - u) * near + u * far


@kernel
def _nearest(values: Any, start: Any, steps: Any, out: Any) -> None:
    ni, nj, nk = values.shape
    a_count, b_count, c_count = out.shape
    for a in range(a_count):
        for b in range(b_count):
            for c in range(c_count):
                i = int(np.floor(start[0] + a * steps[0, 0] + b * steps[0, 1] + c * steps[0, 2] + 0.5))
                j = int(np.floor(start[1] + a * steps[1, 0] + b * steps[1, 1] + c * steps[1, 2] + 0.5))
                k = int(np.floor(start[2] + a * steps[2, 0] + b * steps[2, 1] + c * steps[2, 2] + 0.5))
                inside = 0 <= i < ni and 0 <= j < nj and 0 <= k < nk
                out[a, b, c] = values[i, j, k] if inside else 0


def trilinear(
    values: NDArray[np.float32], index_from_node: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Trilinear values at the nodes of a grid of `shape`; `index_from_node` (4 x 4) maps node to fractional index.

    Nodes beyond the outermost centres take the nearest border value. `values` needs two cells along each axis.
    """
    out = np.empty(shape, np.float32)
    _trilinear(values, index_from_node[:3, 3].copy(), np.ascontiguousarray(index_from_node[:3, :3]), out)
    return out


def nearest(
    values: NDArray[np.uint8], index_from_node: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Values of the nearest cell at the nodes of a grid of `shape`; 0 beyond the array."""
    out = np.empty(shape, np.uint8)
    _nearest(values, index_from_node[:3, 3].copy(), np.ascontiguousarray(index_from_node[:3, :3]), out)
    return out
