"""The needle sheet: what is read aloud at two metres, one page a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.frames import LEFT, SIDES
from pedicle.model.sourced import as_quantity, table
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.model.vertebra import Vertebra
from pedicle.report.dossier import Dossier
from pedicle.report.tables import WALL_WORDS, counted_words, nearest_wall
from pedicle.report.words import (
    figure,
    finite,
    listed,
    measure,
    missing,
    position_words,
    probability,
    sentence,
    signed,
    with_unit,
)

UNVERIFIED = "†"


@dataclass(frozen=True)
class NeedleCard:
    """One needle in large type."""

    side: str
    approach: str
    needle: str
    skin: str
    depths: tuple[tuple[str, str], ...]
    depth_note: str
    carm: str
    dicom: str
    nearest: str
    sketch: DepthSketch | None


@dataclass(frozen=True)
class DepthSketch:
    """Depths from the skin in mm for the drawn ruler: bone, posterior wall, target, and the needle's length."""

    bone_mm: float
    wall_mm: float
    target_mm: float
    needle_mm: float


@dataclass(frozen=True)
class Sheet:
    """One level's page. `cards` is empty when no needle is advised; `refused` then says why."""

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
        dossier.plan.open_gates,
        _position(dossier),
        _pose(level.true_ap),
        _pose(level.true_lateral),
    )


def used_trajectories(dossier: Dossier, level: LevelPlan) -> tuple[Trajectory, ...]:
    """The advised needles, left before right; one whose side and place disagree is never shown."""
    vertebra = dossier.spine[level.level]
    chosen = [t for t in level.trajectories if t.side in level.recommended and not side_conflict(vertebra, t)]
    return tuple(sorted(chosen, key=lambda trajectory: SIDES.index(trajectory.side)))


def side_conflict(vertebra: Vertebra, trajectory: Trajectory) -> str:
    """Why a needle's named side cannot be right, or "": its bone entry must lie on that side of the midline."""
    side = side_of(vertebra, trajectory.bone_entry_lps_mm)
    if side == trajectory.side:
        return ""
    return f"named {trajectory.side}, but its bone entry lies {side} of this vertebra's midline"


def side_of(vertebra: Vertebra, point_mm: np.typing.ArrayLike) -> str:
    """The side of this vertebra's midline a point lies on, from its coordinates alone."""
    pose = vertebra.lps_from_vertebra
    origin = vertebra.centroid_lps_mm if pose is None else pose.origin_mm
    left = LEFT if pose is None else pose.axis(0)
    return "left" if float((np.asarray(point_mm, dtype=np.float64) - origin) @ left) > 0 else "right"


def _no_needle(level: LevelPlan) -> tuple[str, ...]:
    reasons = tuple(
        f"{trajectory.side}: {listed(trajectory.reasons)}" for trajectory in level.trajectories if trajectory.reasons
    )
    return reasons or ("the plan advises no needle here and gives no reason",)


def _card(dossier: Dossier, vertebra: Vertebra, trajectory: Trajectory) -> NeedleCard:
    view = trajectory.bulls_eye
    return NeedleCard(
        side=side_of(vertebra, trajectory.bone_entry_lps_mm).upper(),
        approach="through the pedicle"
        if trajectory.approach == "transpedicular"
        else "beside the pedicle (parapedicular)",
        needle=trajectory.needle.name.replace(" x ", " × ")
        + ("" if _verified(trajectory.needle.gauge) else UNVERIFIED),
        skin=_skin(dossier, vertebra, trajectory),
        depths=_depths(dossier, trajectory),
        depth_note=_depth_note(trajectory),
        carm=sentence(view.sentence.replace(" deg", "°")),
        dicom=f"DICOM primary {signed(view.dicom_primary_deg, 'deg')}, secondary {signed(view.dicom_secondary_deg, 'deg')}",
        nearest=_nearest(trajectory),
        sketch=_sketch(trajectory),
    )


