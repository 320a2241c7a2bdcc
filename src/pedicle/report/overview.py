"""The whole spine in two pictures, sagittal and coronal, that follow its curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.vertebra import Vertebra
from pedicle.report.canvas import Canvas, Figure
from pedicle.report.dossier import Dossier
from pedicle.report.figures import slice_of
from pedicle.report.options import ReportOptions
from pedicle.report.svg import jpeg
from pedicle.report.views import CurvedPlane
from pedicle.report.walls import Walls, label_walls

Outlines = list[tuple[Vertebra, Walls]]
_LEFT, _POSTERIOR = 0, 1
_WIDTH_MM = 140.0
# The spinous processes lie behind the bodies: the sagittal picture is moved back to hold them.
_BACK_MM = 16.0
_MARGIN_MM = 45.0
_LABEL_PIXELS = 1.5


def overview_figures(dossier: Dossier, options: ReportOptions) -> list[Figure]:
    """Sagittal and coronal sheets along the centres of the bodies; none without a vertebra."""
    if not dossier.spine.vertebrae:
        return []
    coarse = ReportOptions(
        pixels_per_mm=min(2.2, options.pixels_per_mm),
        jpeg_quality=options.jpeg_quality,
        window_centre_hu=options.window_centre_hu,
        window_width_hu=options.window_width_hu,
    )
    outlines = [(vertebra, label_walls(vertebra, dossier.labels.volume)) for vertebra in dossier.spine.vertebrae]
    sagittal = _sheet(dossier, along=_POSTERIOR, across=_LEFT)
    coronal = _sheet(dossier, along=_LEFT, across=_POSTERIOR)
    return [
        _drawn(dossier, sagittal, outlines, coarse, "Sagittal, along the middle of the bodies"),
        _drawn(dossier, coronal, outlines, coarse, "Coronal, along the middle of the bodies"),
    ]


def _sheet(dossier: Dossier, along: int, across: int) -> CurvedPlane:
    """A sheet whose picture runs along one LPS axis and down the spine, moved across to follow the bodies."""
    centres = np.array([vertebra.centroid_lps_mm for vertebra in dossier.spine.vertebrae], dtype=np.float64)
    low, high = _height_range(dossier, centres)
    centre = centres.mean(axis=0)
    centre[2] = (low + high) / 2
    if along == _POSTERIOR:
        centre[along] += _BACK_MM
    right, down = np.eye(3)[along], np.array([0.0, 0.0, -1.0])
    flat = CurvedPlane(centre, right, down, _WIDTH_MM, high - low, np.array([0.0]), np.array([0.0]))
    order = np.argsort(centres[:, 2])
    shift = (centres[order, across] - centre[across]) * flat.toward_viewer_lps[across]
    return CurvedPlane(centre, right, down, _WIDTH_MM, high - low, centres[order, 2], shift)


def _height_range(dossier: Dossier, centres: NDArray[np.float64]) -> tuple[float, float]:
    heights = dossier.labels.volume.grid.corners_lps_mm()[:, 2]
    low = max(centres[:, 2].min() - _MARGIN_MM, heights.min())
    high = min(centres[:, 2].max() + _MARGIN_MM, heights.max())
    return float(low), float(high)


def _drawn(dossier: Dossier, sheet: CurvedPlane, outlines: Outlines, options: ReportOptions, title: str) -> Figure:
    canvas = Canvas(sheet, jpeg(slice_of(dossier, sheet, options), options.jpeg_quality))
    for vertebra, outline in outlines:
        share = outline.on("bone", sheet, _LABEL_PIXELS)
        if share is None:
            continue
        fractured = vertebra.fracture is not None and vertebra.fracture.genant_grade > 0
        canvas.outline(share, "wall-fractured" if fractured else "wall-body")
    for vertebra in dossier.spine.vertebrae:
        height = sheet.place(vertebra.centroid_lps_mm)[1]
        # A cut level at the very edge would be written over the words there; the table names it.
        if 4.0 * canvas.type_mm < height < sheet.height_mm - 2.5 * canvas.type_mm:
            canvas.tag(vertebra.level + ("" if vertebra.complete else " (cut)"), vertebra.centroid_lps_mm)
    seen = sheet.seen_from
    caption = f"Rows follow the spine, so nothing in a row is bent. Seen from the {seen}."
    return canvas.finished(
        title, caption, f"seen from the patient's {seen.upper()}" if seen in ("left", "right") else ""
    )
