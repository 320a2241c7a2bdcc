"""A front that is not straight: it straightens behind thick cement and fingers behind thin (Saffman and Taylor 1958)."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from pedicle.injection.flow import FlowOptions, advance_flow
from pedicle.verify.media import (
    MARROW_PA_S,
    PERMEABILITY_MM2,
    POROSITY,
    Array,
    filled,
    line_source,
    medium_of,
    newtonian,
    open_side,
)
from pedicle.verify.problem import Problem

LENGTH_MM, WIDTH_MM, CELL_MM, SPEED_MM_S = 60.0, 20.0, 0.5, 1.0
# The front's first place and how far it is bent to either side.
FRONT_MM, BEND_MM = 20.0, 1.0
# It moves on by this.
WAY_MM = 4.0
SOURCE = (
    "growth rate k V (mu_m - mu_c) / (mu_m + mu_c) of a wave k (Saffman and Taylor, Proc. R. Soc. A 245 (1958) 312)"
)


def wave() -> Array:
    """Half a cosine across the width, as the walls allow, at the rows' centres."""
    y = (np.arange(round(WIDTH_MM / CELL_MM)) + 0.5) * CELL_MM
    return np.asarray(np.cos(np.pi * y / WIDTH_MM))


@cache
def growth(ratio: float, solver: str, step: float) -> float:
    """The wave's amplitude over what it was, after the front has moved WAY_MM."""
    shape, spacing = (round(LENGTH_MM / CELL_MM), round(WIDTH_MM / CELL_MM), 1), (CELL_MM, CELL_MM, 1.0)
    permeability = np.full(shape, PERMEABILITY_MM2)
    medium = medium_of(permeability, spacing, (open_side(permeability, spacing, 0, -1),))
    front = FRONT_MM + BEND_MM * wave()
    edges = CELL_MM * np.arange(shape[0])[:, None]
    saturation = np.clip((front - edges) / CELL_MM, 0.0, 1.0)[:, :, None]
    source, fluids = line_source(medium), newtonian(ratio * MARROW_PA_S)
    start = filled(medium, source, fluids, saturation)
    rate, until = SPEED_MM_S * WIDTH_MM, WAY_MM * POROSITY / SPEED_MM_S
    state = advance_flow(medium, source, fluids, start, rate, until, FlowOptions(solver=solver, courant=step))
    amplitude = 2.0 * (state.saturation.sum(axis=0)[:, 0] * CELL_MM) @ wave() / wave().size
    return float(amplitude / BEND_MM)


def _rate(ratio: float, solver: str, step: float) -> float:
    """Growth of the wave a millimetre of the front, times its length over 2 pi."""
    return float(np.log(growth(ratio, solver, step)) / WAY_MM * WIDTH_MM / np.pi)


def interface_problems() -> list[Problem]:
    """Decay at the exact rate of a sharp front; growth of a thin cement's, which is no sharp front, by its sign alone."""
    decay = Problem("Saffman-Taylor M 10, rate", partial(_rate, 10.0), -9.0 / 11.0, 0.04, "1", SOURCE, steps=(0.25,))
    grows = Problem("Saffman-Taylor M 0.1, growth", partial(growth, 0.1), 1.05, 0.0, "1", SOURCE, ">=")
    return [decay, grows]
