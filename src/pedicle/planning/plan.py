"""Spine and scan to a plan: for each level and side the best needle, and what it would take to trust it."""

from __future__ import annotations

from pedicle.model.frames import SIDES
from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Scan
from pedicle.model.trajectory import LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.planning.cement import cement_volume
from pedicle.planning.choice import chosen_levels, refusals
from pedicle.planning.fields import side_fields
from pedicle.planning.options import PlanOptions
from pedicle.planning.session import level_warnings, open_gates, recommend, scan_position, session_warnings
from pedicle.planning.trajectories import Site, plan_side, site
from pedicle.planning.views import true_ap, true_lateral

_DEFAULT = PlanOptions()


def plan(
    spine: Spine,
    scan: Scan,
    options: PlanOptions = _DEFAULT,
    patient: Patient | None = None,
    progress: Progress = silent,
) -> Plan:
    """Plan the needles of the chosen levels.

    `spine` is what `find_vertebrae` returns for `scan`; points of the result are LPS mm in the scan's world. A level that
    cannot be planned stays in the plan with the reason in `refused`. `patient` only fills gates: nothing is computed from
    a fact that is not stated.

    Raises RefusedError 400 (no pedicles in the labels), 401 (purpose plan without named levels), InputError 402 (level
    not in the scan), 404 (gauge not in the catalogue).
    """
    names = chosen_levels(spine, options)
    levels = []
    for number, name in enumerate(names):
        progress(number / max(len(names), 1), f"plan {name}")
        levels.append(_plan_level(spine, scan, spine[name], options))
    progress(1.0, "plan")
    cement = [level.cement.planned for level in levels if level.cement is not None and level.recommended]
    return Plan(
        levels=tuple(levels),
        purpose=options.purpose,
        scan_position=scan_position(scan),
        placement={
            "entry_error_mm": options.entry_error_mm,
            "direction_error_deg": options.direction_error_deg,
            "draws": float(options.draws),
        },
        needles_total=sum(len(level.recommended) for level in levels),
        cement_total_ml=float(sum(cement)) if cement else None,
        open_gates=tuple(open_gates(patient, [level.level for level in levels])),
        warnings=tuple(session_warnings(spine, scan, levels)),
    )


def _plan_level(spine: Spine, scan: Scan, vertebra: Vertebra, options: PlanOptions) -> LevelPlan:
    refused = refusals(vertebra)
    if refused:
        return LevelPlan(vertebra.level, (), (), (), None, None, None, tuple(refused), tuple(level_warnings(vertebra)))
    found, without = _both_sides(spine, scan, vertebra, options)
    sides, why = recommend(found)
    return LevelPlan(
        level=vertebra.level,
        trajectories=tuple(found),
        recommended=sides,
        why=tuple(why),
        true_ap=true_ap(vertebra),
        true_lateral=true_lateral(vertebra),
        cement=cement_volume(vertebra),
        refused=tuple(without),
        warnings=tuple(level_warnings(vertebra)),
    )


def _both_sides(
    spine: Spine, scan: Scan, vertebra: Vertebra, options: PlanOptions
) -> tuple[list[Trajectory], list[str]]:
    found, without = [], []
    for side in SIDES:
        try:
            place: Site = site(spine, scan, vertebra, side_fields(vertebra, side), options)
        except ValueError as problem:
            without.append(f"{side}: {problem}")
            continue
        trajectory = plan_side(place, "paramedian")
        if trajectory is None:
            without.append(f"{side}: no straight line through the pedicle reaches the front of the body")
        else:
            found.append(trajectory)
    return found, without
