"""Gates: what must be answered before a person is treated. An absent fact is unanswered; an unverified limit decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pedicle.care.bleeding import bleeding_gates
from pedicle.care.facts import allergic_to, confirmed_levels, missing, treated
from pedicle.care.fasting import fasting_gate
from pedicle.care.rows import Rows
from pedicle.model.acts import Overridden
from pedicle.model.care import VERDICTS, Gate, Purpose, Selection, Verdict
from pedicle.model.errors import RefusedError
from pedicle.model.events import Event
from pedicle.model.patient import Patient
from pedicle.model.sourced import Statement
from pedicle.model.trajectory import Plan
from pedicle.model.vertebra import Spine

CEMENT = ("pmma", "methacrylate", "bone cement", "cement", "acryl", "benzoyl")
ANAESTHETIC = ("lidocaine", "lignocaine", "bupivacaine", "local an", "amide")
BETA_LACTAM = ("cefazolin", "cefuroxime", "cephalosporin", "penicillin", "amoxicillin", "lactam")
NORMAL = {"normal", "intact", "none", "no deficit", "unremarkable"}


def care_gates(patient: Patient, spine: Spine, plan: Plan | None, selection: Selection, rows: Rows) -> tuple[Gate, ...]:
    """All gates before the procedure, refused ones first, then unanswered ones."""
    found = [
        indication_gate(patient, selection),
        _consent(patient, rows),
        _level(patient, plan, rows),
        _neurology(patient, spine, plan, rows),
        *bleeding_gates(patient, rows),
        _allergy(patient, rows),
        _infection(patient, rows),
        _malignancy(patient, rows),
        _posterior_wall(spine, plan, rows),
        fasting_gate(patient, rows),
        _antibiotic(patient, rows),
    ]
    return ordered(found)


def ordered(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Refused, unanswered, warnings, passed; each in the order it came."""
    return tuple(sorted(gates, key=lambda gate: VERDICTS.index(gate.verdict)))


def hold(gates: tuple[Gate, ...], selection: Selection, purpose: Purpose, events: tuple[Event, ...] = ()) -> None:
    """RefusedError 782 where the purpose is a plan and a gate that holds it is refused or unanswered and not overridden."""
    passed_by_hand = {event.gate for event in events if isinstance(event, Overridden)}
    open_ = [g for g in gates if g.holds and g.verdict in ("refused", "unanswered") and g.name not in passed_by_hand]
    if purpose != "plan" or not open_:
        return
    refused = [f"{gate.name}: {gate.found}" for gate in open_ if gate.verdict == "refused"]
    absent = list(dict.fromkeys(key for gate in open_ for key in gate.missing))
    unclear = [f"{gate.name}: {gate.limit}" for gate in open_ if gate.verdict == "unanswered" and not gate.missing]
    parts = [
        f"refused by {'; '.join(refused)}" if refused else "",
        f"not stated: {', '.join(absent)}" if absent else "",
        f"unanswered: {'; '.join(unclear)}" if unclear else "",
    ]
    raise RefusedError(
        782,
        ", ".join(selection.levels) or "no level",
        f"indication {selection.indication}; " + "; ".join(part for part in parts if part),
        "a plan needs every gate answered",
        "state the facts in patient.toml, or rehearse: --purpose rehearse",
    )


def indication_gate(patient: Patient, selection: Selection) -> Gate:
    """The indication from its criteria: refused by one that is not met, unanswered by one nobody stated."""
    needed = ("pain_nrs", "pain_level_confirmed", "fracture_age_weeks", "oedema")
    absent = missing(patient, *needed)
    named = {criterion.name: criterion for criterion in selection.criteria}
    against = [c for name, c in named.items() if c.met == "no" and c.evidence != "unverified" and name in _REFUSES]
    open_ = [c for name, c in named.items() if c.met == "not stated" and name in _MUST]
    weak = [c for name, c in named.items() if c.met != "yes" and name not in _MUST]
    if against:
        verdict, found = "refused", "; ".join(f"{c.name}: {c.found}" for c in against)
    elif absent or open_ or not selection.levels:
        found = f"not stated: {', '.join(absent)}" if absent else "; ".join(f"{c.name}: {c.found}" for c in open_)
        verdict, found = "unanswered", found or "no level is planned"
    elif weak:
        verdict, found = "warning", "; ".join(f"{c.name}: {c.found}" for c in weak)
    else:
        verdict, found = "passed", "every condition is met"
    asked = selection.asked[0]
    return _gate("indication", verdict, found, asked, absent if verdict == "unanswered" else ())


# Conditions that must be stated, those that refuse when they are not met; the others warn.
_MUST = ("pain", "pain at the level", "unhealed")
_REFUSES = (*_MUST, "treatment tried")


def _gate(
    name: str, verdict: str, found: str, limit: Statement, absent: tuple[str, ...] = (), holds: bool = True
) -> Gate:
    checked: Verdict = next(known for known in VERDICTS if known == verdict)
    return Gate(name, checked, found, limit.text, limit.source, limit.evidence, absent, holds)


def _rule(text: str, rows: Rows, name: str = "") -> Statement:
    return rows.statement(name) if name else Statement(text, "CareDesign", "computed")


