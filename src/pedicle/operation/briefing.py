"""What the team knows before it begins: the patient's facts, the spine, the plan, and what the run is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pedicle.care.options import CareOptions
from pedicle.model.cure import CementClock
from pedicle.model.patient import Patient
from pedicle.model.trajectory import LevelPlan, Plan
from pedicle.model.vertebra import Spine, Vertebra

Purpose = Literal["plan", "rehearse", "train"]
_NO_FACTS, _CARE = Patient(), CareOptions()


@dataclass(frozen=True, eq=False)
class Briefing:
    """What gates hold an event against. `care` is what is used at this place. `clocks` are those of cured levels, by level, where they are known."""

    spine: Spine
    plan: Plan
    purpose: Purpose = "rehearse"
    patient: Patient = _NO_FACTS
    care: CareOptions = _CARE
    clocks: Mapping[str, CementClock] = field(default_factory=dict)

    @cached_property
    def vertebrae(self) -> Mapping[str, Vertebra]:
        """The spine by level."""
        return {vertebra.level: vertebra for vertebra in self.spine.vertebrae}

    def level(self, name: str) -> LevelPlan | None:
        """The plan of a level, or None."""
        return next((found for found in self.plan.levels if found.level == name), None)
