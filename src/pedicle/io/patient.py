"""patient.toml: facts the user states, checked; nothing is defaulted, and no unit is guessed."""

from __future__ import annotations

import re
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
# kg/m2; outside, weight or height is likely in pounds or inches.
_BODY_MASS = (9, 65)
_UNITS = {
    "weight": "weight_kg, in kilograms (1 lb is 0.4536 kg)",
    "height": "height_cm, in centimetres (1 in is 2.54 cm)",
    "age": "age_y, in years",
    "platelets": "platelets_10e9_l, in 10^9 a litre (210, not 210000)",
    "fracture_age": "fracture_age_weeks, in weeks",
    "pain": "pain_nrs, 0 to 10",
}
_NUMBERS = tuple(_BOUNDS)


def read_patient(path: Path) -> Patient:
    """The facts of a patient file. InputError 110 for what cannot be read, 111 unknown key, 112 bad or ambiguous value."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        comma = isinstance(error, tomllib.TOMLDecodeError) and re.search(r"=\s*\d+,\d", text)
        fix = "write decimals with a point: 58.5" if comma else "see docs/how-to/patient-file.md"
        raise InputError(110, path.name, f"cannot be read: {error}", "TOML text", fix) from error
    known = {field.name for field in fields(Patient)} - {"invented"}
    unknown = sorted(set(found) - known)
    if unknown:
        limit = ", ".join(sorted(known))
        raise InputError(111, path.name, f"unknown key {unknown[0]!r}", limit, _hint(unknown[0]) or "correct the key")
    return _checked(path, found)


def _hint(key: str) -> str:
    """What to write instead of a key with another unit, or ""."""
    wanted = next((words for name, words in _UNITS.items() if key.lower().startswith(name)), "")
    return f"state {wanted}" if wanted else ""


def _checked(path: Path, found: dict[str, Any]) -> Patient:
    for name in _NUMBERS:
        value = found.get(name)
        if isinstance(value, str | bool):
            fix = (
                "write decimals with a point: 58.5"
                if re.search(r"\d,\d", str(value))
                else _hint(name) or "write a number"
            )
            raise InputError(112, path.name, f"{name} = {value!r}", "a number without unit", fix)
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
            fix = _hint(name) or "check the value and its unit"
            raise InputError(112, path.name, f"{name} = {value:g}", f"{low} to {high}", fix)
    _together(path, patient)
    return patient


def _together(path: Path, patient: Patient) -> None:
    """Facts that do not go together, and tables of an unknown form: InputError 112."""
    if patient.weight_kg is not None and patient.height_cm is not None:
        low, high = _BODY_MASS
        mass = patient.weight_kg / (patient.height_cm / 100.0) ** 2
        if not low <= mass <= high:
            found = f"weight_kg = {patient.weight_kg:g} with height_cm = {patient.height_cm:g}: {mass:.0f} kg/m2"
            raise InputError(
                112, path.name, found, f"{low} to {high} kg/m2", "check both units: kilograms and centimetres"
            )
    for level, entry in (patient.oedema or {}).items():
        if not (isinstance(entry, dict) and isinstance(entry.get("found"), bool) and set(entry) <= {"found", "by"}):
            fix = f"write [oedema.{level}] with found = true or false, and by"
            raise InputError(112, path.name, f"oedema of {level}", "found and by", fix)
    for drug, hours in (patient.antithrombotics_stopped_h or {}).items():
        if not 0 <= hours < 24 * 365:
            raise InputError(
                112,
                path.name,
                f"antithrombotics_stopped_h {drug} = {hours:g}",
                "hours since the last dose",
                "state hours",
            )
