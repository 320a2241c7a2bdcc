"""A needle's tip measured from two simulated pictures, found in them automatically. Simulated; no clinical accuracy claimed.

Synthetic patients with body, their planned needles misplaced, whole image chain (materials, eight energies, scatter, blur,
one pulse's noise at the automatic's dose). What the finder is told is the plan, up to 13 mm and 13 degrees off the needle.
Neither view looks along the needle (15 degrees at least): such pictures are refused, in a row of their own.
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
from pedicle.fluoroscopy.tip import Located, find_tip, locate
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import SUPERIOR, unit
from pedicle.model.placed import PlacedNeedle
from pedicle.model.scan import LabelMap
from pedicle.model.shot import Dose, Shot, Technique
from pedicle.model.trajectory import Trajectory
from pedicle.phantom.make import make_phantom
from pedicle.phantom.sample import sample_options
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

PATIENTS, PAIRS, QUICK_PAIRS = 10, 40, 20
TECHNIQUE = Technique(kvp=80.0, aluminium_mm=0.0, copper_mm=0.1, mas_per_pulse=0.2, pulses_per_s=7.5)
LEVELS = ("L1", "L2", "L3")
LEAST_SLANT_DEG, PLAN_MM, PLAN_DEG = 15.0, 13.0, 13.0
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
    made = plan(spine, phantom.scan, PlanOptions(levels="all", needles="two", draws=200))
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


def shot(found: Patient, needle: PlacedNeedle, view: View, centre: Floats, seed: int) -> Shot:
    """One pulse with the needle in the beam."""
    beam = ConeBeam.aimed(mobile_arm(), centre, view.detector_lps, SUPERIOR)
    paths = np.zeros((len(CHANNELS) + 2, beam.rows, beam.columns), np.float32)
    paths[:3] = project(found.absorber, beam)
    for shadow in needle_shadows(needle, beam):
        shadow.add_to(paths[(STEEL, PLASTIC).index(shadow.material) + 3])
    materials = (*CHANNELS, STEEL, PLASTIC)
    middle = (slice(None), slice(128, 384), slice(128, 384))
    technique = with_charge(TECHNIQUE, np.ascontiguousarray(paths[middle]), materials, beam)
    frame = render(paths, materials, beam, technique, PictureOptions(seed=seed))
    return Shot(view, beam, technique, frame.signal, frame.picture, Dose(0.0, 0.0, 0.0, 1))


def pairs(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Pictures of one patient and what was found in them."""
    chance = np.random.Generator(np.random.Philox(key=(seed, 77)))
    found = patient(seed)
    for n in range(count):
        trajectory = found.trajectories[int(chance.integers(len(found.trajectories)))]
        needle = misplaced(trajectory, chance)
        plan_told, seen = told(needle, chance), views(needle, chance)
        one, two = (
            shot(found, needle, view, trajectory.target_lps_mm, 2 * (100 * seed + n) + k) for k, view in enumerate(seen)
        )
        yield judged(locate(one, two, plan_told), needle, (one, two))


def judged(located: Located, needle: PlacedNeedle, shots: tuple[Shot, Shot]) -> dict[str, Any]:
    """A measured tip against the truth: error in mm, squared distance in units of the stated covariance, pixel errors."""
    if located.tip is None:
        return {"stylet": needle.stylet, "reason": located.reason}
    away = located.tip.tip_lps_mm - needle.tip_lps_mm
    row: dict[str, Any] = {
        "stylet": needle.stylet,
        "error_mm": float(np.linalg.norm(away)),
        "square": float(away @ np.linalg.solve(located.tip.covariance_mm2, away)),
        "sigma_mm": located.tip.sigma_mm,
        "warnings": [notice.code for notice in located.tip.warnings],
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
    from pedicle.model.needle import catalogue

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
    good = [row for row in rows if "error_mm" in row]
    errors = np.array([row["error_mm"] for row in good])
    squares = np.array([row["square"] for row in good])
    name = "60-90 deg"
    work = {"pairs": len(rows), "image chain": "eight energies, scatter, blur, noise of one pulse"}
    found = [
        Row(name, "median", float(np.median(errors)), "mm", "<= 0.3", same_work=work),
        Row(name, "p95", float(np.quantile(errors, 0.95)), "mm", "<= 0.7", same_work=work),
        Row(name, "found", len(good) / len(rows), "share", ">= 0.98", same_work=work),
        Row(name, "largest", float(errors.max()), "mm"),
    ]
    for share in (0.5, 0.95):
        inside = float((squares <= chi2.ppf(share, 3)).mean())
        spread = 2.6 * float(np.sqrt(share * (1.0 - share) / len(good)))
        limit = f"{share:g} +- {spread:.2f}"
        found.append(Row(name, f"inside the stated {100 * share:.0f} % ellipsoid", inside, "share", limit))
    found.append(Row(name, "mean square over 3", float(squares.mean() / 3.0), "1", "1"))
    reasons = Counter(row["reason"] for row in rows if "reason" in row)
    found += [Row(name, f"not found: {reason}", count, f"of {len(rows)}") for reason, count in reasons.items()]
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
