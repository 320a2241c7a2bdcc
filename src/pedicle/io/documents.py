"""The named files of a case for people and other programs: keys and units as docs/reference/case-folder.md lists them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pedicle.model.notices import Notice
from pedicle.model.trajectory import WALLS, CementVolume, LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import Density, Estimate, Fracture, Pedicle, Spine, Vertebra

_DIGITS = 4


def spine_document(spine: Spine) -> dict[str, Any]:
    """spine.json: one entry a vertebra; null = not evaluable, with a warning."""
    return {
        "vertebrae": [_vertebra(vertebra) for vertebra in spine.vertebrae],
        "density_mg_cm3": _estimate(spine.density),
        "kyphosis_deg": rounded(spine.kyphosis_deg),
        "coverage": spine.coverage,
        "not_evaluable": list(spine.not_evaluable),
        "warnings": _notices(spine.warnings),
    }


def plan_document(plan: Plan) -> dict[str, Any]:
    """plan.json: one entry a level with its needles and cement."""
    return {
        "purpose": plan.purpose,
        "scan_position": plan.scan_position,
        "placement": rounded(plan.placement),
        "levels": [_level(level) for level in plan.levels],
        "needles_total": plan.needles_total,
        "cement_total_ml": rounded(plan.cement_total_ml),
        "open_gates": list(plan.open_gates),
        "warnings": _notices(plan.warnings),
    }


def to_bytes(document: dict[str, Any]) -> bytes:
    """A document as indented JSON with a final newline; ValueError for NaN or infinity, which never leave pedicle."""
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False, default=_plain)
    return (text + "\n").encode()


def _plain(thing: Any) -> Any:
    """A numpy number or truth value as Python's own; TypeError for anything else."""
    if isinstance(thing, np.generic):
        return thing.item()
    raise TypeError(f"cannot write a {type(thing).__name__}")


def _vertebra(vertebra: Vertebra) -> dict[str, Any]:
    heights = vertebra.heights_mm
    density = vertebra.density
    pose = vertebra.lps_from_vertebra
    axes = {name: getattr(vertebra, name).tolist() for name in ("right", "anterior", "superior")} if pose else None
    return {
        "level": vertebra.level,
        "basis": vertebra.basis,
        "confidence": rounded(vertebra.confidence),
        "complete": vertebra.complete,
        "centroid_lps_mm": rounded(vertebra.centroid_lps_mm.tolist()),
        "axes_lps": rounded(axes),
        "heights_mm": rounded(
            {"anterior": heights.anterior, "middle": heights.middle, "posterior": heights.posterior}
            if heights
            else None
        ),
        "heights_sigma_mm": rounded(heights.sigma_mm) if heights else None,
        "body_width_mm": rounded(vertebra.body_width_mm),
        "body_depth_mm": rounded(vertebra.body_depth_mm),
        "body_volume_ml": rounded(vertebra.body_volume_ml),
        "wedge_deg": rounded(vertebra.wedge_deg),
        **_fracture(vertebra.fracture),
        **_density(density),
        "pedicles": {side: _pedicle(pedicle) for side, pedicle in (vertebra.pedicles or {}).items()} or None,
        "cemented": vertebra.cemented,
        "metal": vertebra.metal,
        "suspicious": list(vertebra.suspicious),
        "warnings": _notices(vertebra.warnings),
    }


def _fracture(fracture: Fracture | None) -> dict[str, Any]:
    if fracture is None:
        keys = ("height_loss_percent", "genant_grade", "fracture_shape", "cleft", "posterior_wall")
        return dict.fromkeys(keys)
    return {
        "height_loss_percent": rounded(fracture.height_loss_percent),
        "height_loss_sigma_percent": rounded(fracture.sigma_percent),
        "station_loss_percent": rounded(
            dict(zip(("anterior", "middle", "posterior"), fracture.loss_percent, strict=True))
        ),
        "reference": fracture.reference,
        "genant_grade": fracture.genant_grade,
        "genant_probability": rounded(list(fracture.grade_probability)),
        "fracture_shape": fracture.shape,
        "over_20_percent": fracture.over_20_percent,
        "over_25_percent": fracture.over_25_percent,
        "of_suggestion": fracture.of_suggestion or None,
        "of5": fracture.of5 or None,
        "cleft": fracture.cleft,
        "posterior_wall": fracture.posterior_wall,
        "canal_narrowing_percent": rounded(fracture.canal_narrowing_percent),
        "verdict": fracture.verdict,
    }


def _density(density: Density | None) -> dict[str, Any]:
    if density is None:
        return {"mean_trabecular_hu": None, "density_mg_cm3": None}
    return {
        "mean_trabecular_hu": rounded(density.mean_hu),
        "density_mg_cm3": _estimate(density.density_mg_cm3),
        "density_usable": density.usable,
        "density_sclerosis": density.sclerosis,
        "density_reason": density.reason or None,
    }


