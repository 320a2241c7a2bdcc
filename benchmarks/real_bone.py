"""Injection into real bone: every level of two CTs nobody here made, without an edit; broken synthetic bodies, where cement goes first.

Real levels take their planned volume through the first planned needle on 1 mm cells, whatever leaks. No real CT at hand shows a
cleft: that a fill follows the cleft first is shown on synthetic fractures with one, by the share of the cleft that is full over
the share of the rest of the body, as the millilitres go in. What must be refused is refused on real bone.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._cohort import Broken, body
from benchmarks._table import Row, flags, publish, short_of
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.spine import find_vertebrae
from pedicle.injection.batch import pushed_to, stalled
from pedicle.injection.finish import finish
from pedicle.injection.medium import medium_of
from pedicle.injection.openings import expected_openings
from pedicle.injection.options import InjectOptions
from pedicle.injection.regions import regions_of
from pedicle.injection.session import start
from pedicle.injection.site import Site, medium_options, ready_s, site_of
from pedicle.io.options import ImportOptions
from pedicle.io.read import read_ct, read_labels
from pedicle.model.cement import cement
from pedicle.model.errors import RefusedError
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.model.vertebra import PART_BODY, PART_CANAL, Vertebra
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

REAL = {
    "verse014": ("verse014-l1-l5/sub-verse014_ct.nii.gz", "verse014-l1-l5/sub-verse014_seg-vert_msk.nii.gz"),
    "totalsegmentator": ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg.nii.gz"),
}
ABSENT = "real data not present"
OPTIONS = InjectOptions()
# Synthetic bodies with a cleft, and how many of them when quick; cells of their flow; looked at after so many ml.
PAIRS, QUICK, CELL_MM = tuple(n for n in range(21) if n != 7), 2, 1.5
AT_ML = (0.25, 0.5, 1.0, 2.0)
# A cleft smaller than this is a crack, ml.
CLEFT_ML = 0.3


def levels_of(name: str) -> list[tuple[Vertebra, LevelPlan]]:
    """The levels of a real CT that have a way in, measured and planned; none without the data."""
    root = Path(os.environ.get("PEDICLE_DATA", ""))
    ct, labels = (root / part for part in REAL[name])
    if "PEDICLE_DATA" not in os.environ or not ct.exists():
        return []
    scan = read_ct(ct, ImportOptions())
    spine = find_vertebrae(scan, read_labels(labels, scan, ImportOptions()), MeasureOptions())
    made = plan(spine, scan, PlanOptions(levels="all", draws=500))
    known = {one.level: one for one in spine.vertebrae}
    return [
        (known[level.level], level)
        for level in made.levels
        if level.cement and known[level.level].bone is not None and _way(level)
    ]


def _way(level: LevelPlan) -> Trajectory | None:
    return next((path for path in level.trajectories if path.feasible and path.side in level.recommended), None)


def real_rows(name: str, levels: list[tuple[Vertebra, LevelPlan]]) -> list[Row]:
    """One injection a level: what went in and stayed, pressure, time, balance."""
    if not levels:
        return [Row(name, "levels injected", ABSENT, "1")]
    rows: list[Row] = []
    for vertebra, level in levels:
        path = _way(level)
        assert path is not None
        assert level.cement is not None
        began, case = time.process_time(), f"{name} {level.level}"
        site = site_of(vertebra, OPTIONS)
        state = start(site, PlacedNeedle.on(path, stylet=False), path.side, 0.0, -ready_s(OPTIONS))
        state = pushed_to(site, state, level.cement.planned, OPTIONS.flow)
        fill, seconds = finish(site, state), time.process_time() - began
        assert vertebra.bone is not None
        planned, needle = level.cement.planned, f"{path.needle.gauge} G x {path.needle.length_mm:g} mm"
        # A syringe that no longer moves is an answer: the needle is named with it.
        limit = f"stalled at its greatest force, {needle}" if stalled(state, OPTIONS.flow) else ">= 0.99"
        rows += [
            Row(case, "out of the needle, of the planned", fill.injected_ml / planned, "1", limit, same_work={"planned_ml": planned, "needle": needle}),
            Row(case, "in the body", fill.in_body_ml, "ml"),
            Row(case, "leaked", sum(fill.leaked_ml.values()), "ml", same_work=fill.leaked_ml),
            Row(case, "of the body", fill.fill_percent_of_body, "percent"),
            Row(case, "highest pressure in the syringe", fill.peak_pressure_kpa["syringe"], "kPa", f"<= {_highest()}"),
            Row(case, "highest pressure at the tip", fill.peak_pressure_kpa["bone"], "kPa"),
            Row(case, "balance", fill.mass_balance_error, "1", "<= 1e-6"),
            Row(case, "CPU time, compiling left out", seconds, "s cpu"),
        ]  # fmt: skip
    return [Row(name, "levels injected", float(len(levels)), "1"), *rows]


def _highest() -> float:
    return quantity("injection/published", "syringe_pressure", "highest").value


def refusal_rows(vertebra: Vertebra, level: LevelPlan, name: str) -> list[Row]:
    """What no cement may be pushed into on real bone, with the code that refuses it."""
    path = _way(level)
    assert path is not None
    needle, site = PlacedNeedle.on(path, stylet=False), site_of(vertebra, OPTIONS)
    mixed, old = -ready_s(OPTIONS), -4.0 * site.cement.working_until_s
    assert vertebra.bone is not None
    parts = vertebra.bone.parts
    canal = parts.grid.lps_from_index(np.argwhere(parts.values == PART_CANAL).mean(axis=0))
    cases = {
        "tip outside the body (422)": (site, replace(needle, tip_lps_mm=path.bone_entry_lps_mm - 20.0 * path.direction_lps), mixed, 0.0, 422),
        "tip in the canal (423)": (site, replace(needle, tip_lps_mm=canal), mixed, 0.0, 423),
        "more than the pores hold (424)": (site, needle, mixed, site.regions.fillable_ml + 0.1, 424),
        "cement past its working time (425)": (site, needle, old, 0.0, 425),
    }  # fmt: skip
    rows = [
        Row(name, f"refused: {what}", float(_refused(*given) == given[-1]), "1", ">= 1")
        for what, given in cases.items()
    ]
    try:
        site_of(replace(vertebra, cemented=True), OPTIONS)
        code = 0
    except RefusedError as refused:
        code = refused.code
    return [*rows, Row(name, "refused: a body with cement (421)", float(code == 421), "1", ">= 1")]


def _refused(site: Site, needle: PlacedNeedle, mixed_s: float, asked_ml: float, _: int) -> int:
    try:
        start(site, needle, "left", 0.0, mixed_s, asked_ml)
    except RefusedError as refused:
        return refused.code
    return 0


def cleft_case(pair: int) -> dict[str, Any] | None:
    """How full the cleft and the rest of a broken body are as cement goes in; None where its cleft is a crack."""
    broken = body(pair, True)
    options = replace(OPTIONS, cell_mm=CELL_MM)
    medium = medium_of(broken.bone, medium_options(options), expected_openings(broken.bone))
    site = Site(
        broken.bone.level, broken.bone, medium, regions_of(broken.bone, medium), cement(options.cement), options
    )
    if site.regions.cleft_ml < CLEFT_ML:
        return None
    sides: tuple[Side, Side] = ("left", "right")
    side = sides[pair % 2]
    state = start(site, broken.needles[side], side, 0.0, -ready_s(options))
    shares = []
    for ml in AT_ML:
        state = pushed_to(site, state, ml, options.flow)
        shares.append(_shares(site, state))
    return {"pair": pair, "cleft_ml": site.regions.cleft_ml, "tip_mm": _tip_to_cleft_mm(broken, side), "shares": shares}


def _shares(site: Site, state: InjectionState) -> tuple[float, float]:
    """Full share of the cleft, and of the rest of the body."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    bone = site.regions.body & ~(site.regions.cleft_mm3 > 0.0)
    return site.regions.cleft_filled_share(cement_mm3), site.regions.filled_share(cement_mm3, bone)


