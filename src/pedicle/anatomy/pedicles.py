"""Both pedicles of a vertebra: width, height, axis, and whether they can be seen at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.pedicle_edge import ct_width_mm
from pedicle.anatomy.pedicle_section import Section, narrowest_section
from pedicle.model.frames import SIDES, Side
from pedicle.model.grid import Grid
from pedicle.model.scan import Scan
from pedicle.model.vertebra import Pedicle, Vertebra

NO_OVAL = ("L5", "L6")
SLIT_RATIO = 3.3
EDGE_SIGMA_MM = 0.45
APART_MM = 3.0
LABEL_NOTE = "labels at 1 to 2 mm read 0.5 ± 0.5 mm a wall too wide"


def find_pedicles(vertebra: Vertebra, scan: Scan | None, voxel_mm: float) -> dict[str, Pedicle]:
    """Left and right pedicle; one that cannot be measured is not visible and says why.

    `width_mm` weighs the label's section with the CT's edge; without a scan it is the label's alone and `ct_width_mm` None. `voxel_mm` is the label map's largest voxel edge. The last lumbar level's section
    runs into the transverse process and has no closed oval: its height is None, the inscribed diameter is given.
    """
    return {side: _pedicle(vertebra, side, scan, voxel_mm) for side in SIDES}


def _pedicle(vertebra: Vertebra, side: Side, scan: Scan | None, voxel_mm: float) -> Pedicle:
    if vertebra.maps is None:
        return _not_visible(side, "not evaluable: no parts were found")
    if not vertebra.complete:
        return _not_visible(side, "cut by the border of the scan")
    section = narrowest_section(vertebra.maps, side)
    if isinstance(section, str):
        return _not_visible(side, section)
    grid = vertebra.maps.parts.grid
    if scan is not None and _meets_border(section, grid, scan):
        return _not_visible(side, "its narrowest section meets the border of the scan")
    edge = None if scan is None else ct_width_mm(section, grid, scan)
    width, sigma = best_width(section.width_mm, edge, voxel_mm)
    oval = vertebra.level not in NO_OVAL and section.height_mm <= SLIT_RATIO * section.width_mm
    return Pedicle(
        side=side,
        visible=True,
        width_mm=width,
        height_mm=section.height_mm if oval else None,
        inscribed_mm=section.inscribed_mm,
        ct_width_mm=edge,
        sigma_mm=sigma,
        axis_lps=np.asarray(section.direction @ grid.axes),
        centre_lps_mm=grid.lps_from_index(section.centre),
        reason="; ".join(_notes(oval, section.bridged)),
    )


def best_width(label_mm: float, edge_mm: float | None, voxel_mm: float) -> tuple[float, float]:
    """Width and its 1 SD from the label's section and the CT's edge, weighted by their variances.

    A label's width wavers with its voxels; the CT's edge hardly does. Where both are more than 3 mm apart one of them is
    wrong, and the label alone is given with the difference as its spread.

    >>> best_width(10.0, None, 1.0)[0], best_width(10.0, 9.0, 1.0)[0] < 9.6
    (10.0, True)
    """
    label_sigma = float(np.hypot(0.3, 0.45 * voxel_mm))
    if edge_mm is None:
        return label_mm, label_sigma
    if abs(edge_mm - label_mm) > APART_MM:
        return label_mm, max(label_sigma, 0.5 * abs(edge_mm - label_mm))
    weights = np.array([label_sigma, EDGE_SIGMA_MM]) ** -2.0
    return float(weights @ [label_mm, edge_mm] / weights.sum()), float(max(weights.sum() ** -0.5, EDGE_SIGMA_MM))


def _notes(oval: bool, bridged: bool) -> list[str]:
    notes = [LABEL_NOTE]
    if not oval:
        notes.insert(0, "no closed oval, height not defined")
    if bridged:
        notes.insert(0, "the label has a gap in this pedicle: bridged")
    return notes


def _not_visible(side: Side, reason: str) -> Pedicle:
    return Pedicle(side, False, None, None, None, None, None, None, None, reason)


def outline_lps_mm(section: Section, grid: Grid) -> NDArray[np.float64]:
    """Points of a section's outline in LPS, shape (n, 3)."""
    return grid.lps_from_index(section.centre + section.contour_mm @ section.axes / grid.spacing_mm[0])


def _meets_border(section: Section, grid: Grid, scan: Scan) -> bool:
    """Whether the outline comes within a voxel of the scan's border or of voxels without data."""
    index = scan.volume.grid.index_from_lps(outline_lps_mm(section, grid))
    last = np.array(scan.volume.grid.shape) - 1
    if (index < 0.5).any() or (index > last - 0.5).any():
        return True
    if scan.volume.outside is None:
        return False
    return bool(scan.volume.outside[tuple(np.rint(index).astype(int).T)].any())
