"""A needle's tip measured from two simulated pictures, found in them automatically. Simulated; no clinical accuracy claimed.

Synthetic patients with body, their planned needles misplaced, whole image chain (materials, eight energies, scatter, glare,
blur, noise at the automatic's dose, noise reduction and lag: the needle came to rest three pulses ago). What the finder is
told is the plan, up to 13 mm and 13 degrees off the needle. Neither view looks along the needle (15 degrees at least): such
pictures are refused, in a row of their own. In the same views other things are shown where the needle should be, and nothing;
a tip found there is a false one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish
from pedicle.anatomy.spine import find_vertebrae
from pedicle.fluoroscopy.automatic import with_charge
from pedicle.fluoroscopy.machine import mobile_arm
from pedicle.fluoroscopy.materials import CHANNELS, absorber
from pedicle.fluoroscopy.needle_shadow import PLASTIC, STEEL, needle_shadows
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import render
from pedicle.fluoroscopy.projection import Absorber, project
from pedicle.fluoroscopy.tip import Located, locate
from pedicle.fluoroscopy.tip_pick import find_tip
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import SUPERIOR, unit
from pedicle.model.needle import Needle, catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.scan import LabelMap
from pedicle.model.shot import Dose, Shot, Technique
from pedicle.model.trajectory import Trajectory
from pedicle.phantom.make import make_phantom
from pedicle.phantom.sample import sample_options
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

PATIENTS, PAIRS, QUICK_PAIRS = 20, 20, 8
TECHNIQUE = Technique(kvp=80.0, aluminium_mm=0.0, copper_mm=0.1, mas_per_pulse=0.2, pulses_per_s=7.5)
LEVELS = ("L1", "L2", "L3")
MATERIALS = (*CHANNELS, STEEL, PLASTIC)
LEAST_SLANT_DEG, PLAN_MM, PLAN_DEG = 15.0, 13.0, 13.0
# The needle was pushed on by so much before it came to rest so many pulses ago.
PUSHED_MM, RESTED = 2.0, 3
# Every so many pairs pictures without the needle, and with a second one, are taken as well.
FALSE_EVERY = 4
WIRE, ROD, OTHER_GAUGE = (
    Needle(16, 200.0, 1.5, 0.1), Needle(4, 45.0, 6.0, 0.1), Needle(13, 125.0, 2.41, 1.8)
)  # fmt: skip
BOTH, BOTH_TOLD = "both sides' needles", "both sides' needles, plan of the other told"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Patient:
    """A CT as the beam meets it, and the needles planned in it."""

    absorber: Absorber
    trajectories: tuple[Trajectory, ...]


def patient(seed: int) -> Patient:
    """A sampled spine T11 to L5 with its body; needles of the levels well inside the picture."""
    options = sample_options(
        seed, top="T11", bottom="L5", shape=(300, 270, 250), spacing_mm=(1.15, 1.15, 1.15), body=True
    )
    phantom = make_phantom(options)
    spine = find_vertebrae(phantom.scan, LabelMap(phantom.labels, "verse", landmarks=("sacrum",)))
    made = plan(spine, phantom.scan, PlanOptions(levels="all", needles="two", draws=500))
    needles = [one for level in made.levels if level.level in LEVELS for one in level.trajectories]
    return Patient(absorber(phantom.scan.volume), tuple(needles))


def misplaced(trajectory: Trajectory, chance: np.random.Generator) -> PlacedNeedle:
    """A needle somewhere on its way, 2 mm and 3 degrees (1 SD) beside its plan, stylet in or out, any roll."""
    direction = unit(trajectory.direction_lps + chance.normal(0.0, np.radians(3.0), 3))
    tip = trajectory.target_lps_mm + chance.normal(0.0, 2.0, 3) + chance.uniform(-20.0, 3.0) * direction
    roll = float(chance.uniform(0.0, 360.0))
    return PlacedNeedle(trajectory.needle, tip, direction, bool(chance.random() < 0.5), roll_deg=roll)


def told(true: PlacedNeedle, chance: np.random.Generator) -> PlacedNeedle:
    """What the finder knows: tip and direction off by up to the limits, roll unknown."""
    shift = unit(chance.normal(size=3)) * chance.uniform(0.0, PLAN_MM)
    aside = unit(np.cross(true.direction_lps, chance.normal(size=3)))
    turn = np.tan(np.radians(chance.uniform(0.0, PLAN_DEG)))
    direction = unit(true.direction_lps + turn * aside)
    return replace(true, tip_lps_mm=true.tip_lps_mm + shift, direction_lps=direction, roll_deg=0.0)


def views(needle: PlacedNeedle, chance: np.random.Generator) -> tuple[View, View]:
    """From behind and 60 to 90 degrees to a side, both at least 15 degrees off the needle."""
    while True:
        back = View.from_dicom_angles("AP", 180.0 + chance.uniform(-20, 20), chance.uniform(-12, 12))
        turn = chance.uniform(60.0, 90.0) * chance.choice([-1.0, 1.0])
        side = View.from_dicom_angles("lateral", back.dicom_primary_deg + turn, chance.uniform(-8, 8))
        angle = float(np.degrees(np.arccos(back.detector_lps @ side.detector_lps)))
        if 60.0 <= angle <= 90.0 and min(slant_deg(needle, view) for view in (back, side)) >= LEAST_SLANT_DEG:
            return back, side


def slant_deg(needle: PlacedNeedle, view: View) -> float:
    """Angle between the needle and the direction of view, 0 to 90."""
    return float(np.degrees(np.arcsin(min(np.linalg.norm(np.cross(needle.direction_lps, view.detector_lps)), 1.0))))


def shot(found: Patient, needles: list[PlacedNeedle], view: View, centre: Floats, seed: int) -> Shot:
    """A picture with these needles at rest; before, the first of them lay farther back."""
    beam = ConeBeam.aimed(mobile_arm(), centre, view.detector_lps, SUPERIOR)
    patient_paths = project(found.absorber, beam)
    before = [replace(one, tip_lps_mm=one.at(PUSHED_MM)) for one in needles[:1]] + needles[1:]
    paths = with_needles(patient_paths, needles, beam)
    middle = (slice(None), slice(128, 384), slice(128, 384))
    technique = with_charge(TECHNIQUE, np.ascontiguousarray(paths[middle]), MATERIALS, beam)
    options = PictureOptions(seed=seed)
    frame = render(with_needles(patient_paths, before, beam), MATERIALS, beam, technique, options)
    for _ in range(RESTED):
        frame = render(paths, MATERIALS, beam, technique, options, frame.state)
    return Shot(view, beam, technique, frame.signal, frame.picture, Dose(0.0, 0.0, 0.0, 1))


def with_needles(
    patient_paths: NDArray[np.float32], needles: list[PlacedNeedle], beam: ConeBeam
) -> NDArray[np.float32]:
    """Line integrals of the patient with needles and hubs in the beam."""
    paths = np.zeros((len(MATERIALS), beam.rows, beam.columns), np.float32)
    paths[: len(CHANNELS)] = patient_paths
    for shadow in (shadow for needle in needles for shadow in needle_shadows(needle, beam)):
        shadow.add_to(paths[MATERIALS.index(shadow.material)])
    return paths


def pairs(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Pictures of one patient and what was found in them."""
    chance = np.random.Generator(np.random.Philox(key=(seed, 77)))
    found = patient(seed)
    for n in range(count):
        trajectory = found.trajectories[int(chance.integers(len(found.trajectories)))]
        needle = misplaced(trajectory, chance)
        plan_told, seen = told(needle, chance), views(needle, chance)
        beside = across_from(found, trajectory, chance)

        def shots(needles: list[PlacedNeedle], seen=seen, trajectory=trajectory, n=n) -> tuple[Shot, Shot]:  # type: ignore[no-untyped-def]
            one, two = (
                shot(found, needles, view, trajectory.target_lps_mm, 2 * (100 * seed + n) + k)
                for k, view in enumerate(seen)
            )
            return one, two

        taken = shots([needle])
        row = {"scene": "needle", **judged(locate(*taken, plan_told), needle, taken)}
        row["hub in view"] = any(hub_in_view(needle, one.beam) for one in taken)
        yield row
        if n % FALSE_EVERY == 0:
            for scene, needles in other_scenes(needle, beside).items():
                taken = shots(needles)
                yield {"scene": scene, **judged(locate(*taken, plan_told), needle, taken)}
        if beside is not None and n % FALSE_EVERY == 0:
            yield from two_needles(shots([needle, beside]), [needle, beside], plan_told, seed * 100 + n)


