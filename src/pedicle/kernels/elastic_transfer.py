"""Between a grid of cubes and the next coarser one: moduli up, residuals up, corrections down; and the coarsest solve.

Arrays are laid out as `elastic_apply` says. A coarse cube takes the mean of the fine ones in it, holes counted as 0; where an
axis has an odd number the last coarse cube stands half outside, as if its stiffness went on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel, parallel_kernel, prange


@kernel
def coarsen(coarse: Any, fine: Any, coarse_shape: Any, shape: Any, factor: Any) -> None:
    """Moduli of the coarse cubes times `factor`."""
    row, coarse_row = shape[2] + 1, coarse_shape[2] + 1
    plane, coarse_plane = (shape[1] + 1) * row, (coarse_shape[1] + 1) * coarse_row
    for i in range(coarse_shape[0]):
        for j in range(coarse_shape[1]):
            for k in range(coarse_shape[2]):
                total, count = 0.0, 0
                for a in range(2 * i, min(2 * i + 2, shape[0])):
                    for b in range(2 * j, min(2 * j + 2, shape[1])):
                        for c in range(2 * k, min(2 * k + 2, shape[2])):
                            total += fine[a * plane + b * row + c]
                            count += 1
                coarse[i * coarse_plane + j * coarse_row + k] = factor * total / count


@kernel
def _outward(index: int, count: int) -> int:
    """The coarse node for a fine one; between two, the one away from the grid's middle."""
    return index // 2 if 2 * index < count else (index + 1) // 2


@kernel
def coarsen_free(coarse: Any, fine: Any, coarse_shape: Any, shape: Any, stride: int, coarse_stride: int) -> None:
    """Fixes in `coarse` (all free at first) what is fixed on the fine grid.

    A fixed plane between two coarse ones goes outward: were it lost, the coarse body could float away, and were it taken
    inward, it would hold what is free.
    """
    row, coarse_row = shape[2] + 1, coarse_shape[2] + 1
    plane, coarse_plane = (shape[1] + 1) * row, (coarse_shape[1] + 1) * coarse_row
    for component in range(3):
        for i in range(shape[0] + 1):
            for j in range(shape[1] + 1):
                for k in range(shape[2] + 1):
                    if not fine[component * stride + i * plane + j * row + k]:
                        to = _outward(i, shape[0]) * coarse_plane + _outward(j, shape[1]) * coarse_row
                        coarse[component * coarse_stride + to + _outward(k, shape[2])] = False


@parallel_kernel
def restrict_to(coarse: Any, fine: Any, coarse_shape: Any, shape: Any, stride: int, coarse_stride: int) -> None:
    """Coarse right-hand side: the transpose of linear interpolation."""
    row, coarse_row = shape[2] + 1, coarse_shape[2] + 1
    plane, coarse_plane = (shape[1] + 1) * row, (coarse_shape[1] + 1) * coarse_row
    for slab in prange(3 * (coarse_shape[0] + 1)):
        component, i = slab // (coarse_shape[0] + 1), slab % (coarse_shape[0] + 1)
        line = np.zeros(2 * coarse_row + 2, fine.dtype)
        for j in range(coarse_shape[1] + 1):
            line[:] = 0
            for a in range(max(2 * i - 1, 0), min(2 * i + 1, shape[0]) + 1):
                for b in range(max(2 * j - 1, 0), min(2 * j + 1, shape[1]) + 1):
                    weight = fine.dtype.type((1.0 if a == 2 * i else 0.5) * (1.0 if b == 2 * j else 0.5))
                    start = component * stride + a * plane + b * row
                    source = fine[start : start + row]
                    for k in range(row):
                        line[k + 1] += weight * source[k]
            start = component * coarse_stride + i * coarse_plane + j * coarse_row
            target = coarse[start : start + coarse_row]
            half = fine.dtype.type(0.5)
            for k in range(coarse_row):
                target[k] = line[2 * k + 1] + half * (line[2 * k] + line[2 * k + 2])


@parallel_kernel
def prolong_add(
    fine: Any, coarse: Any, inverse: Any, coarse_shape: Any, shape: Any, stride: int, coarse_stride: int
) -> None:
    """Add the coarse correction, linearly interpolated, where degrees of freedom are free."""
    row, coarse_row = shape[2] + 1, coarse_shape[2] + 1
    plane, coarse_plane = (shape[1] + 1) * row, (coarse_shape[1] + 1) * coarse_row
    for slab in prange(3 * (shape[0] + 1)):
        component, i = slab // (shape[0] + 1), slab % (shape[0] + 1)
        line = np.zeros(coarse_row + 1, fine.dtype)
        wide = np.zeros(2 * coarse_row + 2, fine.dtype)
        half = fine.dtype.type(0.5)
        for j in range(shape[1] + 1):
            line[:] = 0
            weight = fine.dtype.type((0.5 if i & 1 else 1.0) * (0.5 if j & 1 else 1.0))
            for a in range(i // 2, (i + 1) // 2 + 1):
                for b in range(j // 2, (j + 1) // 2 + 1):
                    start = component * coarse_stride + a * coarse_plane + b * coarse_row
                    source = coarse[start : start + coarse_row]
                    for k in range(coarse_row):
                        line[k] += weight * source[k]
            for k in range(coarse_row):
                wide[2 * k] = line[k]
                wide[2 * k + 1] = half * (line[k] + line[k + 1])
            start = component * stride + i * plane + j * row
            target, scale = fine[start : start + row], inverse[start : start + row]
            for k in range(row):
                target[k] += wide[k] if scale[k] != 0 else half - half


@kernel
def factorise(matrix: Any) -> None:
    """Cholesky's factor in place of the lower half; a pivot that is nothing beside its diagonal takes its row out."""
    size = matrix.shape[0]
    for i in range(size):
        own = matrix[i, i]
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = total / matrix[j, j] if matrix[j, j] > 0.0 else 0.0
            else:
                matrix[i, i] = np.sqrt(total) if total > 1e-6 * own else 0.0


@kernel
def solve_factorised(x: Any, factor: Any, b: Any, places: Any) -> None:
    """x at `places` from the factor of `factorise` and b there; 0 in rows taken out."""
    size = factor.shape[0]
    y = np.zeros(size)
    for i in range(size):
        total = np.float64(b[places[i]])
        for k in range(i):
            total -= factor[i, k] * y[k]
        y[i] = total / factor[i, i] if factor[i, i] > 0.0 else 0.0
    for i in range(size - 1, -1, -1):
        y[i] = y[i] / factor[i, i] if factor[i, i] > 0.0 else 0.0
        for k in range(i):
            y[k] -= factor[i, k] * y[i]
    for i in range(size):
        x[places[i]] = y[i]
