"""Heavy cement above marrow in a closed column: both change places as a fan."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np

from pedicle.injection.flow import FlowOptions, Source, advance_flow
from pedicle.verify.media import MARROW_PA_S, PERMEABILITY_MM2, POROSITY, Array, filled, medium_of, newtonian, outlet
from pedicle.verify.problem import Problem

LENGTH_MM, WEIGHT_PA_MM = 20.0, 5.0
# The fan has opened over this part of the column.
OPENED = 0.8
SOURCE = "phi ds/dt + d/dx (k w s (1 - s) / mu) = 0 with mu alike: s = (1 - x / (v t)) / 2, v = k w / (phi mu)"


@cache
def error(cells: int, solver: str, step: float) -> float:
    """L1 of the saturation over the cement's volume."""
    h = LENGTH_MM / cells
    permeability, spacing = np.full((cells, 1, 1), PERMEABILITY_MM2), (h, 1.0, 1.0)
    # An opening so that pressure has a level; nothing is pushed, nothing leaves.
    medium = medium_of(permeability, spacing, (outlet("end", np.array([cells - 1]), np.ones(1)),))
    fluids = replace(newtonian(MARROW_PA_S), excess_weight_pa_mm=(WEIGHT_PA_MM, 0.0, 0.0))
    source = Source(np.zeros(1, np.int64), np.ones(1), 1.0, 1.0, PERMEABILITY_MM2, POROSITY)
    start = filled(medium, source, fluids, (np.arange(cells) < cells // 2).astype(float)[:, None, None])
    speed = PERMEABILITY_MM2 * WEIGHT_PA_MM / (POROSITY * MARROW_PA_S)
    until = 0.5 * OPENED * LENGTH_MM / speed
    state = advance_flow(medium, source, fluids, start, 0.0, until, FlowOptions(solver=solver, courant=step))
    exact = mean_profile(cells, speed * until)
    return float(np.abs(state.saturation.ravel() - exact).sum() / (cells / 2))


def mean_profile(cells: int, reach: float) -> Array:
    """Mean of the exact saturation over each cell; the fan reaches so far to both sides of the middle."""
    edges = np.linspace(-0.5 * LENGTH_MM, 0.5 * LENGTH_MM, cells + 1)
    inside = np.clip(edges, -reach, reach)
    volume = np.minimum(edges, -reach) + 0.5 * (inside - inside**2 / (2.0 * reach))
    return np.asarray(np.diff(volume) / np.diff(edges))


def _order(solver: str, step: float) -> float:
    return float(np.log2(error(40, solver, step) / error(80, solver, step)))


def sinking_problems() -> list[Problem]:
    """The fan's profile, and its order: h log(1/h) as for every fan."""
    stated = 1.0 - float(np.log2(np.log(80.0) / np.log(40.0)))
    return [
        Problem("sinking cement, L1 on 80 cells", partial(error, 80), 0.0, 0.05, "1", SOURCE),
        Problem("sinking cement, order", _order, stated, 0.2, "1", SOURCE),
    ]
