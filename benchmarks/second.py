"""The adviser of a second portion, judged on phantom fills by simulating every candidate on finer cells.

A body is filled on 1.25 mm cells through openings drawn from their probabilities. The adviser computes on its own coarse cells
and knows the mean opening only; its second look at one portion is on cells as fine as the judge's, but through mean openings. Then every candidate, needle by wait by volume, is simulated on the fine cells: with the drawn
openings, what it gains and leaks in truth; with the mean ones, its leak risk, which is all that could be known before. Same shapes as the phantom: consistency of a
model with itself, not evidence on patients.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish, short_of
from pedicle.anatomy.spine import find_vertebrae
from pedicle.injection.batch import pushed_to
from pedicle.injection.options import InjectOptions
from pedicle.injection.portions import STEP_ML, Portion, Way, candidates, outflow_ml
from pedicle.injection.second import Advice, Asked, advise
from pedicle.injection.second import (
    short_of as lacking,
)
from pedicle.injection.session import another, ended, start, until
from pedicle.injection.site import Site, ready_s, site_of
from pedicle.injection.standing import standing_on
from pedicle.model.errors import RefusedError
from pedicle.model.fill import least_leak_ml
from pedicle.model.injection import InjectionState
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.model.vertebra import Vertebra
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

# Two or three levels a patient, where both sides have a way in: at least 60 fills.
PATIENTS, QUICK = 30, 1
CELL_MM, FLOW_ML_S = 1.25, 0.05
# Fills in turn: to one side only, too little, and as planned; part of the planned volume.
KINDS = {"one-sided": 0.5, "short": 0.6, "as planned": 1.0}
# The tip of a one-sided fill lies at least so far beside the middle, mm.
ASIDE_MM = 9.0
# By then the first portion has set, s.
SET_AT_S = 4000.0
LEVELS = ("T12", "L1", "L2")


def patient_options(seed: int) -> PhantomOptions:
    """Three broken levels, of shapes and clefts in turn."""
    shapes, clefts = ("wedge", "biconcave", "crush"), ("none", "gas", "none", "fluid")
    fractures = tuple(
        FractureOptions(
            level=level,  # type: ignore[arg-type]
            loss_percent=float(22 + (7 * seed + 11 * n) % 28),
            shape=shapes[(seed + n) % 3],  # type: ignore[arg-type]
            cleft=clefts[(seed + n) % 4],  # type: ignore[arg-type]
        )
        for n, level in enumerate(LEVELS)
    )
    return PhantomOptions(
        top="T12", bottom="L2", shape=(170, 190, 130), spacing_mm=(1.0, 1.0, 1.2), body=False, seed=900 + seed,
        density_mg_cm3=float(45 + (13 * seed) % 50), fractures=fractures,
    )  # fmt: skip


def judge_patient(seed: int) -> dict[str, Any]:
    """The fills of one patient."""
    phantom = make_phantom(patient_options(seed))
    spine = find_vertebrae(phantom.scan, phantom.label_map())
    made = plan(spine, phantom.scan, PlanOptions(levels="all", needles="two", draws=500))
    rows = []
    for n, level in enumerate(made.levels):
        if level.level in LEVELS and len({path.side for path in level.trajectories if path.feasible}) == 2:
            kind = list(KINDS)[(seed + n) % 3]
            rows.append(
                {"seed": seed, "level": level.level, "kind": kind, **judge_fill(spine[level.level], level, kind, seed)}
            )
    return {"key": str(seed), "rows": rows}


def judge_fill(vertebra: Vertebra, level: LevelPlan, kind: str, seed: int) -> dict[str, Any]:
    """One fill: the advice, what every candidate truly gives, and what becomes of the advice when more must not follow."""
    assert level.cement is not None
    options = InjectOptions(cell_mm=CELL_MM, openings="drawn", openings_seed=seed, flow=FLOW_ML_S)
    site, target = site_of(vertebra, options), level.cement.planned
    first = next(path for path in level.trajectories if path.feasible)
    needle = _tip_aside(vertebra, first) if kind == "one-sided" else PlacedNeedle.on(first, stylet=False)
    state = start(site, needle, first.side, 0.0, -ready_s(options))
    state = ended(pushed_to(site, state, KINDS[kind] * target, FLOW_ML_S), "enough")
    asked = Asked(ways_of(level, state), target)
    began = time.process_time()
    advice = advise(vertebra, site, state, asked)
    seconds = time.process_time() - began
    leak, grave = outflow_ml(site, state)
    return {
        "cpu_s": seconds,
        "leak_ml": leak,
        "grave_ml": grave,
        "lacks": list(lacking(site, state, target)),
        "advice": _plain_advice(advice),
        "true": with_risk(vertebra, site, state, asked),
        "stops": forced_stops(vertebra, site, state, asked),
        "moved_ml": moved_once_set_ml(site, state, asked) if kind == "one-sided" else None,
    }


def ways_of(level: LevelPlan, state: InjectionState) -> tuple[Way, ...]:
    """The needle in use drawn back, and the other side's at its target."""
    back_mm = quantity("injection/operator", "drawn_back").value
    used, side = state.needle, state.portions[-1].side
    back = replace(used, tip_lps_mm=used.tip_lps_mm - back_mm * used.direction_lps)
    other = next(path for path in level.trajectories if path.feasible and path.side != side)
    return (side, back), (other.side, PlacedNeedle.on(other, stylet=False))


