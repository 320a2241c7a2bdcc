"""A gap in the cortex of the posterior wall, away from the basivertebral foramen, seen in the CT.

The wall is unrolled to a picture over width and height: how much brighter than the marrow the brightest value about the
label's border is. A break that has not moved anything shows there and in no shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.local_ct import hu_on
from pedicle.anatomy.posterior_wall import back_heights
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, Vertebra

_FILE = "fracture/limits"
THICK_SLICE_MM = 2.0
HALF_WIDTH_MM = 9.0
REACH_MM = 1.6
DEEP_MM = (3.5, 7.0)
FORAMEN_HALF_WIDTH_MM, FORAMEN_HALF_HEIGHT_MM = 8.0, 4.5
LEAST_CELLS, LEAST_HEIGHTS, LEAST_RUN = 8, 4, 2


@dataclass(frozen=True, eq=False)
class WallPicture:
    """The unrolled wall: contrast over the marrow (n, m), HU, NaN where no border was met; places x (n,) and z (m,), mm."""

    contrast_hu: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    z_mm: NDArray[np.float64]
    spacing_mm: float


def wall_gap_mm(vertebra: Vertebra, scan: Scan | None) -> float | None:
    """Height of the largest band of the wall without cortex, mm, 0 when none is seen.

    None where it cannot be seen: no CT in Hounsfield units, slices over 2 mm, no maps, or a cortex too faint to be missed.
    Bands across most of the width are looked for: a patch may be a thin spot, a break runs on. A zero clears nothing.
    """
    if scan is None or not scan.acquisition.calibrated_hu or vertebra.maps is None:
        return None
    if float(scan.volume.grid.spacing_mm.max()) > THICK_SLICE_MM:
        return None
    picture = wall_picture(vertebra, scan)
    return None if picture is None else gap_in(picture)


def gap_in(picture: WallPicture) -> float | None:
    """Height of the largest open band, mm; None when neither half of the wall shows cortex enough to judge.

    The halves above and below the foramen are judged apart: towards the pedicles' roots the cortex is thicker.
    """
    wall = np.where(_foramen(picture), np.nan, picture.contrast_hu)
    middle = wall.shape[1] // 2
    bands = [_open_rows(half) for half in (wall[:, :middle], wall[:, middle:])]
    judged = [rows for rows in bands if rows is not None]
    return max(judged) * picture.spacing_mm if judged else None


def _open_rows(half: NDArray[np.float64]) -> int | None:
    """Length of the longest run of open heights (two at least, else 0); None when too few show or the cortex is faint."""
    seen = half[:, np.isfinite(half).sum(axis=0) >= LEAST_CELLS]
    if seen.shape[1] < LEAST_HEIGHTS:
        return None
    rows = np.nanmedian(seen, axis=0)
    usual = float(np.percentile(rows, 80.0))
    limit = {name: quantity(_FILE, "gap", name).value for name in ("faint", "share", "over_marrow")}
    if usual < limit["faint"]:
        return None
    run = longest = 0
    for is_open in rows < min(limit["over_marrow"], limit["share"] * usual):
        run = run + 1 if is_open else 0
        longest = max(longest, run)
    return longest if longest >= LEAST_RUN else 0


def _foramen(picture: WallPicture) -> NDArray[np.bool_]:
    """Where the vein leaves: the middle of the wall."""
    middle = 0.5 * (picture.z_mm[0] + picture.z_mm[-1])
    across, along = np.abs(picture.x_mm)[:, None], np.abs(picture.z_mm - middle)[None]
    return np.asarray((across < FORAMEN_HALF_WIDTH_MM) & (along < FORAMEN_HALF_HEIGHT_MM))


def wall_picture(vertebra: Vertebra, scan: Scan) -> WallPicture | None:
    """The wall of a vertebra with maps and CT; None when the body's back is not seen on any height."""
    from scipy.ndimage import median_filter

    assert vertebra.maps is not None
    assert vertebra.lps_from_vertebra is not None
    grid = vertebra.maps.parts.grid
    parts = vertebra.maps.parts.values
    hu, there = hu_on(grid, scan)
    spacing = float(grid.spacing_mm[0])
    heights = back_heights(parts)
    canal = np.argwhere(parts == PART_CANAL)
    if len(heights) < 6 or not len(canal):
        return None
    reach = round(HALF_WIDTH_MM / spacing)
    columns = round(float(canal[:, 0].mean())) + np.arange(-reach, reach + 1)
    columns = columns[(columns >= 0) & (columns < parts.shape[0])]
    values = np.where(there, hu, np.nan)[columns][:, :, heights]
    ends = _wall_ends(parts[columns][:, :, heights])
    origin = vertebra.lps_from_vertebra.inverse @ grid.lps_from_index(np.zeros(3))
    contrast = _contrast(values, ends, spacing)
    return WallPicture(
        median_filter(contrast, 3, mode="nearest"),
        (columns - float(canal[:, 0].mean())) * spacing,
        origin[2] + heights * spacing,
        spacing,
    )


def _wall_ends(parts: NDArray[np.uint8]) -> NDArray[np.int_]:
    """Second index of the last body cell before the canal at each width and height, -1 where bone runs on or none is."""
    body, canal = parts == PART_BODY, parts == PART_CANAL
    last = parts.shape[1] - 1 - body[:, ::-1].argmax(axis=1)
    behind = np.minimum(last + 1, parts.shape[1] - 1)
    free = np.take_along_axis(parts, behind[:, None], axis=1)[:, 0]
    return np.where(body.any(axis=1) & canal.any(axis=1) & np.isin(free, (0, PART_CANAL)), last, -1)


def _contrast(values: NDArray[np.float32], ends: NDArray[np.int_], spacing_mm: float) -> NDArray[np.float64]:
    """Brightest value about the wall less the median of the marrow under the whole wall, HU."""
    step = np.arange(values.shape[1])[None, :, None] - ends[:, None]
    depth = -step * spacing_mm
    seen = (ends >= 0)[:, None]
    marrow = values[seen & (depth > DEEP_MM[0]) & (depth < DEEP_MM[1])]
    if not np.isfinite(marrow).any():
        return np.full(ends.shape, np.nan)
    near = np.where(seen & (np.abs(depth) <= REACH_MM) & np.isfinite(values), values, -np.inf).max(axis=1)
    return np.where(np.isfinite(near), near - np.nanmedian(marrow), np.nan)
