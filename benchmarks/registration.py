"""Finding one vertebra in X-ray pictures after VanDeKraats2005: starts of 0 to 20 mm, failed above 2 mm.

200 starts a case, 40 drawn truths: eight vertebrae of phantoms and real CTs, five truths each. The pictures come from
`benchmarks._xray`, another model than the search's, with a needle and cement that the search is not told of. Success is an
answer that is right and given: a right one that is refused does not count. Kept and gone on with under benchmarks/out.
Simulated; no clinical accuracy is claimed. The forearm is real, its true pose unknown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks import wrist
from benchmarks._adam import adam_rows
from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish
from benchmarks._xray import Array, Patient, Truth, beams_for, drawn_truth, matched_target, patient_of, target
from benchmarks.phantom_look import data_folder
from pedicle.fluoroscopy.bone_shadow import centre_lps_mm, skeleton_absorber, vertebra_absorber
from pedicle.fluoroscopy.columns import beam_axes
from pedicle.fluoroscopy.options import RegistrationOptions
from pedicle.fluoroscopy.projection import Absorber
from pedicle.fluoroscopy.registration import Registration, register
from pedicle.fluoroscopy.windows import Seen
from pedicle.model.frames import Pose, unit
from pedicle.model.se3 import motion_between, moved

AP, LATERAL = (180.0, 0.0), (90.0, 0.0)
# Patients and the vertebra looked for; phantoms by seed, then the real CTs.
SCENES = (
    ("phantom-11", "L3"), ("phantom-12", "L1"), ("phantom-13", "L4"), ("phantom-14", "L2"),
    ("verse014", "L2"), ("verse014", "L4"), ("totalsegmentator", "L2"), ("totalsegmentator", "L3"),
)  # fmt: skip
FURTHEST_MM, FAILED_MM = 20.0, 2.0
# Starts of a case, and starts of one truth; in a quick run one truth of one phantom, from 15 mm.
STARTS, OF_ONE_TRUTH, QUICK, QUICK_MM = 200, 5, 3, 15.0
# Starts that count for "from 15 mm".
ABOUT_15_MM = (12.5, 17.5)
# Views, whether the search's own model drew the pictures, and what the median distance must not exceed, mm.
CASES = {
    "two views, mismatched model": (2, False, 1.0),
    "two views, matched model": (2, True, 0.3),
    "one view, mismatched model": (1, False, 0.5),
}
MOST_CPU_S = 3.0
SEED = 2005


def start_at(chance: np.random.Generator, truth: Pose, centre: Array, points: Array, mtre_mm: float) -> Pose:
    """A start whose mean distance of target points is as asked: a shift any way, and a turn of up to 2/3 deg a mm."""
    turn = unit(chance.normal(size=3)) * np.radians(chance.uniform(0.0, 2.0 / 3.0)) * mtre_mm
    shift = unit(chance.normal(size=3))
    low, high = 0.0, 60.0
    for _ in range(40):
        size = 0.5 * (low + high)
        there = moved(truth, centre, np.concatenate([size * shift, turn]))
        low, high = (low, size) if mtre(there, truth, points) > mtre_mm else (size, high)
    return there


def mtre(found: Pose, truth: Pose, points: Array) -> float:
    """Mean distance of target points under both poses, mm."""
    return float(np.linalg.norm((found @ points) - (truth @ points), axis=-1).mean())


def target_points(patient: Patient) -> Array:
    """Every 40th voxel of the vertebra, LPS mm of the CT."""
    return patient.ct.grid.lps_from_index(np.argwhere(patient.labels.values == patient.number)[::40])


@dataclass(frozen=True, eq=False)
class Sought:
    """A vertebra as the search knows it."""

    patient: Patient
    absorber: Absorber
    bones: Absorber
    centre: Array


@dataclass(frozen=True, eq=False)
class Taken:
    """Where it really lay, and the pictures taken then: AP and lateral by the other model, and by the search's own."""

    truth: Truth
    other: list[Seen]
    same: list[Seen]


@lru_cache(maxsize=1)
def sought(name: str, level: str) -> Sought:
    """The vertebra of a scene."""
    patient = patient_of(name, level)
    absorber = vertebra_absorber(patient.ct, patient.labels, patient.number)
    return Sought(patient, absorber, skeleton_absorber(patient.ct), centre_lps_mm(absorber))


def taken(known: Sought, draw: int) -> Taken:
    """The pictures of one drawn truth."""
    chance = np.random.default_rng([SEED, draw])
    truth = drawn_truth(chance, known.centre)
    beams = beams_for(known.centre + chance.uniform(-20, 20, 3), [AP, LATERAL])
    other = [target(known.patient, beam, truth, 2 * draw + n + 1) for n, beam in enumerate(beams)]
    return Taken(truth, other, [matched_target(known.absorber, beam, truth) for beam in beams])


