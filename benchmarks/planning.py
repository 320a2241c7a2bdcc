"""Needle plans on synthetic spines with a segmenter's errors, judged on the truth; and how long planning takes.

The full campaign plans 100 spines and can be stopped and continued; `--quick` plans two. Same shapes as the phantom: consistency, not evidence on patients.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish
from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.levels import rank
from pedicle.model.needle import Needle
from pedicle.model.scan import LabelMap
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Trajectory
from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import PhantomOptions
from pedicle.phantom.query import truth_distance
from pedicle.phantom.sample import sample_options
from pedicle.phantom.segmenter import SegmenterOptions, segmented
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan
from pedicle.planning.walls import SIDE_WALLS

SPINES, QUICK = 100, 2
PLACEMENTS = {"none": (0.0, 0.0), "1 mm / 1.5 deg": (1.0, 1.5), "1.5 mm / 3 deg": (1.5, 3.0)}
STATED, DRAWS, RIM = "1 mm / 1.5 deg", 200, 12
Floats = NDArray[np.float64]


def spine_options(seed: int) -> PhantomOptions:
    """Spine number `seed`, T10 to L5: patient and fractures as sampled, two in five scoliotic and turned, slices 0.6-3 mm."""
    chance = np.random.default_rng(10_000 + seed)
    plane = float(chance.uniform(0.7, 0.95))
    thick = float(chance.choice([0.6, 1.0, 1.0, 1.5, 2.0, 3.0]))
    twist = {}
    if chance.random() < 0.4:
        twist = {"scoliosis_deg": float(chance.uniform(-28, 28)), "rotation_deg": float(chance.uniform(-14, 14))}
    return sample_options(
        seed,
        held_out=bool(chance.random() < 0.5),
        fractured=True if chance.random() < 0.8 else None,
        top="T10",
        bottom="L5",
        shape=(int(170 / plane), int(185 / plane), int(360 / thick)),
        spacing_mm=(plane, plane, thick),
        body=False,
        **twist,
    )


def judge_spine(seed: int) -> list[dict[str, Any]]:
    """One row a level and side of a spine planned on faulty labels."""
    phantom = make_phantom(spine_options(seed))
    spacing = phantom.scan.volume.grid.spacing_mm
    faulty = segmented(phantom.labels, phantom.parts, SegmenterOptions(seed=seed))
    labels = LabelMap(faulty, "verse", landmarks=("sacrum",))
    spine = find_vertebrae(phantom.scan, labels)
    error, turn = PLACEMENTS[STATED]
    options = PlanOptions(levels="all", entry_error_mm=error, direction_error_deg=turn, draws=2000, needles="two")
    started = time.perf_counter()
    made = plan(spine, phantom.scan, options)
    seconds = time.perf_counter() - started
    rows = []
    for level in made.levels:
        if not rank("T10") <= rank(level.level) <= rank("L5"):
            continue
        found = {trajectory.side: trajectory for trajectory in level.trajectories}
        for side in ("left", "right"):
            row = {"seed": seed, "slice_mm": float(spacing[2]), "level": level.level, "side": side, "seconds": seconds}
            if side in found:
                row |= judge(phantom, found[side])
            else:
                row |= {"feasible": False, "why": list(level.refused)}
            rows.append(row)
    return rows


def judge(phantom: Phantom, found: Trajectory) -> dict[str, Any]:
    """A trajectory against the truth: breaches without and with placement error, and what it stated."""
    generator = np.random.default_rng(5)
    row: dict[str, Any] = {
        "feasible": found.feasible,
        "approach": found.approach,
        "gauge": found.needle.gauge,
        "why": list(found.reasons),
        "stated": sum(found.clearance[wall].breach_probability or 0.0 for wall in SIDE_WALLS),
        "stated_canal": found.clearance["canal"].breach_probability,
        "planned_mm": min(found.clearance[wall].mm or 0.0 for wall in SIDE_WALLS),
    }
    for name, (shift, turn) in PLACEMENTS.items():
        draws = 1 if shift == 0 else DRAWS
        wall, canal, inside = breaches(phantom, found, shift, turn, draws, generator)
        row[name] = {
            "wall": _shares(wall),
            "canal": _shares(canal),
            "deepest_mm": float(wall.max()),
            "canal_mm": float(canal.max()),
            "inside": float(inside.mean()),
        }
    return row


def _shares(breach_mm: Floats) -> list[float]:
    """Share of needles beyond the wall, and beyond it by over 2 mm."""
    return [float((breach_mm > 0).mean()), float((breach_mm > 2).mean())]


def breaches(
    phantom: Phantom, found: Trajectory, shift_mm: float, turn_deg: float, draws: int, generator: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Deepest breach of the true wall in the pedicle and of the true canal on the whole way, mm, a value a draw.

    A misplaced needle is shifted, turned, and bent by a sideways force at its tip.

    Positive = the needle's surface is beyond. Third: whether the needle's axis stays in bone through the pedicle.
    """
    truth = phantom.truth[found.level]
    entry = found.bone_entry_lps_mm
    length, forward = found.bone_to_target_mm, found.direction_lps
    first = np.cross(forward, truth.lps_from_vertebra.axis(2))
    first /= np.linalg.norm(first)
    second = np.cross(forward, first)
    angles = 2 * np.pi * np.arange(RIM) / RIM
    rim = found.needle.radius_mm * (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second)
    errors = generator.standard_normal((draws, 4)) * [shift_mm, shift_mm, np.radians(turn_deg), np.radians(turn_deg)]
    steps = np.arange(0.0, length + 0.1, 0.5 if draws == 1 else 1.0)
    start = entry + errors[:, :1] * first + errors[:, 1:2] * second
    heading = forward + np.tan(errors[:, 2:3]) * first + np.tan(errors[:, 3:4]) * second
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    force = generator.standard_normal((draws, 2)) * (shift_mm > 0)
    bent = force[:, :1] * first + force[:, 1:] * second
    axis = start[:, None, :] + steps[None, :, None] * heading[:, None, :]
    axis = axis + off_line_mm(found.needle, steps)[None, :, None] * bent[:, None, :]
    points = np.concatenate([axis[:, :, None, :], axis[:, :, None, :] + rim], axis=2)
    asked = truth_distance(phantom.geometry, found.level, points.reshape(-1, 3), exact=False)
    whole, canal = asked.surface.reshape(points.shape[:3]), asked.canal.reshape(points.shape[:3])
    back = (truth.lps_from_vertebra.inverse @ axis)[:, :, 1] - truth.posterior_wall_mm
    zone = (back >= -2.0) & (back <= 0.5 * truth.canal_depth_mm)
    if found.approach == "parapedicular":
        zone = np.broadcast_to(steps[None, :] > 6.0, zone.shape)
    through = np.where(zone[:, :, None], whole[:, :, 1:], -99.0).max(axis=(1, 2))
    inside = (np.where(zone, whole[:, :, 0], -99.0) < 0).all(axis=1)
    return through, -canal[:, :, 1:].min(axis=(1, 2)), inside


