"""After the last push: needles out in their window, hardening awaited, dressing, turning, hours of watching, home.

The course after the operation is scripted as uneventful, and the log says so: no value is made up that nobody measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pedicle.care.checklist import answers_of
from pedicle.care.monitoring import turn_s
from pedicle.care.rows import Rows, load_rows
from pedicle.care.scores import items_of
from pedicle.model.acts import Answer, Discharged, Dressed, NeedleRemoved, Observed, Score, Scored, TimeOut, Turned
from pedicle.model.cure import CementClock
from pedicle.model.frames import Side
from pedicle.model.sourced import quantity
from pedicle.procedure.operating import Operating
from pedicle.procedure.script import seconds

UNEVENTFUL = {"course": "scripted as uneventful", "legs": "both move"}
_FILE = "operation/aftercare"


def aftercare(operating: Operating) -> None:
    """Everything from the needle's removal to the way home."""
    clocks = operating.briefing.clocks
    for level, side in _in_order(operating, clocks):
        operating.do(NeedleRemoved(_out_s(operating, clocks.get(level)), level, side))
    operating.do(Dressed(operating.now_s + _s("dress")))
    operating.do(TimeOut(operating.now_s, "before leaving", answers_of(operating.briefing.patient, "before leaving")))
    rows = load_rows(operating.briefing.care.local)
    operating.do(Turned(_turn_s(operating, clocks, rows)))
    _watch(operating, rows)
    for score in get_args(Score):
        operating.do(Scored(operating.now_s, score, dict.fromkeys(items_of(score, rows), 2)))
    escort: Answer = "yes" if operating.briefing.patient.invented else "not stated"
    operating.do(Discharged(operating.now_s, "home", escort))


def _in_order(operating: Operating, clocks: Mapping[str, CementClock]) -> list[tuple[str, Side]]:
    """Needles that are still in; the one whose window closes first comes out first."""

    def closes(level: str) -> float:
        clock = clocks.get(level)
        return float("inf") if clock is None or clock.needle_until_s is None else clock.needle_until_s

    return sorted(((level, side) for level, side, _ in operating.state.needles), key=lambda one: closes(one[0]))


def _out_s(operating: Operating, clock: CementClock | None) -> float:
    """When a needle comes out: as soon as its window is open, now where the window is not known."""
    soonest = operating.now_s + seconds("draw")
    if clock is None or clock.needle_from_s is None:
        return soonest
    return max(soonest, clock.needle_from_s + _s("margin"))


def _turn_s(operating: Operating, clocks: Mapping[str, CementClock], rows: Rows) -> float:
    """When the patient is turned: nearly all cement has set and a margin has passed; later where that is not known."""
    hard, _ = turn_s(operating.state.acts, tuple(clocks.values()), rows.number("monitoring.lasts.margin"))
    return operating.now_s + _s("unknown") if hard is None else max(operating.now_s, hard)


def _watch(operating: Operating, rows: Rows) -> None:
    """As often as the tables of monitoring ask in the first and second hour, then hourly until the patient leaves."""
    every, lasts = rows.numbers("monitoring.every"), rows.numbers("monitoring.lasts")
    began, first_s = operating.now_s, lasts["first"].value
    spans = (
        (every["after_first"].value, first_s),
        (every["after_second"].value, first_s + lasts["second"].value),
        (_s("later"), _s("home")),
    )
    for step_s, until_s in spans:
        while operating.now_s + step_s <= began + until_s + 1e-6:
            operating.do(Observed(operating.now_s + step_s, {}, UNEVENTFUL))


def _s(key: str) -> float:
    return quantity(_FILE, key).value
