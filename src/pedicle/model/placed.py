"""A needle, and cement, where they lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.beam import material_names
from pedicle.model.frames import POSTERIOR, SUPERIOR, Pose, unit
from pedicle.model.needle import Needle
from pedicle.model.trajectory import Trajectory
from pedicle.model.volume import Volume

TipShape = Literal["diamond", "bevel"]
# A needle that runs within this sine of head-to-feet takes its roll from the back instead.
_UPRIGHT = 0.2


@dataclass(frozen=True, eq=False)
class PlacedNeedle:
    """A straight needle with its tip at `tip_lps_mm`, pushed along `direction_lps` (unit, from hub to tip), LPS mm.

    The tip is the point of the axis level with the needle's foremost point: of a diamond tip that is its apex; of a bevel
    the foremost point lies up to a radius beside it. With the stylet out the foremost point is the cannula's rim.
    `roll_deg` turns the tip about the axis: at 0 a bevel's foremost point lies to the head.
    """

    needle: Needle
    tip_lps_mm: NDArray[np.float64]
    direction_lps: NDArray[np.float64]
    stylet: bool = True
    shape: TipShape = "diamond"
    roll_deg: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tip_lps_mm", np.array(self.tip_lps_mm, dtype=np.float64))
        object.__setattr__(self, "direction_lps", unit(self.direction_lps))

    @classmethod
    def on(cls, trajectory: Trajectory, depth_mm: float | None = None, stylet: bool = True) -> PlacedNeedle:
        """The trajectory's needle with its tip `depth_mm` beyond the bone's surface, at the target when not given."""
        depth = trajectory.bone_to_target_mm if depth_mm is None else depth_mm
        tip = trajectory.bone_entry_lps_mm + depth * trajectory.direction_lps
        return cls(trajectory.needle, tip, trajectory.direction_lps, stylet)

    @cached_property
    def lps_from_needle(self) -> Pose:
        """Frame "needle": origin at the tip, z back along the needle to the hub, x towards the head at roll 0."""
        back = -self.direction_lps
        away = SUPERIOR if np.linalg.norm(np.cross(SUPERIOR, back)) > _UPRIGHT else POSTERIOR
        head = unit(away - (away @ back) * back)
        side = np.cross(back, head)
        turn = np.radians(self.roll_deg)
        x = np.cos(turn) * head + np.sin(turn) * side
        return Pose.from_axes("lps", "needle", np.stack([x, np.cross(back, x), back]), self.tip_lps_mm)

    def at(self, behind_mm: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) of the axis so many mm behind the tip."""
        behind = np.asarray(behind_mm, dtype=np.float64)
        return np.asarray(self.tip_lps_mm - behind[..., None] * self.direction_lps)


@dataclass(frozen=True, eq=False)
class PlacedCement:
    """Cement in the patient: the share of each voxel of a small grid that is cement, 0 to 1, or a mask.

    `material` is a name of data/fluoroscopy/beam.toml: "cement_barium" is PMMA with 30 % of its mass barium sulphate,
    "cement_zirconia" with 30 % zirconia. ValueError for another name, and for shares outside 0 to 1 or not finite.
    """

    filled: Volume
    material: str = "cement_barium"

    def __post_init__(self) -> None:
        if self.material not in material_names():
            raise ValueError(f"material {self.material!r} is none of {', '.join(material_names())}")
        values = self.filled.values
        if values.size and not (float(values.min()) >= 0.0 and float(values.max()) <= 1.0):
            raise ValueError("shares of cement lie between 0 and 1")
