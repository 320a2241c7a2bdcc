"""Facts about the patient that the user states. A fact not given is not stated: never defaulted, nothing computed from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class Patient:
    """What `patient.toml` may say; None = not stated. No name, no number.

    `pain_level_confirmed` names one level or several ("L1, L3"); `oedema` maps a level to {"found": bool, "by": str};
    `antithrombotics_stopped_h` maps a drug to the hours since its last dose; `fasting` is hours since each kind of food, as
    "solids 8 h, clear fluids 3 h"; `neurology` is "normal" or words.
    """

    age_y: float | None = None
    sex: Literal["F", "M"] | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    asa: int | None = None
    pain_nrs: float | None = None
    pain_level_confirmed: str | None = None
    pain_despite_treatment: bool | None = None
    fracture_age_weeks: float | None = None
    oedema: dict[str, Any] | None = None
    neurology: str | None = None
    inr: float | None = None
    platelets_10e9_l: float | None = None
    antithrombotics: tuple[str, ...] | None = None
    antithrombotics_stopped_h: dict[str, float] | None = None
    allergies: tuple[str, ...] | None = None
    infection: bool | None = None
    malignancy_history: bool | None = None
    fasting: str | None = None
    consent: bool | None = None
    invented: bool = False

    def stated(self) -> dict[str, Any]:
        """Only the facts that were given."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
