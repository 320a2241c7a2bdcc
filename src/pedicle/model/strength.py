"""What a vertebral body can carry: before its fracture, with it, and with cement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Estimate
from pedicle.model.volume import Volume

State = Literal["intact", "fractured", "augmented"]
STATES: tuple[State, ...] = ("intact", "fractured", "augmented")
# What presses on the endplates, and how the plates that press may move.
EndLayer = Literal["pmma", "disc"]
Plate = Literal["bonded", "frictionless", "ball"]
# Downward without tilt; about the axis from right to left, front down or front up.
LoadCase = Literal["compression", "flexion", "extension"]
TRANSFER_BASIS = (
    "relative change, with cement over without, of the strain that 95 % of the half of a neighbour's body next to the level lie below, at the "
    "same load through three bodies and their discs; changes below 0.02 are not resolved by its cells"
)
# Factor of a normal interval's half width over one standard deviation: 95 %.
Z95 = 1.96


@dataclass(frozen=True, eq=False)
class PushCurve:
    """Load against apparent strain (a fraction) of an elastic-plastic push, one value a step, from rest."""

    strain: NDArray[np.float64]
    load_n: NDArray[np.float64]
    iterations: int
    yielded_share: float


@dataclass(frozen=True, eq=False)
class StateStrength:
    """One state of a body under its plates.

    `stiffness_n_mm` is load over the shortening of the body itself, its two ends averaged; `screen_n` the load at the screen's
    strain in the linear model, `failure_estimate_n` that at the published strain of failure, 0.68 percent. `plate_n_mm` is load over the plates' approach, layers included. `bending_nmm_rad` resists a tilt from
    right to left's axis (flexion and extension are alike in a linear model); `tilt_rad_per_kn` is how far a plate free to
    tilt turns (about the left axis, about the back axis) under a load through the body's middle: toggle.
    `balance_error` is the difference of the reactions at both ends over the load. `curve` is None where no elastic-plastic
    push was asked for. `strain_energy` (MPa) is at the screen's strain, by voxel of the body. `yield_n` is the load at which the
    stated share of the bone is past its yield in the linear model; `gap_mm` how much nearer the two faces of a cleft come under
    the stated load, None where there is no open gap.
    """

    stiffness_n_mm: float
    screen_n: float
    failure_estimate_n: float
    plate_n_mm: float
    bending_nmm_rad: float
    tilt_rad_per_kn: tuple[float, float]
    height_mm: float
    elements: int
    dof: int
    iterations: int
    relative_residual: float
    balance_error: float
    islands_removed: int
    strain_energy: Volume
    curve: PushCurve | None = None
    yield_n: float = 0.0
    gap_mm: float | None = None


@dataclass(frozen=True, eq=False)
class FillCurve:
    """One body with ever more cement, from none on: the level's own field, cut back in the order its cement came and grown beyond.

    Arrays (n,); `push_n` is None unless the analysis is elastic-plastic. `own_ml` is what the level holds. `intact_at` maps "stiffness", "screen", "yield" and "push" to the fill (ml, percent of
    the body) at which the curve passes the intact estimate; None = it does not, or the body is not fractured. `order` says in
    words how the field was cut and grown.
    """

    cement_ml: NDArray[np.float64]
    percent_of_body: NDArray[np.float64]
    stiffness_n_mm: NDArray[np.float64]
    screen_n: NDArray[np.float64]
    yield_n: NDArray[np.float64]
    push_n: NDArray[np.float64] | None
    own_ml: float
    intact_at: dict[str, tuple[float, float] | None]
    order: str


@dataclass(frozen=True, eq=False)
class NeighbourLoad:
    """What one neighbour bears under the same load through all three bodies: pairs (before cement, with cement).

    Strains are square roots of twice the energy over the modulus, of the half of its body next to the treated level: their
    mean and the value that 95 % lie below. `endplate_mm` is how far the middle of its facing endplate goes into it beyond the
    rim, `treated_endplate_mm` the same of the treated body's endplate on that side; `middle_share` is the part of the load that
    enters through the middle of its endplate.
    """

    mean_strain: tuple[float, float]
    high_strain: tuple[float, float]
    endplate_mm: tuple[float, float]
    treated_endplate_mm: tuple[float, float]
    middle_share: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Strength:
    """What a level can carry in up to three states; a state that does not exist is absent from the dictionaries.

    `stiffness_n_mm` and `strength_n` hold 95 % intervals from the law of elasticity, the calibration of density and, where
    they matter, damage and cement. `criterion` says in words what strength is. `neighbours` has "upper" and "lower", None for
    one that could not be computed (the warnings say why), and is None where it was not asked for; `load_transfer` is the relative
    change of their high strains. `fill_curve` is None unless asked for.
    """

    level: str
    law: str
    end_layer: EndLayer
    plate: Plate
    cell_mm: float
    criterion: str
    stiffness_n_mm: dict[State, Estimate]
    strength_n: dict[State, Estimate]
    states: dict[State, StateStrength]
    load_transfer: dict[str, float | None] | None = None
    neighbours: dict[str, NeighbourLoad | None] | None = None
    fill_curve: FillCurve | None = None
    evidence: str = ""
    warnings: tuple[Notice, ...] = field(default=())


def neighbour_evidence() -> str:
    """What is known of fractures beside a level with cement: the studies do not agree."""
    rows = {
        key: quantity("mechanics/published", "neighbours", key)
        for key in ("no_predictor", "filled_fracture", "filled_none")
    }
    patients, fracture, none = (rows[key].value for key in ("no_predictor", "filled_fracture", "filled_none"))
    return (
        f"Whether cement makes the neighbours break is not settled, the evidence conflicts: in {patients:.0f} patients its volume did not "
        f"predict a new fracture ({rows['no_predictor'].source}); in another series bodies followed by a new fracture held more, "
        f"{fracture:.0f} against {none:.0f} % of the body ({rows['filled_fracture'].source})."
    )
