"""A needle brought through the pedicle by the scripted operator: it errs, looks, reads the tip, corrects, and goes on.

What is corrected comes from what the pictures say, never from the truth. On the way the tip is read by eye; once the
syringe is connected it is measured in two pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.advance import rule_for
from pedicle.fluoroscopy.tip import locate
from pedicle.model.acts import NeedleSecured, TipConfirmed
from pedicle.model.errors import RefusedError
from pedicle.model.events import TipMeasured
from pedicle.model.fill import KINDS
from pedicle.model.frames import Side, angle_deg, unit
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Trajectory
from pedicle.operation import measured, moved, triple
from pedicle.operation.gates.needle import at_place
from pedicle.procedure.operating import Looking, Operating
from pedicle.procedure.script import STOPS, Stop, seconds

Array = NDArray[np.float64]
_LIMITS, _NEEDLE, _OPERATORS = "planning/limits", "fluoroscopy/needle", "operation/operators"
# A correction after a refusal goes this much more to the side, mm at the target's depth.
_ASIDE_MM = 3.0
# Step along the way ahead, mm.
_LOOK_MM = 1.0


@dataclass
class _Way:
    """One needle on its way: what is planned, where it truly is, and how often it was aimed."""

    trajectory: Trajectory
    entry: Array
    direction: Array
    aimed: int = 1
    aside_mm: float = 0.0

    def at(self, depth_mm: float) -> PlacedNeedle:
        return PlacedNeedle(self.trajectory.needle, self.entry + depth_mm * self.direction, self.direction)


def needle_in(operating: Operating, looking: Looking, trajectory: Trajectory) -> PlacedNeedle | str:
    """The needle at its target, secured; or why it was given up."""
    way = _aimed(operating, trajectory)
    level, side = trajectory.level, trajectory.side
    operating_time = operating.now_s + seconds("dock")
    while True:
        try:
            _through(operating, looking, way, operating_time)
            break
        except RefusedError as refused:
            if way.aimed >= operating.script.attempts:
                return f"given up after {way.aimed} attempts: {refused.found} ({refused.limit})"
            operating_time = operating.now_s + seconds("redirect")
            way = _aimed(operating, trajectory, way)
    operating.do(NeedleSecured(operating.now_s + seconds("secure"), level, side))
    placed = operating.state.needle(level, side)
    assert placed is not None
    return placed


def stylet_out(placed: PlacedNeedle) -> PlacedNeedle:
    """The cannula where it is with its stylet taken out: its rim lies behind where the stylet's point was."""
    if not placed.stylet:
        return placed
    back = quantity(_NEEDLE, "stylet", "beyond_cannula").value
    return replace(placed, tip_lps_mm=placed.at(back), stylet=False)


def confirm(operating: Operating, looking: Looking, level: str, side: Side) -> None:
    """Both views taken, the tip measured in them, or read by eye where no measurement is found, and confirmed.

    RefusedError where it is seen outside the body.
    """
    plan = operating.briefing.level(level)
    assert plan is not None
    expected = PlacedNeedle.on(next(one for one in plan.trajectories if one.side == side), stylet=False)
    first, second = (looking.take(operating, kind) for kind in KINDS)
    others = tuple(
        PlacedNeedle.on(one)
        for one in plan.trajectories
        if one.side != side and operating.state.needle(level, one.side) is not None
    )
    found = locate(first, second, expected, others=others)
    if found.tip is None:
        event = _by_eye(operating, level, side, found.reason)
    else:
        event = measured(operating.state, level, side, found.tip)
    operating.do(event)
    deep, least = (
        at_place(operating.vertebrae[level], np.array(event.tip_lps_mm)),
        quantity(_LIMITS, "tip_inside_body").value,
    )
    if deep is not None and deep < least:
        raise RefusedError(725, f"{level} {side}", f"the tip is seen {deep:.1f} mm inside the bone", f"at least {least:g} mm", "place it again")  # fmt: skip
    operating.do(TipConfirmed(operating.now_s, level, side))


def _aimed(operating: Operating, trajectory: Trajectory, before: _Way | None = None) -> _Way:
    """The needle put to the bone and aimed as planned, each with the hand's error; after a refusal more to the side.

    It is aimed along the planned direction: who enters beside the plan ends beside the target, until pictures show it.
    """
    script, chance = operating.script, operating.chance
    away = _outward(operating, trajectory)
    aside = 0.0 if before is None else before.aside_mm + _ASIDE_MM
    forward = trajectory.direction_lps
    error = chance.normal(0.0, 1.0, 3)
    across = error - (error @ forward) * forward
    entry = trajectory.bone_entry_lps_mm + script.entry_sd_mm * across
    turn = chance.normal(0.0, script.turn_sd_mm, 3)
    target = trajectory.target_lps_mm + aside * away + turn - (turn @ forward) * forward
    direction = unit(target - trajectory.bone_entry_lps_mm)
    return _Way(trajectory, entry, direction, 1 if before is None else before.aimed + 1, aside)


