"""A vertebra as the row of numbers and the capsules that the kernels read."""

from __future__ import annotations

from math import cos, pi, radians, sin

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import phantom_shapes as column
from pedicle.model.levels import verse_of_level
from pedicle.phantom.chain import Link
from pedicle.phantom.morphometry import VertebraShape
from pedicle.phantom.options import FractureOptions

CAPSULES = 9
STATION = 0.76  # 12 % of the depth inside each wall
CLEFT_HU = {"gas": -780.0, "fluid": 15.0}
SOFT_WAIST = {True: (0.07, 0.08), False: (0.085, 0.10)}


def row_of(link: Link, fracture: FractureOptions | None = None) -> NDArray[np.float64]:
    """The row of one vertebra, COLUMNS long."""
    row = np.zeros(column.COLUMNS)
    row[:9] = link.lps_from_vertebra.matrix[:3, :3].ravel()
    row[9:12] = link.lps_from_vertebra.origin_mm
    row[column.LABEL] = verse_of_level(link.shape.level)
    _body(row, link.shape)
    _arch(row, link.shape)
    _bone(row, link.shape)
    _broken(row, link.shape, link.intact, fracture)
    row[column.REACH_BACK] = 0.5 * row[column.DEPTH_TOP]
    row[column.REACH] = 0.5 * link.shape.depth_top + max(link.shape.transverse, link.shape.spine_length + 18.0) + 6.0
    return row


def _body(row: NDArray[np.float64], shape: VertebraShape) -> None:
    side, front = SOFT_WAIST[shape.thoracic]
    row[column.WIDTH_TOP], row[column.WIDTH_BOTTOM] = shape.width_top, shape.width_bottom
    row[column.DEPTH_TOP], row[column.DEPTH_BOTTOM] = shape.depth_top, shape.depth_bottom
    row[column.HEIGHT_FRONT], row[column.HEIGHT_BACK] = shape.height_front, shape.height_back
    row[column.CRATER], row[column.CRATER_TOP] = shape.crater_mm, shape.crater_top
    row[column.SQUARENESS], row[column.TAPER] = shape.squareness, shape.taper
    row[column.EDGE] = 1.2 if shape.thoracic else 2.0
    row[column.WAIST_SIDE], row[column.WAIST_FRONT] = side, front
    row[column.HOLLOW_BACK] = 1.4 if shape.thoracic else 2.6
    row[column.SPUR], row[column.SPUR_PHASE] = shape.spur, 2.0 * pi * shape.phases[3]
    row[column.RING] = 0.6
    row[column.STATION] = STATION
    row[column.BLEND] = shape.blend


def _arch(row: NDArray[np.float64], shape: VertebraShape) -> None:
    depth = 0.5 * (shape.depth_top + shape.depth_bottom)
    width = 0.5 * sum(shape.pedicle_widths)
    row[column.CANAL_WIDTH], row[column.CANAL_DEPTH] = shape.canal_width, shape.canal_depth
    row[column.CANAL_BACK] = 0.5 * depth + 0.5 * shape.canal_depth - 1.0
    row[column.PEDICLE_OUT] = 0.5 * shape.canal_width + 0.5 * width - 0.2
    row[column.PEDICLE_BACK] = 0.5 * depth + 1.5
    row[column.PEDICLE_UP] = pedicle_up(shape)
    row[column.PEDICLE_LEFT], row[column.PEDICLE_RIGHT] = (0.5 * w for w in shape.pedicle_widths)
    row[column.PEDICLE_HALF_HEIGHT] = 0.5 * shape.pedicle_height
    row[column.PEDICLE_SINE] = sin(radians(shape.pedicle_angle))
    row[column.PEDICLE_COSINE] = cos(radians(shape.pedicle_angle))
    row[column.FLARE] = 0.012
    row[column.SPINE_BACK] = row[column.CANAL_BACK] + 0.5 * shape.canal_depth + 2.0
    row[column.SPINE_UP] = pedicle_up(shape) - (9.0 if not shape.thoracic else 6.0)
    row[column.SPINE_LENGTH] = shape.spine_length
    row[column.SPINE_SINE] = sin(radians(shape.spine_tilt))
    row[column.SPINE_COSINE] = cos(radians(shape.spine_tilt))
    row[column.SPINE_HALF_HEIGHT] = 4.6 if shape.thoracic and shape.level not in ("T11", "T12") else 7.8


