"""HU of the patient's own fat and muscle, and of the air outside: what the calibration is held against.

Septa, vessels, streaks and the edge of the neighbour only ever brighten fat, and fat only ever darkens muscle. So the
tissue is looked for a few millimetres inside, noise is averaged over a neighbourhood, and of what is found the pure side
is taken: the 15th percentile of fat, of which there is little in slim patients, the upper quartile of muscle. Air is one
number all over: its median, which values cut off at the scanner's floor do not move while they are a minority.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.grid import Grid
from pedicle.model.scan import Scan
from pedicle.model.vertebra import Vertebra

SLABS, SLAB_MM = 12, 4.0
FAT_HU, MUSCLE_HU = (-150.0, -60.0), (0.0, 110.0)
WITHIN_MM = 3.0
LEAST_FAT_ML, LEAST_MUSCLE_ML = 3.0, 5.0
MUSCLE_GRID_MM = 1.5
PURE_FAT_PERCENT, PURE_MUSCLE_PERCENT = 15.0, 75.0
AIR_BELOW_HU, AIR_WITHIN_MM, LEAST_AIR_ML = -900.0, 8.0, 5.0
MOST_AT_FLOOR = 0.25


@dataclass(frozen=True)
class Tissues:
    """HU of fat, muscle and outside air; None where too little of it is in the scan to be believed."""

    fat_hu: float | None
    muscle_hu: float | None
    air_hu: float | None = None


def find_tissues(scan: Scan, vertebrae: Sequence[Vertebra] = ()) -> Tissues:
    """Fat anywhere in the scan; muscle beside and behind the arches, where no organ lies; air outside the patient."""
    return Tissues(fat_hu(scan), muscle_hu(scan, vertebrae), air_hu(scan))


def air_hu(scan: Scan) -> float | None:
    """Median HU of the air outside the patient; None with less than 5 ml, or where it was cut off or never measured.

    Air is what is connected to the picture's edge and lies 8 mm from anything denser: skin, table, clothes and the lung
    stay out. Flat places (padding, the margin outside the reconstruction circle, noise-free pictures) hold no measurement.
    More than a quarter of it at the scan's lowest value: cut off, and its median would say where, not what air is.
    """
    spacing = scan.volume.grid.spacing_mm
    thickness = max(SLAB_MM, float(spacing[2]))
    air = np.concatenate([_outside_air(slab, spacing[:2]) for slab in _middle_slices(scan)])
    if len(air) * float(np.prod(spacing[:2])) * thickness / 1000.0 < LEAST_AIR_ML:
        return None
    at_floor = float((air <= air.min()).mean())
    return None if at_floor > MOST_AT_FLOOR else float(np.median(air))


def fat_hu(scan: Scan) -> float | None:
    """HU of the patient's fat: 15th percentile of neighbourhoods that are fat throughout; None with less than 3 ml."""
    spacing = scan.volume.grid.spacing_mm
    found = [_pure(slab, spacing[:2], FAT_HU) for slab in _slabs(scan)]
    fat = np.concatenate(found)
    thickness = max(SLAB_MM, float(spacing[2]))
    enough = len(fat) * float(np.prod(spacing[:2])) * thickness / 1000.0 >= LEAST_FAT_ML
    return float(np.percentile(fat, PURE_FAT_PERCENT)) if enough else None


def muscle_hu(scan: Scan, vertebrae: Sequence[Vertebra]) -> float | None:
    """HU of the muscles of the back: upper quartile of neighbourhoods that hold no fat; None with less than 5 ml."""
    found = [_back_muscle(vertebra, scan) for vertebra in vertebrae]
    muscle = np.concatenate(found) if found else np.empty(0)
    enough = len(muscle) * MUSCLE_GRID_MM**3 / 1000.0 >= LEAST_MUSCLE_ML
    return float(np.percentile(muscle, PURE_MUSCLE_PERCENT)) if enough else None


def _middle_slices(scan: Scan) -> Iterator[NDArray[np.float64]]:
    """Single slices at twelve heights, as measured: a mean over slices would hide what was cut off."""
    volume = scan.volume
    for k in np.unique(np.linspace(0, volume.values.shape[2] - 1, SLABS).round().astype(int)):
        values = volume.values[:, :, k].astype(np.float64)
        if volume.outside is not None:
            values[volume.outside[:, :, k]] = np.nan
        yield values


def _outside_air(values: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measured air of one slice (i, j), NaN where there are no data; empty when none reaches the edge."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter, label, maximum_filter, minimum_filter

    known = np.isfinite(values)
    filled = np.where(known, values, AIR_BELOW_HU - 100.0)
    thin = known & (gaussian_filter(filled, 1.5 / spacing_mm) < AIR_BELOW_HU)
    pieces, _ = label(thin | ~known)
    edge = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    outer = thin & np.isin(pieces, edge[edge > 0])
    # Padding beside air is no surface to keep away from; what is denser than air is.
    inside = distance_transform_edt(thin | ~known, sampling=spacing_mm) > AIR_WITHIN_MM if not thin.all() else thin
    flat = maximum_filter(filled, 3) == minimum_filter(filled, 3)
    beside_padding = minimum_filter(known.astype(np.uint8), 5) == 0
    return np.asarray(values[outer & inside & ~flat & ~beside_padding])


def _slabs(scan: Scan) -> Iterator[NDArray[np.float64]]:
    """Means over about 4 mm at twelve heights; padding is set far from every tissue."""
    volume = scan.volume
    count = max(1, round(SLAB_MM / float(volume.grid.spacing_mm[2])))
    last = max(volume.values.shape[2] - count, 0)
    for first in np.unique(np.linspace(0, last, SLABS).round().astype(int)):
        chosen = np.s_[:, :, first : first + count]
        slab = volume.values[chosen].astype(np.float64)
        if volume.outside is not None:
            slab[volume.outside[chosen]] = -5000.0
        yield slab.mean(axis=2)


def _back_muscle(vertebra: Vertebra, scan: Scan) -> NDArray[np.float64]:
    """Muscle in a box from the canal back to the skin, 60 mm to either side, as high as the body's middle."""
    if vertebra.lps_from_vertebra is None or vertebra.posterior_wall_mm is None:
        return np.empty(0)
    back = vertebra.posterior_wall_mm
    low, high = np.array([-60.0, back + 15.0, -10.0]), np.array([60.0, back + 70.0, 10.0])
    grid = Grid.in_frame(vertebra.lps_from_vertebra, low, high, MUSCLE_GRID_MM)
    values = scan.volume.sampled(grid.centres_lps_mm(), fill=-5000.0)
    return _pure(values, grid.spacing_mm, MUSCLE_HU)


def _pure(
    values: NDArray[np.float64], spacing_mm: NDArray[np.float64], window_hu: tuple[float, float]
) -> NDArray[np.float64]:
    """Means over 3 mm about the places whose whole neighbourhood, smoothed against noise, lies in the window."""
    from scipy.ndimage import binary_erosion, gaussian_filter, uniform_filter

    smooth = gaussian_filter(values, 1.5 / spacing_mm)
    inside = (smooth > window_hu[0]) & (smooth < window_hu[1])
    size = 2 * np.ceil(WITHIN_MM / spacing_mm).astype(int) + 1
    core = binary_erosion(inside, np.ones(size, bool))
    return np.asarray(uniform_filter(values, size)[core])