def _through(operating: Operating, looking: Looking, way: _Way, docked_s: float) -> None:
    """From the bone to the target, with a look at every stop and a correction where the pictures ask for it."""
    trajectory, script = way.trajectory, operating.script
    at_s = docked_s
    for stop in STOPS:
        _advance(operating, way, _depth(trajectory, stop), at_s)
        if stop in script.both_views:
            for kind in KINDS:
                looking.take(operating, kind)
            if stop in ("docking", "pedicle"):
                _judge(operating, way, _depth(trajectory, stop))
        else:
            looking.take(operating, "AP")
        at_s = operating.now_s + seconds("advance")


def _advance(operating: Operating, way: _Way, depth_mm: float, t_s: float) -> None:
    side = way.trajectory.side
    operating.do(replace(moved(operating.state, way.trajectory.level, (side, way.at(depth_mm))), t_s=t_s))


def _depth(trajectory: Trajectory, stop: Stop) -> float:
    wall = min(trajectory.posterior_wall_depth_mm, trajectory.bone_to_target_mm)
    depths: dict[Stop, float] = {
        "docking": 0.0,
        "pedicle": 0.5 * wall,
        "posterior wall": wall,
        "target": _point_depth(trajectory),
    }
    return depths[stop]


def _point_depth(trajectory: Trajectory) -> float:
    """Depth of the stylet's point with which the cannula's rim lies at the target, as far as the front wall allows."""
    beyond, keep = quantity(_NEEDLE, "stylet", "beyond_cannula").value, quantity(_OPERATORS, "front", "kept").value
    ahead = trajectory.clearance.get("anterior")
    free = 0.0 if ahead is None or ahead.mm is None else max(0.0, ahead.mm - keep)
    return trajectory.bone_to_target_mm + min(beyond, free)


def _judge(operating: Operating, way: _Way, depth_mm: float) -> None:
    """Read the needle in both views; aim again where it would miss its target, or come too near to the medial wall."""
    tip, direction = _read(operating, way)
    lacking = _medial_lack(operating, way, tip, direction)
    way.aside_mm += lacking
    wanted = way.trajectory.target_lps_mm + way.aside_mm * _outward(operating, way.trajectory)
    miss = tip + float((wanted - tip) @ direction) * direction - wanted
    if lacking > 0.0 or float(np.linalg.norm(miss)) > operating.script.corrects_over_mm:
        _correct(operating, way, miss, depth_mm)


def _read(operating: Operating, way: _Way) -> tuple[Array, Array]:
    """Tip and direction as an eye reads them in two views."""
    script, chance = operating.script, operating.chance
    held = operating.state.needle(way.trajectory.level, way.trajectory.side)
    assert held is not None
    tip = held.tip_lps_mm + chance.normal(0.0, script.eye_sd_mm, 3)
    return tip, unit(held.direction_lps + chance.normal(0.0, np.radians(script.eye_turn_deg), 3))


def _medial_lack(operating: Operating, way: _Way, tip: Array, direction: Array) -> float:
    """By how much a needle that goes on like this comes nearer to the pedicle's medial wall than the policy wants, behind the
    posterior wall, mm; 0 where the rule cannot be judged."""
    trajectory = way.trajectory
    rule = rule_for(operating.spine, operating.spine[trajectory.level], trajectory)
    if isinstance(rule, str) or trajectory.approach != "transpedicular":
        return 0.0
    ahead = np.arange(0.0, trajectory.posterior_wall_depth_mm, _LOOK_MM)
    medial, behind = rule.along(tip + ahead[:, None] * direction)
    near = medial[behind > 0.0]
    return max(0.0, operating.script.medial_margin_mm - float(near.min())) if near.size else 0.0


def _correct(operating: Operating, way: _Way, miss: Array, depth_mm: float) -> None:
    """Aim again from where the tip is, against the miss, with the hand's error of turning."""
    tip = way.entry + depth_mm * way.direction
    left = way.trajectory.bone_to_target_mm - depth_mm
    turn = operating.chance.normal(0.0, operating.script.turn_sd_mm, 3)
    way.direction = unit(left * way.direction - miss + turn)
    way.entry = tip - depth_mm * way.direction
    _advance(operating, way, depth_mm, operating.now_s + seconds("redirect"))


def _outward(operating: Operating, trajectory: Trajectory) -> Array:
    """Unit direction from the midline to this needle's side."""
    right = operating.spine[trajectory.level].right
    assert right is not None
    return np.asarray(-right if trajectory.side == "left" else right)


def _by_eye(operating: Operating, level: str, side: Side, why: str) -> TipMeasured:
    """The tip as an eye reads it where no measurement is found in the pictures."""
    held = operating.state.needle(level, side)
    assert held is not None
    sd_mm = operating.script.eye_sd_mm
    tip = held.tip_lps_mm + operating.chance.normal(0.0, sd_mm, 3)
    covariance = tuple((sd_mm**2 * np.eye(3)).ravel().tolist())
    apart = angle_deg(*(np.array(view.detector_lps) for view in operating.state.views[-2:]))
    return TipMeasured(operating.now_s, level, side, triple(tip), covariance, apart, "by eye", why)
