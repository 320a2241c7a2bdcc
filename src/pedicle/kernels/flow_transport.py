"""Cement carried by a flow field: implicit upwind, cell after cell in the order of falling pressure.

Without counter-current flow a cell depends on cells of higher pressure alone, so that one visit of each in that order is the
exact solution of the implicit step. With linear relative permeabilities it is a quadratic a cell:

    (m - 1) s^2 + (1 + c F m - (m - 1) R) s - R = 0,   m = mu_marrow / mu_cement, c = dt / pore volume,
    R = s_before + c (cement flowing in), F = flow out.

A pressure that is solved to a tolerance leaves a small divergence. The flow out of each cell is therefore scaled, in the same
order, to what flows in: the flow field is then free of divergence to rounding, s stays in [0, 1], nothing is clipped, and
what enters is found or leaves through a way out.

Only cells that hold cement or are given some are visited: where there is marrow alone the solved pressure's flow stands. A
cell with less than TRACE of cement keeps it, or the implicit step would spread over the whole grid in powers of ten.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel

# A front is where cement flows in from a neighbour that holds so much of it, into a cell that holds less than this.
FRONT_FROM, FRONT_BELOW = 0.1, 0.9
TRACE = 1e-12


@kernel
def set_exits(first: Any, following: Any, cells: Any, count: int) -> None:
    """Ways out as lists by cell: `first[c]` the first of a cell or -1, `following[e]` the next of the same cell."""
    first[:] = -1
    for e in range(count - 1, -1, -1):
        following[e] = first[cells[e]]
        first[cells[e]] = e


@kernel
def front_step_s(
    strides: Any, fine: Any, pressure: Any, cell_of: Any, volume: Any, saturation: Any, source: Any, rate: float
) -> Any:
    """Seconds until the front has crossed its fastest cell: pore volume over inflow from cells with cement, all of it
    counted as cement. `source` is each padded cell's share of the rate. Infinite where nothing moves.
    """
    ax, ay, az, _ = fine
    sx, sy = strides
    least = np.inf
    for c in range(sx, cell_of.size - sx):
        at = cell_of[c]
        if at < 0 or saturation[at] >= FRONT_BELOW:
            continue
        inflow = source[c] * rate
        for way in range(6):
            if way == 0:
                n, g = c + sx, ax[c]
            elif way == 1:
                n, g = c - sx, ax[c - sx]
            elif way == 2:
                n, g = c + sy, ay[c]
            elif way == 3:
                n, g = c - sy, ay[c - sy]
            elif way == 4:
                n, g = c + 1, az[c]
            else:
                n, g = c - 1, az[c - 1]
            if g > 0.0 and pressure[n] > pressure[c] and saturation[cell_of[n]] > FRONT_FROM:
                inflow += g * (pressure[n] - pressure[c])
        if inflow > 0.0:
            least = min(least, volume[at] / inflow)
    return least


@kernel
def _share_after(before: float, inflow: float, outflow: float, ratio: float) -> Any:
    """Root in [0, 1] of the quadratic; `inflow` c times the cement, `outflow` c times all that leaves, `ratio` m."""
    r = before + inflow
    if r <= 0.0:
        return 0.0
    a = ratio - 1.0
    b = 1.0 + outflow * ratio - a * r
    return float(2.0 * r / (b + np.sqrt(max(b * b + 4.0 * a * r, 0.0))))


@kernel
def carry(
    order: Any, strides: Any, fine: Any, pressure: Any, cell_of: Any, volume: Any, saturation: Any, scalars: Any,
    ratio: Any, source: Any, rate: float, inlet: Any, exits: Any, out_cement: Any, out_all: Any, work: Any, dt: float,
) -> float:  # fmt: skip
    """One step of cement and its scalars, in place; answers the flow that found no way on, mm3/s.

    `order` lists padded cells by falling pressure; `saturation`, `volume`, `scalars` (m, cells) and `ratio` (m of the
    quadratic) are flat fields; `exits` is (first, following, conductance, pressure outside, outlet or -1, cell outside);
    what leaves is added to `out_cement` and `out_all` (mm3) by outlet, the last entry takes the box's sides, whose cement
    enters the cell outside. `work` is (2, padded): the scale of a cell's outflow, 1 before its first visit, and the cement's
    share of it, negative while the cell has not been visited and 0 where it is to be.
    """
    ax, ay, az, _ = fine
    sx, sy = strides
    first, following, conductance, outside, outlet, far = exits
    scale, share = work[0], work[1]
    many = scalars.shape[0]
    gained = np.zeros(many)
    stuck = 0.0
    for step in range(order.size):
        c = order[step]
        at = cell_of[c]
        if share[c] < 0.0 and saturation[at] == 0.0 and source[c] == 0.0:
            continue
        p = pressure[c]
        total = source[c] * rate
        cement = total
        for m in range(many):
            gained[m] = total * inlet[m]
        raw = 0.0
        for way in range(6):
            if way == 0:
                n, g = c + sx, ax[c]
            elif way == 1:
                n, g = c - sx, ax[c - sx]
            elif way == 2:
                n, g = c + sy, ay[c]
            elif way == 3:
                n, g = c - sy, ay[c - sy]
            elif way == 4:
                n, g = c + 1, az[c]
            else:
                n, g = c - 1, az[c - 1]
            if g == 0.0:
                continue
            drop = pressure[n] - p
            if drop > 0.0:
                flow = g * drop * scale[n]
                total += flow
                if share[n] > 0.0:
                    cement += flow * share[n]
                    for m in range(many):
                        gained[m] += flow * share[n] * scalars[m, cell_of[n]]
            else:
                raw -= g * drop
        e = first[c]
        while e >= 0:
            drop = outside[e] - p
            if drop > 0.0:
                total += conductance[e] * drop
            else:
                raw -= conductance[e] * drop
            e = following[e]
        leaving = total if raw > 0.0 else 0.0
        scale[c] = total / raw if raw > 0.0 else 0.0
        stuck += total - leaving
        per = dt / volume[at]
        before = saturation[at]
        held = before + per * cement
        after = held
        share[c] = 0.0
        if leaving > 0.0 and held > TRACE:
            after = min(_share_after(before, per * cement, per * leaving, ratio[at]), held)
            share[c] = (held - after) / (per * leaving)
        if held > 0.0:
            for m in range(many):
                scalars[m, at] = (before * scalars[m, at] + per * gained[m]) / held
        saturation[at] = after
        if share[c] > 0.0:
            _announce(c, strides, ax, ay, az, pressure, share)
        e = first[c]
        while e >= 0:
            drop = p - outside[e]
            to = outlet[e]
            if drop > 0.0:
                flow = conductance[e] * drop * scale[c] * dt
                out_all[to] += flow
                out_cement[to] += flow * share[c]
                if far[e] >= 0 and share[c] > 0.0:
                    _enter(far[e], flow * share[c], c, at, volume, saturation, scalars)
            else:
                out_all[to] += conductance[e] * drop * dt
            e = following[e]
    return stuck


@kernel
def _announce(c: int, strides: Any, ax: Any, ay: Any, az: Any, pressure: Any, share: Any) -> None:
    """Cells downstream are to be visited."""
    sx, sy = strides
    for step, conductance in ((sx, ax), (sy, ay), (1, az)):
        n = c + step
        if conductance[c] > 0.0 and pressure[n] < pressure[c] and share[n] < 0.0:
            share[n] = 0.0
        n = c - step
        if conductance[n] > 0.0 and pressure[n] < pressure[c] and share[n] < 0.0:
            share[n] = 0.0


@kernel
def _enter(far: int, cement: float, c: int, at: int, volume: Any, saturation: Any, scalars: Any) -> None:
    """Cement that leaves through the box's side enters the cell there, which has not been reached before."""
    if volume[far] <= 0.0:
        return
    added = cement / volume[far]
    total = saturation[far] + added
    for m in range(scalars.shape[0]):
        scalars[m, far] = (saturation[far] * scalars[m, far] + added * scalars[m, at]) / total
    saturation[far] = total


@kernel
def cement_mm3(volume: Any, saturation: Any) -> float:
    """Sum of the product, row by row, so that rounding does not grow with the grid."""
    total = 0.0
    for start in range(0, volume.size, 4096):
        part = 0.0
        for c in range(start, min(start + 4096, volume.size)):
            part += volume[c] * saturation[c]
        total += part
    return total


@kernel
def reach(saturation: Any, least: float, out: Any) -> None:
    """Box of cells that hold more cement than `least`; low > high where there are none."""
    nx, ny, nz = saturation.shape
    out[0, 0], out[0, 1], out[1, 0], out[1, 1], out[2, 0], out[2, 1] = nx, 0, ny, 0, nz, 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if saturation[i, j, k] > least:
                    out[0, 0], out[0, 1] = min(out[0, 0], i), max(out[0, 1], i + 1)
                    out[1, 0], out[1, 1] = min(out[1, 0], j), max(out[1, 1], j + 1)
                    out[2, 0], out[2, 1] = min(out[2, 0], k), max(out[2, 1], k + 1)
