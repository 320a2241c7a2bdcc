"""Trabecular density of a body in a standard region, and the patient's own from levels that are fit for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pedicle.anatomy.calibration import scan_law
from pedicle.anatomy.contrast import enhanced
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.region import Region, fenced, least_volume_ml, loose_bands, slice_mm, trabecular_region
from pedicle.model.density import DensityLaw
from pedicle.model.levels import rank
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Density, Estimate, Vertebra

_REGION = "density/region"
HIGHEST, LOWEST = "T10", "L5"


@dataclass(frozen=True)
class Reading:
    """Mean and median HU of a region after cleaning, its standard error, and whether sclerosis filled it."""

    mean_hu: float
    median_hu: float
    error_hu: float
    sclerosis: bool


def measure_density(
    vertebra: Vertebra, scan: Scan | None, options: MeasureOptions, law: DensityLaw | None = None
) -> Density:
    """Density of one level's standard region, calcium hydroxyapatite equivalent, by `law` or the scan's own.

    Not evaluable (None, with the reason) without a CT in Hounsfield units, without parts, or where too little lies away
    from cortex. A value of a fractured, cemented, instrumented or cut level is given but not `usable`. `reason` also
    carries what to know of a given value: a scale that is off, contrast, unknown tube voltage, sclerosis.
    """
    refused = _refusal(vertebra, scan)
    if refused or scan is None:
        return Density(None, None, 0.0, None, False, False, refused)
    region = trabecular_region(vertebra, scan)
    if region is None or region.volume_ml < least_volume_ml():
        found = 0.0 if region is None else region.volume_ml
        return Density(None, None, found, None, False, False, f"only {found:.1f} ml lie away from cortex")
    reading = read_region(region)
    law = law or scan_law(scan, options, [vertebra])
    reasons = [*_unusable(vertebra), *_remarks(vertebra, scan, law, reading)]
    return Density(
        mean_hu=reading.mean_hu,
        median_hu=reading.median_hu,
        volume_ml=region.volume_ml,
        density_mg_cm3=_estimate(reading, law, slice_mm(scan)),
        usable=not _unusable(vertebra),
        sclerosis=reading.sclerosis,
        reason="; ".join(reasons),
    )


def read_region(region: Region) -> Reading:
    """The region's mean after the fence, or its loosest bands' when sclerosis fills the rest."""
    band = loose_bands(region)
    kept = fenced(region) if band is None else band
    values = region.hu[kept]
    # Neighbouring voxels share noise and texture: an eighth of them count as independent.
    error = float(values.std()) / np.sqrt(max(len(values) / 8.0, 1.0))
    return Reading(float(values.mean()), float(np.median(values)), float(error), band is not None)


def patient_density(
    vertebrae: Sequence[Vertebra], scan: Scan | None, options: MeasureOptions, law: DensityLaw | None = None
) -> Estimate | None:
    """The patient's trabecular density: the median of usable levels T10 to L5 without sclerosis; None without any.

    The interval holds the calibration's spread, which all levels share, and the scatter between levels.
    """
    if scan is None:
        return None
    fit = [v for v in vertebrae if _counts(v)]
    hu = np.array([v.density.mean_hu for v in fit if v.density and v.density.mean_hu is not None])
    if not len(hu):
        return None
    law = law or scan_law(scan, options, vertebrae)
    middle = float(np.median(hu))
    value = float(law.density_from_hu(middle))
    scatter = float(hu.std(ddof=1)) if len(hu) > 1 else 0.1 * abs(middle)
    sd = float(np.hypot(law.density_sd(middle), 1.25 * scatter / np.sqrt(len(hu)) / law.slope_hu_per_mg_cm3))
    names = ", ".join(v.level for v in fit)
    return Estimate(value, value - 1.96 * sd, value + 1.96 * sd, "mg/cm3", f"{law.basis}; median of {names}")


def _counts(vertebra: Vertebra) -> bool:
    found = vertebra.density
    in_range = rank(HIGHEST) <= rank(vertebra.level) <= rank(LOWEST)
    return bool(found and found.usable and not found.sclerosis and in_range and not _unusable(vertebra))


def _refusal(vertebra: Vertebra, scan: Scan | None) -> str:
    if scan is None:
        return "no CT: density not evaluable"
    if not scan.acquisition.calibrated_hu:
        return "not Hounsfield units: density not evaluable"
    if vertebra.maps is None:
        return "no parts were found: density not evaluable"
    return ""


def _unusable(vertebra: Vertebra) -> list[str]:
    """Why a level's value is not bone density."""
    fractured = vertebra.fracture is not None and vertebra.fracture.genant_grade > 0
    facts = {
        "fractured": fractured,
        "cemented": vertebra.cemented,
        "metal": vertebra.metal,
        "suspicious": bool(vertebra.suspicious),
        "cut by the border": not vertebra.complete,
        "label beside its bone": any(n.code == "label-off-bone" and n.severity == "danger" for n in vertebra.warnings),
    }
    return [f"{name}: never the patient's bone density" for name, true in facts.items() if true]


def _remarks(vertebra: Vertebra, scan: Scan, law: DensityLaw, reading: Reading) -> list[str]:
    remarks = [law.remark] if law.remark else []
    if reading.sclerosis:
        remarks.append("endplate sclerosis over a third of the region: the loosest bands are given")
    if scan.acquisition.kvp is None:
        remarks.append("tube voltage not known: 120 kVp taken, interval widened")
    elif not 80.0 <= scan.acquisition.kvp <= 140.0:
        remarks.append(f"{scan.acquisition.kvp:.0f} kVp lies outside the range of published calibrations")
    if scan.acquisition.contrast or enhanced(vertebra, scan):
        bias = quantity("density/calibration", "contrast", "bias").value
        remarks.append(f"contrast given: reads more than {bias:.0f} mg/cm3 too high")
    if slice_mm(scan) > 3.5:
        remarks.append(f"slices of {slice_mm(scan):.1f} mm: cortex reaches into the region")
    return remarks


def _estimate(reading: Reading, law: DensityLaw, thickness_mm: float) -> Estimate:
    value = float(law.density_from_hu(reading.mean_hu))
    parts = [law.density_sd(reading.mean_hu), reading.error_hu / law.slope_hu_per_mg_cm3]
    if reading.sclerosis:
        parts.append(quantity(_REGION, "clean", "sclerosis_spread").value / 100.0 * abs(value))
    if thickness_mm >= quantity(_REGION, "clean", "thick_slice").value:
        parts.append(quantity(_REGION, "clean", "thick_bias").value)
    sd = float(np.sqrt(np.square(parts).sum()))
    return Estimate(value, value - 1.96 * sd, value + 1.96 * sd, "mg/cm3", law.basis)