def true_candidates(site: Site, state: InjectionState, asked: Asked) -> list[Portion]:
    """Every needle, at once and after the wait, in steps up to the most: on the fine cells, with the openings there are."""
    found: list[Portion] = []
    for way in asked.ways:
        for wait_s in (0.0, quantity("injection/second", "wait").value):
            try:
                found += candidates(site, state, way, wait_s, asked.target_ml)
            except RefusedError:
                continue
    return found


def with_risk(vertebra: Vertebra, site: Site, state: InjectionState, asked: Asked) -> list[dict[str, Any]]:
    """The true candidates, each with what it would leak through mean openings on the same cells."""
    mean = site_of(vertebra, replace(site.options, openings="expected"))
    told = {_key(one): one for one in true_candidates(mean, standing_on(mean, site, state), asked)}
    rows = []
    for one in true_candidates(site, state, asked):
        # A portion that stalls with mean openings is judged by what it leaks in truth.
        alike = told.get(_key(one), one)
        risks = {"risk_ml": alike.leak_ml, "grave_risk_ml": alike.grave_ml, "rear_risk_ml": alike.rear_ml}
        rows.append({**_plain(one), **risks})
    return rows


def _key(portion: Portion) -> tuple[str, float, int]:
    return portion.side, portion.wait_s, round(portion.ml / STEP_ML)


def forced_stops(vertebra: Vertebra, site: Site, state: InjectionState, asked: Asked) -> dict[str, bool]:
    """The same fill made one that must not be added to, in each way: whether the advice is to stop."""
    late = replace(state, delivery=replace(state.delivery, hand_age_s=site.cement.working_until_s + 1.0))
    made = {"working time over": (late, asked), "leak seen": (state, replace(asked, grave_seen=True))}
    for place in ("canal", "foramen", "cava_or_azygos"):
        there = np.array([outlet.place == place for outlet in site.medium.outlets])
        if there.any():
            out = state.flow.outflow_cement_mm3 + there * 1.01e3 * least_leak_ml() / there.sum()
            made[f"leak to {place}"] = (replace(state, flow=replace(state.flow, outflow_cement_mm3=out)), asked)
    return {name: advise(vertebra, site, *case).action == "stop" for name, case in made.items()}


