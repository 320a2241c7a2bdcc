"""Conjugate gradients preconditioned by a geometric multigrid cycle, for the pressure of a regular grid with jumping mobility.

All arrays are flat with one row of padding around the grid: cell (i, j, k) of an (nx, ny, nz) level is
``first + ((i + 1) * (ny + 2) + j + 1) * (nz + 2) + k + 1``. `ax[c]` is the conductance between cell c and its next along the
first axis, `ay`, `az` likewise; padding holds 0, and so do closed cells. `diagonal` is the sum of a cell's six faces and of
its ways out.

The coarse operator is Galerkin's for piecewise constant transfer, faces along a coarsened axis times 1/2: constants make the
energy of smooth fields twice as large as it is, and halving puts that right. Cycle: red-black Gauss-Seidel twice down and, in
opposite order, twice up, float32 (once takes twice the iterations and more time); conjugate gradients float64. Everything
runs in one order on one thread: results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel

# Axes whose cells are this much longer than the shortest are not coarsened yet.
_LONGER = 1.5


def levels_of(shape: tuple[int, ...], lengths: tuple[float, ...]) -> NDArray[np.int64]:
    """The grids of a cycle, one row each: nx, ny, nz, first index in the flat arrays, and whether the step to the next halves
    each axis (0 in the last row). `lengths` are the cells' sizes over the root of permeability: short axes, which couple
    strongly, are halved first. The last row's level has one cell; a further row would begin at the arrays' end.
    """
    rows, size, sides, first = [], np.array(shape), np.array(lengths, float), 0
    while True:
        long = size > 1
        halved = long & (sides < _LONGER * sides[long].min()) if long.any() else long
        rows.append([*size, first, *halved])
        first += int(np.prod(size + 2))
        if not long.any():
            return np.array(rows, np.int64)
        size, sides = np.where(halved, -(-size // 2), size), np.where(halved, 2.0 * sides, sides)


def cells_of(levels: NDArray[np.int64]) -> int:
    """Length of the flat arrays that hold all levels, padding included."""
    return int(levels[-1, 3] + np.prod(levels[-1, :3] + 2))


@kernel
def set_levels(levels: Any, ax: Any, ay: Any, az: Any, diagonal: Any, mx: Any, my: Any, mz: Any, inverse: Any) -> None:
    """Fill the float32 operators of all levels, `mx, my, mz` and inverse diagonals, from the finest in float64."""
    fine = ax.size
    for c in range(fine):
        mx[c], my[c], mz[c] = np.float32(ax[c]), np.float32(ay[c]), np.float32(az[c])
        inverse[c] = np.float32(1.0 / diagonal[c]) if diagonal[c] > 0.0 else np.float32(0.0)
    total = mx.size
    own = np.zeros(total, np.float64)
    # What a diagonal holds beyond the faces: the ways out.
    for c in range(fine):
        if diagonal[c] > 0.0:
            own[c] = diagonal[c]
    sy = levels[0, 2] + 2
    sx = sy * (levels[0, 1] + 2)
    for c in range(sx, fine - sx):
        if own[c] > 0.0:
            own[c] -= ax[c] + ax[c - sx] + ay[c] + ay[c - sy] + az[c] + az[c - 1]
            own[c] = max(own[c], 0.0)
    for n in range(levels.shape[0] - 1):
        _coarsen(levels[n], levels[n + 1], mx, my, mz, own, inverse)


@kernel
def _coarsen(fine: Any, coarse: Any, mx: Any, my: Any, mz: Any, own: Any, inverse: Any) -> None:
    nx, ny, nz, first = fine[0], fine[1], fine[2], fine[3]
    hx, hy, hz = fine[4], fine[5], fine[6]
    fy, cy = nz + 2, coarse[2] + 2
    fx, cx = fy * (ny + 2), cy * (coarse[1] + 2)
    start, end = coarse[3], coarse[3] + (coarse[0] + 2) * cx
    mx[start:end], my[start:end], mz[start:end] = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    half = np.array([1.0, 0.5], np.float32)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                c = first + (i + 1) * fx + (j + 1) * fy + k + 1
                to = start + ((i >> hx) + 1) * cx + ((j >> hy) + 1) * cy + (k >> hz) + 1
                own[to] += own[c]
                if not hx or i & 1:
                    mx[to] += half[hx] * mx[c]
                if not hy or j & 1:
                    my[to] += half[hy] * my[c]
                if not hz or k & 1:
                    mz[to] += half[hz] * mz[c]
    for i in range(coarse[0]):
        for j in range(coarse[1]):
            for k in range(coarse[2]):
                c = start + (i + 1) * cx + (j + 1) * cy + k + 1
                faces = mx[c] + mx[c - cx] + my[c] + my[c - cy] + mz[c] + mz[c - 1]
                total = faces + own[c]
                inverse[c] = np.float32(1.0 / total) if total > 0.0 else np.float32(0.0)


@kernel
def _smooth(level: Any, mx: Any, my: Any, mz: Any, inverse: Any, x: Any, b: Any, colour: int, row: Any) -> None:
    """Gauss-Seidel, four half sweeps in turn, beginning with a colour. A whole row is computed, so that it runs in lanes, and every second
    value kept."""
    nx, ny, nz = level[0], level[1], level[2]
    sy = nz + 2
    sx = sy * (ny + 2)
    for turn in range(4):
        for i in range(nx):
            for j in range(ny):
                c = level[3] + (i + 1) * sx + (j + 1) * sy + 1
                e = c + nz
                here, rhs, scale = x[c - 1 : e + 1], b[c:e], inverse[c:e]
                xp, xm, yp, ym = x[c + sx : e + sx], x[c - sx : e - sx], x[c + sy : e + sy], x[c - sy : e - sy]
                gxp, gxm, gyp, gym, gz = mx[c:e], mx[c - sx : e - sx], my[c:e], my[c - sy : e - sy], mz[c - 1 : e]
                for k in range(nz):
                    row[k] = scale[k] * (
                        rhs[k]
                        + (gxp[k] * xp[k] + gxm[k] * xm[k])
                        + (gyp[k] * yp[k] + gym[k] * ym[k])
                        + (gz[k + 1] * here[k + 2] + gz[k] * here[k])
                    )
                for k in range((colour + turn + i + j) & 1, nz, 2):
                    here[k + 1] = row[k]


@kernel
def _restrict(fine: Any, coarse: Any, mx: Any, my: Any, mz: Any, inverse: Any, x: Any, b: Any, row: Any) -> None:
    """Residual of the fine level, summed over each coarse cell, as the coarse right-hand side; coarse x = 0."""
    nx, ny, nz = fine[0], fine[1], fine[2]
    hx, hy, hz = fine[4], fine[5], fine[6]
    sy, cy = nz + 2, coarse[2] + 2
    sx, cx = sy * (ny + 2), cy * (coarse[1] + 2)
    end = coarse[3] + (coarse[0] + 2) * cx
    b[coarse[3] : end], x[coarse[3] : end] = np.float32(0.0), np.float32(0.0)
    for i in range(nx):
        for j in range(ny):
            c = fine[3] + (i + 1) * sx + (j + 1) * sy + 1
            e = c + nz
            here, rhs, scale = x[c - 1 : e + 1], b[c:e], inverse[c:e]
            xp, xm, yp, ym = x[c + sx : e + sx], x[c - sx : e - sx], x[c + sy : e + sy], x[c - sy : e - sy]
            gxp, gxm, gyp, gym, gz = mx[c:e], mx[c - sx : e - sx], my[c:e], my[c - sy : e - sy], mz[c - 1 : e]
            for k in range(nz):
                inflow = (
                    rhs[k]
                    + (gxp[k] * xp[k] + gxm[k] * xm[k])
                    + (gyp[k] * yp[k] + gym[k] * ym[k])
                    + (gz[k + 1] * here[k + 2] + gz[k] * here[k])
                )
                row[k] = inflow - here[k + 1] / scale[k] if scale[k] > np.float32(0.0) else np.float32(0.0)
            to = coarse[3] + ((i >> hx) + 1) * cx + ((j >> hy) + 1) * cy + 1
            out = b[to : to + coarse[2]]
            for k in range(nz):
                out[k >> hz] += row[k]


@kernel
def _prolong(fine: Any, coarse: Any, inverse: Any, x: Any) -> None:
    nx, ny, nz = fine[0], fine[1], fine[2]
    hx, hy, hz = fine[4], fine[5], fine[6]
    sy, cy = nz + 2, coarse[2] + 2
    sx, cx = sy * (ny + 2), cy * (coarse[1] + 2)
    for i in range(nx):
        for j in range(ny):
            c = fine[3] + (i + 1) * sx + (j + 1) * sy + 1
            at = coarse[3] + ((i >> hx) + 1) * cx + ((j >> hy) + 1) * cy + 1
            here, of, scale = x[c : c + nz], x[at : at + coarse[2]], inverse[c : c + nz]
            for k in range(nz):
                if scale[k] > np.float32(0.0):
                    here[k] += of[k >> hz]


@kernel
def _cycle(levels: Any, mx: Any, my: Any, mz: Any, inverse: Any, x: Any, b: Any, row: Any) -> None:
    """x of the finest level becomes an approximate solution for b; x starts from 0."""
    last = levels.shape[0] - 1
    x[: levels[1, 3] if last else x.size] = np.float32(0.0)
    # One place of each call: every further one is compiled again.
    for way in range(2):
        for turn in range(last + 1 - way):
            n = last - 1 - turn if way else turn
            if way:
                _prolong(levels[n], levels[n + 1], inverse, x)
            _smooth(levels[n], mx, my, mz, inverse, x, b, way, row)
            if not way and n < last:
                _restrict(levels[n], levels[n + 1], mx, my, mz, inverse, x, b, row)


@kernel
def _times(level: Any, ax: Any, ay: Any, az: Any, diagonal: Any, x: Any, out: Any) -> float:
    """out = A x of the finest level; returns x . A x."""
    nx, ny, nz = level[0], level[1], level[2]
    sy = nz + 2
    sx = sy * (ny + 2)
    dot = 0.0
    for i in range(nx):
        of_slab = 0.0
        for j in range(ny):
            c = (i + 1) * sx + (j + 1) * sy + 1
            e = c + nz
            here, own, to = x[c - 1 : e + 1], diagonal[c:e], out[c:e]
            xp, xm, yp, ym = x[c + sx : e + sx], x[c - sx : e - sx], x[c + sy : e + sy], x[c - sy : e - sy]
            gxp, gxm, gyp, gym, gz = ax[c:e], ax[c - sx : e - sx], ay[c:e], ay[c - sy : e - sy], az[c - 1 : e]
            for k in range(nz):
                to[k] = (
                    own[k] * here[k + 1]
                    - (gxp[k] * xp[k] + gxm[k] * xm[k])
                    - (gyp[k] * yp[k] + gym[k] * ym[k])
                    - (gz[k + 1] * here[k + 2] + gz[k] * here[k])
                )
            for k in range(nz):
                of_slab += to[k] * here[k + 1]
        dot += of_slab
    return dot


@kernel
def solve(
    levels: Any,
    fine: Any,
    coarse: Any,
    x: Any,
    rhs: Any,
    tolerance: float,
    most: int,
) -> tuple[int, float]:
    """Solve A x = rhs from the x given; answers the iterations and the residual relative to |rhs|.

    `fine` is (ax, ay, az, diagonal), `coarse` (mx, my, mz, inverse) as `set_levels` made it. The caller judges the residual.
    """
    ax, ay, az, diagonal = fine
    mx, my, mz, inverse = coarse
    size = ax.size
    level = levels[0]
    y, b = np.zeros(mx.size, np.float32), np.zeros(mx.size, np.float32)
    row = np.zeros(level[2] + 2, np.float32)
    r, d, q = np.zeros(size), np.zeros(size), np.zeros(size)
    _times(level, ax, ay, az, diagonal, x, q)
    rr, bb = 0.0, 0.0
    for c in range(size):
        if diagonal[c] > 0.0:
            r[c] = rhs[c] - q[c]
            rr += r[c] * r[c]
            bb += rhs[c] * rhs[c]
    if bb == 0.0:
        x[:] = 0.0
        return 0, 0.0
    limit = tolerance * tolerance * bb
    rz = 0.0
    for iteration in range(most):
        if rr <= limit:
            return iteration, np.sqrt(rr / bb)
        scale = 1.0 / np.sqrt(rr)
        for c in range(size):
            b[c] = np.float32(r[c] * scale)
        _cycle(levels, mx, my, mz, inverse, y, b, row)
        new = 0.0
        for c in range(size):
            new += r[c] * y[c]
        beta = new / rz if iteration else 0.0
        for c in range(size):
            d[c] = y[c] + beta * d[c]
        dq = _times(level, ax, ay, az, diagonal, d, q)
        if not dq > 0.0:
            return iteration, np.sqrt(rr / bb)
        rz = new
        alpha = new / dq
        rr = 0.0
        for c in range(size):
            x[c] += alpha * d[c]
            r[c] -= alpha * q[c]
            rr += r[c] * r[c]
    return most, np.sqrt(rr / bb)
