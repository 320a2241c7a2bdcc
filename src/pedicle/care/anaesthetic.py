"""The budget of local anaesthetic: milligrams over all sites, layers and drugs, against weight and cap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pedicle.care.facts import UNVERIFIED, allergic_to, dosing_weight, is_child, missing, used_needles
from pedicle.care.gates import ANAESTHETIC
from pedicle.care.options import CareOptions
from pedicle.care.rows import Rows
from pedicle.model.acts import AnaestheticInjected
from pedicle.model.care import AnaestheticBudget, AnaestheticSite, Gate, Verdict
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.events import Event
from pedicle.model.patient import Patient
from pedicle.model.sourced import Evidence, Quantity
from pedicle.model.trajectory import Plan, Trajectory

# 1 percent is 1 g in 100 ml.
MG_PER_ML_PERCENT = 10.0
NAMES = {"lignocaine": "lidocaine"}


def milligrams(percent: float, volume_ml: float) -> float:
    """What a volume holds.

    >>> milligrams(1.0, 5.0), milligrams(0.25, 20.0)
    (50.0, 50.0)
    """
    return percent * volume_ml * MG_PER_ML_PERCENT


def limit_rows(drug: str, adrenaline: bool, rows: Rows) -> tuple[Quantity, Quantity]:
    """Dose by weight and cap of a drug; InputError 784 for one without rows."""
    name = NAMES.get(drug.lower(), drug.lower())
    try:
        found = rows.numbers(f"anaesthetics.{name}.{'adrenaline' if adrenaline else 'plain'}")
    except KeyError as error:
        raise InputError(
            784, "local anaesthetic", f"{drug!r}", "lidocaine, bupivacaine", "use a drug that has rows"
        ) from error
    return found["per_kg"], found["cap"]


def limit_mg(drug: str, adrenaline: bool, patient: Patient, rows: Rows) -> float | None:
    """The lower of the dose by weight and the cap, mg; None without a weight, for a child, or from an unverified row."""
    weight, _ = dosing_weight(patient, rows)
    per_kg, cap = limit_rows(drug, adrenaline, rows)
    if weight is None or is_child(patient, rows) or not (per_kg.verified and cap.verified):
        return None
    return min(per_kg.value * weight, cap.value)


def anaesthetic_budget(
    patient: Patient, plan: Plan | None, options: CareOptions, rows: Rows, events: Iterable[Event] = ()
) -> AnaestheticBudget:
    """The budget of the chosen drug shared over the planned sites, and what was given against it."""
    needles = used_needles(plan)
    weight, weight_words = dosing_weight(patient, rows)
    per_kg, cap = limit_rows(options.anaesthetic, options.adrenaline, rows)
    why = _why_not(patient, needles, per_kg, cap, rows)
    limit = None if why else limit_mg(options.anaesthetic, options.adrenaline, patient, rows)
    share = None if limit is None else limit / len(needles)
    given = [event for event in events if isinstance(event, AnaestheticInjected)]
    words = rows.statements("anaesthetics.words")
    mixed = len({NAMES.get(one.drug.lower(), one.drug.lower()) for one in given}) > 1
    return AnaestheticBudget(
        options.anaesthetic,
        options.percent,
        options.adrenaline,
        weight,
        weight_words,
        limit,
        per_kg,
        cap,
        tuple(_site(needle, share, options.percent) for needle in needles),
        None if share is None else share * len(needles),
        given_mg(given),
        used_fraction(given, patient, rows),
        (why,) if why else (weight_words,),
        tuple(text for key, text in words.items() if key != "mixing" or mixed or not given),
    )


def _why_not(patient: Patient, needles: tuple[Trajectory, ...], per_kg: Quantity, cap: Quantity, rows: Rows) -> str:
    """Why no volume is proposed, or ""."""
    absent = missing(patient, "age_y", "weight_kg", "allergies")
    if absent:
        return f"no volume: not stated: {', '.join(absent)}"
    if is_child(patient, rows):
        return "no volume: the rows are for adults"
    if allergic_to(patient, *ANAESTHETIC):
        return f"no volume: allergy stated: {', '.join(allergic_to(patient, *ANAESTHETIC))}"
    if not (per_kg.verified and cap.verified):
        return f"no volume: {UNVERIFIED}"
    return "" if needles else "no volume: no needle is planned"


def _site(needle: Trajectory, share_mg: float | None, percent: float) -> AnaestheticSite:
    volume = None if share_mg is None else share_mg / (percent * MG_PER_ML_PERCENT)
    depth = needle.skin_to_bone_mm
    reason = "the plan does not hold the fascia" + (
        "" if depth is not None else "; " + (needle.skin_reason or "skin not seen")
    )
    return AnaestheticSite(needle.level, needle.side, volume, share_mg, depth, None, reason)


def given_mg(given: Iterable[AnaestheticInjected]) -> dict[str, float]:
    """Milligrams by drug, adrenaline kept apart; bone counts like every other layer."""
    total: dict[str, float] = defaultdict(float)
    for one in given:
        total[one.drug + (" with adrenaline" if one.adrenaline else "")] += milligrams(one.percent, one.volume_ml)
    return dict(total)


def used_fraction(given: Iterable[AnaestheticInjected], patient: Patient, rows: Rows) -> float | None:
    """The sum over all that was given of its milligrams over its own limit: fractions add. None where a limit is not known."""
    used = 0.0
    for one in given:
        limit = limit_mg(one.drug, one.adrenaline, patient, rows)
        if limit is None:
            return None
        used += milligrams(one.percent, one.volume_ml) / limit
    return used


def anaesthetic_gate(
    patient: Patient, given: Iterable[AnaestheticInjected], rows: Rows, following: AnaestheticInjected | None = None
) -> Gate:
    """What was given, and what is about to be, against the budget: refused over it, unanswered where a limit is not known."""
    everything = [*given, *([following] if following else [])]
    used = used_fraction(everything, patient, rows)
    behind = [row for one in everything for row in limit_rows(one.drug, one.adrenaline, rows)]
    mixing = rows.statement("anaesthetics.words.mixing")
    source = "; ".join(dict.fromkeys(key for row in behind for key in row.source.split("; "))) or mixing.source
    evidence: Evidence = "read" if all(row.verified for row in behind) else "unverified"
    found = ", ".join(f"{name} {mg:.0f} mg" for name, mg in given_mg(everything).items()) or "none given"
    limit = "all local anaesthetics together at most once their limits"
    absent = missing(patient, "weight_kg") if used is None else ()
    if used is None:
        return Gate("local anaesthetic", "unanswered", found, f"{limit}: not known", source, evidence, absent, False)
    mixed = len({NAMES.get(one.drug.lower(), one.drug.lower()) for one in everything}) > 1
    verdict: Verdict = "refused" if used > 1.0 + 1e-9 else "warning" if mixed else "passed"
    said = f"{found}: {used:.2f} of the limit" + (f". {mixing.text}" if mixed else "")
    return Gate("local anaesthetic", verdict, said, limit, source, evidence, (), False)


def refuse_overdose(
    patient: Patient, given: Iterable[AnaestheticInjected], following: AnaestheticInjected, rows: Rows
) -> None:
    """RefusedError 783 when one more injection would pass the budget; nothing where the budget is not known."""
    gate = anaesthetic_gate(patient, given, rows, following)
    if gate.verdict == "refused":
        where = f"{following.level} {following.side}"
        raise RefusedError(
            783, where, f"local anaesthetic: {gate.found}", gate.limit, "inject less, or wait and use another way"
        )
