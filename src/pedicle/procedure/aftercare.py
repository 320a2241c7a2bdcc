"""After the last push: needles out in their window, hardening awaited, dressing, turning, hours of watching, home.

The course after the operation is scripted as uneventful, and the log says so: no value is made up that nobody measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from pedicle.care.checklist import answers_of
from pedicle.model.acts import Discharged, Dressed, NeedleRemoved, Observed, Scored, TimeOut, Turned
from pedicle.model.cure import CementClock
from pedicle.model.frames import Side
from pedicle.model.sourced import quantity
from pedicle.procedure.operating import Operating

UNEVENTFUL = {"course": "scripted as uneventful", "legs": "both move"}
_FILE = "operation/aftercare"
_FULL = {
    "aldrete": {"activity": 2, "respiration": 2, "circulation": 2, "consciousness": 2, "saturation": 2},
    "padss": {"vital signs": 2, "activity": 2, "nausea": 2, "pain": 2, "bleeding": 2},
}


def aftercare(operating: Operating) -> None:
    """Everything from the needle's removal to the way home."""
    clocks = operating.briefing.clocks
    for level, side in _in_order(operating, clocks):
        operating.do(NeedleRemoved(_out_s(operating, clocks.get(level)), level, side))
    operating.do(Dressed(operating.now_s + _s("dress")))
    operating.do(TimeOut(operating.now_s, "before leaving", answers_of(operating.briefing.patient, "before leaving")))
    operating.do(Turned(_turn_s(operating, clocks)))
    _watch(operating)
    for score in ("aldrete", "padss"):
        operating.do(Scored(operating.now_s, score, _FULL[score]))
    escort = "yes" if operating.briefing.patient.invented else "not stated"
    operating.do(Discharged(operating.now_s, "home", escort))


def _in_order(operating: Operating, clocks: Mapping[str, CementClock]) -> list[tuple[str, Side]]:
    """Needles that are still in; the one whose window closes first comes out first."""

    def closes(level: str) -> float:
        clock = clocks.get(level)
        return float("inf") if clock is None or clock.needle_until_s is None else clock.needle_until_s

    return sorted(((level, side) for level, side, _ in operating.state.needles), key=lambda one: closes(one[0]))


def _out_s(operating: Operating, clock: CementClock | None) -> float:
    """When a needle comes out: as soon as its window is open, now where the window is not known."""
    soonest = operating.now_s + _s("take_out")
    if clock is None or clock.needle_from_s is None:
        return soonest
    return max(soonest, clock.needle_from_s + _s("margin"))


def _turn_s(operating: Operating, clocks: Mapping[str, CementClock]) -> float:
    """When the patient is turned: nearly all cement has set and a margin has passed; an hour where that is not known."""
    hard = [clock.turn_s for clock in clocks.values()]
    if not hard or any(turn is None for turn in hard):
        return operating.now_s + _s("unknown")
    return max(operating.now_s, max(turn for turn in hard if turn is not None) + _s("margin"))


def _watch(operating: Operating) -> None:
    """Every quarter of an hour for the first hour, every half for the second, then hourly until the patient leaves."""
    began = operating.now_s
    for every, until in (("first", "first_until"), ("second", "second_until"), ("later", "home")):
        while operating.now_s + _s(every) <= began + _s(until) + 1e-6:
            operating.do(Observed(operating.now_s + _s(every), {}, UNEVENTFUL))


def _s(key: str) -> float:
    return quantity(_FILE, key).value
