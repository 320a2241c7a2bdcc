"""Gates of bleeding: INR, platelets, drugs against clots and how long they have been stopped."""

from __future__ import annotations

from collections.abc import Callable

from pedicle.care.facts import UNVERIFIED, missing
from pedicle.care.rows import Rows
from pedicle.model.care import Gate, Verdict
from pedicle.model.patient import Patient
from pedicle.model.sourced import Quantity

Judge = Callable[[float], bool]


def bleeding_gates(patient: Patient, rows: Rows) -> tuple[Gate, ...]:
    """INR, platelets, antithrombotic drugs."""
    return _inr(patient, rows), _platelets(patient, rows), _drugs(patient, rows)


def _inr(patient: Patient, rows: Rows) -> Gate:
    row = rows.number("limits.inr")
    wish = row.value if row.low is None else row.low
    limit = f"{row.value:g} or less, better {wish:g}"
    return _number("INR", "inr", patient.inr, limit, row, lambda x: x > row.value, lambda x: x > wish)


def _platelets(patient: Patient, rows: Rows) -> Gate:
    row = rows.number("limits.platelets")
    found, limit = patient.platelets_10e9_l, f"{row.value:g} x 10^9/l or more"
    return _number("platelets", "platelets_10e9_l", found, limit, row, lambda x: x < row.value, lambda _: False)


def _number(
    name: str, key: str, found: float | None, limit: str, row: Quantity, refused: Judge, doubtful: Judge
) -> Gate:
    """A gate on one number: unanswered when not stated, or when its limit is unverified."""
    if found is None:
        return Gate(name, "unanswered", "not stated", limit, row.source, row.evidence, (key,))
    if not row.verified:
        return Gate(name, "unanswered", f"{found:g}", f"{limit}: {UNVERIFIED}", row.source, row.evidence)
    verdict: Verdict = "refused" if refused(found) else "warning" if doubtful(found) else "passed"
    return Gate(name, verdict, f"{found:g}", limit, row.source, row.evidence)


def _drugs(patient: Patient, rows: Rows) -> Gate:
    """Each stated drug against how long it must have been stopped; the gravest finding counts."""
    name = "antithrombotics"
    if missing(patient, name):
        return Gate(name, "unanswered", "not stated", "every drug and its last dose", "CareDesign", "computed", (name,))
    if not patient.antithrombotics:
        return Gate(name, "passed", "none", "none, or stopped long enough", "CareDesign", "computed")
    holds = rows.numbers("limits.holds")
    found = [_one(drug, patient, holds) for drug in patient.antithrombotics]
    order: tuple[Verdict, ...] = ("refused", "unanswered", "passed")
    verdict = min((one[0] for one in found), key=order.index)
    absent = ("antithrombotics_stopped_h",) if any(one[2] for one in found) else ()
    worst = [one[3] for one in found if one[3] is not None and one[0] == verdict]
    source = "; ".join(dict.fromkeys(row.source for row in worst)) or "CareDesign"
    evidence = worst[0].evidence if worst else "computed"
    limit = "; ".join(one[4] for one in found)
    return Gate(name, verdict, "; ".join(one[1] for one in found), limit, source, evidence, absent)


def _one(drug: str, patient: Patient, holds: dict[str, Quantity]) -> tuple[Verdict, str, bool, Quantity | None, str]:
    """One drug: verdict, what was found, whether a fact is missing, its row, its limit."""
    row = holds.get(drug.strip().lower().replace(" ", "_"))
    stopped = {k.lower(): v for k, v in (patient.antithrombotics_stopped_h or {}).items()}.get(drug.lower())
    last = "time of the last dose not stated" if stopped is None else f"last dose {stopped:g} h ago"
    if row is None:
        return "unanswered", f"{drug}: {last}", stopped is None, None, f"{drug}: no row, check locally"
    limit = f"{drug}: {row.value:g} h or more"
    if not row.verified:
        return "unanswered", f"{drug}: {last}", stopped is None, row, f"{limit}, {UNVERIFIED}"
    if stopped is None:
        return "unanswered", f"{drug}: {last}", True, row, limit
    return ("passed" if stopped >= row.value else "refused"), f"{drug}: {last}", False, row, limit
