"""The needle sheet: what is read aloud at two metres, one page a level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pedicle.model.carm import View
from pedicle.model.frames import SIDES
from pedicle.model.needle import Needle
from pedicle.model.sourced import as_quantity, table
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.model.vertebra import Vertebra
from pedicle.report.dossier import Dossier
from pedicle.report.sides import side_conflict, side_of
from pedicle.report.tables import WALL_WORDS, counted_words, nearest_wall
from pedicle.report.words import (
    at_least_one,
    bare_reason,
    degree_signs,
    figure,
    finite,
    gathered,
    listed,
    measure,
    missing,
    position_words,
    probability,
    sentence,
    signed,
    whole,
    with_unit,
)

UNVERIFIED = "†"
_ROOM_LETTERS = 780.0
# A needle alone is set in larger type to begin with.
_LARGEST_ALONE = 0.84


@dataclass(frozen=True)
class Reach:
    """One depth in large type: where to, the figure, its spread; `figure` is "unknown" without a skin entry."""

    name: str
    figure: str
    spread: str


@dataclass(frozen=True)
class DepthSketch:
    """Depths from the skin in mm for the drawn ruler: bone, posterior wall, target, and the needle's length."""

    bone_mm: float
    wall_mm: float
    target_mm: float
    needle_mm: float


@dataclass(frozen=True)
class NeedleCard:
    """One needle in large type."""

    side: str
    approach: str
    needle: str
    skin: str
    skin_note: str
    depths: tuple[Reach, ...]
    depth_note: str
    carm: str
    dicom: str
    nearest: str
    sketch: DepthSketch | None


@dataclass(frozen=True)
class Sheet:
    """One level's page. `cards` is empty when no needle is advised; `refused` then says why.

    `sure` is False when nothing but the label file names the level. `scale` shrinks the type so that long texts still
    fit the page.
    """

    level: str
    counted: str
    sure: bool
    cards: tuple[NeedleCard, ...]
    refused: tuple[str, ...]
    why: tuple[str, ...]
    cement: str
    cement_cap: str
    cement_basis: str
    uncertainty: str
    stop: tuple[str, ...]
    gates: tuple[str, ...]
    position: str
    true_ap: str
    true_lateral: str

    @property
    def scale(self) -> float:
        """Size of the type against its full size, from the length of the texts that vary."""
        cards = [sum(map(len, (c.skin, c.skin_note, c.depth_note, c.carm, c.nearest, c.approach))) for c in self.cards]
        alone = len(self.cards) == 1
        letters = max(cards, default=0) * (1 if alone else 2) + sum(map(len, self.gates)) + sum(map(len, self.refused))
        letters += len(self.cement_basis) + len(self.counted)
        largest = _LARGEST_ALONE if alone else 1.0
        return round(min(largest, max(0.7, largest * math.sqrt(_ROOM_LETTERS / max(letters, 1)))), 2)


def sheet_of(dossier: Dossier, level: LevelPlan) -> Sheet:
    """The sheet of one planned level."""
    assert dossier.plan is not None
    vertebra = dossier.spine[level.level]
    used = used_trajectories(dossier, level)
    withheld = tuple(
        f"{t.side} needle withheld: {why}" for t in level.trajectories if (why := side_conflict(vertebra, t))
    )
    cement = level.cement
    return Sheet(
        level.level,
        counted_words(vertebra),
        vertebra.confidence >= 0.95 and vertebra.basis != "given",
        tuple(_card(dossier, vertebra, trajectory) for trajectory in used),
        withheld + (level.refused or (() if used else _no_needle(level))),
        level.why,
        measure(cement.planned, "ml") if cement else missing("no volume planned"),
        measure(cement.cap_ml, "ml") if cement else "",
        f"{measure(cement.low, 'ml')} to {measure(cement.high, 'ml')}; {cement.basis}" if cement else "",
        _uncertainty(dossier),
        _stop_lines(vertebra),
        tuple(gathered(dossier.plan.open_gates)),
        _position(dossier),
        _pose(level.true_ap),
        _pose(level.true_lateral),
    )


def used_trajectories(dossier: Dossier, level: LevelPlan) -> tuple[Trajectory, ...]:
    """The advised needles, left before right; one whose side and place disagree is never shown."""
    vertebra = dossier.spine[level.level]
    chosen = [t for t in level.trajectories if t.side in level.recommended and not side_conflict(vertebra, t)]
    return tuple(sorted(chosen, key=lambda trajectory: SIDES.index(trajectory.side)))


def _no_needle(level: LevelPlan) -> tuple[str, ...]:
    reasons = tuple(
        f"{trajectory.side}: {listed(trajectory.reasons)}" for trajectory in level.trajectories if trajectory.reasons
    )
    return reasons or ("the plan advises no needle here and gives no reason",)


_APPROACH_WORDS = {"transpedicular": "through the pedicle", "parapedicular": "beside the pedicle (parapedicular)"}


def _card(dossier: Dossier, vertebra: Vertebra, trajectory: Trajectory) -> NeedleCard:
    view = trajectory.bulls_eye
    primary, secondary = signed(view.dicom_primary_deg, "deg"), signed(view.dicom_secondary_deg, "deg")
    mark = "" if _verified(trajectory.needle) else UNVERIFIED
    return NeedleCard(
        side=side_of(vertebra, trajectory.bone_entry_lps_mm).upper(),
        approach=_APPROACH_WORDS[trajectory.approach],
        needle=trajectory.needle.name.replace(" x ", " × ") + mark,
        skin=_skin(vertebra, trajectory),
        skin_note=_skin_note(dossier, trajectory),
        depths=_depths(dossier, trajectory),
        depth_note=_depth_note(trajectory),
        carm=sentence(degree_signs(view.sentence)),
        dicom=f"DICOM primary {primary}, secondary {secondary}",
        nearest=_nearest(trajectory),
        sketch=_sketch(trajectory),
    )


