"""patient.toml: facts the user states, checked; nothing is defaulted."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pedicle.model.errors import InputError
from pedicle.model.patient import Patient

# Plausible for a person; a value outside is a slip of unit or key, not a patient.
_BOUNDS = {
    "age_y": (1, 120),
    "weight_kg": (20, 300),
    "height_cm": (80, 230),
    "asa": (1, 5),
    "pain_nrs": (0, 10),
    "fracture_age_weeks": (0, 1000),
    "inr": (0.5, 15),
    "platelets_10e9_l": (1, 2000),
}


def read_patient(path: Path) -> Patient:
    """The facts of a patient file. InputError 110 for what cannot be read, 111 unknown key, 112 bad value."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            110, path.name, f"cannot be read: {error}", "TOML text", "see docs/how-to/patient-file.md"
        ) from error
    known = {field.name for field in fields(Patient)} - {"invented"}
    unknown = sorted(set(found) - known)
    if unknown:
        raise InputError(111, path.name, f"unknown key {unknown[0]!r}", ", ".join(sorted(known)), "correct the key")
    return _checked(path, found)


def _checked(path: Path, found: dict[str, Any]) -> Patient:
    try:
        patient = TypeAdapter(Patient).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            112, path.name, f"{first['loc'][0]}: {first['msg']}", "value of that kind", "correct it"
        ) from error
    for name, (low, high) in _BOUNDS.items():
        value = getattr(patient, name)
        if value is not None and not low <= value <= high:
            raise InputError(112, path.name, f"{name} = {value:g}", f"{low} to {high}", "check the value and its unit")
    return patient
