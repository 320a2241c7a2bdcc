"""Which law turns this scan's Hounsfield units into density: a phantom's, the mean scanner's, or held against tissue.

A softer beam shows fat darker, muscle and mineral brighter; a scanner whose zero is off shifts all of them alike. Fat
and muscle together say how much of either is likely. Both unknowns have a prior spread and both tissues one of their
own, all Gaussian, so the answer and its spread are those of weighted least squares (Bayes' rule in closed form).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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

    "asynchronous" leaves the tissue out; "internal" and "auto" use fat, and muscle behind `vertebrae`, where enough is
    found. A calibration that is not possible falls back to the asynchronous law, and `basis` says so.
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
    """The law after the tissue was seen: slope, intercept, their spreads and how these hang together.

    Only the beam's share of the slope's spread can shrink: what a scanner adds to bone alone, no soft tissue shows.
    Fat alone cannot tell a soft beam from a zero that is off; muscle alone says little of the beam. A tissue that was
    not found is left out; without either the law is the asynchronous one.

    >>> dark = with_tissues(density_law(120.0), Tissues(-115.0, 41.0))
    >>> dark.slope_hu_per_mg_cm3 > density_law(120.0).slope_hu_per_mg_cm3
    True
    """
    seen = _seen(base, tissues)
    if not seen:
        return replace(base, basis=f"{base.basis}; neither fat nor muscle enough to calibrate by")
    slope = base.slope_hu_per_mg_cm3
    (beam, shift), covariance = _posterior(base, seen)
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
        basis=f"{base.basis}, with internal calibration by {' and '.join(seen)}",
    )


def _seen(base: DensityLaw, tissues: Tissues) -> dict[str, float]:
    """How far each tissue that was found lies from what `base` expects, HU.

    Muscle beyond two SD is left out: wasted muscle holds fat and enhanced muscle iodine, both more often than a
    scanner's zero is that far off.
    """
    found = {"fat": tissues.fat_hu, "muscle": tissues.muscle_hu}
    seen = {name: hu - tissue_hu(name, base) for name, hu in found.items() if hu is not None}
    if abs(seen.get("muscle", 0.0)) > 2.0 * np.hypot(_sd("muscle"), base.intercept_sd_hu):
        del seen["muscle"]
    return seen


def _posterior(base: DensityLaw, seen: dict[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change of slope (HU per mg/cm3) by the beam and of intercept (HU), shape (2,), and their covariance (2, 2)."""
    rows = np.array([[_per_slope(name), 1.0] for name in seen])
    weighted = rows / np.array([_sd(name) for name in seen])[:, None] ** 2
    prior = np.array([base.beam_sd_fraction * base.slope_hu_per_mg_cm3, base.intercept_sd_hu])
    covariance = np.linalg.inv(np.diag(prior**-2.0) + rows.T @ weighted)
    return covariance @ (weighted.T @ np.array(list(seen.values()))), covariance


def _per_slope(tissue: str) -> float:
    return quantity(_FILE, "tissue", f"{tissue}_per_slope").value


def _sd(tissue: str) -> float:
    return quantity(_FILE, "tissue", f"{tissue}_sd").value
