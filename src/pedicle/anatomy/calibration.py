"""Which law turns this scan's Hounsfield units into density: a phantom's, the mean scanner's, or held against tissue.

Three things are not known of a scanner. A softer beam shows fat darker, muscle and mineral brighter, and leaves air. A
zero that is off by addition (a wrong rescale intercept) moves everything alike, air too. A zero that is off by gain (HU
are (mu - water) / water: a water value that drifted scales mu) moves water by so much, air by nothing. So fat and muscle
tell beam from zero, and air tells which zero: what bone needs is the sum of both, of which air alone shows the first.
Every unknown has a prior spread and every tissue one of its own, all Gaussian, so the answer and its spread are those of
weighted least squares (Bayes' rule in closed form). Air with fat and muscle as a scan's own phantom: Eggermont 2019 and
Michalski 2020 fit one line through them, which lets an error at -1000 HU, of scatter or cut-off values, tilt the line at
+100; here air is held to what it can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.contrast import enhanced
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.tissue import Tissues, find_tissues
from pedicle.model.density import DensityLaw, density_law, tissue_hu
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra

_FILE = "density/calibration"


def scan_law(scan: Scan, options: MeasureOptions, vertebrae: Sequence[Vertebra] = ()) -> DensityLaw:
    """The law of a scan: the phantom's slope when given, else the tube voltage's, corrected by the patient's tissue.

    "asynchronous" leaves the tissue out; "internal" and "auto" use fat, muscle behind `vertebrae` and the air outside,
    where enough is found. A calibration that is not possible falls back to the asynchronous law, and `basis` says so.
    """
    base = density_law(scan.acquisition.kvp)
    if options.slope_hu_per_mg_cm3 is not None:
        return given_law(base, options.slope_hu_per_mg_cm3, options.intercept_hu)
    if options.calibration == "asynchronous":
        return base
    # Contrast brightens muscle by an unknown amount; fat hardly takes it up.
    held = scan.acquisition.contrast or any(enhanced(vertebra, scan) for vertebra in vertebrae)
    behind = () if held else vertebrae
    return with_tissues(base, find_tissues(scan, behind))


def given_law(base: DensityLaw, slope: float, intercept_hu: float) -> DensityLaw:
    """The law of a phantom or of the scanner's own calibration."""
    spread = quantity(_FILE, "spread", "phantom").value / 100.0
    return replace(
        base,
        slope_hu_per_mg_cm3=slope,
        intercept_hu=intercept_hu,
        slope_sd_fraction=spread,
        beam_sd_fraction=0.0,
        intercept_sd_hu=1.0,
        basis="phantom",
    )


def with_tissues(base: DensityLaw, tissues: Tissues) -> DensityLaw:
    """The law after tissue and air were seen: slope, intercept, their spreads and how these hang together.

    Only the beam's share of the slope's spread can shrink: what a scanner adds to bone alone, no soft tissue shows.
    Fat alone cannot tell a soft beam from a zero that is off; muscle alone says little of the beam. A tissue that was
    not found is left out; without either the law is the asynchronous one. Air further off than its limit, in
    `data/density/calibration.toml`, is told in `remark`, and the law is widened before tissue is asked (see `_doubted`).

    >>> dark = with_tissues(density_law(120.0), Tissues(-115.0, 41.0))
    >>> dark.slope_hu_per_mg_cm3 > density_law(120.0).slope_hu_per_mg_cm3
    True
    """
    base, prior = _doubted(base, tissues)
    seen = _seen(base, tissues)
    if not seen.keys() & {"fat", "muscle"}:
        return replace(base, basis=f"{base.basis}; neither fat nor muscle enough to calibrate by")
    slope = base.slope_hu_per_mg_cm3
    (beam, shift), covariance = _posterior(prior, seen)
    own_sd = slope * np.sqrt(max(base.slope_sd_fraction**2 - base.beam_sd_fraction**2, 0.0))
    beam_sd, shift_sd = (float(sd) for sd in np.sqrt(np.diag(covariance)))
    slope_sd = float(np.hypot(beam_sd, own_sd))
    corrected = slope + float(beam)
    return replace(
        base,
        slope_hu_per_mg_cm3=corrected,
        intercept_hu=base.intercept_hu + float(shift),
        slope_sd_fraction=slope_sd / corrected,
        beam_sd_fraction=beam_sd / corrected,
        intercept_sd_hu=shift_sd,
        slope_intercept_correlation=float(covariance[0, 1]) / (slope_sd * shift_sd),
        basis=f"{base.basis}, with internal calibration by {_listed(list(seen))}",
    )


