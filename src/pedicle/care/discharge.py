"""Going home: whether, with which letter, proposals, instructions and visits."""

from __future__ import annotations

from collections.abc import Sequence

from pedicle.care.facts import treated
from pedicle.care.gates import ordered
from pedicle.care.rows import Rows
from pedicle.model.acts import AnaestheticInjected, BiopsyTaken, CrisisArose, Discharged, DrugGiven, Observed, Score
from pedicle.model.care import Discharge, FollowUp, Gate, Measure, Prescription, ScoreTaken, SheetPart, Verdict
from pedicle.model.events import Event, LeakSeen
from pedicle.model.patient import Patient
from pedicle.model.sourced import as_quantity, as_statement
from pedicle.model.trajectory import Plan

_SCORES: tuple[tuple[Score, str], ...] = (("aldrete", "leave the recovery room"), ("padss", "go home"))


def discharge_of(
    patient: Patient, plan: Plan | None, events: Sequence[Event], scores: Sequence[ScoreTaken], rows: Rows
) -> Discharge:
    """What is needed to go home and what goes with the patient. Proposals name classes, never doses."""
    measures = tuple(Measure(one["name"], as_quantity(one["change"])) for one in rows.raw("discharge.measure"))
    names = tuple(measure.name for measure in measures)
    return Discharge(
        ordered(
            [
                *(_score_gate(score, to, scores, rows) for score, to in _SCORES),
                _legs(events, rows),
                _escort(events, rows),
            ]
        ),
        tuple(_letter(patient, plan, events)),
        tuple(_prescription(one) for one in rows.raw("discharge.prescription")),
        tuple(rows.statements("discharge.osteoporosis").values()),
        tuple(rows.statements("discharge.activity").values()),
        tuple(rows.statements("discharge.warning").values()),
        tuple(FollowUp(one["when"], as_quantity(one["at"]), names) for one in rows.raw("discharge.visit")),
        measures,
        tuple(
            SheetPart(p["title"], tuple(p["lines"]), p["source"], p["evidence"]) for p in rows.raw("discharge.sheet")
        ),
    )


def _prescription(one: dict) -> Prescription:  # type: ignore[type-arg]
    return Prescription(one["class"], one["for"], tuple(one["check"]), as_statement(one["note"]))


def _score_gate(score: Score, to: str, scores: Sequence[ScoreTaken], rows: Rows) -> Gate:
    """The last score of a kind against its threshold."""
    row = rows.number(f"scores.{score}.leave_at")
    last = next((one for one in reversed(scores) if one.score == score), None)
    limit = f"{row.value:g} of 10 to {to}"
    if last is None or last.leave == "not stated":
        found = "not scored" if last is None else f"not scored: {', '.join(last.missing)}"
        return Gate(score, "unanswered", found, limit, row.source, row.evidence, (), False)
    verdict: Verdict = "passed" if last.leave == "yes" else "refused"
    return Gate(score, verdict, f"{last.total} of 10", limit, row.source, row.evidence, (), False)


def _legs(events: Sequence[Event], rows: Rows) -> Gate:
    """What was last written about the legs; words are read by a person."""
    rule = rows.statement("monitoring.words.legs")
    last = next((e.words["legs"] for e in reversed(events) if isinstance(e, Observed) and "legs" in e.words), None)
    if last is None:
        return Gate("legs", "unanswered", "not examined", rule.text, rule.source, rule.evidence, (), False)
    fine = last.strip().lower() in ("both move", "as before", "normal")
    return Gate("legs", "passed" if fine else "warning", last, rule.text, rule.source, rule.evidence, (), False)


def _escort(events: Sequence[Event], rows: Rows) -> Gate:
    rule = rows.statement("discharge.activity.escort")
    left = next((event for event in reversed(events) if isinstance(event, Discharged)), None)
    if left is None or (left.to == "home" and left.escort == "not stated"):
        return Gate("escort", "unanswered", "not stated", rule.text, rule.source, rule.evidence, (), False)
    fine = left.to == "ward" or left.escort == "yes"
    found = "to the ward" if left.to == "ward" else f"escort: {left.escort}"
    return Gate("escort", "passed" if fine else "refused", found, rule.text, rule.source, rule.evidence, (), False)


def _letter(patient: Patient, plan: Plan | None, events: Sequence[Event]) -> list[tuple[str, str]]:
    """Lines of the letter; what was not done or not stated is said."""
    levels = treated(plan)
    planned = "; ".join(f"{one.level} {' and '.join(sorted(one.recommended)) or 'no side'}" for one in levels)
    leaks = [f"{e.level} {e.opening} into {e.place} ({e.view})" for e in events if isinstance(e, LeakSeen)]
    drugs = dict.fromkeys(event.drug for event in events if isinstance(event, DrugGiven | AnaestheticInjected))
    biopsies = [f"{event.level} {event.side}" for event in events if isinstance(event, BiopsyTaken)]
    crises = [event.crisis for event in events if isinstance(event, CrisisArose)]
    pain = "not stated" if patient.pain_nrs is None else f"{patient.pain_nrs:g} of 10"
    done = bool(events)
    return [
        ("Procedure", f"percutaneous vertebroplasty, {'levels' if len(levels) > 1 else 'level'} {planned or 'none planned'}"),
        ("Pain before", pain),
        ("Drugs given", ", ".join(drugs) or ("none logged" if done else "no operation logged")),
        ("Leaks seen on pictures", "; ".join(leaks) or ("none seen; a picture does not show all" if done else "no operation logged")),
        ("Biopsy", ", ".join(biopsies) + ": result to follow" if biopsies else "none logged" if done else "no operation logged"),
        ("Complications", "; ".join(crises) or ("none logged" if done else "no operation logged")),
        ("To do", "treatment of the bone, visits as below, and the warning signs told"),
    ]  # fmt: skip
