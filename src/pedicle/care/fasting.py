"""Fasting: hours since each kind of food, as stated."""

from __future__ import annotations

import re

from pedicle.care.facts import UNVERIFIED
from pedicle.care.rows import Rows
from pedicle.model.care import Gate
from pedicle.model.patient import Patient

_KINDS = {"solids": "fasting_solids", "light meal": "fasting_light", "clear fluids": "fasting_clear"}
_FOUND = re.compile(r"(solids|light meal|clear fluids)\s+(\d+(?:\.\d+)?)\s*h\b")


def hours_of(text: str) -> dict[str, float]:
    """Hours by kind of food.

    >>> hours_of("solids 8 h, clear fluids 3 h")
    {'solids': 8.0, 'clear fluids': 3.0}
    """
    return {kind: float(hours) for kind, hours in _FOUND.findall(text.lower())}


def fasting_gate(patient: Patient, rows: Rows) -> Gate:
    """A gate of the day: it does not keep a plan from being made. Solids or a light meal must be stated, and clear fluids."""
    needed = {kind: rows.number(f"limits.{name}") for kind, name in _KINDS.items()}
    limit = ", ".join(f"{kind} {row.value:g} h" for kind, row in needed.items())
    source, evidence = next(iter(needed.values())).source, next(iter(needed.values())).evidence
    if patient.fasting is None:
        return Gate("fasting", "unanswered", "not stated", limit, source, evidence, ("fasting",), False)
    stated = hours_of(patient.fasting)
    if not {"solids", "light meal"} & set(stated) or "clear fluids" not in stated:
        return Gate(
            "fasting", "unanswered", f"{patient.fasting}: hours not understood", limit, source, evidence, (), False
        )
    if not all(needed[kind].verified for kind in stated):
        return Gate("fasting", "unanswered", patient.fasting, f"{limit}: {UNVERIFIED}", source, evidence, (), False)
    short = [kind for kind, hours in stated.items() if hours < needed[kind].value]
    found = f"{patient.fasting}: too short for {', '.join(short)}" if short else patient.fasting
    return Gate("fasting", "refused" if short else "passed", found, limit, source, evidence, (), False)
