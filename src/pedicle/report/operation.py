"""The operation on paper: what was done when, what gates found, what the run scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pedicle.model.acts import (
    AnaestheticInjected,
    BiopsyTaken,
    CementMixed,
    CrisisArose,
    CrisisTreated,
    Discharged,
    Dressed,
    DrugGiven,
    LevelCounted,
    NeedleRemoved,
    NeedleSecured,
    Observed,
    Overridden,
    Scored,
    TimeOut,
    TipConfirmed,
    Turned,
)
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    LeakSeen,
    NeedleMoved,
    Positioned,
    Pushed,
    SyringeChanged,
    TipMeasured,
    ViewTaken,
)
from pedicle.model.finding import Finding, ScoreRow
from pedicle.report.tables import Table
from pedicle.report.words import clock, figure, listed, sentence

SCRIPTED = (
    "A script operated, not a person: it errs by a stated spread and looks as its policy says. What it does is no evidence of how "
    "well anyone works. The hours after the operation are scripted as uneventful."
)
NO_PASS_MARKS = (
    "Counted from the log and the truth of the simulation. No pass marks: nobody has shown any. Whoever trains with this should know "
    "that such scores separate operators only as far as they have been tested."
)
_TIP_WORDS = {"two pictures": "measured in two pictures", "by eye": "read by eye in two views"}
_UNITS = {"l_min": "l/min", "ug": "µg"}


@dataclass(frozen=True)
class FoundRow:
    """A finding of a gate, for a list: its colour, its weight in words, where, and what."""

    colour: str
    weight: str
    where: str
    text: str


@dataclass(frozen=True)
class OperationPages:
    """What the report shows of the operation as a whole."""

    timeline: Table
    found: tuple[FoundRow, ...]
    overridden: tuple[FoundRow, ...]
    scores: Table
    scripted: str = SCRIPTED


def operation_pages(
    events: tuple[Event, ...], findings: tuple[Finding, ...], scores: tuple[ScoreRow, ...]
) -> OperationPages:
    """The pages of an operation from its log, what gates found, and its scores."""
    timeline = Table(
        "What was done when", ("Time", "What"), tuple(_rows(events)), "Minutes and seconds of the operation."
    )
    rows = [_found(one) for one in findings if not one.overridden]
    passed = [_found(one) for one in findings if one.overridden]
    score_rows = tuple(
        (row.name, f"{figure(row.value, _decimals(row))} {_unit(row.unit)}".strip(), row.counts) for row in scores
    )
    table = Table("Scores of this run", ("Score", "Value", "What it counts"), score_rows, NO_PASS_MARKS)
    return OperationPages(timeline, tuple(dict.fromkeys(rows)), tuple(passed), table)


def _rows(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    """A row an event; views, pushes and syringes that follow each other share one."""
    rows: list[tuple[str, str]] = []
    waiting: list[Event] = []
    for event in events:
        if isinstance(event, ViewTaken | Pushed | SyringeChanged):
            waiting.append(event)
            continue
        rows += _together(waiting)
        waiting = []
        rows.append((clock(event.t_s), WORDS[type(event)](event)))
    return rows + _together(waiting)


def _together(events: list[Event]) -> list[tuple[str, str]]:
    """Pictures and pushes between two other events, in one row."""
    if not events:
        return []
    views = [event for event in events if isinstance(event, ViewTaken)]
    pushes = [event for event in events if isinstance(event, Pushed)]
    asked = sum(one.value * one.duration_s for one in pushes if one.kind == "flow") / 1e3
    waited = sum(one.duration_s for one in pushes if one.value == 0.0)
    parts = []
    if asked:
        parts.append(f"plunger pushed, {figure(asked, 1)} ml asked for")
    if waited > 1.0:
        parts.append(f"waited {figure(waited, 0)} s")
    if views:
        kinds = listed(list(dict.fromkeys(view.view for view in views)))
        parts.append(f"{len(views)} {'picture' if len(views) == 1 else 'pictures'} ({kinds})")
    first, last = clock(events[0].t_s), clock(events[-1].t_s)
    return [(first if first == last else f"{first} to {last}", sentence("; ".join(parts)))] if parts else []


def _needle(event: NeedleMoved) -> str:
    state = "" if event.stylet else ", stylet out"
    return f"{event.level} {event.side} needle, {event.needle.gauge} G{state}: tip at {_point(event.tip_lps_mm)}."


def _point(point: tuple[float, float, float]) -> str:
    return ", ".join(figure(value, 1) for value in point) + " mm LPS"


def _tip(event: TipMeasured) -> str:
    why = f" (not measured: {event.why})" if event.why else ""
    return f"{event.level} {event.side} tip {_TIP_WORDS[event.basis]}: {_point(event.tip_lps_mm)}{why}."


def _time_out(event: TimeOut) -> str:
    count = {answer: sum(one == answer for one in event.answers.values()) for answer in ("yes", "no", "not stated")}
    said = f" Said aloud: {listed([f'{level} {side}' for level, side in event.levels])}." if event.levels else ""
    items = ", ".join(f"{number} {answer}" for answer, number in count.items() if number)
    return f"Checklist {event.block}: {items}.{said}"


def _drug(event: DrugGiven) -> str:
    return f"{event.drug} {event.amount:g} {_UNITS.get(event.unit, event.unit)} {event.route}."


def _anaesthetic(event: AnaestheticInjected) -> str:
    with_ = " with adrenaline" if event.adrenaline else ""
    volume = figure(event.volume_ml, 1)
    return f"{event.level} {event.side}, {event.layer}: {event.drug} {event.percent:g} %{with_}, {volume} ml."


def _observed(event: Observed) -> str:
    numbers = [f"{name.replace('_', ' ')} {value:g}" for name, value in event.values.items()]
    words = [f"{name}: {text}" for name, text in event.words.items()]
    return f"Watched: {'; '.join([*numbers, *words])}."


WORDS: dict[type[Event], Callable[[Any], str]] = {
    TimeOut: _time_out,
    Positioned: lambda e: f"Patient {e.lying}, {e.first} first.",
    LevelCounted: lambda e: f"{e.level} counted from {e.landmark}.",
    DrugGiven: _drug,
    AnaestheticInjected: _anaesthetic,
    NeedleMoved: _needle,
    TipMeasured: _tip,
    TipConfirmed: lambda e: f"{e.level} {e.side} tip confirmed.",
    BiopsyTaken: lambda e: f"{e.level} {e.side}: biopsy taken.",
    NeedleSecured: lambda e: f"{e.level} {e.side} needle secured.",
    CementMixed: lambda e: f"Batch {e.mix} of {e.cement} mixed, room {e.room_c:g} °C.",
    InjectionStarted: lambda e: f"{e.level} {e.side}: syringe connected, cement {clock(e.t_s - e.mixed_s)} min old.",
    LeakSeen: lambda e: f"{e.level}: cement seen outside the body ({e.place.replace('_', ' ')}) on {e.view}.",
    InjectionEnded: lambda e: f"{e.level} {e.side}: injection ended: {e.reason}.",
    NeedleRemoved: lambda e: f"{e.level} {e.side} needle {'turned and ' if e.turned else ''}taken out.",
    Dressed: lambda e: "Skin cleaned and dressed.",
    Turned: lambda e: "Turned onto the back.",
    Observed: _observed,
    Scored: lambda e: f"{e.score} score {sum(e.points.values())}.",
    Discharged: lambda e: f"Left for {e.to}; escort: {e.escort}.",
    CrisisArose: lambda e: f"Crisis: {e.crisis}.",
    CrisisTreated: lambda e: f"{e.crisis}: {e.action}.",
    Overridden: lambda e: f"Gate {e.gate} overridden: {e.reason}",
    ViewTaken: lambda e: f"Picture {e.view}.",
    Pushed: lambda e: "Plunger pushed.",
    SyringeChanged: lambda e: "Next syringe.",
}


def _found(one: Finding) -> FoundRow:
    colour = {"refused": "danger", "warning": "caution", "unanswered": "note"}[one.verdict]
    text = f"{sentence(one.found)} Limit: {one.limit}. Source: {one.source}."
    if one.overridden:
        return FoundRow("danger", "Overridden", f"{clock(one.t_s)} {one.where}", f"Reason: {one.overridden}. {text}")
    weight = {"refused": "Against", "warning": "Warning", "unanswered": "Open"}[one.verdict]
    return FoundRow(colour, weight, f"{clock(one.t_s)} {one.where}", text)


def _decimals(row: ScoreRow) -> int:
    return {"1": 0, "s": 0}.get(row.unit, 2)


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit.replace("cm2", "cm²")
