"""Doses of a sedation by age, weight and ASA class, and the log of what was given against them."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from pedicle.care.facts import ADULT, UNVERIFIED, allergic_to, dosing_weight, group_of, is_child, missing
from pedicle.care.options import CareOptions
from pedicle.care.rows import Rows
from pedicle.model.acts import DrugGiven
from pedicle.model.care import DrugLogged, DrugPlan
from pedicle.model.events import Event
from pedicle.model.patient import Patient
from pedicle.model.sourced import Quantity

NEEDED = ("age_y", "weight_kg", "asa", "allergies")
REVERSAL = {"midazolam": "flumazenil", "fentanyl": "naloxone"}
_TINY = 1e-9


def sedation_plan(patient: Patient, options: CareOptions, rows: Rows) -> tuple[DrugPlan, ...]:
    """The sedatives that are meant to be given, each followed by what reverses it.

    Nothing is proposed where age, weight, ASA class or allergies are not stated, for a child, for a drug the patient is
    allergic to, or where a row is unverified: then the plan carries the reasons alone.
    """
    meant = [drug for drug in REVERSAL if drug in options.sedatives]
    names = [name for drug in meant for name in (drug, REVERSAL[drug])]
    return tuple(_drug(name, patient, len(meant) > 1, rows) for name in names)


def _drug(drug: str, patient: Patient, together: bool, rows: Rows) -> DrugPlan:
    about, group = rows.raw(f"drugs.{drug}"), group_of(patient, rows)
    found = _rows(drug, group, together, rows)
    why = _why_not(drug, patient, found, about["allergy"], rows)
    dose = dict.fromkeys(("first", "first_most", "step", "most", "interval", "over"))
    weight, weight_words = dosing_weight(patient, rows)
    reasons = [why] if why else [group, weight_words] if drug in REVERSAL else []
    if not why and weight is not None:
        dose, more = _dose(found, weight)
        reasons += more
    return DrugPlan(
        drug,
        about["role"],
        group,
        about["unit"],
        about["route"],
        dose["first"],
        dose["first_most"],
        dose["step"],
        dose["most"],
        dose["interval"],
        dose["over"],
        tuple(reasons),
        rows.statement(f"drugs.{drug}.words"),
        found,
    )


def _rows(drug: str, group: str, together: bool, rows: Rows) -> dict[str, Quantity]:
    """The rows behind a dose; with an opioid those of a healthy adult too, of which the dose is a share."""
    found = rows.numbers(f"drugs.{drug}.any")
    if drug in REVERSAL:
        found |= rows.numbers(f"drugs.{drug}.{'adult' if group == ADULT else 'older'}")
    if together and "opioid_share" in found:
        found |= {f"adult_{name}": rows.number(f"drugs.{drug}.adult.{name}") for name in ("first_most", "most")}
    return found


def _why_not(drug: str, patient: Patient, found: dict[str, Quantity], allergy: list[str], rows: Rows) -> str:
    """Why nothing is proposed, or ""."""
    absent = missing(patient, *NEEDED)
    if absent:
        return f"no dose: not stated: {', '.join(absent)}"
    if is_child(patient, rows):
        return "no dose: the rows are for adults"
    if allergic_to(patient, *allergy):
        return f"no dose: allergy stated: {', '.join(allergic_to(patient, *allergy))}"
    doubtful = [name for name, row in found.items() if not row.verified]
    return f"no dose: {UNVERIFIED}: {', '.join(doubtful)}" if doubtful else ""


def _dose(found: dict[str, Quantity], weight_kg: float) -> tuple[dict[str, float | None], list[str]]:
    """Numbers of one drug; with an opioid midazolam's dose and total are a share of a healthy adult's."""
    first, step = found["first"].value, found["step"].value
    most, first_most = (found[name].value if name in found else None for name in ("most", "first_most"))
    said = []
    if "adult_most" in found:
        share = found["opioid_share"].value
        most = min(found["most"].value, share * found["adult_most"].value)
        first_most = min(first_most or first, share * found["adult_first_most"].value)
        step = share * step
        said.append(f"with an opioid: {share:g} of the dose of a healthy adult")
    if "per_kg" in found:
        first_most = min(first_most or first, found["per_kg"].value * weight_kg)
        said.append(f"first dose no more than {found['per_kg'].value:g} mg/kg")
    first = first if first_most is None else min(first, first_most)
    interval = found["over"].value + found["wait"].value
    numbers: dict[str, float | None] = {
        "first": first,
        "first_most": first_most,
        "step": min(step, first),
        "most": most,
    }
    rounded = {name: None if value is None else rounded_down(value) for name, value in numbers.items()}
    return {**rounded, "interval": interval, "over": found["over"].value or None}, said


def rounded_down(value: float, digits: int = 2) -> float:
    """A dose to two decimals, never up.

    >>> rounded_down(1.739), rounded_down(0.5), rounded_down(0.3)
    (1.73, 0.5, 0.3)
    """
    scale = 10.0**digits
    return floor(value * scale + 1e-6) / scale


def sedation_log(events: Iterable[Event], plans: tuple[DrugPlan, ...]) -> tuple[DrugLogged, ...]:
    """Every drug given, with its total so far and findings: dose, interval, total, unit, route against the plan."""
    known = {plan.drug: plan for plan in plans}
    logged: list[DrugLogged] = []
    for event in events:
        if isinstance(event, DrugGiven):
            before = [one for one in logged if one.drug == event.drug]
            total = event.amount + (before[-1].total if before else 0.0)
            findings = drug_findings(event, known.get(event.drug), before)
            logged.append(DrugLogged(event.t_s, event.drug, event.amount, event.unit, total, findings))
    return tuple(logged)


def drug_findings(event: DrugGiven, plan: DrugPlan | None, before: list[DrugLogged]) -> tuple[str, ...]:
    """What is wrong about a dose; nothing is said of drugs without a plan here, oxygen among them."""
    if plan is None:
        return ()
    if not plan.proposed:
        return (f"given without a plan: {plan.why[0]}",)
    if event.unit != plan.unit or event.route != plan.route:
        return (f"{event.unit} {event.route}, the plan has {plan.unit} {plan.route}",)
    return tuple(_dose_findings(event, plan, before))


def _dose_findings(event: DrugGiven, plan: DrugPlan, before: list[DrugLogged]) -> list[str]:
    found = []
    total = event.amount + (before[-1].total if before else 0.0)
    most_now = (plan.step if before else plan.first_most or plan.first) or 0.0
    if event.amount > most_now + _TINY:
        found.append(f"{event.amount:g} {plan.unit} at once, at most {most_now:g}")
    if before and plan.interval_s and event.t_s - before[-1].t_s < plan.interval_s - _TINY:
        found.append(f"{event.t_s - before[-1].t_s:.0f} s after the dose before, at least {plan.interval_s:.0f}")
    if plan.most is not None and total > plan.most + _TINY:
        found.append(f"{total:g} {plan.unit} in all, over {plan.most:g}")
    return found