def one_truth(key: tuple[str, str, int, int]) -> dict[str, Any]:
    """All registrations of one truth: (patient, level, number of the truth, number of starts in the campaign)."""
    name, level, draw, count = key
    known = sought(name, level)
    seen = taken(known, draw)
    # The numbers of one truth's starts lie far apart, so that each truth is begun from near and from far.
    numbers = range(draw, count, -(-count // OF_ONE_TRUTH)) if count > QUICK else range(count)
    return {"found": [one(known, seen, case, n, count) for case in CASES for n in numbers]}


def one(known: Sought, seen: Taken, case: str, n: int, count: int) -> dict[str, Any]:
    """One registration and what was wrong with it."""
    views, matched, _ = CASES[case]
    truth, points = seen.truth.vertebra, target_points(known.patient)
    size = FURTHEST_MM * (n + 0.5) / count if count > QUICK else QUICK_MM
    start = start_at(np.random.default_rng([n, SEED]), truth, known.centre, points, size)
    wall, cpu = time.perf_counter(), time.process_time()
    pictures = (seen.same if matched else seen.other)[:views]
    found = register(known.absorber, pictures, start, None, None if matched else known.bones)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    said = {"converged": found.converged, "reason": found.reason, "evaluations": found.evaluations}
    who = {"case": case, "patient": known.patient.name, "level": known.patient.number, "n": n, "start": size}
    return {**who, **errors(known, seen, found), **said, **spent}


def errors(known: Sought, seen: Taken, found: Registration) -> dict[str, Any]:
    """Distances of target points, whole and across the first beam, the depth apart, and all against what is stated."""
    truth, points = seen.truth.vertebra, target_points(known.patient)
    off = (found.lps_from_ct @ points) - (truth @ points)
    axes = beam_axes(seen.other[0].beam, truth @ known.centre)
    left = motion_between(truth, found.lps_from_ct, known.centre) * [1, 1, 1, *[np.degrees(1)] * 3]
    return {
        "mtre": float(np.linalg.norm(off, axis=1).mean()),
        "across": float(np.linalg.norm(off @ axes[:2].T, axis=1).mean()),
        "depth": float(abs(left[:3] @ axes[2])),
        "depth_sigma": found.sigma_along_mm(axes[2]),
        "chi2": float(left @ np.linalg.solve(found.covariance, left)) / 6.0 if found.converged else None,
        "z": (left / np.sqrt(np.diag(found.covariance))).tolist(),
        "left": left.tolist(),
    }


def rows_of(case: str, found: list[dict[str, Any]]) -> list[Row]:
    """The figures of a case; for one view distances are across the beam, and depth is rows of its own."""
    views, matched, limit = CASES[case]
    measure = "mtre" if views > 1 else "across"
    right = [r for r in found if r[measure] <= FAILED_MM]
    given = [r for r in right if r["converged"]]
    about = [r for r in found if ABOUT_15_MM[0] <= r["start"] <= ABOUT_15_MM[1]]
    unnoticed = [r for r in found if r[measure] > FAILED_MM and r["converged"]]
    same = {"starts": len(found), "distance": measure}
    needed = ">= 0.95" if views > 1 else ""
    rows = [
        Row(case, f"{measure}, median", median(given, measure), "mm", f"<= {limit}", same_work=same),
        Row(case, f"{measure}, 95 %", quantile(given, measure, 0.95), "mm", same_work=same),
        Row(case, "success from 15 mm", share(about, measure), "1", needed, same_work={"starts": len(about)}),
        Row(case, "success, all starts", share(found, measure), "1"),
        Row(case, "capture range", capture(found, measure), "mm"),
        Row(case, "wrong and not refused", len(unnoticed), "count", "<= 0"),
        Row(case, "right and refused", len(right) - len(given), "count"),
        Row(case, "time, median", median(found, "cpu"), "s CPU", f"<= {MOST_CPU_S}", same_work=same),
    ]
    rows += [] if matched else stated_rows(case, given)
    return rows + (depth_rows(case, given) if views == 1 else [])


def stated_rows(case: str, given: list[dict[str, Any]]) -> list[Row]:
    """Errors against their stated deviations: the whole motion's square a degree of freedom, and each one's."""
    whole = [r["chi2"] for r in given]
    each = np.sqrt(np.mean([np.square(r["z"]) for r in given], axis=0)) if given else []
    names = ("left", "back", "head", "turn left", "turn back", "turn head")
    return [
        Row(case, "error against stated, squared, a degree of freedom", float(np.mean(whole)), "1", "about 1"),
        Row(case, "largest of these", float(np.max(whole)), "1"),
        Row(case, "each, rms", ", ".join(f"{n} {z:.2f}" for n, z in zip(names, each, strict=True)), "1", "about 1"),
    ]


def depth_rows(case: str, given: list[dict[str, Any]]) -> list[Row]:
    """One view: how deep it lies is stated apart."""
    beyond = [r for r in given if r["depth"] > 3.0 * r["depth_sigma"]]
    return [
        Row(case, "depth, median", median(given, "depth"), "mm", "stated apart"),
        Row(case, "depth as stated, 1 SD, median", median(given, "depth_sigma"), "mm"),
        Row(case, "depth off by more than three of these", len(beyond), "count", "<= 0"),
    ]


def median(found: list[dict[str, Any]], name: str) -> float:
    return float(np.median([r[name] for r in found])) if found else float("inf")


def quantile(found: list[dict[str, Any]], name: str, part: float) -> float:
    return float(np.quantile([r[name] for r in found], part)) if found else float("inf")


def share(found: list[dict[str, Any]], measure: str) -> float:
    """The part that is right and given."""
    return sum(r[measure] <= FAILED_MM and r["converged"] for r in found) / max(len(found), 1)


def capture(found: list[dict[str, Any]], measure: str) -> float:
    """The start distance up to which every bin of 2 mm ends well in 95 %, mm."""
    reached = 0.0
    for low in np.arange(0.0, FURTHEST_MM, 2.0):
        inside = [r for r in found if low <= r["start"] < low + 2.0]
        if inside and share(inside, measure) < 0.95:
            break
        reached = low + 2.0
    return float(reached)


def wrist_rows(starts: int) -> list[Row]:
    """Real X-rays: how far the ends of many starts lie apart."""
    folder = data_folder() / wrist.FOLDER
    case = "real forearm, two views"
    if not folder.is_dir():
        return [Row(case, "spread", "absent", "mm")]
    bone, frames = wrist.radius_bone(folder), [wrist.frame(folder, camera) for camera in (1, 2)]
    centre, options = centre_lps_mm(bone), RegistrationOptions(finest_mm=0.4, reach_mm=12.0)
    ends = []
    for n in range(starts):
        chance = np.random.default_rng([n, 99])
        off = np.concatenate([8.0 * unit(chance.normal(size=3)), np.radians(8.0) * unit(chance.normal(size=3))])
        ends.append(register(bone, frames, moved(wrist.rough_pose(), centre, off), options))
    shifts = np.array([motion_between(ends[0].lps_from_ct, end.lps_from_ct, centre) for end in ends])
    worst = float(np.linalg.norm(shifts[:, :3] - np.median(shifts[:, :3], axis=0), axis=1).max())
    turn = float(np.degrees(np.linalg.norm(shifts[:, 3:] - np.median(shifts[:, 3:], axis=0), axis=1).max()))
    similar = float(np.mean([np.mean(end.similarity) for end in ends]))
    return [
        Row(case, "spread", worst, "mm", "one pose", same_work={"starts": starts, "off": "8 mm and 8 deg"}),
        Row(case, "spread of turn", turn, "deg", "one pose"),
        Row(case, "converged", sum(end.converged for end in ends) / starts, "1"),
        Row(case, "similarity", similar, "1"),
    ]


def peer_rows() -> list[Row]:
    known = sought(*SCENES[0])
    seen = taken(known, 0)
    points = target_points(known.patient)
    return adam_rows(known.absorber, known.centre, points, seen.truth.vertebra, seen.same, start_at)


def keys_of(quick: bool, starts: int) -> list[tuple[str, str, int, int]]:
    """One key a truth, those of one vertebra together: a worker keeps the patient it has made."""
    if quick:
        return [(*SCENES[0], 0, QUICK)]
    truths = -(-starts // OF_ONE_TRUTH)
    return [(*scene, draw, starts) for n, scene in enumerate(SCENES) for draw in range(n, truths, len(SCENES))]


def main() -> None:
    chosen = flags(__doc__ or "")
    starts = chosen.cases or STARTS
    keys = keys_of(chosen.quick, starts)
    done = [one_truth(key) for key in keys] if chosen.quick else run_campaign(f"registration-{starts}", one_truth, keys)
    found = [r for truth in done for r in truth.get("found", [])]
    rows = [row for case in CASES for row in rows_of(case, [r for r in found if r["case"] == case])]
    stopped = [truth for truth in done if "failed" in truth]
    rows += [Row("all", "truths stopped by an error", len(stopped), "count", "<= 0")] if stopped else []
    rows += wrist_rows(2 if chosen.quick else 20)
    rows += [] if chosen.quick else peer_rows()
    publish("registration", rows, chosen)


if __name__ == "__main__":
    main()