def _pedicle(pedicle: Pedicle) -> dict[str, Any]:
    return {
        "width_mm": rounded(pedicle.width_mm),
        "height_mm": rounded(pedicle.height_mm),
        "inscribed_mm": rounded(pedicle.inscribed_mm),
        "label_width_mm": rounded(pedicle.label_width_mm),
        "ct_width_mm": rounded(pedicle.ct_width_mm),
        "sigma_mm": rounded(pedicle.sigma_mm),
        "axis_lps": None if pedicle.axis_lps is None else rounded(pedicle.axis_lps.tolist()),
        "centre_lps_mm": None if pedicle.centre_lps_mm is None else rounded(pedicle.centre_lps_mm.tolist()),
        "visible": pedicle.visible,
        "reason": pedicle.reason or None,
    }


def _level(level: LevelPlan) -> dict[str, Any]:
    return {
        "level": level.level,
        "recommended": list(level.recommended),
        "why": list(level.why),
        "refused": list(level.refused),
        "trajectories": [_trajectory(trajectory) for trajectory in level.trajectories],
        "true_ap": None if level.true_ap is None else level.true_ap.sentence,
        "true_lateral": None if level.true_lateral is None else level.true_lateral.sentence,
        "cement_ml": _cement(level.cement),
        "warnings": _notices(level.warnings),
    }


def _trajectory(trajectory: Trajectory) -> dict[str, Any]:
    view, needle, clearance = trajectory.bulls_eye, trajectory.needle, trajectory.clearance
    skin = trajectory.skin_entry_lps_mm
    sigma = {wall: clearance[wall].sigma_mm for wall in WALLS if wall in clearance}
    return {
        "side": trajectory.side,
        "approach": trajectory.approach,
        "aim": trajectory.aim,
        "needle": {
            "gauge": needle.gauge,
            "length_mm": needle.length_mm,
            "outer_diameter_mm": needle.outer_diameter_mm,
        },
        "skin_entry_lps_mm": None if skin is None else rounded(skin.tolist()),
        "skin_reason": trajectory.skin_reason or None,
        "bone_entry_lps_mm": rounded(trajectory.bone_entry_lps_mm.tolist()),
        "target_lps_mm": rounded(trajectory.target_lps_mm.tolist()),
        "depth_mm": rounded(
            {
                "skin_to_bone": trajectory.skin_to_bone_mm,
                "bone_to_posterior_wall": trajectory.posterior_wall_depth_mm,
                "bone_to_target": trajectory.bone_to_target_mm,
            }
        ),
        "skin_from_midline_mm": rounded(trajectory.skin_from_midline_mm),
        "skin_from_spinous_mm": rounded(trajectory.skin_from_spinous_mm),
        "angles_deg": rounded({"axial": trajectory.axial_deg, "sagittal": trajectory.sagittal_deg}),
        "carm_bulls_eye": {
            "detector_over": view.detector_over,
            "tilt_deg": rounded(view.tilt_deg),
            "tilt_toward": view.tilt_toward,
            "cranial_deg": rounded(view.dicom_secondary_deg),
            "dicom_primary_deg": rounded(view.dicom_primary_deg),
            "dicom_secondary_deg": rounded(view.dicom_secondary_deg),
            "sentence": view.sentence,
        },
        "clearance_mm": {wall: rounded(clearance[wall].mm) if wall in clearance else None for wall in WALLS},
        "clearance_uncertainty_mm": rounded(sigma),
        "breach_probability": rounded({wall: found.breach_probability for wall, found in clearance.items()}),
        "breach_over_2mm_probability": rounded(
            {wall: found.breach_over_2mm_probability for wall, found in clearance.items()}
        ),
        "not_assessed": {wall: found.reason for wall, found in clearance.items() if found.mm is None},
        "feasible": trajectory.feasible,
        "reasons": list(trajectory.reasons),
    }


def _cement(cement: CementVolume | None) -> dict[str, Any] | None:
    if cement is None:
        return None
    numbers = {"low": cement.low, "planned": cement.planned, "high": cement.high, "cap": cement.cap_ml}
    return {**rounded(numbers), "basis": cement.basis}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else rounded(vars(estimate))


def _notices(notices: tuple[Notice, ...]) -> list[dict[str, str]]:
    return [dict(vars(notice)) for notice in notices]


def rounded(thing: Any) -> Any:
    """Numbers to 0.0001, through lists and dicts: below every uncertainty here, and the same text on every machine."""
    if isinstance(thing, dict):
        return {key: rounded(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [rounded(value) for value in thing]
    if isinstance(thing, bool) or not isinstance(thing, float):
        return thing
    return round(float(thing), _DIGITS) + 0.0