def _tip_to_cleft_mm(broken: Broken, side: Side) -> float:
    grid = broken.bone.cleft.grid
    points = grid.lps_from_index(np.argwhere(broken.bone.cleft.values & (broken.bone.parts.values == PART_BODY)))
    return float(np.linalg.norm(points - broken.needles[side].tip_lps_mm, axis=1).min())


def cleft_rows(cases: list[dict[str, Any]]) -> list[Row]:
    """The cleft fills before the rest."""
    name, rows = f"{len(cases)} synthetic fractures with a cleft", []
    for n, ml in enumerate(AT_ML):
        cleft, rest = np.array([one["shares"][n] for one in cases]).T
        case = f"{name}, {ml:g} ml"
        rows += [
            Row(case, "full share of the cleft, median", float(np.median(cleft)), "1", same_work={"values": cleft.tolist()}),
            Row(case, "full share of the rest of the body, median", float(np.median(rest)), "1", same_work={"values": rest.tolist()}),
            Row(case, "bodies whose cleft is fuller than the rest", float(np.mean(cleft > rest)), "1"),
        ]  # fmt: skip
    fuller = float(np.mean([one["shares"][-1][0] > one["shares"][-1][1] for one in cases]))
    rows.append(Row(name, f"cleft fuller than the rest at {AT_ML[-1]:g} ml", fuller, "1", ">= 0.9"))
    rows.append(Row(name, "tip to cleft, median", float(np.median([one["tip_mm"] for one in cases])), "mm"))
    return rows


def main() -> int:
    """Print the rows; 1 when one falls short."""
    chosen = flags(__doc__ or "")
    pairs = PAIRS[: QUICK if chosen.quick else (chosen.cases or len(PAIRS))]
    rows: list[Row] = []
    for name in REAL:
        levels = levels_of(name) if not chosen.quick else []
        rows += real_rows(name, levels)
        if levels:
            rows += refusal_rows(*levels[0], f"{name} {levels[0][1].level}")
    rows += cleft_rows([found for pair in pairs if (found := cleft_case(pair))])
    publish("real_bone", rows, chosen)
    return short_of(rows)


if __name__ == "__main__":
    sys.exit(main())