def _listed(names: list[str]) -> str:
    """Names as a list in words.

    >>> _listed(["fat", "muscle", "air"]), _listed(["fat"])
    ('fat, muscle and air', 'fat')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True)
class _Prior:
    """1 SD of what is not known: the slope by its beam (HU per mg/cm3), the zero by gain and by addition (HU)."""

    beam: float
    gain_hu: float
    offset_hu: float


def _doubted(base: DensityLaw, tissues: Tissues) -> tuple[DensityLaw, _Prior]:
    """The law and its priors after the scale's lower end was looked at.

    Within its limit air leaves both as they are; the zero's spread is shared alike by gain and addition, of which
    nothing is known apart. Beyond it either everything is shifted or the lower end alone is. Fat decides: where it went
    along by more than half, the zero may be off by addition as far as air says, and fat, muscle and air settle it;
    where it stayed, the scale about water may be wrong by that share, which is the slope's; without fat both are open.
    """
    half = base.intercept_sd_hu / np.sqrt(2.0)
    prior = _Prior(base.beam_sd_fraction * base.slope_hu_per_mg_cm3, half, half)
    off = _off(base, "air", tissues.air_hu)
    if off is None or abs(off) <= quantity(_FILE, "air", "limit").value:
        return base, prior
    fat = _off(base, "fat", tissues.fat_hu)
    shifted, stayed = fat is None or fat / off > 0.5, fat is None or fat / off <= 0.5
    if shifted:
        prior = replace(prior, offset_hu=float(np.hypot(half, off)))
        base = replace(base, intercept_sd_hu=float(np.hypot(prior.gain_hu, prior.offset_hu)))
    if stayed:
        base = replace(base, slope_sd_fraction=float(np.hypot(base.slope_sd_fraction, off / 1000.0)))
    why = "fat goes along: zero of the scale off" if fat is not None and shifted else "fat stays"
    why = "no fat to compare with" if fat is None else why
    text = f"air outside the patient reads {tissues.air_hu:.0f} HU, {why}: density's interval widened"
    return replace(base, remark=text), prior


def _off(base: DensityLaw, tissue: str, hu: float | None) -> float | None:
    """How far a tissue lies from what `base` expects, HU; None where it was not found."""
    return None if hu is None else hu - tissue_hu(tissue, base)


def _seen(base: DensityLaw, tissues: Tissues) -> dict[str, float]:
    """How far each tissue that counts lies from what `base` expects, HU.

    Muscle beyond two SD is left out: wasted muscle holds fat and enhanced muscle iodine, both more often than a
    scanner's zero is that far off. Air beyond its limit counts only where fat goes along with it.
    """
    found = {"fat": tissues.fat_hu, "muscle": tissues.muscle_hu, "air": tissues.air_hu}
    offs = {name: _off(base, name, hu) for name, hu in found.items()}
    seen = {name: off for name, off in offs.items() if off is not None}
    if abs(seen.get("muscle", 0.0)) > 2.0 * np.hypot(_sd("muscle"), base.intercept_sd_hu):
        del seen["muscle"]
    far = abs(seen.get("air", 0.0)) > quantity(_FILE, "air", "limit").value
    if far and seen.get("fat", 0.0) / seen["air"] <= 0.5:
        del seen["air"]
    return seen


def _posterior(prior: _Prior, seen: dict[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change of slope (HU per mg/cm3) by the beam and of intercept (HU), shape (2,), and their covariance (2, 2).

    Solved for beam, gain and addition; at bone's intercept, which is water's, gain and addition add up.
    """
    rows = np.array([[_per_slope(name), 1.0 + tissue_hu(name, density_law()) / 1000.0, 1.0] for name in seen])
    weighted = rows / np.array([_sd(name) for name in seen])[:, None] ** 2
    spread = np.array([prior.beam, prior.gain_hu, prior.offset_hu])
    covariance = np.linalg.inv(np.diag(spread**-2.0) + rows.T @ weighted)
    found = covariance @ (weighted.T @ np.array(list(seen.values())))
    to_law = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    return to_law @ found, to_law @ covariance @ to_law.T


def _per_slope(tissue: str) -> float:
    return 0.0 if tissue == "air" else quantity(_FILE, "tissue", f"{tissue}_per_slope").value


def _sd(tissue: str) -> float:
    return quantity(_FILE, "tissue", f"{tissue}_sd").value
