"""What a run scores: counted from its log, what gates found, and the truth. No pass marks: nobody has shown any.

Scores can be derived again from the log at any time. Each has a name, a value and a unit, and says what it counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from pedicle.model.acts import NeedleRemoved
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    LeakSeen,
    NeedleMoved,
    Pushed,
    TipMeasured,
    ViewTaken,
)
from pedicle.model.fill import InjectedLevel
from pedicle.model.finding import Finding, ScoreRow
from pedicle.model.frames import angle_deg
from pedicle.model.sourced import quantity
from pedicle.operation.briefing import Briefing

# A needle turned by more than this was aimed again, degrees; one moved by less than this was not advanced, mm.
_AIMED_DEG, _MOVED_MM = 0.2, 0.5
# A push within this time of a leak seen for the first time did not wait, s.
_AT_ONCE_S = 30.0
# Views: the words that name a lateral one.
_LATERAL = "lateral"


def scores(
    events: tuple[Event, ...],
    findings: tuple[Finding, ...],
    briefing: Briefing,
    injected: tuple[InjectedLevel, ...],
) -> tuple[ScoreRow, ...]:
    """All scores of a run; rows whose truth is not there are left out."""
    return (*_needle(events, briefing), *_pictures(events), *_cement(events, injected), *_rules(findings))


def _needle(events: tuple[Event, ...], briefing: Briefing) -> Iterator[ScoreRow]:
    ways = _ways(events)
    missed = [_missed_mm(moves, briefing) for moves in ways.values()]
    off = [value for value in missed if value is not None]
    if off:
        yield ScoreRow("tip error", max(off), "mm", "farthest of a cannula's rim from its target")
    aims = [angle_deg(np.array(a.direction_lps), np.array(b.direction_lps)) for a, b in _pairs(ways)]
    yield ScoreRow(
        "aimed again", sum(angle > _AIMED_DEG for angle in aims), "1", "times a needle's direction was changed"
    )
    said = [event for event in events if isinstance(event, TipMeasured)]
    wrong = [_told_wrong_mm(event, ways) for event in said]
    if wrong:
        yield ScoreRow("tip reading error", max(wrong), "mm", "farthest of a measured tip from the true one")


def _pictures(events: tuple[Event, ...]) -> Iterator[ScoreRow]:
    views = [event for event in events if isinstance(event, ViewTaken)]
    yield ScoreRow("pictures", len(views), "1", "X-ray pictures")
    yield ScoreRow("beam on", sum(one.dose.seconds for one in views), "s", "time under the beam")
    yield ScoreRow("dose", sum(one.dose.kap_gy_cm2 for one in views), "Gy cm2", "kerma-area product")
    blind, lateral = _advances(events)
    yield ScoreRow("advanced without a picture", blind, "1", "advances of a needle with no picture before the next")
    yield ScoreRow("advanced without a lateral", lateral, "1", "advances of a needle with no lateral before the next")


def _cement(events: tuple[Event, ...], injected: tuple[InjectedLevel, ...]) -> Iterator[ScoreRow]:
    begun = [event.t_s for event in events if isinstance(event, (NeedleMoved, InjectionStarted))]
    ended = [event.t_s for event in events if isinstance(event, InjectionEnded | NeedleRemoved)]
    if begun and ended:
        yield ScoreRow("time", max(ended) - min(begun), "s", "from the first needle in to the last one out")
    yield ScoreRow(
        "most between looks",
        _between_looks_ml(events),
        "ml",
        "most asked of the syringe between two pictures; filling the cannula counts",
    )
    yield ScoreRow("pushed on at once", _at_once(events), "1", "pushes within half a minute of a leak first seen")
    if injected:
        leaks = [leak for level in injected for leak in level.fill.leaks]
        unseen = sum(leak.ml for leak in leaks if leak.seen_ap_s is None and leak.seen_lateral_s is None)
        yield ScoreRow("in the body", sum(one.fill.in_body_ml for one in injected), "ml", "cement in the bodies")
        yield ScoreRow("leaked", sum(leak.ml for leak in leaks), "ml", "cement outside the bodies")
        yield ScoreRow("leaked unseen", unseen, "ml", "of it what no picture showed")


def _rules(findings: tuple[Finding, ...]) -> Iterator[ScoreRow]:
    against = [one for one in findings if one.verdict == "refused"]
    medial = sum(one.gate in ("rule of advance", "canal") for one in against)
    yield ScoreRow("medial wall", medial, "1", "positions of a needle against the rule of advance, or in the canal")
    others = sum(one.gate not in ("rule of advance", "canal") and not one.overridden for one in against)
    yield ScoreRow("protocol", others, "1", "other events that a gate speaks against")
    yield ScoreRow("overridden", sum(bool(one.overridden) for one in against), "1", "gates passed with a typed reason")


Ways = dict[tuple[str, str], list[NeedleMoved]]


def _ways(events: tuple[Event, ...]) -> Ways:
    """Every needle's positions, in order."""
    found: Ways = {}
    for event in events:
        if isinstance(event, NeedleMoved):
            found.setdefault((event.level, event.side), []).append(event)
    return found


