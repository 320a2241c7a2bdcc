"""A needle's way and the plan it belongs to. Filled by `planning`; the operation, the injection and the report read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.carm import View
from pedicle.model.frames import Side, unit
from pedicle.model.needle import Needle
from pedicle.model.notices import Notice

Approach = Literal["transpedicular", "parapedicular"]
WALLS = (
    "medial",
    "lateral",
    "superior",
    "inferior",
    "canal",
    "anterior",
    "foramen",
    "pleura",
    "great_vessel",
    "kidney",
)


@dataclass(frozen=True)
class Clearance:
    """Distance in mm from the needle's surface (true outer diameter) to a wall; negative = outside.

    None = not assessable, with `reason`. `breach_probability` and `breach_over_2mm_probability` come from the stated
    placement error; `sigma_mm` is 1 SD of the clearance itself.
    """

    mm: float | None
    sigma_mm: float | None = None
    breach_probability: float | None = None
    breach_over_2mm_probability: float | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One needle from skin to tip. Points LPS mm; None = not assessable, said in `reasons`.

    A trajectory has one entry and one target; lengths, angles and views are names of them. `skin_reason` explains a
    missing skin entry. `posterior_wall_depth_mm` is the depth from bone entry at which the tip meets the posterior wall.
    `skin_from_midline_mm` is to this vertebra's own mid-sagittal plane, `skin_from_spinous_mm` to the tip of its spinous
    process seen straight from behind; in a turned vertebra they differ.
    """

    level: str
    side: Side
    approach: Approach
    aim: Literal["midline", "paramedian", "cleft"]
    needle: Needle
    bone_entry_lps_mm: NDArray[np.float64]
    target_lps_mm: NDArray[np.float64]
    skin_entry_lps_mm: NDArray[np.float64] | None
    posterior_wall_depth_mm: float
    skin_from_midline_mm: float | None
    skin_from_spinous_mm: float | None
    axial_deg: float
    sagittal_deg: float
    bulls_eye: View
    clearance: dict[str, Clearance]
    feasible: bool
    reasons: tuple[str, ...] = ()
    skin_reason: str = ""

    @property
    def direction_lps(self) -> NDArray[np.float64]:
        """Unit direction from entry to target."""
        return unit(self.target_lps_mm - self.bone_entry_lps_mm)

    @property
    def bone_to_target_mm(self) -> float:
        """Depth from bone entry to target."""
        return float(np.linalg.norm(self.target_lps_mm - self.bone_entry_lps_mm))

    @property
    def skin_to_bone_mm(self) -> float | None:
        """Depth from skin to bone entry; None when the skin is not in the scan."""
        if self.skin_entry_lps_mm is None:
            return None
        return float(np.linalg.norm(self.bone_entry_lps_mm - self.skin_entry_lps_mm))


@dataclass(frozen=True)
class CementVolume:
    """Planned cement in ml: a band and the fraction of the body it is; `cap_ml` is never exceeded in one level."""

    low: float
    planned: float
    high: float
    cap_ml: float
    basis: str


@dataclass(frozen=True, eq=False)
class LevelPlan:
    """All needles of one level. `recommended` names the sides to use ("left",), ("right",) or both; empty = none."""

    level: str
    trajectories: tuple[Trajectory, ...]
    recommended: tuple[Side, ...]
    why: tuple[str, ...]
    true_ap: View | None
    true_lateral: View | None
    cement: CementVolume | None
    refused: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """Needle plans for the chosen levels, the session's totals, and what limits their use."""

    levels: tuple[LevelPlan, ...]
    purpose: str
    scan_position: str
    placement: dict[str, float] = field(default_factory=dict)
    needles_total: int = 0
    cement_total_ml: float | None = None
    open_gates: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def __getitem__(self, level: str) -> LevelPlan:
        for found in self.levels:
            if found.level == level:
                return found
        raise KeyError(level)