def moved_once_set_ml(site: Site, state: InjectionState, asked: Asked) -> float | None:
    """How much of the first portion left its cells when a second one was pushed in after it had set; None where the second needle
    would lie in what has set, and is refused."""
    late, (side, needle) = until(site, state, SET_AT_S), asked.ways[1]
    try:
        begun = another(site, late, needle, side, SET_AT_S, SET_AT_S - ready_s(site.options))
    except RefusedError:
        return None
    after = pushed_to(site, begun, state.injected_ml + 1.0, FLOW_ML_S)
    lost = (late.flow.saturation - after.flow.saturation).clip(0.0) * site.medium.pore_volume_mm3
    return float(lost.sum()) / 1e3


def _tip_aside(vertebra: Vertebra, path: Trajectory) -> PlacedNeedle:
    """On the planned way, drawn back until the tip lies to its own side."""
    assert vertebra.lps_from_vertebra is not None
    for depth in np.arange(path.bone_to_target_mm, path.posterior_wall_depth_mm, -1.0):
        placed = PlacedNeedle.on(path, float(depth), stylet=False)
        if abs(float((vertebra.lps_from_vertebra.inverse @ placed.tip_lps_mm)[0])) >= ASIDE_MM:
            return placed
    return PlacedNeedle.on(path, path.posterior_wall_depth_mm + 2.0, stylet=False)


def _plain(portion: Portion) -> dict[str, Any]:
    return {key: value for key, value in asdict(replace(portion, needle=None)).items() if key != "needle"}  # type: ignore[arg-type]


def _plain_advice(advice: Advice) -> dict[str, Any]:
    chosen = _plain(advice.chosen) if advice.chosen else None
    return {"action": advice.action, "reasons": list(advice.reasons), "chosen": chosen}


def truth_of(row: dict[str, Any]) -> dict[str, Any] | None:
    """What the advised portion truly gives; None for one that cannot be given so."""
    chosen = row["advice"]["chosen"]
    alike = [one for one in row["true"] if (one["side"], one["wait_s"]) == (chosen["side"], chosen["wait_s"])]
    return min(alike, key=lambda one: abs(one["ml"] - chosen["ml"]), default=None)


RISKS = {"risk_ml": ("leak", "most"), "grave_risk_ml": ("leak", "most_grave"), "rear_risk_ml": ("rear", "most")}
LEAKS = ("risk_ml", "grave_risk_ml")


def best_ml(row: dict[str, Any], like: dict[str, Any] | None = None, risks: Iterable[str] = RISKS) -> float:
    """The best true gain of candidates whose risks are no more than is allowed, or than those of `like` where that is more.

    The risk of the posterior quarter is the one at which the lateral view says stop.
    """
    most = {key: max(quantity("injection/second", *RISKS[key]).value, like[key] if like else 0.0) for key in risks}
    fair = [one["gain_ml"] for one in row["true"] if all(one[key] <= limit for key, limit in most.items())]
    return max(fair, default=0.0)


def choice_rows(rows: list[dict[str, Any]]) -> list[Row]:
    """Advice to inject, against all candidates."""
    pairs = [(row, truth_of(row)) for row in rows if row["advice"]["chosen"]]
    given = [(row, true) for row, true in pairs if true]
    parts = np.array([true["gain_ml"] / best_ml(row, true) for row, true in given])
    leaks_only = np.array([true["gain_ml"] / best_ml(row, true, LEAKS) for row, true in given])
    z = [
        abs(true["gain_ml"] - row["advice"]["chosen"]["gain_ml"]) / row["advice"]["chosen"]["gain_sd_ml"]
        for row, true in given
    ]
    other = [
        row["advice"]["chosen"]["side"] != row["true"][0]["side"] for row, _ in given if row["kind"] == "one-sided"
    ]
    grave = [true["grave_ml"] >= least_leak_ml() for _, true in given]
    every = [one["grave_ml"] >= least_leak_ml() for row, _ in given for one in row["true"]]
    case = f"{len(given)} advised portions"
    return [
        Row(case, "advised portions that could not be given so", float(len(pairs) - len(given)), "1", "<= 0"),
        Row(case, "true gain, part of the best at the same risk: worst", float(parts.min(initial=1.0)), "1", ">= 0.9"),
        Row(case, "true gain, part of the best at the same risk: median", float(np.median(parts)) if len(parts) else 1.0, "1"),
        Row(case, "share within 10 % of the best", float((parts >= 0.9).mean()) if len(parts) else 1.0, "1"),
        Row(case, "the same of all that leak no more, the posterior quarter left out of account: worst", float(leaks_only.min(initial=1.0)), "1"),
        Row(case, "and share within 10 %", float((leaks_only >= 0.9).mean()) if len(parts) else 1.0, "1"),
        Row(case, "share of true gains within 2 SD of the stated", float(np.mean(np.array(z) <= 2.0)) if z else 1.0, "1"),
        Row(f"{len(other)} one-sided of them", "share answered from the other side", float(np.mean(other)) if other else 1.0, "1"),
        Row(case, "share with a true leak to canal, foramen or cava", float(np.mean(grave)) if grave else 0.0, "1"),
        Row("all their candidates", "share with such a leak", float(np.mean(every)) if every else 0.0, "1"),
    ]  # fmt: skip


