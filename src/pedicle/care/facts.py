"""Facts as the rooms of care read them: who is older or frail, which weight doses go by, which levels are treated."""

from __future__ import annotations

import re

from pedicle.care.rows import Rows
from pedicle.model.patient import Patient
from pedicle.model.trajectory import LevelPlan, Plan, Trajectory

OLDER, ADULT = "60 or older, or frail", "healthy adult below 60"
UNVERIFIED = "limit not verified, check locally"


def missing(patient: Patient, *keys: str) -> tuple[str, ...]:
    """Those of the keys that were not stated."""
    return tuple(key for key in keys if getattr(patient, key) is None)


def group_of(patient: Patient, rows: Rows) -> str:
    """The group of doses: that of the older and frail, unless age and ASA class say that it is a healthy adult."""
    numbers = rows.numbers("drugs.group")
    bounds = numbers["older_from"], numbers["frail_from_asa"]
    if patient.age_y is None or patient.asa is None or not all(row.verified for row in bounds):
        return OLDER
    healthy = patient.age_y < bounds[0].value and patient.asa < bounds[1].value
    return ADULT if healthy else OLDER


def is_child(patient: Patient, rows: Rows) -> bool:
    """Whether the stated age is below what the rows are for."""
    return patient.age_y is not None and patient.age_y < rows.number("drugs.group.adult_from").value


def ideal_weight_kg(patient: Patient, rows: Rows) -> float | None:
    """Ideal body weight by Devine; None without sex and height, or below the height it is for."""
    if patient.sex is None or patient.height_cm is None:
        return None
    row = rows.numbers("drugs.weight")
    if not all(one.verified for one in row.values()):
        return None
    above_in = patient.height_cm / 2.54 - row["devine_from"].value
    base = row["devine_female" if patient.sex == "F" else "devine_male"].value
    return None if above_in < 0 else base + row["devine_per_inch"].value * above_in


def dosing_weight(patient: Patient, rows: Rows) -> tuple[float | None, str]:
    """The weight that doses go by, kg, and why: the lower of the actual and the ideal one; None when it was not stated."""
    actual, ideal = patient.weight_kg, ideal_weight_kg(patient, rows)
    if actual is None:
        return None, "weight not stated"
    if ideal is None:
        why = "sex or height not stated" if missing(patient, "sex", "height_cm") else "too short for the formula"
        return actual, f"actual weight {actual:g} kg: no ideal weight, {why}"
    if ideal < actual:
        return ideal, f"ideal weight {ideal:.1f} kg (Devine), below the actual {actual:g} kg"
    return actual, f"actual weight {actual:g} kg, not above the ideal {ideal:.1f} kg (Devine)"


def treated(plan: Plan | None) -> tuple[LevelPlan, ...]:
    """The levels to be treated: those with a recommended side, or all when none has one."""
    levels = plan.levels if plan else ()
    return tuple(level for level in levels if level.recommended) or levels


def used_needles(plan: Plan | None) -> tuple[Trajectory, ...]:
    """The needles to be used: feasible, on the recommended side."""
    return tuple(
        trajectory
        for level in treated(plan)
        for trajectory in level.trajectories
        if trajectory.side in level.recommended and trajectory.feasible
    )


def confirmed_levels(patient: Patient) -> set[str]:
    """Levels named in `pain_level_confirmed`: "L1, Th 12" are L1 and T12; a range names its ends alone."""
    found = re.findall(r"\b(C|TH|T|D|L|S)\s?(\d{1,2})\b", (patient.pain_level_confirmed or "").upper())
    return {{"TH": "T", "D": "T"}.get(region, region) + number for region, number in found}


def oedema_at(patient: Patient, level: str) -> bool | None:
    """Whether marrow oedema was found at a level; None = not stated."""
    found = (patient.oedema or {}).get(level)
    return found.get("found") if isinstance(found, dict) else None


def allergic_to(patient: Patient, *words: str) -> tuple[str, ...]:
    """Stated allergies in which one of the words stands."""
    return tuple(one for one in patient.allergies or () if any(word in one.lower() for word in words))
