"""Where the needle's line meets the skin: only on skin that is in the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.vertebra import PART_POSTERIOR
from pedicle.model.volume import Volume
from pedicle.planning.fields import Floats, SideFields

Mask = NDArray[np.bool_]
AIR_HU, PADDING_HU = -400.0, -1100.0
AIR_RUN_MM, STEP_MM = 5.0, 0.5
# More tissue than this behind the first air means that the air was inside the body.
TISSUE_BEHIND_MM = 25.0
_REACH_MM = 400.0
# The spinous process lies this close to the mid-sagittal plane.
SPINOUS_BESIDE_MM = 8.0


@dataclass(frozen=True, eq=False)
class Skin:
    """The skin point (LPS mm), or None with the reason in words."""

    point_lps_mm: Floats | None
    reason: str = ""


def find_skin(volume: Volume, bone_entry_lps: Floats, back_lps: Floats) -> Skin:
    """First point behind the bone entry where 5 mm of air begin, walking along the unit direction `back_lps`.

    Leaving the volume, or meeting voxels without data, before 5 mm of air gives no point: depth unknown.
    """
    steps = np.arange(0.0, _REACH_MM, STEP_MM)
    points = bone_entry_lps + steps[:, None] * back_lps
    inside = volume.grid.contains(points)
    last = len(points) if inside.all() else int(np.argmin(inside))
    points, steps = points[:last], steps[:last]
    if last == 0:
        return Skin(None, "depth unknown: bone entry lies outside the scan")
    hu = volume.sampled(points)
    missing = (hu < PADDING_HU) | _outside(volume, points)
    return _first_air(points, hu, missing, bool(last < _REACH_MM / STEP_MM))


def _outside(volume: Volume, points: Floats) -> Mask:
    if volume.outside is None:
        return np.zeros(len(points), bool)
    index = np.rint(volume.grid.index_from_lps(points)).astype(int)
    return np.asarray(volume.outside[tuple(index.T)])


def _first_air(points: Floats, hu: Floats, missing: Mask, leaves: bool) -> Skin:
    run = round(AIR_RUN_MM / STEP_MM)
    air = (hu < AIR_HU) & ~missing
    for start in np.flatnonzero(air | missing):
        if missing[start]:
            return Skin(None, "depth unknown: the line meets voxels without data before skin")
        stretch = air[start : start + run]
        if missing[start : start + run].any():
            return Skin(None, "depth unknown: the line meets voxels without data before skin")
        if len(stretch) == run and stretch.all():
            if ((hu[start + run :] > -200.0) & ~missing[start + run :]).sum() * STEP_MM > TISSUE_BEHIND_MM:
                return Skin(None, "depth unknown: the line meets gas inside the body")
            return Skin(_edge(points, hu, int(start)))
    return Skin(
        None, "depth unknown: the line leaves the scan before skin" if leaves else "depth unknown: no skin found"
    )


def _edge(points: Floats, hu: Floats, start: int) -> Floats:
    """The point between two samples where the HU pass the threshold."""
    if start == 0:
        return np.asarray(points[0])
    share = (hu[start - 1] - AIR_HU) / max(hu[start - 1] - hu[start], 1e-6)
    return np.asarray(points[start - 1] + np.clip(share, 0.0, 1.0) * (points[start] - points[start - 1]))


def skin_distances(fields: SideFields, skin: Skin) -> tuple[float | None, float | None]:
    """Skin entry to the vertebra's mid-sagittal plane, and to the tip of its spinous process seen from behind, mm.

    From behind means straight along the scan's own back axis, as the skin over the tip is felt on a patient who lies flat:
    in a turned vertebra its mid-sagittal plane meets the skin somewhere else. None where there is no skin or no process.
    """
    if skin.point_lps_mm is None:
        return None, None
    midline = float(abs(fields.from_lps(skin.point_lps_mm)[0]))
    tip = spinous_tip(fields)
    if tip is None:
        return midline, None
    across = skin.point_lps_mm - tip
    return midline, float(np.hypot(across[0], across[2]))


def spinous_tip(fields: SideFields) -> Floats | None:
    """LPS of the hindmost 2 mm of the arch near the midline; None without an arch."""
    points = fields.point(np.argwhere(fields.parts == PART_POSTERIOR))
    middle = points[np.abs(points[:, 0]) < SPINOUS_BESIDE_MM]
    if len(middle) == 0:
        return None
    return fields.lps(middle[middle[:, 1] > middle[:, 1].max() - 2.0].mean(axis=0))