def off_line_mm(needle: Needle, depth_mm: Floats) -> Floats:
    """How far a needle's tip lies off the straight line at these depths, mm, 1 SD per axis.

    The beam that lay off by the measured way in gel gives the pressure on its section; the same pressure bends this one.
    The modulus cancels.
    """
    deflection, depth, diameter, length = (
        quantity("needles", f"gel_{name}").value for name in ("deflection", "depth", "diameter", "length")
    )
    force = deflection * 3.0 * _stiffness(diameter) / (depth**2 * length)
    here = force * (needle.outer_diameter_mm / diameter) ** 2 / np.sqrt(2.0)
    return np.asarray(here * depth_mm**2 * needle.length_mm / (3.0 * _stiffness(needle.outer_diameter_mm)))


def _stiffness(diameter_mm: float) -> float:
    """E I of a solid round beam for E = 1."""
    return float(np.pi * diameter_mm**4 / 64.0)


def case(seed: int) -> dict[str, Any]:
    """One spine of the campaign."""
    return {"key": seed, "rows": judge_spine(seed)}


def table(rows: list[dict[str, Any]], count: int) -> list[Row]:
    """The decisive figures of a campaign."""
    case = f"{count} spines T10-L5, faulty labels"
    feasible = [row for row in rows if row["feasible"]]
    exact = [row["none"] for row in feasible]
    canal = sum(row["canal"][0] > 0 for row in exact)
    a = float(np.mean([row["deepest_mm"] <= 0 for row in exact]))
    ab = float(np.mean([row["deepest_mm"] <= 2 for row in exact]))
    found = [
        Row(case, "sides", float(len(rows)), "1"),
        Row(case, "feasible", len(feasible) / len(rows), "fraction", ">= 0.70"),
        Row(case, "canal breaches, no placement error", float(canal), "1", "0"),
        Row(case, "upper 95 % limit of the canal breach rate", upper_limit(canal, len(feasible)), "fraction"),
        Row(
            case,
            "axis in bone through the pedicle",
            float(np.mean([r["inside"] for r in exact])),
            "fraction",
            ">= 0.99",
        ),
        Row(case, "Gertzbein-Robbins A, no placement error", a, "fraction", ">= 0.99"),
        Row(case, "Gertzbein-Robbins A or B, no placement error", ab, "fraction", "1"),
    ]
    for name in list(PLACEMENTS)[1:]:
        good = float(np.mean([1.0 - row[name]["wall"][1] for row in feasible]))
        found.append(
            Row(f"{case}, {name}", "Gertzbein-Robbins A or B", good, "fraction", ">= 0.987" if name == STATED else "")
        )
    stated = float(np.mean([row["stated"] for row in feasible]))
    seen = float(np.mean([row[STATED]["wall"][0] for row in feasible]))
    found.append(
        Row(f"{case}, {STATED}", "stated over observed breach probability", stated / max(seen, 1e-9), "1", "0.8-1.25")
    )
    return found + level_rows(feasible, case)


