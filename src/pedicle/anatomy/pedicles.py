"""Both pedicles of a vertebra: width, height, axis, and whether they can be seen at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.pedicle_edge import ct_edge
from pedicle.anatomy.pedicle_section import Section, narrowest_section
from pedicle.anatomy.pedicle_width import best_width, compared, without_oval
from pedicle.model.frames import SIDES, Side
from pedicle.model.grid import Grid
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Pedicle, Vertebra

NO_OVAL = ("L5", "L6")
SLIT_RATIO = 3.3
_BIAS = "anatomy/labels"
NO_WIDTH = "no closed oval and a coarse label: no width, the inscribed diameter is given"


def find_pedicles(vertebra: Vertebra, scan: Scan | None, voxel_mm: float) -> dict[str, Pedicle]:
    """Left and right pedicle; one that cannot be measured is not visible and says why.

    `width_mm` weighs the label's section with the CT's edge; without a scan it is the label's alone and `ct_width_mm`
    None. `voxel_mm` is the label map's largest voxel edge. The last lumbar level's section runs into the transverse
    process and has no closed oval: its height is None, on labels over 2 mm its width too, and the inscribed diameter is
    given. A width outside the published
    band, and two sides far apart, are told and widen `sigma_mm`; no width is changed by them.
    """
    return compared({side: _pedicle(vertebra, side, scan, voxel_mm) for side in SIDES}, vertebra.level)


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
    edge = None if scan is None else ct_edge(section, grid, scan)
    oval = vertebra.level not in NO_OVAL and section.height_mm <= SLIT_RATIO * section.width_mm
    judge = without_oval if vertebra.level in NO_OVAL else best_width
    width, sigma = judge(section, edge, voxel_mm)
    vague = vertebra.level in NO_OVAL and voxel_mm > quantity(_BIAS, "to").value
    return Pedicle(
        side=side,
        visible=True,
        width_mm=None if vague else width,
        height_mm=section.height_mm if oval else None,
        inscribed_mm=section.inscribed_mm,
        ct_width_mm=None if edge is None else edge.width_mm,
        sigma_mm=None if vague else sigma,
        axis_lps=np.asarray(section.direction @ grid.axes),
        centre_lps_mm=grid.lps_from_index(section.centre),
        reason="; ".join([*([NO_WIDTH] if vague else []), *_notes(oval, section.bridged, voxel_mm)]),
        label_width_mm=section.width_mm,
    )


def _notes(oval: bool, bridged: bool, voxel_mm: float) -> list[str]:
    notes = [_label_note(voxel_mm)]
    if not oval:
        notes.insert(0, "no closed oval, height not defined")
    if bridged:
        notes.insert(0, "the label has a gap in this pedicle: bridged")
    return notes


def _label_note(voxel_mm: float) -> str:
    """How much too wide labels of such voxels read."""
    fine, coarse, to = (quantity(_BIAS, key) for key in ("fine", "coarse", "to"))
    if voxel_mm <= to.value:
        spread = 0.5 * ((fine.high or 0.0) - (fine.low or 0.0))
        return f"labels at {to.low:g} to {to.value:g} mm read {fine.value:g} ± {spread:g} mm a wall too wide"
    return f"labels over {to.value:g} mm read {coarse.low:g} to {coarse.high:g} mm too wide"


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
