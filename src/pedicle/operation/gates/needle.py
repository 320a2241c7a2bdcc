"""Gates of the needle: the level and side it is in, the canal, the rule of advance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.advance import rule_for
from pedicle.model.events import NeedleMoved, OperationState
from pedicle.model.finding import Finding
from pedicle.model.frames import Side
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra
from pedicle.operation.briefing import Briefing

Array = NDArray[np.float64]
_FILE = "operation/gates"
_RULE = "rule of advance: RadiologyKey chapter 10"
# The shaft is looked at every half millimetre, this far behind the tip; farther back it is in soft tissue.
_STEP_MM, _SHAFT_MM = 0.5, 60.0
# So far behind the tip a needle at its target is behind the pedicle.
_BEHIND_MM = 30.0


def moved(state: OperationState, event: NeedleMoved, briefing: Briefing) -> list[Finding]:
    """What speaks against a needle where it is said to go."""
    vertebra = briefing.vertebrae.get(event.level)
    if vertebra is None or vertebra.maps is None or vertebra.lps_from_vertebra is None:
        return [
            _finding(event, 720, "level", "no such vertebra with its outline", "a measured level", "name the level")
        ]
    tip, direction = np.array(event.tip_lps_mm), np.array(event.direction_lps)
    found = _wrong_level(event, tip, briefing) + _wrong_side(event, vertebra, tip, direction)
    if found:
        return found
    ahead = _in_front(event, vertebra, tip)
    return _canal(event, vertebra, tip, direction) + ahead + _advance(event, vertebra, (tip, direction), briefing)


def at_place(vertebra: Vertebra, tip: Array) -> float | None:
    """How deep a tip lies under the body's own surface, mm, negative outside; None without an outline."""
    if vertebra.maps is None:
        return None
    return -float(vertebra.maps.surface_mm.sampled(tip, order=1, fill=99.0))


def _wrong_level(event: NeedleMoved, tip: Array, briefing: Briefing) -> list[Finding]:
    """The vertebra that a tip is in, or next to, against the one that was named."""
    away = {
        name: float(one.maps.surface_mm.sampled(tip, order=1, fill=99.0))
        for name, one in briefing.vertebrae.items()
        if one.maps is not None
    }
    nearest = min(away, key=lambda name: away[name])
    if nearest == event.level or away[nearest] > quantity(_FILE, "level_nearest").value:
        return []
    words = f"the tip is {'in' if away[nearest] < 0 else 'at'} {nearest}"
    return [_finding(event, 720, "level", words, f"planned level {event.level}", "count the levels again")]


def _wrong_side(event: NeedleMoved, vertebra: Vertebra, tip: Array, direction: Array) -> list[Finding]:
    assert vertebra.lps_from_vertebra is not None
    behind = vertebra.lps_from_vertebra.inverse @ (tip - _BEHIND_MM * direction)
    is_in = side_of(float(behind[0]), quantity(_FILE, "side_least").value)
    if is_in in (None, event.side):
        return []
    return [_finding(event, 721, "side", f"the needle is on the {is_in}", f"said to be {event.side}", "check the side")]


def side_of(left_mm: float, least_mm: float) -> Side | None:
    """The side of a point so far to the left of a vertebra's midline; None near the midline.

    >>> side_of(12.0, 5.0), side_of(-12.0, 5.0), side_of(3.0, 5.0)
    ('left', 'right', None)
    """
    if abs(left_mm) < least_mm:
        return None
    return "left" if left_mm > 0 else "right"


def _canal(event: NeedleMoved, vertebra: Vertebra, tip: Array, direction: Array) -> list[Finding]:
    """The needle's surface against the canal's wall, along the shaft."""
    assert vertebra.maps is not None
    points = tip - np.arange(0.0, _SHAFT_MM, _STEP_MM)[:, None] * direction
    free = float(vertebra.maps.canal_mm.sampled(points, order=1, fill=99.0).min()) - event.needle.radius_mm
    if free >= 0.0:
        return []
    found = f"the {event.side} needle is {-free:.1f} mm inside the spinal canal"
    return [_finding(event, 723, "canal", found, "outside the canal", "draw it back and go more lateral")]


def _in_front(event: NeedleMoved, vertebra: Vertebra, tip: Array) -> list[Finding]:
    """A tip that has left the body through its front half: vessels lie there."""
    deep = at_place(vertebra, tip)
    assert vertebra.lps_from_vertebra is not None
    if deep is None or deep >= 0.0 or float((vertebra.lps_from_vertebra.inverse @ tip)[1]) >= 0.0:
        return []
    found = f"the tip is {-deep:.1f} mm outside the body, in its front half"
    return [_finding(event, 725, "tip", found, "inside the body", "draw it back")]


def _advance(event: NeedleMoved, vertebra: Vertebra, way: tuple[Array, Array], briefing: Briefing) -> list[Finding]:
    """The rule of advance: medial of the pedicle's wall on AP while behind the posterior wall on lateral."""
    tip, direction = way
    plan = briefing.level(event.level)
    trajectory = next((one for one in plan.trajectories if one.side == event.side), None) if plan else None
    if trajectory is None:
        return [_finding(event, 721, "side", f"no {event.side} needle is planned", "a planned needle", "plan it first")]
    if trajectory.approach != "transpedicular":
        return []
    rule = rule_for(briefing.spine, vertebra, trajectory)
    if isinstance(rule, str):
        return [
            _finding(event, 724, "rule of advance", rule, "pedicle and wall measured", "look yourself", "unanswered")
        ]
    # A straight needle went where its shaft lies: all of it that is in the bone is looked at, not the tip alone.
    back = np.arange(0.0, max(float((tip - trajectory.bone_entry_lps_mm) @ direction), 0.0) + _STEP_MM, _STEP_MM)
    medial, behind = rule.along(tip - back[:, None] * direction)
    against = (medial < 0.0) & (behind > 0.0)
    if not against.any():
        return []
    worst = int(np.where(against, medial, 0.0).argmin())
    found = f"{-medial[worst]:.1f} mm over the pedicle's medial wall on AP, {behind[worst]:.1f} mm behind the posterior wall"
    return [
        _finding(event, 724, "rule of advance", found, "behind the wall lateral of it", "draw back, go more lateral")
    ]


def _finding(
    event: NeedleMoved, code: int, gate: str, found: str, limit: str, fix: str, verdict: str = "refused"
) -> Finding:
    where = f"{event.level} {event.side}"
    return Finding(code, gate, where, found, limit, fix, _RULE if code == 724 else "the plan", verdict, event.t_s)  # type: ignore[arg-type]