def _pairs(ways: Ways) -> Iterator[tuple[NeedleMoved, NeedleMoved]]:
    for moves in ways.values():
        yield from itertools.pairwise(moves)


def _missed_mm(moves: list[NeedleMoved], briefing: Briefing) -> float | None:
    """How far the cannula's rim lies from its target, by the last position with the stylet in."""
    plan = briefing.level(moves[-1].level)
    target = (
        next((one.target_lps_mm for one in plan.trajectories if one.side == moves[-1].side), None) if plan else None
    )
    closed = [move for move in moves if move.stylet]
    if target is None or not closed:
        return None
    beyond = quantity("fluoroscopy/needle", "stylet", "beyond_cannula").value
    rim = np.array(closed[-1].tip_lps_mm) - beyond * np.array(closed[-1].direction_lps)
    return float(np.linalg.norm(rim - target))


def _told_wrong_mm(event: TipMeasured, ways: Ways) -> float:
    moves = [move for move in ways.get((event.level, event.side), []) if move.t_s <= event.t_s]
    return float(np.linalg.norm(np.array(moves[-1].tip_lps_mm) - np.array(event.tip_lps_mm))) if moves else 0.0


def _advances(events: tuple[Event, ...]) -> tuple[int, int]:
    """Advances of a needle that no picture, and that no lateral, followed before it went on or cement was connected."""
    blind = without_lateral = 0
    last: Mapping[tuple[str, str], NeedleMoved] = {}
    seen: list[str] = ["AP", _LATERAL]
    for event in events:
        if isinstance(event, ViewTaken):
            seen.append(event.view)
        elif isinstance(event, (NeedleMoved, InjectionStarted)):
            blind += not seen
            without_lateral += not any(_LATERAL in view for view in seen)
            before = last.get((event.level, event.side))
            if isinstance(event, NeedleMoved):
                last = {**last, (event.level, event.side): event}
                seen = [] if _advanced(before, event) else ["not advanced", _LATERAL]
    return blind, without_lateral


def _advanced(before: NeedleMoved | None, event: NeedleMoved) -> bool:
    """Whether a needle went deeper; one first placed, turned or drawn back did not."""
    if before is None:
        return True
    step = np.array(event.tip_lps_mm) - np.array(before.tip_lps_mm)
    return bool(step @ np.array(event.direction_lps) > _MOVED_MM)


def _between_looks_ml(events: tuple[Event, ...]) -> float:
    """Most that was asked of the syringe between two pictures."""
    most = since = 0.0
    for event in events:
        if isinstance(event, ViewTaken | InjectionStarted):
            since = 0.0
        elif isinstance(event, Pushed) and event.kind == "flow":
            since += event.value * event.duration_s / 1e3
            most = max(most, since)
    return most


def _at_once(events: tuple[Event, ...]) -> int:
    """Pushes that began within half a minute of the first sight of a leak, the injection going on."""
    count, seen_s, ended = 0, -np.inf, True
    for event in events:
        if isinstance(event, LeakSeen):
            seen_s = event.t_s
        elif isinstance(event, InjectionStarted | InjectionEnded):
            ended, seen_s = isinstance(event, InjectionEnded), -np.inf
        elif isinstance(event, Pushed) and event.value > 0.0 and not ended and np.isfinite(seen_s):
            count += event.t_s - event.duration_s < seen_s + _AT_ONCE_S
            seen_s = -np.inf
    return count
