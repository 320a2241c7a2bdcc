"""Where injected cement is: in the bone, through which opening it left, in the cannula; with its balance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.bone import Route
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import Side
from pedicle.model.medium import Place
from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.spread import Spread
from pedicle.model.volume import Volume

ViewKind = Literal["AP", "lateral"]
KINDS: tuple[ViewKind, ...] = ("AP", "lateral")
ROUTES: tuple[Route, ...] = ("basivertebral", "segmental", "cortical", "endplate", "needle_track")


def least_leak_ml() -> float:
    """Volume through one opening from which it counts as a leak."""
    return quantity("injection/leaks", "least").value


@dataclass(frozen=True, eq=False)
class Leak:
    """Cement that left the body through one opening.

    `onset_s` is the time on the operation's clock at which the least volume of a leak had gone through. `seen_ap_s`, `seen_lateral_s`
    are when a picture first showed it; None = never shown in that view. `filled` is the share of each voxel outside the body
    that it takes: a drawing of where such a leak lies, not a computation of how it ran.
    """

    opening: str
    route: Route
    place: Place
    ml: float
    onset_s: float
    filled: Volume
    seen_ap_s: float | None = None
    seen_lateral_s: float | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """An injection over time, one value a step: clock s, flow at the tip ml/s, pressures kPa, volumes ml, force N."""

    t_s: NDArray[np.float64]
    flow_ml_s: NDArray[np.float64]
    syringe_kpa: NDArray[np.float64]
    tip_kpa: NDArray[np.float64]
    injected_ml: NDArray[np.float64]
    leaked_ml: NDArray[np.float64]
    force_n: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fill:
    """What an injection left in one level. Volumes in ml.

    `saturation` (float32, 0 to 1) is the part of each cell's pores that is cement, `share` the part of the cell itself,
    `age_s` (float32) its reaction-equivalent age and `portion` (uint8) the injection it came with, 0 where there is none.
    `injected_ml` went out of the needle's tip; `injected_ml = in_body_ml + leaked_ml` to `mass_balance_error` (a fraction
    of the injected volume). `in_cannula_ml` and `syringe_ml` never left the needle and the syringes. `marrow_out_ml` is the
    marrow that cement pushed out of the body, by route: what reaches the veins of it can embolise. `peak_pressure_kpa` is of
    "syringe" and "bone" (at the needle's tip). `stopped` says why each needle's injection ended.
    """

    level: str
    cement: str
    saturation: Volume
    share: Volume
    age_s: Volume
    portion: Volume
    injected_ml: float
    in_body_ml: float
    syringe_ml: float
    in_cannula_ml: float
    leaked_ml: dict[str, float]
    leaks: tuple[Leak, ...]
    marrow_out_ml: dict[str, float]
    fill_percent_of_body: float
    fill_percent_of_fracture_space: float | None
    crossed_midline: bool
    mass_balance_error: float
    peak_pressure_kpa: dict[str, float]
    steps: int
    curve: Curve
    stopped: tuple[str, ...] = ()
    evidence: str = ""
    warnings: tuple[Notice, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One picture of an injection, `kind` "AP" or "lateral": uint8 (rows, columns) as the screen showed it, and how the cement stood."""

    t_s: float
    kind: ViewKind
    beam: ConeBeam
    picture: NDArray[np.uint8]
    injected_ml: float


@dataclass(frozen=True, eq=False)
class InjectedLevel:
    """What was done in one level: the sides of the needles in the order used, the fill, the pictures taken meanwhile,
    what was advised about a second portion, and how far the same plan's injections may differ (None = not computed)."""

    level: str
    sides: tuple[Side, ...]
    fill: Fill
    film: tuple[FilmFrame, ...]
    advice: tuple[str, ...] = ()
    spread: Spread | None = None
