"""Before the needle: the checklist read, the patient laid prone, drugs as the care tables propose, levels counted, skin numbed.

Where a fact is not stated nothing is given: the log then holds no dose, and the checklist says what was not stated.
"""

from __future__ import annotations

from collections.abc import Sequence

from pedicle.care.checklist import answers_of
from pedicle.fluoroscopy.views import landmark_of
from pedicle.model.acts import LevelCounted, TimeOut
from pedicle.model.events import Positioned
from pedicle.model.frames import Side
from pedicle.model.trajectory import LevelPlan
from pedicle.procedure.numbing import sedate
from pedicle.procedure.operating import Operating
from pedicle.procedure.script import seconds


def arrive(operating: Operating, levels: Sequence[LevelPlan]) -> None:
    """Everything up to the first needle, in order: checklist, position, checklist with levels and sides aloud, levels counted."""
    patient = operating.briefing.patient
    operating.do(TimeOut(operating.now_s, "before sedation", answers_of(patient, "before sedation")))
    sedate(operating)
    operating.do(Positioned(operating.now_s + seconds("arrive"), "prone", "head"))
    said = tuple((level.level, side) for level in levels for side in said_sides(level))
    operating.do(TimeOut(operating.now_s, "before skin", answers_of(patient, "before skin"), said))
    for level in levels:
        _count(operating, level.level)


def said_sides(level: LevelPlan) -> tuple[Side, ...]:
    """Sides read aloud for a level: those of its recommended needles."""
    return level.recommended


def _count(operating: Operating, level: str) -> None:
    """The level counted from the landmark that the scan holds."""
    found = landmark_of(operating.spine)
    landmark = found[0] if found else "the report of the CT"
    operating.do(LevelCounted(operating.now_s + seconds("count"), level, landmark))