def pedicle_up(shape: VertebraShape) -> float:
    """Height of the pedicle's axis above the middle of the body, mm: its top lies just under the upper rim at the back."""
    return 0.5 * shape.height_back + (0.8 if shape.thoracic else -0.6) - 0.5 * shape.pedicle_height


def _bone(row: NDArray[np.float64], shape: VertebraShape) -> None:
    thin = 0.8 if shape.density < 60.0 else 1.0
    row[column.DENSITY], row[column.RIM] = shape.density, shape.rim
    row[column.SHELL_WALL], row[column.SHELL_END] = 0.42 * thin, 0.55 * thin
    row[column.SHELL_ARCH] = 0.95 * thin
    row[column.OFFSET_U : column.OFFSET_W + 1] = np.array(shape.phases[:3]) * 90.0
    row[column.VEIN] = 9.0
    row[column.SCLEROSIS] = shape.sclerosis
    row[column.CEMENT] = 11.0 if shape.cemented else 0.0
    row[column.DISC_UP] = row[column.DISC_DOWN] = 2.0 * shape.disc


def _broken(
    row: NDArray[np.float64], shape: VertebraShape, intact: VertebraShape, fracture: FractureOptions | None
) -> None:
    row[column.CLEFT_SIDE] = row[column.CLEFT_DEEP] = row[column.BULGE_HIGH] = row[column.BULGE_WIDE] = 1.0
    if fracture is None:
        return
    row[column.BULGE] = fracture.posterior_bulge_mm
    row[column.BULGE_UP], row[column.BULGE_HIGH] = (0.55, 0.35) if fracture.retropulsion else (0.3, 0.5)
    row[column.BULGE_WIDE] = 8.0 if fracture.retropulsion else 10.0
    row[column.CRACK] = float(fracture.cracks)
    row[column.STEP] = 1.2 if fracture.cracks and fracture.shape != "biconcave" else 0.0
    lost = intact.middle - shape.middle
    row[column.PACKED], row[column.PACKED_DOWN] = min(95.0, 12.0 * max(0.0, lost)), 2.5
    if fracture.cleft != "none":
        room = max(1.4, 0.5 * shape.middle)
        row[column.CLEFT_HU] = CLEFT_HU[fracture.cleft]
        row[column.CLEFT_SIDE], row[column.CLEFT_DEEP] = 12.5, 9.0
        row[column.CLEFT_THIN] = min(2.3, 0.3 * room)
        row[column.CLEFT_BACK] = -3.5
        row[column.CLEFT_UP] = 0.5 * shape.middle - min(6.0, 0.8 * room)


