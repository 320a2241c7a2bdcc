"""Spine and scan to a plan: for each level and side the best needle, and what it would take to trust it."""

from __future__ import annotations

from dataclasses import replace

from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Scan
from pedicle.model.standard_views import true_ap, true_lateral
from pedicle.model.trajectory import LevelPlan, Plan
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.planning.cement import cement_volume
from pedicle.planning.choice import check_on_bone, chosen_levels, refusals
from pedicle.planning.neighbours import cropped
from pedicle.planning.options import PlanOptions
from pedicle.planning.session import left_out, level_warnings, open_gates, placement, scan_position, session_warnings
from pedicle.planning.sides import plan_sides
from pedicle.planning.views import out_of_reach

_DEFAULT = PlanOptions()


def plan(
    spine: Spine,
    scan: Scan | None,
    options: PlanOptions = _DEFAULT,
    patient: Patient | None = None,
    progress: Progress = silent,
) -> Plan:
    """Plan the needles of the chosen levels.

    `spine` is what `find_vertebrae` returns for `scan`; without a scan no skin is found and depths are unknown. Points of
    the result are LPS mm in the scan's world. A level that cannot be planned stays in the plan with the reason in
    `refused`. `patient` only fills gates: nothing is computed from a fact that is not stated.

    Raises RefusedError 400 (no pedicles in the labels), 401 (purpose plan without named levels), 403 (labels
    beside the bone), InputError 402 (level not in the scan), 404 (gauge not in the catalogue).
    """
    names = chosen_levels(spine, options)
    check_on_bone(spine, names)
    spine = replace(spine, structures=cropped(spine.structures))
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
        placement=placement(spine, options),
        needles_total=sum(len(level.recommended) for level in levels),
        cement_total_ml=float(sum(cement)) if cement else None,
        open_gates=tuple(open_gates(patient, [spine[level.level] for level in levels if level.trajectories])),
        warnings=(*session_warnings(spine, scan, levels), *left_out(spine, options)),
    )


def _plan_level(spine: Spine, scan: Scan | None, vertebra: Vertebra, options: PlanOptions) -> LevelPlan:
    refused = refusals(vertebra, spine.warnings)
    if refused:
        return LevelPlan(vertebra.level, (), (), (), None, None, None, tuple(refused), tuple(level_warnings(vertebra)))
    sides = plan_sides(spine, scan, vertebra, options)
    return LevelPlan(
        level=vertebra.level,
        trajectories=sides.trajectories,
        recommended=sides.recommended,
        why=sides.why,
        true_ap=true_ap(vertebra),
        true_lateral=true_lateral(vertebra),
        cement=cement_volume(vertebra),
        refused=sides.without,
        warnings=(*level_warnings(vertebra), *out_of_reach(vertebra)),
    )