def two_needles(
    taken: tuple[Shot, Shot], needles: list[PlacedNeedle], plan_told: PlacedNeedle, number: int
) -> Iterator[dict[str, Any]]:
    """Both sides' needles in the beam: the finder is told nothing of the other one, and then its plan as well."""
    other = told(needles[1], np.random.Generator(np.random.Philox(key=(number, 78))))
    for scene, others in ((BOTH, ()), (BOTH_TOLD, (other,))):
        yield {"scene": scene, **judged(locate(*taken, plan_told, others=others), needles[0], taken)}


def across_from(found: Patient, trajectory: Trajectory, chance: np.random.Generator) -> PlacedNeedle | None:
    """A needle in the other pedicle of the same level."""
    for other in found.trajectories:
        if other.level == trajectory.level and other.side != trajectory.side:
            return misplaced(other, chance)
    return None


def other_scenes(needle: PlacedNeedle, beside: PlacedNeedle | None) -> dict[str, list[PlacedNeedle]]:
    """What is in the beam instead of the needle."""
    scenes = {
        "no needle": [],
        "1.5 mm wire instead": [replace(needle, needle=WIRE)],
        "6 mm rod instead": [replace(needle, needle=ROD)],
    }
    if needle.needle.gauge == 11:
        scenes["13 G needle instead of 11 G"] = [replace(needle, needle=OTHER_GAUGE)]
    if beside is not None:
        scenes["other side's needle instead"] = [beside]
    return scenes


