"""The pictures a plan lets one expect at each stage, and whether its path keeps the rule of advance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import Side
from pedicle.model.notices import Notice
from pedicle.model.shot import Dose

Stage = Literal["docking", "posterior wall", "target"]
STAGES: tuple[Stage, ...] = ("docking", "posterior wall", "target")


@dataclass(frozen=True, eq=False)
class ExpectedShot:
    """One expected picture: uint8 (rows, columns) as the screen shows it, its geometry, the sides whose needle is in view.

    `tips_px` (needles, 2) are the planned tips as (column, row), in the order of `sides`.
    """

    stage: Stage
    kind: Literal["AP", "lateral", "bull's-eye"]
    view: View
    beam: ConeBeam
    sides: tuple[Side, ...]
    tips_px: NDArray[np.float64]
    picture: NDArray[np.uint8]
    dose: Dose


@dataclass(frozen=True)
class Advance:
    """The rule of advance for a planned path: the tip must not cross the medial pedicle wall on AP before it reaches the
    posterior wall on lateral.

    `margin_mm` is how far the needle's surface is from the medial wall on AP, at the size of the vertebra, when its tip
    meets the posterior wall on lateral; negative = it has crossed. `wall_depth_mm` is the depth from bone entry at which it
    meets the posterior wall on lateral, `crossing_depth_mm` the depth at which it crosses the medial wall on AP (None = not
    on the way to the target). `holds` is None when it cannot be judged, with `reason`.
    """

    level: str
    side: Side
    holds: bool | None
    margin_mm: float | None = None
    wall_depth_mm: float | None = None
    crossing_depth_mm: float | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ExpectedLevel:
    """The expected pictures of one level with its recommended needles; `dose` is of these pictures together."""

    level: str
    shots: tuple[ExpectedShot, ...]
    advance: tuple[Advance, ...]
    dose: Dose


@dataclass(frozen=True, eq=False)
class Expected:
    """The expected pictures of a plan, level by level; levels without a recommended needle are left out."""

    levels: tuple[ExpectedLevel, ...]
    warnings: tuple[Notice, ...] = ()
