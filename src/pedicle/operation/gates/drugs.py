"""Gates of drugs: what was given against what this patient may have. Limits are those of the care tables."""

from __future__ import annotations

from pedicle.care.anaesthetic import anaesthetic_gate
from pedicle.care.facts import allergic_to
from pedicle.care.rows import load_rows
from pedicle.care.sedation import drug_findings, sedation_log, sedation_plan
from pedicle.model.acts import AnaestheticInjected, DrugGiven
from pedicle.model.events import OperationState
from pedicle.model.finding import Finding, GateVerdict
from pedicle.operation.briefing import Briefing


def anaesthetic(state: OperationState, event: AnaestheticInjected, briefing: Briefing) -> list[Finding]:
    """The sum of all local anaesthetics with this one against the patient's limit; an allergy to it."""
    where = f"{event.level} {event.side}"
    given = [act for act in state.acts if isinstance(act, AnaestheticInjected)]
    gate = anaesthetic_gate(briefing.patient, given, load_rows(briefing.care.local), event)
    found = _allergy(event.drug, where, briefing)
    if gate.verdict != "passed":
        fix = "inject less, or wait and use another way"
        found.append(Finding(733, "anaesthetic", where, gate.found, gate.limit, fix, gate.source, gate.verdict))
    return found


def given(state: OperationState, event: DrugGiven, briefing: Briefing) -> list[Finding]:
    """A drug against the patient's allergies and its own doses and pauses; unanswered where there is no dose to hold it against."""
    rows = load_rows(briefing.care.local)
    plans = sedation_plan(briefing.patient, briefing.care, rows)
    plan = next((one for one in plans if one.drug == event.drug), None)
    before = list(sedation_log(state.acts, plans))
    found = _allergy(event.drug, event.drug, briefing)
    if plan is None:
        return found
    verdict: GateVerdict = "refused" if plan.proposed else "unanswered"
    for words in drug_findings(event, plan, before):
        found.append(
            Finding(
                739,
                "dose",
                event.drug,
                words,
                "as the table of this patient proposes",
                "give less, or later",
                plan.words.source,
                verdict,
            )
        )
    return found


def _allergy(drug: str, where: str, briefing: Briefing) -> list[Finding]:
    """An allergy that the patient stated to this drug."""
    stated = allergic_to(briefing.patient, drug)
    if not stated:
        return []
    return [Finding(739, "allergy", where, f"allergy stated: {', '.join(stated)}", "none to what is given", "give another", "the patient's facts")]  # fmt: skip