def hub_in_view(needle: PlacedNeedle, beam: ConeBeam) -> bool:
    """Whether the hub's near end is in the picture."""
    pixel = beam.project(needle.at(needle.needle.length_mm))
    return bool((pixel >= 0).all() and (pixel <= [beam.columns - 1, beam.rows - 1]).all())


def judged(located: Located, needle: PlacedNeedle, shots: tuple[Shot, Shot]) -> dict[str, Any]:
    """A measured tip against the truth: error in mm, squared distance in units of the stated covariance, pixel errors."""
    if located.tip is None:
        return {"stylet": needle.stylet, "reason": located.reason}
    away = located.tip.tip_lps_mm - needle.tip_lps_mm
    danger = any(notice.severity == "danger" for notice in located.tip.warnings)
    row: dict[str, Any] = {
        "stylet": needle.stylet,
        "error_mm": float(np.linalg.norm(away)),
        "square": float(away @ np.linalg.solve(located.tip.covariance_mm2, away)),
        "sigma_mm": located.tip.sigma_mm,
        "danger": danger,
        "slants": [slant_deg(needle, one.view) for one in shots],
    }
    if located.direction_lps is not None:
        row["turn_deg"] = float(np.degrees(np.arccos(min(1.0, located.direction_lps @ needle.direction_lps))))
    for name, pick, one in zip(("first", "second"), located.picks, shots, strict=True):
        if pick.pixel is not None and pick.forward is not None and pick.covariance_px2 is not None:
            axes = np.stack([pick.forward, [-pick.forward[1], pick.forward[0]]])
            row[f"{name}_px"] = (axes @ (pick.pixel - one.beam.project(needle.tip_lps_mm))).tolist()
            row[f"{name}_sd_px"] = np.sqrt(np.diag(axes @ pick.covariance_px2 @ axes.T)).tolist()
    return row


def case(key: tuple[int, int]) -> dict[str, Any]:
    """All pairs of one patient."""
    seed, count = key
    return {"rows": list(pairs(seed, count))}


def end_on_row() -> Row:
    """A needle seen along itself is never measured, whatever is in the picture."""
    chance, refused = np.random.default_rng(3), 0
    needle = PlacedNeedle(catalogue()[0], np.zeros(3), np.array([-0.4, -0.9, -0.1]))
    for _ in range(20):
        view = View.towards("", -needle.direction_lps + chance.normal(0.0, 0.05, 3))
        beam = ConeBeam.aimed(mobile_arm(2), np.zeros(3), view.detector_lps, SUPERIOR)
        signal = chance.uniform(0.01, 0.02, (beam.rows, beam.columns)).astype(np.float32)
        refused += not find_tip(signal, beam, needle).found
    return Row("end-on", "refused", refused / 20.0, "share", "1")


