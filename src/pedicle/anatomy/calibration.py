"""Which law turns this scan's Hounsfield units into density: a phantom's, the mean scanner's, or corrected by fat.

Fat and bone mineral answer to the same beam: where the patient's own fat reads darker than usual the beam is softer and
mineral reads brighter. Each source has its own spread; the law used is their weighted mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.options import MeasureOptions
from pedicle.model.density import DensityLaw, density_law, tissue_hu
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity

_FILE = "density/calibration"
SLICES = 12
FAT_HU = (-150.0, -60.0)
LEAST_FAT_ML = 3.0


def scan_law(scan: Scan, options: MeasureOptions) -> DensityLaw:
    """The law of a scan: the phantom's slope when given, else the tube voltage's, weighted with the patient's fat.

    "asynchronous" leaves the fat out; "internal" and "auto" use it where enough is found. A calibration that is not
    possible falls back to the asynchronous law and says so in `basis`.
    """
    base = density_law(scan.acquisition.kvp)
    if options.slope_hu_per_mg_cm3 is not None:
        return given_law(base, options.slope_hu_per_mg_cm3, options.intercept_hu)
    if options.calibration == "asynchronous":
        return base
    fat = fat_hu(scan)
    return base if fat is None else with_fat(base, fat)


def given_law(base: DensityLaw, slope: float, intercept_hu: float) -> DensityLaw:
    """The law of a phantom or of the scanner's own calibration."""
    spread = quantity(_FILE, "spread", "phantom").value / 100.0
    return replace(
        base,
        slope_hu_per_mg_cm3=slope,
        intercept_hu=intercept_hu,
        slope_sd_fraction=spread,
        intercept_sd_hu=1.0,
        basis="phantom",
    )


def with_fat(base: DensityLaw, fat: float) -> DensityLaw:
    """The law weighted with what the fat's HU say of the beam; its spread never falls below the published one.

    >>> with_fat(density_law(120.0), -112.0).slope_hu_per_mg_cm3 > density_law(120.0).slope_hu_per_mg_cm3
    True
    """
    per_slope = quantity(_FILE, "tissue", "fat_per_slope").value
    seen = base.slope_hu_per_mg_cm3 + (fat - tissue_hu("fat", base)) / per_slope
    seen_sd = quantity(_FILE, "tissue", "fat_sd").value / abs(per_slope)
    base_sd = base.slope_sd_fraction * base.slope_hu_per_mg_cm3
    weights = np.array([base_sd, seen_sd]) ** -2.0
    slope = float(weights @ [base.slope_hu_per_mg_cm3, seen] / weights.sum())
    published = quantity(_FILE, "spread", "internal").value / 100.0
    return replace(
        base,
        slope_hu_per_mg_cm3=slope,
        slope_sd_fraction=max(float(weights.sum() ** -0.5) / slope, published),
        basis=f"{base.basis}, with internal calibration by fat",
    )


def fat_hu(scan: Scan) -> float | None:
    """HU of the patient's fat: the median of voxels whose whole neighbourhood is fat; None where too little is found."""
    values = scan.volume.values
    slices = np.unique(np.linspace(0, values.shape[2] - 1, SLICES).round().astype(int))
    spacing = scan.volume.grid.spacing_mm
    found = [_pure_fat(values[:, :, k].astype(np.float64), spacing[:2]) for k in slices]
    fat = np.concatenate(found)
    volume_ml = len(fat) * scan.volume.grid.voxel_ml
    return float(np.median(fat)) if volume_ml >= LEAST_FAT_ML else None


def _pure_fat(values: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smoothed values of the voxels of a slice that lie at least 3 mm inside fat."""
    from scipy.ndimage import binary_erosion, gaussian_filter

    smooth = gaussian_filter(values, 1.5 / spacing_mm)
    fat = (smooth > FAT_HU[0]) & (smooth < FAT_HU[1])
    reach = np.ceil(3.0 / spacing_mm).astype(int)
    core = binary_erosion(fat, np.ones(2 * reach + 1, bool))
    return np.asarray(smooth[core])
