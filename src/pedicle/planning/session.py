"""What holds for the whole session: which sides, what is warned of, what nobody has stated yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pedicle.model.notices import Notice
from pedicle.model.patient import Patient
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import LevelPlan
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.planning.options import PlanOptions

POSITIONS = {"S": "supine", "P": "prone", "DR": "right decubitus", "DL": "left decubitus"}
# How a doubtful level's verdict begins.
POSSIBLE = "possible fracture or small level"
# Facts that a person must state before a needle: name in patient.toml and the question.
GATES = {
    "consent": "consent",
    "pain_level_confirmed": "pain confirmed at the planned level by examination",
    "fracture_age_weeks": "age of the fracture",
    "oedema": "bone oedema at the level (MRI or dual-energy CT)",
    "neurology": "neurological examination",
    "inr": "INR",
    "platelets_10e9_l": "platelet count",
    "antithrombotics": "antithrombotic drugs",
    "allergies": "allergies (cement, contrast, local anaesthetic)",
    "infection": "infection excluded",
    "malignancy_history": "history of malignancy",
    "fasting": "fasting",
}


def placement(spine: Spine, options: PlanOptions) -> dict[str, float]:
    """The errors behind the probabilities, 1 SD: placement as stated, label boundary along the finest and coarsest axis."""
    share = quantity("planning/limits", "boundary_sd_voxels").value
    voxel = spine.labels.grid.spacing_mm
    given = options.segmentation_error_mm
    return {
        "entry_error_mm": options.entry_error_mm,
        "direction_error_deg": options.direction_error_deg,
        "bending": options.bending,
        "boundary_fine_mm": share * float(np.prod(voxel) ** (1.0 / 3.0)) if given is None else given,
        "boundary_coarse_mm": share * float(voxel.max()) if given is None else given,
        "draws": float(options.draws),
    }


def scan_position(scan: Scan | None) -> str:
    """How the patient lay in the CT, in one word; "not known" where the file does not say."""
    position = (scan.acquisition.patient_position if scan is not None else None) or ""
    return POSITIONS.get(position[2:], "not known")


def open_gates(patient: Patient | None, planned: Sequence[Vertebra]) -> list[str]:
    """What a person must still answer, as sentences: the level's count, a broken posterior wall, facts nobody stated."""
    stated = (patient or Patient()).stated()
    names = ", ".join(vertebra.level for vertebra in planned)
    count = [f"level to be confirmed on the table: {names}"] if names else []
    broken = [
        f"posterior wall of {v.level} broken: to be acknowledged before cement"
        for v in planned
        if v.fracture is not None and v.fracture.posterior_wall == "broken"
    ]
    return [*count, *broken, *(f"not stated: {question}" for name, question in GATES.items() if name not in stated)]


def level_warnings(vertebra: Vertebra) -> list[Notice]:
    """What a person must know before using a level's plan."""
    # The measurement's own sentence, so that a page can say it once.
    found = [notice for notice in vertebra.warnings if notice.code == "level-unverified"]
    if not found and vertebra.basis == "given":
        text = f"level unverified (counted by: {vertebra.basis}): count again on the table"
        found.append(Notice("level-unverified", vertebra.level, text))
    found += [notice for notice in vertebra.warnings if notice.code == "label-off-bone"]
    found += [Notice("suspicious", vertebra.level, words, "danger") for words in vertebra.suspicious]
    fracture = vertebra.fracture
    if fracture is not None and fracture.verdict.startswith(POSSIBLE):
        found.append(Notice("possible-fracture", vertebra.level, fracture.verdict))
    if fracture is not None and fracture.posterior_wall == "broken":
        text = "posterior wall broken: cement may reach the canal; to be acknowledged (see the open gates)"
        found.append(Notice("posterior-wall", vertebra.level, text, "danger"))
    if fracture is not None and fracture.posterior_wall == "bulged":
        text = "posterior wall bulged towards the canal: look at the wall on the CT before anything is injected"
        found.append(Notice("posterior-wall", vertebra.level, text))
    return found


def left_out(spine: Spine, options: PlanOptions) -> list[Notice]:
    """With `--levels fractured`: the levels below grade 1 that may be fractured all the same."""
    if options.levels.strip().lower() != "fractured":
        return []
    doubtful = [
        v.level
        for v in spine.vertebrae
        if v.fracture is not None and v.fracture.genant_grade == 0 and v.fracture.verdict.startswith(POSSIBLE)
    ]
    text = f"{POSSIBLE}, below grade 1 and not planned: {', '.join(doubtful)}; name a level to plan it"
    return [Notice("possible-fracture", "session", text)] if doubtful else []


def session_warnings(spine: Spine, scan: Scan | None, levels: list[LevelPlan]) -> list[Notice]:
    """Warnings that hold for the whole plan, dangers of the spine it stands on first."""
    found = [notice for notice in spine.warnings if notice.severity == "danger"]
    position = scan_position(scan)
    if position != "prone":
        taken = f"CT taken {position}" if position in POSITIONS.values() else "position in the CT not known"
        text = (
            f"{taken}, the needle goes in prone: find true AP of this vertebra again on the table; skin depth "
            "and height of a cleft fracture will differ"
        )
        found.append(Notice("position", "scan", text))
    date = scan.acquisition.study_date if scan is not None else None
    age = quantity("planning/limits", "scan_age")
    when = f"CT of {date}" if date else "date of the CT not known"
    text = f"{when}: if it is older than about {age.value:.0f} days, the fracture may have changed since"
    found.append(Notice("scan-date", "scan", text, "note"))
    used = [level for level in levels if level.recommended]
    most = quantity("planning/limits", "levels_per_session")
    if len(used) > most.value:
        text = f"{len(used)} levels in one session; usual limit of {most.value:.0f} is not verified, check locally"
        found.append(Notice("many-levels", "session", text))
    cement = sum(level.cement.planned for level in used if level.cement is not None)
    largest = quantity("planning/limits", "cement_per_session")
    if cement > largest.value:
        text = f"{cement:.0f} ml planned in one session; usual limit of {largest.value:.0f} ml is not verified, check locally"
        found.append(Notice("much-cement", "session", text))
    if not levels:
        found.append(Notice("no-level", "session", "no level chosen: none is fractured", "note"))
    return found
