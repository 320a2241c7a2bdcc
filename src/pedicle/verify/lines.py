"""Flow along a line: Buckley-Leverett displacement, two layers side by side, and power-law pressure along it."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from scipy.optimize import brentq

from pedicle.injection.flow import FlowOptions, FlowState, Fluids, Source, advance_flow, start_flow
from pedicle.model.medium import Medium
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
    power_law,
)
from pedicle.verify.problem import Problem

LENGTH_MM, SPEED_MM_S = 40.0, 0.5
# Pore volumes let in: the piston stands at this part of the length.
LET_IN = 0.4
# Pores of the layers' common inlet, in the share of a cell's.
LAYER_CELLS, INLET = 80, 0.03
BUCKLEY = "Buckley and Leverett, Trans. AIME 146 (1942) 107, linear relative permeabilities"
DYKSTRA = "equal pressure drop over both layers, integrated in time (Dykstra and Parsons 1950)"


def column(cells: int) -> tuple[Medium, Source]:
    """A row of cells of 1 mm2, open at its far end."""
    permeability, spacing = np.full((cells, 1, 1), PERMEABILITY_MM2), (LENGTH_MM / cells, 1.0, 1.0)
    medium = medium_of(permeability, spacing, (open_side(permeability, spacing, 0, -1),))
    return medium, line_source(medium)


@cache
def displaced(solver: str, step: float, cells: int, ratio: float) -> FlowState:
    """The row after LET_IN pore volumes of cement `ratio` times as viscous as marrow."""
    medium, source = column(cells)
    fluids = newtonian(ratio * MARROW_PA_S)
    until = LET_IN * LENGTH_MM * POROSITY / SPEED_MM_S
    start = start_flow(medium, source, fluids)
    return advance_flow(medium, source, fluids, start, SPEED_MM_S, until, FlowOptions(solver=solver, courant=step))


def exact_mean(edges: Array, ratio: float) -> Array:
    """Mean saturation between neighbouring edges (mm), from the exact volume up to each: the integral of S over x/(u t).

    M >= 1: a piston at xi = 1. M < 1: S = (sqrt(M / xi) - M) / (1 - M) between M and 1 / M, 1 before, 0 beyond.
    """
    reach = LET_IN * LENGTH_MM
    xi = edges / reach
    if ratio >= 1.0:
        volume = np.minimum(xi, 1.0)
    else:
        z = np.clip(xi, ratio, 1.0 / ratio)
        volume = np.minimum(xi, ratio)
        volume = volume + (2.0 * np.sqrt(ratio) * (np.sqrt(z) - np.sqrt(ratio)) - ratio * (z - ratio)) / (1.0 - ratio)
    return np.asarray(np.diff(volume) / np.diff(xi))


def error(cells: int, ratio: float, solver: str, step: float) -> float:
    """L1 of the saturation over the cement's own volume."""
    seen = displaced(solver, step, cells, ratio).saturation.ravel()
    return float(np.abs(seen - exact_mean(np.linspace(0.0, LENGTH_MM, cells + 1), ratio)).sum() / (LET_IN * cells))


def stated_order(ratio: float, coarse: int) -> float:
    """Of monotone first-order schemes in L1: 1 for a shock that sharpens itself, 1/2 for a contact (M = 1), and h log(1/h) for
    a fan, which is 1 - log2(ln 2N / ln N) from N to 2N cells (Harabetian, Commun. Math. Phys. 114 (1988) 527)."""
    if ratio >= 1.0:
        return 1.0 if ratio > 1.0 else 0.5
    return 1.0 - float(np.log2(np.log(2 * coarse) / np.log(coarse)))


def order(ratio: float, coarse: int, solver: str, step: float) -> float:
    """Observed order of the L1 error between `coarse` cells and twice as many."""
    return float(np.log2(error(coarse, ratio, solver, step) / error(2 * coarse, ratio, solver, step)))