def capsules_of(shape: VertebraShape, row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Laminae and processes of one side as tapered capsules, shape (CAPSULES, 10); unused rows have radius 0."""
    out, back, up = row[column.PEDICLE_OUT], row[column.PEDICLE_BACK], row[column.PEDICLE_UP]
    rear = row[column.SPINE_BACK]
    below, above = -0.5 * shape.height_back, 0.5 * shape.height_back
    maker = _thoracic if shape.thoracic and shape.level != "T12" else _lumbar
    found = np.zeros((CAPSULES, 10))
    rows = maker(shape, out, back, up, rear, below, above)
    found[: len(rows)] = rows
    return found


Rows = list[tuple[float, ...]]


def _lumbar(shape: VertebraShape, out: float, back: float, up: float, rear: float, below: float, above: float) -> Rows:
    """Pars, both articular processes, lamina, transverse process. Columns: two ends, two radii, scales of v and w."""
    inner = 0.5 * shape.canal_width + 2.0
    return [
        (out + 1.0, back + 10.0, up + 1.0, inner + 2.5, rear - 3.0, up - 13.0, 5.2, 4.6, 1.0, 1.0),
        (out + 2.0, back + 9.0, up + 1.0, out + 4.0, back + 10.0, above + 6.5, 5.4, 5.0, 1.0, 1.0),
        (inner + 2.5, rear - 3.0, up - 12.0, inner + 2.5, rear - 1.0, below - 8.0, 5.4, 4.6, 1.0, 1.0),
        (inner + 1.0, rear - 4.0, up - 8.0, 0.0, rear + 1.5, up - 11.0, 3.0, 3.0, 1.0, 0.36),
        (out + 2.0, back + 8.0, up - 1.0, shape.transverse, back + 10.0, up + 1.0, 3.2, 2.0, 1.0, 0.5),
    ]


def _thoracic(
    shape: VertebraShape, out: float, back: float, up: float, rear: float, below: float, above: float
) -> Rows:
    """As `_lumbar`, with flat joints in the coronal plane and transverse processes directed back."""
    inner = 0.5 * shape.canal_width + 1.0
    return [
        (out + 0.5, back + 7.0, up, inner + 2.0, rear - 2.0, up - 9.0, 4.6, 3.6, 1.0, 1.0),
        (out + 0.5, back + 8.0, up + 1.0, out + 0.5, back + 11.0, above + 5.0, 4.4, 2.6, 1.0, 1.0),
        (inner + 2.0, rear - 3.0, up - 8.0, inner + 2.0, rear - 1.0, below - 6.0, 4.2, 3.0, 1.0, 1.0),
        (inner + 0.5, rear - 3.0, up - 7.0, 0.0, rear + 1.0, up - 9.0, 2.8, 2.8, 1.0, 0.34),
        (out + 1.0, back + 8.0, up, shape.transverse, back + 19.0, up + 1.0, 4.7, 4.2, 1.0, 1.0),
    ]


def sacrum_row(
    lps_from_sacrum: NDArray[np.float64], lowest: VertebraShape
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row and capsules of the sacrum stub under the lowest vertebra; `lps_from_sacrum` is 4 x 4."""
    row = np.zeros(column.COLUMNS)
    row[:9], row[9:12] = lps_from_sacrum[:3, :3].ravel(), lps_from_sacrum[:3, 3]
    row[column.LABEL], row[column.KIND] = verse_of_level("sacrum"), 1.0
    row[column.WIDTH_TOP] = row[column.WIDTH_BOTTOM] = lowest.width_bottom
    row[column.DEPTH_TOP] = row[column.DEPTH_BOTTOM] = 32.0
    row[column.CANAL_WIDTH], row[column.CANAL_DEPTH] = 27.0, 15.0
    row[column.CANAL_BACK] = 24.0
    row[column.PEDICLE_OUT], row[column.PEDICLE_BACK], row[column.PEDICLE_UP] = 22.0, 20.0, -10.0
    row[column.PEDICLE_LEFT] = row[column.PEDICLE_RIGHT] = row[column.PEDICLE_HALF_HEIGHT] = 5.0
    row[column.PEDICLE_COSINE] = row[column.CLEFT_SIDE] = row[column.CLEFT_DEEP] = 1.0
    row[column.BULGE_HIGH] = row[column.BULGE_WIDE] = row[column.STATION] = 1.0
    row[column.SPINE_LENGTH], row[column.SPINE_HALF_HEIGHT], row[column.SPINE_COSINE] = 10.0, 8.0, 1.0
    row[column.DENSITY], row[column.SHELL_WALL], row[column.SHELL_END] = lowest.density, 0.5, 0.5
    row[column.SHELL_ARCH], row[column.REACH], row[column.REACH_BACK] = 0.7, 125.0, 15.0
    row[column.DISC_UP] = 20.0
    capsules = np.zeros((CAPSULES, 10))
    parts = [
        (-8.0, 0.0, -16.0, 8.0, 0.0, -16.0, 15.0, 15.0, 1.0, 1.0),
        (0.0, 2.0, -16.0, 0.0, 30.0, -58.0, 17.0, 11.0, 1.25, 1.0),
        (0.0, 30.0, -58.0, 0.0, 32.0, -100.0, 11.0, 7.0, 1.0, 1.0),
        (12.0, 4.0, -18.0, 44.0, 15.0, -28.0, 14.0, 12.0, 1.0, 0.8),
        (42.0, 15.0, -28.0, 26.0, 36.0, -70.0, 11.0, 8.0, 1.0, 1.0),
        (17.0, 22.0, -6.0, 22.0, 26.0, 8.0, 5.5, 4.0, 1.0, 1.0),
        (16.0, 34.0, -10.0, 2.0, 38.0, -16.0, 4.0, 3.5, 1.0, 0.5),
        (0.0, 40.0, -14.0, 0.0, 62.0, -60.0, 4.0, 4.0, 1.0, 0.8),
    ]
    capsules[: len(parts)] = parts
    return row, capsules