def _asked(key: str, patient: Patient, rule: Statement, name: str, judge: Callable[[], tuple[str, str]]) -> Gate:
    """A gate on one fact: unanswered when it is not stated, else as `judge` finds."""
    if missing(patient, key):
        return _gate(name, "unanswered", "not stated", rule, (key,))
    return _gate(name, *judge(), rule)


def _consent(patient: Patient, rows: Rows) -> Gate:
    rule = _rule("consent given for these levels", rows)
    return _asked(
        "consent",
        patient,
        rule,
        "consent",
        lambda: ("passed", "given") if patient.consent else ("refused", "not given"),
    )


def _level(patient: Patient, plan: Plan | None, rows: Rows) -> Gate:
    """Every planned level confirmed as painful; a side is confirmed with it where the plan names one."""
    rule = _rule("", rows, "selection.indication.nice")
    planned = treated(plan)
    if not planned:
        return _gate("level and side", "unanswered", "no level is planned", rule)

    def judge() -> tuple[str, str]:
        confirmed = confirmed_levels(patient)
        off = [level.level for level in planned if level.level not in confirmed]
        sides = "; ".join(f"{level.level} {' and '.join(sorted(level.recommended)) or 'no side'}" for level in planned)
        if off:
            return "refused", f"planned but not confirmed as painful: {', '.join(off)}"
        return "passed", f"confirmed as painful; planned {sides}, to be read aloud"

    return _asked("pain_level_confirmed", patient, rule, "level and side", judge)


def _neurology(patient: Patient, spine: Spine, plan: Plan | None, rows: Rows) -> Gate:
    rule = _rule("", rows, "selection.absolute.compression")

    def judge() -> tuple[str, str]:
        text = (patient.neurology or "").strip()
        if text.lower() in NORMAL:
            return "passed", text
        wall = [name for name, state in walls(spine, plan) if state != "intact"]
        if wall:
            return "refused", f"{text}; posterior wall not intact or not seen at {', '.join(wall)}"
        return "warning", f"{text}: to be judged by a person"

    return _asked("neurology", patient, rule, "neurology", judge)


def _allergy(patient: Patient, rows: Rows) -> Gate:
    rule = _rule("", rows, "selection.absolute.allergy")

    def judge() -> tuple[str, str]:
        gravest = allergic_to(patient, *CEMENT, *ANAESTHETIC)
        stated = patient.allergies or ()
        if gravest:
            return "refused", ", ".join(gravest)
        return ("warning", f"{', '.join(stated)}: to be judged by a person") if stated else ("passed", "none")

    return _asked("allergies", patient, rule, "allergy", judge)


def _infection(patient: Patient, rows: Rows) -> Gate:
    rule = _rule("", rows, "selection.absolute.infection")
    return _asked(
        "infection",
        patient,
        rule,
        "infection",
        lambda: ("refused", "stated") if patient.infection else ("passed", "none"),
    )


def _malignancy(patient: Patient, rows: Rows) -> Gate:
    rule = _rule("", rows, "selection.words.malignant")
    return _asked(
        "malignancy_history",
        patient,
        rule,
        "malignancy",
        lambda: ("warning", "stated: take a biopsy") if patient.malignancy_history else ("passed", "none"),
    )


def walls(spine: Spine, plan: Plan | None) -> list[tuple[str, str]]:
    """The posterior wall of each level to be treated: intact, bulged, broken or not seen."""
    levels = [level.level for level in treated(plan) if level.level in spine.levels]
    fractures = [(name, spine[name].fracture) for name in levels]
    return [(name, (fracture.posterior_wall if fracture else None) or "not seen") for name, fracture in fractures]


def _posterior_wall(spine: Spine, plan: Plan | None, rows: Rows) -> Gate:
    """A broken wall warns; it never refuses."""
    rule = _rule("", rows, "selection.relative.posterior_wall")
    found = walls(spine, plan)
    words = "; ".join(f"{name} {state}" for name, state in found) or "no level is planned"
    states = {state for _, state in found}
    verdict = "warning" if states & {"broken", "bulged"} else "passed" if states == {"intact"} else "unanswered"
    return _gate("posterior wall", verdict, words, rule, holds=False)


def _antibiotic(patient: Patient, rows: Rows) -> Gate:
    """Which antibiotic, and when; a matter of the day."""
    if missing(patient, "allergies"):
        rule = _rule("an antibiotic is chosen by stated allergies", rows)
        return _gate("antibiotic", "unanswered", "allergies not stated: none proposed", rule, ("allergies",), False)
    kind = "clindamycin" if allergic_to(patient, *BETA_LACTAM) else "cefazolin"
    dose = rows.number(f"drugs.{kind}.dose")
    if not dose.verified or allergic_to(patient, kind):
        rule = _rule("limit not verified, check locally", rows)
        return _gate("antibiotic", "unanswered", "none proposed", rule, (), False)
    low, high = (rows.number(f"drugs.cefazolin.before_{end}") for end in ("low", "high"))
    text = f"{kind} {dose.value / 1000:g} g, {low.value:g} to {high.value:g} min before the skin; the evidence for any is small"
    return _gate("antibiotic", "warning", "to be given", Statement(text, dose.source, dose.evidence), (), False)