def _verified(needle: Needle) -> bool:
    """Whether both the diameter of this gauge and the length were read in a source."""
    catalogue = table("needles")
    rows = [row["outer_diameter"] for row in catalogue["needle"] if row["gauge"] == needle.gauge]
    rows += [row for row in catalogue["length"] if row["value"] == needle.length_mm]
    return len(rows) == 2 and all(as_quantity(row).verified for row in rows)


def _skin(vertebra: Vertebra, trajectory: Trajectory) -> str:
    if trajectory.skin_entry_lps_mm is None or trajectory.skin_from_midline_mm is None:
        return missing(trajectory.skin_reason or "skin not in the scan")
    side = side_of(vertebra, trajectory.skin_entry_lps_mm).upper()
    return f"{whole(abs(trajectory.skin_from_midline_mm), 'mm')} {side} of midplane"


def _skin_note(dossier: Dossier, trajectory: Trajectory) -> str:
    if trajectory.skin_from_midline_mm is None:
        return ""
    note = f"{at_least_one(reading_sigma_mm(dossier), 'mm')}, midplane of this vertebra"
    if trajectory.skin_from_spinous_mm is not None:
        note += (
            f"; {whole(abs(trajectory.skin_from_spinous_mm), 'mm')} from the tip of its spinous process (from behind)"
        )
    return note


def reading_sigma_mm(dossier: Dossier) -> float:
    """Standard deviation of a length read between two places of this scan, from its voxels alone.

    Each end is known to within a voxel (uniform, so spacing over the root of 12); breathing, posture and the change
    from the scanner's table to the theatre's are not in it.
    """
    grid = (dossier.scan.volume if dossier.scan else dossier.labels.volume).grid
    return float(np.sqrt(2.0 / 12.0) * grid.spacing_mm.max())


def _depths(dossier: Dossier, trajectory: Trajectory) -> tuple[Reach, ...]:
    spread = at_least_one(reading_sigma_mm(dossier), "mm")
    start = trajectory.skin_to_bone_mm
    zero = start or 0.0
    wall, target = zero + trajectory.posterior_wall_depth_mm, zero + trajectory.bone_to_target_mm
    bone = Reach("bone", "unknown", "") if start is None else Reach("bone", whole(start, "mm"), spread)
    return bone, Reach("posterior wall", whole(wall, "mm"), spread), Reach("target (tip)", whole(target, "mm"), spread)


def _depth_note(trajectory: Trajectory) -> str:
    if trajectory.skin_to_bone_mm is None:
        why = bare_reason(trajectory.skin_reason) or "skin not in the scan"
        return f"Depths are from the BONE. From the skin: unknown, {why}."
    rest = trajectory.needle.length_mm - trajectory.skin_to_bone_mm - trajectory.bone_to_target_mm
    return f"Along the needle. With the tip on target {whole(rest, 'mm')} stand out."


def _sketch(trajectory: Trajectory) -> DepthSketch | None:
    start = trajectory.skin_to_bone_mm
    if start is None:
        return None
    return DepthSketch(
        start,
        start + trajectory.posterior_wall_depth_mm,
        start + trajectory.bone_to_target_mm,
        trajectory.needle.length_mm,
    )


def _nearest(trajectory: Trajectory) -> str:
    found = nearest_wall(trajectory)
    if found is None:
        return missing("no wall could be assessed")
    wall, clearance = found
    chance = probability(clearance.breach_probability, "no placement error stated")
    return f"{WALL_WORDS[wall]} {measure(clearance.mm, 'mm', clearance.sigma_mm)}; chance of crossing {chance}"


def _uncertainty(dossier: Dossier) -> str:
    plan = dossier.plan
    assert plan is not None
    entry, turn = plan.placement.get("entry_error_mm"), plan.placement.get("direction_error_deg")
    if entry is None or turn is None:
        return "Placement error: not stated by the plan, so no chance of crossing a wall is given."
    bent = "and a rigid needle" if plan.placement.get("bending", 0.0) == 0.0 else "and a needle that bends"
    return (
        f"Chances are for a placement error of {with_unit(figure(entry, 1), 'mm')} at the entry and "
        f"{with_unit(figure(turn, 1), 'deg')} in direction (1 SD) {bent}. Depth and skin ± (1 SD): from the voxel size alone."
    )


def _stop_lines(vertebra: Vertebra) -> tuple[str, ...]:
    return (
        "Needle: not past the medial pedicle wall (AP) before the posterior wall (lateral).",
        f"Cement: {_quarter(vertebra)}; any flow to canal, disc or vein; pressure rise.",
    )


def _quarter(vertebra: Vertebra) -> str:
    place = "at the posterior quarter of the body (lateral)"
    if vertebra.body_depth_mm is None or not finite(vertebra.body_depth_mm):
        return place + UNVERIFIED
    return f"{place}, {whole(vertebra.body_depth_mm / 4.0, 'mm')} from the posterior wall{UNVERIFIED}"


def _position(dossier: Dossier) -> str:
    made = dossier.spine.acquisition
    date = made.study_date or "date not stated"
    return (
        f"CT: {position_words(made.patient_position)}; {date}. Angles and depths are for that position: find true AP of "
        f"this vertebra again on the table; skin depth and the height of a cleft fracture will differ."
    )


def _pose(view: View | None) -> str:
    if view is None:
        return missing("no true view in the C-arm's reach")
    return (
        f"{sentence(degree_signs(view.sentence))} DICOM {signed(view.dicom_primary_deg, 'deg')} / "
        f"{signed(view.dicom_secondary_deg, 'deg')}"
    )
