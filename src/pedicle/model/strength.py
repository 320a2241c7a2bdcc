"""What a vertebral body can carry: before its fracture, with it, and with cement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.notices import Notice
from pedicle.model.vertebra import Estimate
from pedicle.model.volume import Volume

State = Literal["intact", "fractured", "augmented"]
STATES: tuple[State, ...] = ("intact", "fractured", "augmented")
# What presses on the endplates, and how the plates that press may move.
EndLayer = Literal["pmma", "disc"]
Plate = Literal["bonded", "frictionless", "ball"]
# Downward without tilt; about the axis from right to left, front down or front up.
LoadCase = Literal["compression", "flexion", "extension"]
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
    push was asked for. `strain_energy` (MPa) is at the screen's strain, by voxel of the body.
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


@dataclass(frozen=True, eq=False)
class Strength:
    """What a level can carry in up to three states; a state that does not exist is absent from the dictionaries.

    `stiffness_n_mm` and `strength_n` hold 95 % intervals from the law of elasticity, the calibration of density and, where
    they matter, damage and cement. `criterion` says in words what strength is. `load_transfer` is None until the neighbours are computed.
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
    load_transfer: dict[str, float] | None = None
    evidence: str = ""
    warnings: tuple[Notice, ...] = field(default=())
