"""Care for one patient and plan, put together: gates, doses, times, going home."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pedicle.care.anaesthetic import anaesthetic_budget, anaesthetic_gate
from pedicle.care.checklist import checklist
from pedicle.care.crises import crises_scored, crisis_cards
from pedicle.care.discharge import discharge_of
from pedicle.care.gates import care_gates, hold, ordered
from pedicle.care.monitoring import monitoring
from pedicle.care.options import CareOptions
from pedicle.care.rows import Rows, load_rows
from pedicle.care.scores import scores_taken
from pedicle.care.sedation import sedation_log, sedation_plan
from pedicle.care.selection import selection_of
from pedicle.model.acts import AnaestheticInjected, Overridden
from pedicle.model.care import AnaestheticBudget, CarePlan, DrugLogged, DrugPlan, Gate, Purpose
from pedicle.model.cure import CementClock
from pedicle.model.events import Event
from pedicle.model.notices import Notice
from pedicle.model.patient import Patient
from pedicle.model.trajectory import Plan
from pedicle.model.vertebra import Spine


def care_plan(
    patient: Patient | None,
    spine: Spine,
    plan: Plan | None,
    purpose: Purpose = "rehearse",
    events: Iterable[Event] = (),
    clocks: Sequence[CementClock] = (),
    options: CareOptions | None = None,
) -> CarePlan:
    """Care from stated facts, a plan, the log of the operation and the cement's clocks (one an injected level).

    No patient means that nothing was stated. RefusedError 782 for the purpose "plan" where a gate that holds it is refused or
    unanswered; InputError 780, 781 for a bad local file, 784, 785 for drugs and scores without a table.
    """
    options, patient, log = options or CareOptions(), patient or Patient(), tuple(events)
    rows = load_rows(options.local)
    selection = selection_of(patient, spine, plan, rows)
    before = care_gates(patient, spine, plan, selection, rows)
    hold(before, selection, purpose, log)
    given = [event for event in log if isinstance(event, AnaestheticInjected)]
    gates = ordered([*before, *([anaesthetic_gate(patient, given, rows)] if given else [])])
    drugs = sedation_plan(patient, options, rows)
    logged = sedation_log(log, drugs)
    budget = anaesthetic_budget(patient, plan, options, rows, log)
    scores, cards = scores_taken(log, rows), crisis_cards(rows)
    warnings = (*_overrides(log), *_of_gates(gates), *_of_drugs(drugs, logged), *_of_budget(budget), *_local(rows))
    return CarePlan(
        purpose,
        selection,
        gates,
        checklist(patient, rows),
        drugs,
        logged,
        budget,
        monitoring(log, clocks, rows),
        scores,
        discharge_of(patient, plan, log, scores, rows),
        selection.trials,
        cards,
        crises_scored(log, cards),
        warnings,
        rows.replaced,
        patient.invented,
    )


def _overrides(log: tuple[Event, ...]) -> list[Notice]:
    return [
        Notice("care-override", event.gate, f"passed by hand: {event.reason}", "danger")
        for event in log
        if isinstance(event, Overridden)
    ]


def _of_gates(gates: tuple[Gate, ...]) -> list[Notice]:
    """A sentence for each gate that is refused or open; everything that is not stated in one."""
    refused = [
        Notice("care-refused", g.name, f"{g.name} refused: {g.found} ({g.limit})", "danger")
        for g in gates
        if g.verdict == "refused"
    ]
    absent = list(dict.fromkeys(key for gate in gates for key in gate.missing))
    unclear = [
        Notice("care-open", g.name, f"{g.name} unanswered: {g.found} ({g.limit})")
        for g in gates
        if g.verdict == "unanswered" and not g.missing
    ]
    said = f"not stated, so nothing is computed from it: {', '.join(absent)}"
    return refused + ([Notice("care-not-stated", "patient", said)] if absent else []) + unclear


def _of_drugs(drugs: tuple[DrugPlan, ...], logged: tuple[DrugLogged, ...]) -> list[Notice]:
    none = list(dict.fromkeys(drug.why[0] for drug in drugs if not drug.proposed))
    found = [
        Notice("care-dose", one.drug, f"{one.drug} at {one.t_s:.0f} s: {text}", "danger")
        for one in logged
        for text in one.findings
    ]
    return [Notice("care-no-dose", "sedation", f"sedation: {text}") for text in none] + found


def _of_budget(budget: AnaestheticBudget) -> list[Notice]:
    if budget.limit_mg is None:
        return [Notice("care-no-dose", "local anaesthetic", f"local anaesthetic: {text}") for text in budget.why]
    return []


def _local(rows: Rows) -> list[Notice]:
    return [Notice("care-local", name, f"row replaced locally: {name} {text}") for name, text in rows.replaced.items()]
