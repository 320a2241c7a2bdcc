"""Pressure alone: a made solution across a jump of permeability, and the pressure at a needle's opening."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from pedicle.injection.flow import FlowOptions, Source, advance_flow, ball_source, start_flow
from pedicle.model.medium import Medium
from pedicle.verify.media import (
    MARROW_PA_S,
    PERMEABILITY_MM2,
    POROSITY,
    Array,
    filled,
    medium_of,
    newtonian,
    open_side,
    outlet,
)
from pedicle.verify.problem import Problem

# Permeability behind the middle over that before it.
JUMP = 1e4
MADE = "method of manufactured solutions: the flow let in is -div(k grad p) of the pressure chosen"
POINT = "Q mu / (4 pi k r0) of a sphere in endless bone"


def made(x: Array, jump: float = JUMP) -> tuple[Array, Array]:
    """G(x) on 0..1, zero at both ends, and -k G''; k is 1 before the middle and `jump` behind; flow and pressure are
    continuous there: G = 1 + q (x - 1/2) / k - a (x - 1/2)^2 with q = 1."""
    k, away = np.where(x < 0.5, 1.0, jump), x - 0.5
    bend = np.where(x < 0.5, 2.0, 4.0 + 2.0 / jump)
    return 1.0 + away / k - bend * away**2, 2.0 * k * bend


def made_medium(cells: int) -> tuple[Medium, Source, Array, float]:
    """A unit cube open on all sides, the source that keeps the made pressure up, that pressure at the cells, the rate."""
    h = 1.0 / cells
    x: Array = np.asarray((np.arange(cells) + 0.5) * h, float)
    along, given = made(x)
    waves = np.sin(np.pi * x)[:, None] * np.sin(np.pi * x)[None]
    k = np.where(x < 0.5, 1.0, JUMP)[:, None, None] * np.ones((cells, cells, cells))
    pressure = along[:, None, None] * waves[None]
    divergence = given[:, None, None] * waves[None] + 2.0 * np.pi**2 * k * pressure
    sides = tuple(open_side(k, (h, h, h), axis, end) for axis in range(3) for end in (0, -1))
    medium = medium_of(k, (h, h, h), sides)
    weights = (divergence * h**3).ravel()
    rate = float(weights.sum())
    source = Source(np.arange(k.size), weights / rate, 1.0, 1.0, 1.0, POROSITY)
    return medium, source, pressure * MARROW_PA_S, rate


@cache
def made_error(cells: int, solver: str, step: float) -> float:
    """Root mean square error of the pressure over its own."""
    medium, source, exact, rate = made_medium(cells)
    fluids = newtonian(MARROW_PA_S)
    start, options = start_flow(medium, source, fluids), FlowOptions(solver=solver, courant=step)
    state = advance_flow(medium, source, fluids, start, rate, 1e-9, options)
    return float(np.sqrt(((state.pressure_pa - exact) ** 2).mean() / (exact**2).mean()))


def _made_order(solver: str, step: float) -> float:
    return float(np.log2(made_error(8, solver, step) / made_error(16, solver, step)))


def point_medium(h: float, reach_mm: float, position: float) -> tuple[Medium, Array]:
    """A box around a point that lies `position` of a cell off a cell's centre; beyond its sides the exact pressure goes on."""
    n = 2 * round(reach_mm / h) + 1
    shape, centre = (n, n, n), (n // 2 + position) * h * np.ones(3)
    at = np.indices(shape) * h - centre[:, None, None, None]
    k = np.full(shape, PERMEABILITY_MM2)
    cells, sides = np.arange(k.size).reshape(shape), []
    for axis in range(3):
        for end, sign in ((0, -1.0), (-1, 1.0)):
            face = at.take(end, axis + 1).reshape(3, -1).copy()
            face[axis] += 0.5 * sign * h
            r = np.sqrt((face**2).sum(axis=0))
            # Exact flow through the face over the exact pressure on it, Q / (4 pi k r).
            beyond = PERMEABILITY_MM2 * h * h * sign * face[axis] / r**2
            half = 2.0 * PERMEABILITY_MM2 * h
            sides.append(outlet(f"{axis} {end}", cells.take(end, axis), beyond * half / (beyond + half)))
    return medium_of(k, (h, h, h), tuple(sides)), centre


def tip(h: float, position: float, radius_mm: float, solver: str, step: float) -> float:
    """Pressure at an opening over the exact one, in bone full of cement."""
    medium, centre = point_medium(h, 9.0, position)
    source, fluids = ball_source(medium, centre, radius_mm), newtonian(100.0)
    start = filled(medium, source, fluids, np.ones(medium.pore_volume_mm3.shape))
    state = advance_flow(medium, source, fluids, start, 100.0, 1e-6, FlowOptions(solver=solver, courant=step))
    return state.tip_pressure_pa * 4.0 * np.pi * PERMEABILITY_MM2 * radius_mm / (100.0 * 100.0)


def pressure_problems() -> list[Problem]:
    """Order of the made solution; the opening's pressure on cells from twice its radius to half of it, anywhere in a cell."""
    found = [Problem("made pressure, k jumps by 1e4, order", _made_order, 2.0, 0.2, "1", MADE)]
    for h, position in ((2.4, 0.0), (2.4, 0.3), (1.2, 0.0), (1.2, 0.5), (0.8, 0.2)):
        compute = partial(tip, h, position, 1.2)
        found.append(Problem(f"opening of 1.2 mm, cells {h:g} mm, {position:g} off", compute, 1.0, 0.005, "1", POINT))
    return found