def _thinned_drop(index: float, solver: str, step: float) -> float:
    """Pressure along a row full of a power-law cement, over K / k (1 / sqrt(k phi))^(n-1) u^n L."""
    medium, source = column(50)
    fluids: Fluids = power_law(50.0, index)
    start = filled(medium, source, fluids, np.ones_like(medium.pore_volume_mm3))
    state = advance_flow(medium, source, fluids, start, SPEED_MM_S, 1e-3, FlowOptions(solver=solver, courant=step))
    pores = np.sqrt(PERMEABILITY_MM2 * POROSITY)
    gradient = 50.0 / PERMEABILITY_MM2 * pores ** (1.0 - index) * SPEED_MM_S**index
    between = LENGTH_MM * (40 - 5) / 50
    seen = state.pressure_pa.ravel()
    return float((seen[5] - seen[40]) / (gradient * between))


def _layers(cells: int) -> tuple[Medium, Source]:
    """Two layers that do not touch but share an inlet of hardly any pores and hardly any resistance; 4 to 1."""
    h = LENGTH_MM / cells
    permeability = np.full((cells + 1, 2, 1), PERMEABILITY_MM2)
    permeability[:, 1] *= 0.25
    permeability[0] = 1e4 * PERMEABILITY_MM2
    spacing = (h, 1.0, 1.0)
    medium = medium_of(permeability, spacing, (open_side(permeability, spacing, 0, -1),))
    medium.pore_volume_mm3[0] *= INLET
    medium.face_mm3[1][1:] = 0.0
    return medium, line_source(medium)


@cache
def _layered(solver: str, step: float, ratio: float) -> FlowState:
    medium, source = _layers(LAYER_CELLS)
    fluids = newtonian(ratio * MARROW_PA_S)
    until = LET_IN * LENGTH_MM * POROSITY / SPEED_MM_S
    start = start_flow(medium, source, fluids)
    return advance_flow(medium, source, fluids, start, SPEED_MM_S, until, FlowOptions(solver=solver, courant=step))


def _front(layer: int, ratio: float, solver: str, step: float) -> float:
    """Length filled in a layer, mm."""
    return float(_layered(solver, step, ratio).saturation[1:, layer].sum() * LENGTH_MM / LAYER_CELLS)


def exact_fronts(ratio: float) -> tuple[float, float]:
    """Pistons in both layers, mm: k2 (mu_m L x1 + (mu_c - mu_m) x1^2 / 2) = k1 (the same of x2), x1 + x2 = Q t / (phi A)
    without what the inlet holds."""
    both = LET_IN * LENGTH_MM - 2.0 * INLET * LENGTH_MM / LAYER_CELLS

    def effort(x: float) -> float:
        return LENGTH_MM * x + (ratio - 1.0) * x * x / 2.0

    fast = float(brentq(lambda x: 0.25 * effort(x) - effort(both - x), 0.5 * both, both))
    return fast, both - fast


def line_problems() -> list[Problem]:
    """Saturation profiles and their orders, the power law along a line, two layers."""
    found = []
    for ratio, limit in ((10.0, 0.02), (0.2, 0.04)):
        name = f"Buckley-Leverett M {ratio:g}, L1 on 100 cells"
        found.append(Problem(name, partial(error, 100, ratio), 0.0, limit, "1", BUCKLEY))
    for name, ratio in (("Buckley-Leverett M 10", 10.0), ("Buckley-Leverett M 0.2", 0.2), ("tracer M 1", 1.0)):
        compute = partial(order, ratio, 50)
        found.append(Problem(f"{name}, order", compute, stated_order(ratio, 50), 0.2, "1", BUCKLEY))
    for index in (0.5, 0.7, 1.3):
        compute = partial(_thinned_drop, index)
        found.append(Problem(f"power law n {index:g}, linear", compute, 1.0, 0.02, "1", "Darcy with mu of the speed"))
    for ratio in (1.0, 10.0):
        for layer, exact in enumerate(exact_fronts(ratio)):
            name, compute = f"two layers M {ratio:g}, {('fast', 'slow')[layer]}", partial(_front, layer, ratio)
            found.append(Problem(name, compute, exact, 0.02 * exact, "mm", DYKSTRA))
    return found