def _verified(gauge: int) -> bool:
    rows = [row for row in table("needles")["needle"] if row["gauge"] == gauge]
    return bool(rows) and as_quantity(rows[0]["outer_diameter"]).verified


def _skin(dossier: Dossier, vertebra: Vertebra, trajectory: Trajectory) -> str:
    if trajectory.skin_entry_lps_mm is None or not finite(trajectory.skin_from_midline_mm):
        return missing(trajectory.skin_reason or "skin not in the scan")
    assert trajectory.skin_from_midline_mm is not None
    side = side_of(vertebra, trajectory.skin_entry_lps_mm).upper()
    away = measure(abs(trajectory.skin_from_midline_mm), "mm", reading_sigma_mm(dossier))
    return f"{away} {side} of the midline"


def reading_sigma_mm(dossier: Dossier) -> float:
    """Standard deviation of a length read between two places of this scan, from its voxels alone.

    Each end is known to within a voxel (uniform, so spacing over the root of 12); breathing, posture and the change
    from the scanner's table to the theatre's are not in it.
    """
    grid = (dossier.scan.volume if dossier.scan else dossier.labels.volume).grid
    return float(np.sqrt(2.0 / 12.0) * grid.spacing_mm.max())


def _depths(dossier: Dossier, trajectory: Trajectory) -> tuple[tuple[str, str], ...]:
    sigma = reading_sigma_mm(dossier)
    start = trajectory.skin_to_bone_mm
    zero = start or 0.0
    wall, target = zero + trajectory.posterior_wall_depth_mm, zero + trajectory.bone_to_target_mm
    first = measure(start, "mm", sigma, trajectory.skin_reason or "skin not in the scan")
    return (
        ("to bone", first),
        ("to posterior wall", measure(wall, "mm", sigma)),
        ("to target (tip)", measure(target, "mm", sigma)),
    )


def _depth_note(trajectory: Trajectory) -> str:
    if trajectory.skin_to_bone_mm is None:
        return "Depths are from the BONE ENTRY: depth from the skin unknown."
    rest = trajectory.needle.length_mm - trajectory.skin_to_bone_mm - trajectory.bone_to_target_mm
    return f"Depths are from the skin along the needle. At the target {with_unit(figure(rest), 'mm')} of the needle stand out."


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
    return (
        f"Margins hold for a placement error of {with_unit(figure(entry), 'mm')} at the entry and "
        f"{with_unit(figure(turn), 'deg')} in direction (one standard deviation). Depths ± are from the voxel size alone."
    )


def _stop_lines(vertebra: Vertebra) -> tuple[str, ...]:
    return (
        "Needle: the tip must not cross the medial pedicle wall on AP before it reaches the posterior wall on lateral.",
        f"Cement: stop at the posterior quarter of the body on lateral{_quarter(vertebra)}, at any flow to canal, disc "
        f"or vein, or when pressure rises.",
    )


def _quarter(vertebra: Vertebra) -> str:
    if not finite(vertebra.body_depth_mm):
        return UNVERIFIED
    assert vertebra.body_depth_mm is not None
    return f" ({with_unit(figure(vertebra.body_depth_mm / 4.0), 'mm')} in front of the posterior wall){UNVERIFIED}"


def _position(dossier: Dossier) -> str:
    made = dossier.spine.acquisition
    date = made.study_date or "date not stated"
    return (
        f"CT: {position_words(made.patient_position)}; {date}. Angles and depths are for that position: find true AP of "
        f"this vertebra again on the table; skin depth and the height of a cleft fracture will differ."
    )


def _pose(view: object) -> str:
    from pedicle.model.carm import View

    if not isinstance(view, View):
        return missing("no true view in the C-arm's reach")
    return (
        f"{sentence(view.sentence.replace(' deg', '°'))} DICOM {signed(view.dicom_primary_deg, 'deg')} / "
        f"{signed(view.dicom_secondary_deg, 'deg')}"
    )
