"""The pictures that a plan lets one expect: AP, lateral and bull's-eye at docking, at the posterior wall, at the target."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np

from pedicle.fluoroscopy.advance import rule_of_advance
from pedicle.fluoroscopy.options import ExpectedOptions
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.shoot import shoot
from pedicle.fluoroscopy.views import Aim, reach_words, set_up, standard_arm
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.expected import STAGES, Expected, ExpectedLevel, ExpectedShot, Stage
from pedicle.model.frames import SIDES
from pedicle.model.notices import Notice
from pedicle.model.placed import PlacedNeedle
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Scan
from pedicle.model.trajectory import LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import Spine

_KINDS = {"true-ap": "AP", "true-lateral": "lateral", "bulls-eye": "bull's-eye"}


def depth_of(stage: Stage, trajectory: Trajectory) -> float:
    """Depth of the tip from the bone entry at a stage, mm: 0 when it stands on the bone."""
    depths = {
        "docking": 0.0,
        "posterior wall": trajectory.posterior_wall_depth_mm,
        "target": trajectory.bone_to_target_mm,
    }
    return depths[stage]


def expected_views(
    scan: Scan | None, spine: Spine, plan: Plan, options: ExpectedOptions | None = None, progress: Progress = silent
) -> Expected:
    """The expected pictures of every level with a recommended needle; none without a CT. Prone, as the plan is."""
    options = options or ExpectedOptions()
    levels = [level for level in plan.levels if used(level)]
    if scan is None or not levels:
        return Expected(())
    arm = standard_arm(options.pixels, options.field_mm)
    heights = [spine[level.level].centroid_lps_mm[2] for level in levels]
    scene = Scene.of(scan, (min(heights), max(heights)), arm)
    made, notices = [], list(scene.warnings)
    for number, level in enumerate(levels):
        progress(number / len(levels), f"expected pictures of {level.level}")
        made.append(_level(scene, spine, level))
        words = dict.fromkeys(reach_words(shot.view) for shot in made[-1].shots)
        notices += [Notice("carm-reach", level.level, text, "note") for text in words if text]
    return Expected(tuple(made), tuple(notices))


def used(level: LevelPlan) -> tuple[Trajectory, ...]:
    """The recommended needles of a level, left before right."""
    found = [trajectory for trajectory in level.trajectories if trajectory.side in level.recommended]
    return tuple(sorted(found, key=lambda trajectory: SIDES.index(trajectory.side)))


def _level(scene: Scene, spine: Spine, level: LevelPlan) -> ExpectedLevel:
    trajectories, vertebra = used(level), spine[level.level]
    aims = [("true-ap", trajectories), ("true-lateral", trajectories), *(("bulls-eye", (one,)) for one in trajectories)]
    shots = []
    for name, seen in aims:
        view, beam = set_up(name, Aim(spine, vertebra, "prone", seen[0].side, seen[0]), scene.arm)
        shots += [_shot(scene, name, stage, (view, beam), seen) for stage in STAGES]
    rules = tuple(rule_of_advance(spine, vertebra, trajectory, scene.arm) for trajectory in trajectories)
    return ExpectedLevel(level.level, tuple(shots), rules, reduce(add, (shot.dose for shot in shots)))


def _shot(
    scene: Scene, name: str, stage: Stage, pose: tuple[View, ConeBeam], seen: tuple[Trajectory, ...]
) -> ExpectedShot:
    view, beam = pose
    placed = tuple(PlacedNeedle.on(trajectory, depth_of(stage, trajectory)) for trajectory in seen)
    shot = shoot(scene, view, beam, placed, seen[0].level)
    tips = beam.project(np.array([needle.tip_lps_mm for needle in placed]))
    sides = tuple(trajectory.side for trajectory in seen)
    return ExpectedShot(stage, _KINDS[name], view, beam, sides, tips, shot.picture, shot.dose)  # type: ignore[arg-type]
