"""A pedicle's width by the CT itself: where the grey value falls to half between its cortex and what lies beside it.

A rib's neck passes 1 to 2 mm beside a thoracic pedicle, often denser than the pedicle's own cortex. So no line takes the
densest place: every fall from a peak to the next valley is found, and the one nearest to the label's border counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.pedicle_section import Section
from pedicle.model.grid import Grid
from pedicle.model.scan import Scan

LINES_MM = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
LEAST_LINES = 3
STEP_MM = 0.1
SEARCH_MM = 3.0
LEAST_INWARD_MM = 1.0
LEAST_WIDTH_MM = 1.0
BLUR_BIAS_MM = 0.6
BLUR_SIGMA_MM = 0.3
VOXEL_SIGMA = 0.3
BLURRED_FROM_MM = 1.0
BLUR_PER_MM = 0.5
LEAST_CONTRAST_HU = 60.0
LEAST_SHARE = 0.12
NORMAL_SD = 1.4826
LABEL_TOO_WIDE_MM = 0.5
RIVAL_MM = 1.0


@dataclass(frozen=True)
class Edge:
    """Width by the CT's edges and its 1 SD, mm."""

    width_mm: float
    sigma_mm: float


def ct_edge(section: Section, grid: Grid, scan: Scan) -> Edge | None:
    """Width between the CT's edges on five lines along the width; None without HU or where no edge is met.

    Each border is the median of its lines. Blur moves a half maximum of a thin cortex outwards: 0.6 mm are taken off, a
    typical scanner's. The spread holds what blur varies (0.3 mm), three tenths of the voxel along the width, half of what
    that voxel exceeds 1 mm by, for then the voxel blurs more than the 0.6 mm taken off, and how far the lines disagree.
    """
    if not scan.acquisition.calibrated_hu:
        return None
    inward = min(SEARCH_MM, max(0.5 * section.width_mm, LEAST_INWARD_MM))
    places = np.arange(-inward, SEARCH_MM + 1e-6, STEP_MM)
    one, other = (border(profiles, places) for profiles in _profiles(section, grid, scan, places))
    if one is None or other is None:
        return None
    width = section.width_mm + one[0] + other[0] - BLUR_BIAS_MM
    voxel = _voxel_along(section, grid, scan)
    parts = [BLUR_SIGMA_MM, VOXEL_SIGMA * voxel, BLUR_PER_MM * max(0.0, voxel - BLURRED_FROM_MM), one[1], other[1]]
    return Edge(width, float(np.linalg.norm(parts))) if width >= LEAST_WIDTH_MM else None


def _profiles(
    section: Section, grid: Grid, scan: Scan, places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey values (lines, places) from inside to outside of the label's border, on both sides of the section."""
    across = section.width_direction
    along = np.array([-across[1], across[0]])
    reach = section.contour_mm @ across
    way = np.stack([reach.max() + places, reach.min() - places])
    points = way[:, None, :, None] * across + LINES_MM[None, :, None, None] * along
    lps = grid.lps_from_index(section.centre + points @ section.axes / grid.spacing_mm[0])
    found = scan.volume.sampled(lps)
    return found[0], found[1]


def _voxel_along(section: Section, grid: Grid, scan: Scan) -> float:
    """Size of the scan's voxel along the width, mm."""
    along = section.width_direction @ section.axes @ grid.axes
    return float(np.linalg.norm((scan.volume.grid.axes @ along) * scan.volume.grid.spacing_mm))


def border(profiles: NDArray[np.float64], places: NDArray[np.float64]) -> tuple[float, float] | None:
    """Place of a border, mm from the label's (outside positive), and the spread of its median over the lines.

    `profiles` (lines, n) run from inside to outside at `places` (n,). Each line gives its fall nearest to where
    the bone ends if the label is as much too wide as labels are (0.5 mm), then twice the one nearest to the lines' median.
    A second fall that fits nearly as well, a rib's, widens the spread. None when fewer than three lines meet an edge.
    """
    lines = [places[0] + STEP_MM * np.array(found) for line in profiles if (found := falls(line))]
    if len(lines) < LEAST_LINES:
        return None
    middle = -LABEL_TOO_WIDE_MM
    for _ in range(3):
        chosen = np.array([line[np.abs(line - middle).argmin()] for line in lines])
        middle = float(np.median(chosen))
    spread = NORMAL_SD * float(np.median(np.abs(chosen - middle))) / np.sqrt(len(lines))
    return middle, max(float(spread), float(np.median([_doubt(line, middle) for line in lines])))


def _doubt(line: NDArray[np.float64], middle: float) -> float:
    """Half the way to a line's next fall when that one fits the label nearly as well, else 0, mm."""
    fit = np.abs(line + LABEL_TOO_WIDE_MM)
    others = np.abs(line - middle)
    mine = int(others.argmin())
    rivals = others[(fit < fit[mine] + RIVAL_MM) & (np.arange(len(line)) != mine)]
    return 0.5 * float(rivals.min()) if len(rivals) else 0.0


def falls(profile: NDArray[np.float64]) -> list[float]:
    """Fractional indices where a profile falls to half between each peak and the valley that follows it.

    A peak stands 60 HU and 12 % of the profile's range over its valley, and so does the rise that ends a valley; smaller
    ups and downs are texture and noise. Empty for a profile that leaves the scan.
    """
    if not np.isfinite(profile).all():
        return []
    least = max(LEAST_CONTRAST_HU, LEAST_SHARE * float(np.ptp(profile)))
    found, start = [], 0
    while (turn := _turn(profile, start, least)) is not None:
        peak, valley, start = turn
        half = 0.5 * (profile[peak] + profile[valley])
        below = peak + int((profile[peak : valley + 1] < half).argmax())
        share = (profile[below - 1] - half) / (profile[below - 1] - profile[below])
        found.append(float(below - 1 + share))
    return found


def _turn(profile: NDArray[np.float64], start: int, least: float) -> tuple[int, int, int] | None:
    """From an index on: the next peak, the valley after it, and where to go on; None when it falls no more."""
    rest = profile[start:]
    fallen = np.flatnonzero(rest < np.maximum.accumulate(rest) - least)
    if not len(fallen):
        return None
    peak = int(rest[: fallen[0]].argmax())
    after = rest[fallen[0] :]
    risen = np.flatnonzero(after > np.minimum.accumulate(after) + least)
    end = int(risen[0]) if len(risen) else len(after)
    valley = int(fallen[0]) + int(after[:end].argmin())
    return start + peak, start + valley, start + valley
