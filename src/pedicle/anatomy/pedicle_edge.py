"""A pedicle's width by the CT itself: where the grey value falls to half of the cortex's local peak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.pedicle_section import Section
from pedicle.model.grid import Grid
from pedicle.model.scan import Scan

LINES_MM = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
STEP_MM = 0.1
SEARCH_MM = 3.0
BLUR_BIAS_MM = 0.6
LEAST_CONTRAST_HU = 60.0


def ct_width_mm(section: Section, grid: Grid, scan: Scan) -> float | None:
    """Width by the local half maximum, mm, on lines along the width; None where no edge is met.

    Blur moves a half maximum outwards: 0.6 mm are taken off the width.
    """
    if not scan.acquisition.calibrated_hu:
        return None
    widths = [width for offset in LINES_MM if (width := _line_width(section, grid, scan, float(offset))) is not None]
    return float(np.median(widths)) - BLUR_BIAS_MM if len(widths) >= 3 else None


def _line_width(section: Section, grid: Grid, scan: Scan, offset_mm: float) -> float | None:
    across = section.width_direction
    along = np.array([-across[1], across[0]])
    reach = section.contour_mm @ across
    low, high = float(reach.min()), float(reach.max())
    ends = []
    for edge, outward in ((high, 1.0), (low, -1.0)):
        places = np.arange(-SEARCH_MM, SEARCH_MM + 1e-6, STEP_MM)
        points = (edge + outward * places)[:, None] * across + offset_mm * along
        lps = grid.lps_from_index(section.centre + points @ section.axes / grid.spacing_mm[0])
        found = half_maximum(scan.volume.sampled(lps))
        if found is None:
            return None
        ends.append(edge + outward * float(places[0] + found * STEP_MM))
    return ends[0] - ends[1]


def half_maximum(profile: NDArray[np.float64]) -> float | None:
    """Fractional index where a profile from inside to outside falls to half between its peak and the floor beyond it.

    None when it leaves the scan, or never falls by 60 HU.
    """
    if not np.isfinite(profile).all():
        return None
    peak = int(profile.argmax())
    floor = float(profile[peak:].min())
    half = 0.5 * (float(profile[peak]) + floor)
    if profile[peak] - floor < LEAST_CONTRAST_HU:
        return None
    below = peak + int((profile[peak:] < half).argmax())
    if below == peak:
        return None
    share = (profile[below - 1] - half) / (profile[below - 1] - profile[below])
    return float(below - 1 + share)
