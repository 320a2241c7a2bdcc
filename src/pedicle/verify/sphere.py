"""Cement as a growing sphere: radius and pressure of the piston, pressure of the power law, the tip's own pressure."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from scipy.ndimage import map_coordinates

from pedicle.injection.flow import FlowOptions, FlowState, advance_flow, start_flow
from pedicle.verify.media import (
    MARROW_PA_S,
    PERMEABILITY_MM2,
    POROSITY,
    Array,
    Exact,
    Octant,
    newtonian,
    octant,
)
from pedicle.verify.problem import Problem

FLOW_MM3_S, UNTIL_S, RATIO, SIDE_MM = 100.0, 50.0, 10.0, 16.8
OPENING_MM = 1.2
RADIUS_MM = (3.0 * FLOW_MM3_S * UNTIL_S / (4.0 * np.pi * POROSITY)) ** (1.0 / 3.0)
PISTON = "R = (3 Q t / (4 pi phi))^(1/3), volume of a sphere"
DROP = "radial Darcy flow, Q mu / (4 pi k) (1 / a - 1 / b) in each fluid"
WAYS = {"axis": (1.0, 0.0, 0.0), "face diagonal": (1.0, 1.0, 0.0), "body diagonal": (1.0, 1.0, 1.0)}


def piston_pressure(radius: Array, front: float = RADIUS_MM, ratio: float = RATIO) -> Array:
    """Exact pressure over that of endlessly far away, Pa."""
    r = np.asarray(radius, float)
    spread = FLOW_MM3_S * MARROW_PA_S / (4.0 * np.pi * PERMEABILITY_MM2)
    return spread * np.where(r < front, ratio * (1.0 / r - 1.0 / front) + 1.0 / front, 1.0 / r)


@cache
def grown(solver: str, step: float, h: float) -> tuple[Octant, FlowState]:
    """The octant after 5 ml (625 mm3 of an eighth), and its state."""
    marrow = Exact(FLOW_MM3_S, piston_pressure, lambda r: np.full(r.shape, 1.0 / MARROW_PA_S))
    part = octant(h, SIDE_MM, OPENING_MM, marrow)
    fluids = newtonian(RATIO * MARROW_PA_S)
    start = start_flow(part.medium, part.source, fluids)
    options = FlowOptions(solver=solver, courant=step)
    state = advance_flow(part.medium, part.source, fluids, start, FLOW_MM3_S * part.part, UNTIL_S, options)
    return part, state


def radius_along(state: FlowState, h: float, way: str) -> float:
    """Where saturation falls through 1/2 on a ray from the source, mm."""
    direction = np.array(WAYS[way]) / np.linalg.norm(WAYS[way])
    r = np.arange(0.5 * h, SIDE_MM, 0.05 * h)
    seen = map_coordinates(state.saturation, np.outer(direction, r) / h - 0.5, order=1, mode="nearest")
    last = int(np.flatnonzero(seen >= 0.5)[-1])
    return float(np.interp(0.5, [seen[last + 1], seen[last]], [r[last + 1], r[last]]))


def _radius(way: str, solver: str, step: float, h: float = 1.2) -> float:
    return radius_along(grown(solver, step, h)[1], h, way)


def _worst(solver: str, step: float, h: float) -> float:
    return float(max(abs(_radius(way, solver, step, h) / RADIUS_MM - 1.0) for way in WAYS))


def _converging(solver: str, step: float) -> float:
    return _worst(solver, step, 1.2) / _worst(solver, step, 2.4)


def _drop(solver: str, step: float) -> float:
    """Mean pressure over cells 3 to 5 mm from the source minus that beyond 13 mm, over the exact one at these cells."""
    part, state = grown(solver, step, 1.2)
    # Pressure belongs to the beginning of a step: a step of no length brings that of the last saturation.
    options, rate = FlowOptions(solver=solver, courant=step), FLOW_MM3_S * part.part
    state = advance_flow(part.medium, part.source, newtonian(RATIO * MARROW_PA_S), state, rate, UNTIL_S + 1e-6, options)
    exact = piston_pressure(part.radius_mm)
    seen, known = (part.drop(values, (3.0, 5.0), (13.0, 16.0)) for values in (state.pressure_pa, exact))
    return seen / known


def piston_problems() -> list[Problem]:
    """Radius along three directions, its convergence, and the pressure drop."""
    radii = [
        Problem(f"piston radius, {way}", partial(_radius, way), RADIUS_MM, 0.025 * RADIUS_MM, "mm", PISTON)
        for way in WAYS
    ]
    return [
        *radii,
        Problem("piston radius, error at 1.2 over 2.4 mm", _converging, 0.75, 0.0, "1", PISTON, "<="),
        Problem("piston pressure drop", _drop, 1.0, 0.005, "1", DROP, steps=(0.25,)),
    ]