def stop_rows(rows: list[dict[str, Any]]) -> list[Row]:
    """Advice to stop: each reason, what was missed, and fills that must not be added to."""
    stopped = [row for row in rows if row["advice"]["action"] == "stop"]
    reasons = Counter(_kind_of(row["advice"]["reasons"][0]) for row in stopped)
    found = [Row("advice to stop", reason, float(count), "fills") for reason, count in sorted(reasons.items())]
    lax = [row for row in rows if row["grave_ml"] >= least_leak_ml() and row["advice"]["action"] != "stop"]
    count = sum(row["grave_ml"] >= least_leak_ml() for row in rows)
    found.append(Row(f"{count} fills with a grave leak", "advised to go on", float(len(lax)), "1", "<= 0"))
    forced = [stop for row in rows for stop in row["stops"].values()]
    found.append(
        Row(
            f"{len(forced)} fills made such that more must not follow",
            "share stopped",
            float(np.mean(forced)),
            "1",
            ">= 1",
        )
    )
    missed = [best_ml(row) for row in stopped if row["grave_ml"] < least_leak_ml() and row["lacks"]]
    found.append(
        Row(f"{len(missed)} other fills that lack cement", "best true gain foregone, median", float(np.median(missed)) if missed else 0.0, "ml")
    )  # fmt: skip
    return found


def _kind_of(reason: str) -> str:
    """A reason without its figures."""
    return "".join(letter for letter in reason if not letter.isdigit()).replace(" . ", " ")


def rows_of(fills: list[dict[str, Any]]) -> list[Row]:
    """All figures of a campaign."""
    kinds = Counter(row["kind"] for row in fills)
    words = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    moved = [row["moved_ml"] for row in fills if row["moved_ml"] is not None]
    seconds = [row["cpu_s"] for row in fills if row["advice"]["chosen"]]
    return [
        Row("fills", words, float(len(fills)), "1"),
        *choice_rows(fills),
        *stop_rows(fills),
        Row(f"{len(moved)} first portions that have set", "moved by a second one, most", max(moved, default=0.0), "ml", "<= 1e-6"),
        Row("advice to inject", "CPU time, median", float(np.median(seconds)) if seconds else 0.0, "s", "<= 15"),
    ]  # fmt: skip


def main() -> int:
    """Run the benchmark."""
    chosen = flags(__doc__ or "")
    patients = QUICK if chosen.quick else chosen.cases or PATIENTS
    found = run_campaign("second", judge_patient, range(1, patients + 1))
    failed = [one for one in found if "failed" in one]
    rows = rows_of([row for one in found for row in one.get("rows", ())])
    rows.append(Row("patients", "failed", float(len(failed)), "1", "<= 0"))
    publish("second", rows, chosen)
    return short_of(rows)


if __name__ == "__main__":
    raise SystemExit(main())
