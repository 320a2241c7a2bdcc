"""What holds in any bone: mass, symmetry, little dependence on how time is cut."""

from __future__ import annotations

from functools import cache

import numpy as np

from pedicle.injection.flow import FlowOptions, FlowState, Fluids, Source, advance_flow, ball_source, start_flow
from pedicle.model.medium import Medium
from pedicle.verify.media import MARROW_PA_S, PERMEABILITY_MM2, medium_of, newtonian, open_side, outlet
from pedicle.verify.problem import Problem

SMALL, SPACING = (14, 12, 10), (1.0, 1.2, 1.5)
MASS = "what enters is found or has left"
RANDOM_INJECTIONS = 2


def random_bone(
    seed: int, shape: tuple[int, int, int] = SMALL, spacing: tuple[float, float, float] = SPACING
) -> Medium:
    """Permeability over a decade, one cell in twenty closed, two open sides, a hole at 500 Pa; open around the middle."""
    rng = np.random.default_rng(seed)
    permeability = 10.0 ** rng.uniform(-3.0, -2.0, shape)
    permeability[rng.random(shape) < 0.05] = 0.0
    i, j, k = (n // 2 for n in shape)
    permeability[i - 2 : i + 2, j - 2 : j + 2, k - 2 : k + 2] = 5e-3
    hole = np.arange(permeability.size).reshape(shape)[-1, 3:5, 3:5]
    way_out = outlet("hole", hole, 0.5 * permeability[-1, 3:5, 3:5], 500.0)
    outlets = (open_side(permeability, spacing, 0, 0), open_side(permeability, spacing, 1, -1), way_out)
    return medium_of(permeability, spacing, outlets)


def in_the_middle(medium: Medium, radius_mm: float = 1.2) -> Source:
    """An opening in the middle of the grid."""
    middle = (np.array(medium.pore_volume_mm3.shape) // 2) * np.array(medium.spacing_mm)
    return ball_source(medium, middle, radius_mm)


def ageing(factor: float, index: float = 0.7) -> Fluids:
    """Cement `factor` times as viscous as marrow when mixed, that thins by shear and thickens with age."""
    return Fluids(
        viscosity_pa_s=lambda scalars, shear, t: (
            factor * MARROW_PA_S * np.exp(scalars[0] / 100.0) * (1.0 + shear) ** (index - 1.0)
        ),
        inlet=lambda t: (t, t),
    )


def random_injection(seed: int, solver: str, step: float, most_ratio: float = 1e4) -> FlowState:
    """Three pushes of random flow into random bone; much of the cement leaves again."""
    medium, rng = random_bone(seed), np.random.default_rng(1000 + seed)
    source, fluids = in_the_middle(medium), ageing(float(most_ratio ** rng.uniform()))
    state, options = start_flow(medium, source, fluids), FlowOptions(solver=solver, courant=step)
    for until in (1.0, 4.0, 12.0):
        state = advance_flow(medium, source, fluids, state, float(rng.uniform(50.0, 200.0)), until, options)
    return state


def _balance(solver: str, step: float) -> float:
    """Worst of all steps. Explicit steps are bound to the mobility ratio, which stays below 10 here for both."""
    return max(random_injection(seed, solver, step, 10.0).balance_error for seed in range(RANDOM_INJECTIONS))


def _asymmetry(solver: str, step: float) -> float:
    """Largest difference between a field and its mirror images."""
    n, spacing = 15, (1.0, 1.0, 1.0)
    k = np.full((n, n, n), PERMEABILITY_MM2)
    medium = medium_of(k, spacing, tuple(open_side(k, spacing, axis, end) for axis in range(3) for end in (0, -1)))
    source, fluids = in_the_middle(medium), newtonian(1.0)
    options = FlowOptions(solver=solver, courant=step)
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 8.0, options)
    return float(max(np.abs(state.saturation - np.flip(state.saturation, axis)).max() for axis in range(3)))


def vein_bone() -> tuple[Medium, Source, Fluids]:
    """A closed block of uneven bone with three small ways out; cement reaches two."""
    shape, spacing = (12, 11, 9), (2.0, 2.0, 2.0)
    rng = np.random.default_rng(5)
    k = PERMEABILITY_MM2 * 10.0 ** rng.uniform(-0.3, 0.3, shape)
    cells = np.arange(k.size).reshape(shape)
    near, side, far = cells[6, 9, 4:6], cells[10, 5, 4:6], cells[1:3, 1, 1]
    places = zip(("near", "side", "far"), (near, side, far), strict=True)
    outlets = tuple(outlet(name, where, np.full(where.size, PERMEABILITY_MM2 * 3.0)) for name, where in places)
    medium = medium_of(k, spacing, outlets)
    return medium, in_the_middle(medium), ageing(8.0)


@cache
def sliced(slices: int, solver: str, step: float) -> FlowState:
    """2 ml in 10 s, in so many calls."""
    medium, source, fluids = vein_bone()
    state, options = start_flow(medium, source, fluids), FlowOptions(solver=solver, courant=step)
    for n in range(slices):
        state = advance_flow(medium, source, fluids, state, 200.0, 10.0 * (n + 1) / slices, options)
    return state


def _sliced_l1(solver: str, step: float) -> float:
    volume = vein_bone()[0].pore_volume_mm3
    a, b = (sliced(slices, solver, step).saturation for slices in (100, 1))
    return float((volume * np.abs(a - b)).sum() / (volume * b).sum())


def _sliced_leak(solver: str, step: float) -> float:
    """Worst outlet that lets more than 1 % of the cement out."""
    a, b = (sliced(slices, solver, step).outflow_cement_mm3 for slices in (100, 1))
    counts = b > 20.0
    return float(np.abs(a / b - 1.0)[counts].max())


def property_problems() -> list[Problem]:
    """Mass, symmetry, slices of 0.1 s against free steps."""
    cut = "time may be cut anywhere"
    return [
        Problem("mass of random injections", _balance, 0.0, 1e-6, "1", MASS),
        Problem("symmetric box", _asymmetry, 0.0, 1e-4, "1", "a mirrored problem has the mirrored answer"),
        Problem("slices of 0.1 s, L1", _sliced_l1, 0.0, 0.015, "1", cut, steps=(0.5,)),
        Problem("slices of 0.1 s, worst leak", _sliced_leak, 0.0, 0.02, "1", cut, steps=(0.5,)),
    ]
