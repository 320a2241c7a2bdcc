"""Gates of the end: the needle's window, turning, leaving."""

from __future__ import annotations

from pedicle.care.rows import load_rows
from pedicle.care.scores import taken
from pedicle.model.acts import Discharged, NeedleRemoved, Score, Scored, TimeOut, Turned
from pedicle.model.cure import CementClock
from pedicle.model.events import OperationState
from pedicle.model.finding import Finding
from pedicle.operation.briefing import Briefing

CLOCK = "the clock of this cement in this bone"
CHECKLIST = "CIRSE checklist after WHO and RADPASS"
SCORE = "Aldrete, PADSS"


def needle_out(state: OperationState, event: NeedleRemoved, briefing: Briefing) -> list[Finding]:
    """Too early a string of cement follows the needle, too late the cement holds it: a warning on either side."""
    now, clock = state.injection(event.level), briefing.clocks.get(event.level)
    if now is None:
        return []
    where = f"{event.level} {event.side}"
    if clock is None or clock.needle_from_s is None or clock.needle_until_s is None:
        return [Finding(730, "needle window", where, "the window is not known", "the cement's clock", "turn it first", CLOCK, "unanswered")]  # fmt: skip
    if event.t_s < clock.needle_from_s:
        early = f"out {_minutes(clock.needle_from_s - event.t_s)} before the cement tears off"
        return [Finding(730, "needle window", where, early, "window of the cement", "wait", CLOCK, "warning")]
    if event.t_s > clock.needle_until_s:
        late = f"out {_minutes(event.t_s - clock.needle_until_s)} after the cement has begun to hold it"
        return [
            Finding(730, "needle window", where, late, "window of the cement", "turn it, do not pull", CLOCK, "warning")
        ]
    return []


def turned(state: OperationState, event: Turned, briefing: Briefing) -> list[Finding]:
    """No turning with a needle in, before the cement has set, before the last block of the checklist."""
    found = [
        Finding(731, "turning", f"{level} {side}", "a needle is still in", "all needles out", "take it out", CHECKLIST)
        for level, side, _ in state.needles
    ]
    for level, _ in state.injections:
        found += _hard(level, event.t_s, briefing.clocks.get(level))
    if not any(isinstance(act, TimeOut) and act.block == "before leaving" for act in state.acts):
        found.append(
            Finding(722, "time-out", "table", "the block before leaving was not read", "read aloud before", "read it", CHECKLIST)
        )  # fmt: skip
    return found


def discharged(state: OperationState, event: Discharged, briefing: Briefing) -> list[Finding]:
    """No leaving before a score that allows it was taken after turning, and cement that bears a standing patient."""
    turned_s = [act.t_s for act in state.acts if isinstance(act, Turned)]
    if not turned_s:
        return [
            Finding(732, "discharge", "patient", "still on the table", "turned and watched", "turn the patient", SCORE)
        ]
    rows = load_rows(briefing.care.local)
    since = [act for act in state.acts if isinstance(act, Scored) and act.t_s >= turned_s[-1]]
    last = {act.score: taken(act, rows) for act in since}
    needed: tuple[Score, ...] = ("aldrete", "padss") if event.to == "home" else ("aldrete",)
    found = []
    for name in needed:
        leave_at = f"at least {rows.number(f'scores.{name}.leave_at').value:g}"
        if name not in last:
            words, fix = f"no {name} score since turning", "take it"
        elif last[name].leave != "yes":
            total = last[name].total
            words, fix = f"{name} score {'not complete' if total is None else total}", "go on watching"
        else:
            continue
        found.append(Finding(732, "discharge", "patient", words, leave_at, fix, SCORE))
    if event.to == "home" and event.escort != "yes":
        verdict = "refused" if event.escort == "no" else "unanswered"
        found.append(Finding(732, "discharge", "patient", f"escort: {event.escort}", "somebody who goes along", "ask", SCORE, verdict))  # type: ignore[arg-type]  # fmt: skip
    return found


def _hard(level: str, t_s: float, clock: CementClock | None) -> list[Finding]:
    if clock is None or clock.set_s is None:
        return [Finding(731, "turning", level, "when the cement sets is not known", "set cement", "wait an hour", CLOCK, "unanswered")]  # fmt: skip
    if t_s < clock.set_s:
        words = f"the cement sets in {_minutes(clock.set_s - t_s)}"
        return [Finding(731, "turning", level, words, "half of it set at least", "wait", CLOCK)]
    if clock.turn_s is None or t_s < clock.turn_s:
        return [Finding(731, "turning", level, "part of the cement has not set", "nearly all of it set", "wait", CLOCK, "warning")]  # fmt: skip
    return []


def _minutes(seconds: float) -> str:
    return f"{seconds / 60.0:.1f} min"
