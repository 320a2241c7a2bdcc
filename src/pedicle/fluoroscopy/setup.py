"""What a person asked for, turned into a setting: level, needle at its depth, C-arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.options import ShotOptions
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.views import Aim, counted_words, isocentre_lps_mm, reach_words, set_up, standard_arm
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import Side
from pedicle.model.placed import PlacedNeedle
from pedicle.model.scan import Scan
from pedicle.model.trajectory import Plan, Trajectory
from pedicle.model.vertebra import Spine

# Deeper than this past the target is no depth that a person meant.
_BEYOND_MM = 30.0


@dataclass(frozen=True, eq=False)
class Setting:
    """A picture about to be taken: the C-arm, and the needle that is put somewhere first (None = left as it is)."""

    level: str
    view: View
    beam: ConeBeam
    arm: CArm
    isocentre_lps_mm: NDArray[np.float64]
    placed: tuple[Side, PlacedNeedle] | None
    words: tuple[str, ...]


def choose(spine: Spine, plan: Plan, asked: ShotOptions) -> Setting:
    """The setting of a shot. Level and side are the first recommended ones where none is named.

    InputError 702 for a level that is not in the scan (or none planned and none named), 703 for a depth that is none.
    """
    level = asked.level or next((found.level for found in plan.levels if found.recommended), None)
    if level is None or level not in spine.levels:
        known = ", ".join(spine.levels)
        raise InputError(702, str(level or "command"), "no such level to look at", f"one of {known}", "name a level")
    trajectory = _trajectory(plan, level, asked.side)
    aim = Aim(spine, spine[level], asked.lying, asked.side, trajectory)
    arm = standard_arm()
    view, beam = set_up(asked.view, aim, arm)
    depth = depth_mm(asked.at, trajectory, level)
    placed = None if depth is None or trajectory is None else (trajectory.side, PlacedNeedle.on(trajectory, depth))
    said = [view.sentence, _depth_words(placed, depth), reach_words(view)]
    said += [counted_words(aim, beam)] if asked.view == "level-count" else []
    centre = isocentre_lps_mm(asked.view, aim, arm)
    return Setting(level, view, beam, arm, centre, placed, tuple(text for text in said if text))


def stage(scan: Scan | None, setting: Setting) -> Scene:
    """The patient about a setting; InputError 704 for a case made from a label map alone."""
    if scan is None:
        raise InputError(704, "case", "no CT", "a picture needs one", "run with a CT")
    height = float(setting.isocentre_lps_mm[2])
    return Scene.of(scan, (height, height), setting.arm)


def depth_mm(at: str | None, trajectory: Trajectory | None, level: str) -> float | None:
    """Depth of the tip past the bone entry for a word or a number; None = leave the needle as it is."""
    if at == "stay" or (at is None and trajectory is None):
        return None
    if trajectory is None:
        raise InputError(
            703, level, "no needle is planned here", "a planned needle", "name a planned side, or --at stay"
        )
    named = {
        None: trajectory.bone_to_target_mm,
        "target": trajectory.bone_to_target_mm,
        "posterior-wall": trajectory.posterior_wall_depth_mm,
        "docking": 0.0,
    }
    if at in named:
        return named[at]
    try:
        depth = float(str(at))
    except ValueError:
        depth = float("nan")
    if not -trajectory.needle.length_mm <= depth <= trajectory.bone_to_target_mm + _BEYOND_MM:
        limit = "docking, posterior-wall, target, stay, or mm from the bone entry"
        raise InputError(703, f"depth {at!r}", "not a depth of this needle", limit, "give one of these")
    return depth


def _trajectory(plan: Plan, level: str, side: Side | None) -> Trajectory | None:
    found = next((row for row in plan.levels if row.level == level), None)
    if found is None:
        return None
    wanted = side or next(iter(found.recommended), None)
    return next((trajectory for trajectory in found.trajectories if trajectory.side == wanted), None)


def _depth_words(placed: tuple[Side, PlacedNeedle] | None, depth: float | None) -> str:
    return "" if placed is None or depth is None else f"{placed[0]} needle {depth:.1f} mm past the bone entry"