def table(rows: list[dict[str, Any]]) -> list[Row]:
    """The decisive rows and what is behind them."""
    told = [row for row in rows if row["scene"] == "needle"]
    good = [row for row in told if "error_mm" in row]
    errors = np.array([row["error_mm"] for row in good])
    name = "60-90 deg"
    work = {"pairs": len(told), "image chain": "eight energies, scatter, glare, blur, noise, noise reduction and lag"}
    found = [
        Row(name, "median", float(np.median(errors)), "mm", "<= 0.3", same_work=work),
        Row(name, "p95", float(np.quantile(errors, 0.95)), "mm", "<= 0.7", same_work=work),
        Row(name, "found", len(good) / len(told), "share", ">= 0.98", same_work=work),
        Row(name, "largest", float(errors.max()), "mm"),
        Row(name, "pairs", len(told), "1"),
    ]
    found += spread_rows(name, np.array([row["square"] for row in good]))
    for kind, stylet in (("stylet", True), ("cannula", False)):
        found += kind_rows(f"{name}, {kind}", [row for row in good if row["stylet"] == stylet])
    hubs = [row["error_mm"] for row in good if row["hub in view"]]
    if hubs:
        found.append(Row(name, f"largest of the {len(hubs)} with the hub in view", float(max(hubs)), "mm"))
    reasons = Counter(row["reason"] for row in told if "reason" in row)
    found += [Row(name, f"not found: {reason}", count, f"of {len(told)}") for reason, count in reasons.items()]
    return found + false_rows(rows)


def spread_rows(name: str, squares: Floats) -> list[Row]:
    """Whether errors are as large as stated: shares within ellipsoids, and the mean square, with 99 % limits for true ones."""
    found = []
    for share in (0.5, 0.95):
        inside = float((squares <= chi2.ppf(share, 3)).mean())
        spread = 2.6 * float(np.sqrt(share * (1.0 - share) / len(squares)))
        limit = f"{share:g} +- {spread:.2f}"
        found.append(Row(name, f"inside the stated {100 * share:.0f} % ellipsoid", inside, "share", limit))
    spread = 2.6 * float(np.sqrt(2.0 / 3.0 / len(squares)))
    return [*found, Row(name, "mean square over 3", float(squares.mean() / 3.0), "1", f"1 +- {spread:.2f}")]


def kind_rows(name: str, good: list[dict[str, Any]]) -> list[Row]:
    """Errors in the pictures along the needle and across it over the stated ones: mean (bias) and standard deviation."""
    if not good:
        return []
    over = [np.divide(row[f"{one}_px"], row[f"{one}_sd_px"]) for row in good for one in ("first", "second")]
    found = []
    for place, values in zip(("along", "across"), np.array(over).T, strict=True):
        found.append(Row(name, f"error {place} over 1 SD stated, mean", float(values.mean()), "1"))
        found.append(Row(name, f"error {place} over 1 SD stated, SD", float(values.std()), "1"))
    return found


def false_rows(rows: list[dict[str, Any]]) -> list[Row]:
    """Tips found where the needle is not, or more than 1 mm off, without a danger notice."""
    found = []
    for scene in sorted({row["scene"] for row in rows}):
        taken = [row for row in rows if row["scene"] == scene]
        there = scene in ("needle", BOTH, BOTH_TOLD)
        wrong = [
            row for row in taken if "error_mm" in row and not row["danger"] and (not there or row["error_mm"] > 1.0)
        ]
        found.append(Row(scene, "false tips", len(wrong), f"of {len(taken)}", "0"))
        if scene in (BOTH, BOTH_TOLD):
            right = sum("error_mm" in row and row["error_mm"] <= 1.0 for row in taken)
            found.append(Row(scene, "found", right / len(taken), "share"))
            reasons = Counter(
                row["reason"].split(": ")[1 if "picture: " in row["reason"] else 0] for row in taken if "reason" in row
            )
            found += [Row(scene, f"refused: {reason}", count, f"of {len(taken)}") for reason, count in reasons.items()]
    return found


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    if chosen.quick:
        rows = case((0, QUICK_PAIRS))["rows"]
    else:
        patients = -(-(chosen.cases or PATIENTS * PAIRS) // PAIRS)
        results = run_campaign("tip", case, [(seed, PAIRS) for seed in range(patients)])
        rows = [row for result in results for row in result.get("rows", [])]
    publish("tip", [*table(rows), end_on_row()], chosen)


if __name__ == "__main__":
    main()