def level_rows(feasible: list[dict[str, Any]], case: str) -> list[Row]:
    """A or B per level at the larger placement error."""
    name = list(PLACEMENTS)[2]
    found = []
    for level in sorted({row["level"] for row in feasible}, key=rank):
        share = [1.0 - row[name]["wall"][1] for row in feasible if row["level"] == level]
        found.append(Row(f"{case}, {name}", f"A or B {level}", float(np.mean(share)), "fraction"))
    return found


def upper_limit(events: int, trials: int) -> float:
    """Exact (Clopper-Pearson) upper 95 % limit of a rate."""
    from scipy.stats import beta

    return float(beta.ppf(0.95, events + 1, max(trials - events, 1)))


def time_rows() -> list[Row]:
    """Planning of five levels, both sides, kernels compiled: median of three, and the processor time it took."""
    options = replace(spine_options(3), fractures=(), top="L1", scoliosis_deg=0.0, rotation_deg=0.0)
    phantom = make_phantom(options)
    labels = LabelMap(phantom.labels, "verse", landmarks=("sacrum",))
    spine = find_vertebrae(phantom.scan, labels)
    chosen = PlanOptions(levels="L1,L2,L3,L4,L5")
    plan(spine, phantom.scan, chosen)
    times, cpu = [], []
    for _ in range(3):
        started, worked = time.perf_counter(), time.process_time()
        plan(spine, phantom.scan, chosen)
        times.append(time.perf_counter() - started)
        cpu.append(time.process_time() - worked)
    return [
        Row("5 levels, both sides", "plan", float(np.median(times)), "s wall", "<= 5"),
        Row("5 levels, both sides", "plan, one thread", float(np.median(cpu)), "s cpu"),
    ]


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    count = QUICK if chosen.quick else chosen.cases or SPINES
    results = run_campaign("planning", case, range(count))
    rows = [row for result in results for row in result.get("rows", [])]
    failed = Row("campaign", "spines that failed", sum("failed" in result for result in results), f"of {count}", "0")
    publish("planning", [*time_rows(), *table(rows, count), failed], chosen)


if __name__ == "__main__":
    main()
