"""The file of care: ``care.json``. null = not stated, with a warning."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pedicle.io.documents import rounded, to_bytes
from pedicle.model.care import AnaestheticBudget, CarePlan, Selection, Watch


def care_files(plan: CarePlan) -> dict[str, bytes]:
    """Files by name: ``care.json``."""
    return {"care.json": to_bytes(care_document(plan))}


def care_document(plan: CarePlan) -> dict[str, Any]:
    """care.json: what is needed, proposed, watched and known; every number with its source beside it."""
    return {
        "purpose": plan.purpose,
        "selection": _selection(plan.selection),
        "gates": [_plain(gate) for gate in plan.gates],
        "checklist": [_plain(item) for item in plan.checklist],
        "sedation": [{**_plain(drug), "proposed": drug.proposed} for drug in plan.sedation],
        "sedation_log": [_plain(one) for one in plan.sedation_log],
        "anaesthetic": _anaesthetic(plan.anaesthetic),
        "monitoring": [_watch(watch) for watch in plan.monitoring],
        "scores": [_plain(score) for score in plan.scores],
        "discharge": _plain(plan.discharge),
        "evidence": [_plain(trial) for trial in plan.evidence],
        "crises": [_plain(card) for card in plan.crises],
        "crises_scored": [_plain(score) for score in plan.crises_scored],
        "replaced": dict(plan.replaced),
        "warnings": [_plain(notice) for notice in plan.warnings],
    }


def _selection(selection: Selection) -> dict[str, Any]:
    """Without the trials, which stand under `evidence`."""
    found: dict[str, Any] = _plain(selection)
    del found["trials"]
    return found


def _anaesthetic(budget: AnaestheticBudget) -> dict[str, Any]:
    found: dict[str, Any] = _plain(budget)
    return found


def _watch(watch: Watch) -> dict[str, Any]:
    return {**_plain(watch), "at_s": rounded(list(watch.at_s))}


def _plain(noun: Any) -> Any:
    return rounded(asdict(noun))
