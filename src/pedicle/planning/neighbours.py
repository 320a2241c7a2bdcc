"""Distances from the needle's whole way to soft structures that the label map names; the rest is "not assessed"."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Clearance
from pedicle.model.volume import Volume, bounding_box
from pedicle.planning.fields import Floats, SideFields
from pedicle.planning.options import PlanOptions

# Each neighbour with the structures that must all be labelled: half of the great vessels would look like all of them.
NEIGHBOURS = {"pleura": ("lung",), "great_vessel": ("aorta", "cava"), "kidney": ("kidney",)}
WORDS = {"pleura": "lung", "great_vessel": "aorta or cava", "kidney": "kidney"}
# Paired organs: the other side's says nothing of this one's. A part that far from the vertebra's mid-plane tells the side.
PAIRED, BESIDE_MM = ("pleura", "kidney"), 30.0
# Parts of an organ: where they lie says nothing of the rest.
NOT_THE_WHOLE = ("vessel", "nodule", "airway", "trachea", "cyst")
# A mask is asked at this many places along each axis for the side it lies on.
ASKED_ALONG = 24
# Voxels are looked for this close to the way first, then further off.
_NEAR_MM = (15.0, 40.0, 80.0)


@dataclass(frozen=True, eq=False)
class Way:
    """A needle's way in LPS mm: from the skin (or as far behind the bone as was looked) over the bone entry to the tip."""

    start: Floats
    entry: Floats
    tip: Floats
    radius_mm: float


def cropped(structures: dict[str, Volume] | None) -> dict[str, Volume]:
    """The structures that have voxels, each cut to its own box: a whole scan's mask need not be searched for every needle."""
    found = {}
    for name, volume in (structures or {}).items():
        box = bounding_box(volume.values)
        if box is not None:
            found[name] = volume.cropped(*box)
    return found


def neighbour_clearance(
    structures: dict[str, Volume] | None, way: Way, fields: SideFields, options: PlanOptions
) -> dict[str, Clearance]:
    """Clearance of the straight way to pleura, great vessels and kidney, with sigma of half a voxel.

    Not assessed where one of the structures that make up a neighbour is not labelled, or a paired one is labelled on the
    other side alone. Probabilities are those of the nearest place alone, by the normal law.
    """
    found = {}
    for wall, words in NEIGHBOURS.items():
        masks = {word: _labelled(structures, word, fields if wall in PAIRED else None) for word in words}
        missing = [word for word, there in masks.items() if not there]
        if missing:
            found[wall] = Clearance(None, reason=_unlabelled(wall, missing, fields))
            continue
        found[wall] = _nearest([volume for there in masks.values() for volume in there], way, options)
    return found


def _unlabelled(wall: str, missing: list[str], fields: SideFields) -> str:
    where = f" on the {fields.side}" if wall in PAIRED else ""
    return f"not assessed: no label of {' and '.join(missing)}{where} in the scan"


def lungs_assessed(structures: dict[str, Volume] | None, fields: SideFields) -> bool:
    """Whether the label map shows lung on this needle's side of the vertebra."""
    return bool(_labelled(structures, NEIGHBOURS["pleura"][0], fields))


def in_the_way(clearance: dict[str, Clearance], radius_mm: float) -> list[str]:
    """Why a needle is not feasible: lung or kidney within the label's own error, or a great vessel that its axis meets.

    The tip lies close behind the great vessels by plan; how far it stays in the body is judged at the body's front wall.
    """
    found = []
    for wall, word in WORDS.items():
        here = clearance[wall]
        least = -radius_mm if wall == "great_vessel" else 2.0 * (here.sigma_mm or 0.0)
        if here.mm is not None and here.mm <= least:
            found.append(f"{word} {here.mm:.1f} mm from the needle's way")
    return found


def close_by(clearance: dict[str, Clearance]) -> list[str]:
    """What is nearer than is usually wished; the wish is not verified, so it only informs."""
    wish = quantity("planning/limits", "soft_structure_margin").value
    return [
        f"{word} {here.mm:.1f} mm from the needle's way; the usual wish of {wish:.0f} mm is not verified"
        for wall, word in WORDS.items()
        if (here := clearance[wall]).mm is not None and here.mm < wish
    ]


def _labelled(structures: dict[str, Volume] | None, word: str, fields: SideFields | None) -> list[Volume]:
    """Structures of this name that are in the scan; with `fields` only those with a part well on the needle's own side."""
    return [
        volume
        for name, volume in (structures or {}).items()
        if word in name.lower()
        and not any(part in name.lower() for part in NOT_THE_WHOLE)
        and bool(volume.values.any())
        and (fields is None or _beside(volume, fields))
    ]


def _beside(mask: Volume, fields: SideFields) -> bool:
    """Whether a mask has voxels well to the needle's own side of the vertebra's mid-plane; organs are bulky, a few are asked."""
    stride = np.maximum(np.array(mask.grid.shape) // ASKED_ALONG, 1)
    some = np.argwhere(mask.values[tuple(slice(None, None, n) for n in stride)])
    points = mask.grid.lps_from_index(some * stride)
    return bool((fields.from_lps(points)[:, 0] > BESIDE_MM).any()) if len(points) else False


def _nearest(masks: list[Volume], way: Way, options: PlanOptions) -> Clearance:
    distance, at = min(_distance(mask, way) for mask in masks)
    sigma = float(max(mask.grid.spacing_mm.max() for mask in masks)) / 2.0
    clear = distance - way.radius_mm
    from_entry = at - float(np.linalg.norm(way.entry - way.start))
    placed = np.hypot(options.entry_error_mm, np.tan(np.radians(options.direction_error_deg)) * from_entry)
    normal = NormalDist(0.0, float(np.hypot(sigma, placed)))
    return Clearance(clear, sigma, normal.cdf(-clear), normal.cdf(-clear - 2.0))


def _distance(mask: Volume, way: Way) -> tuple[float, float]:
    """Least distance in mm from the way to the mask's voxels, less half a voxel for their extent; and how far along.

    Voxels are looked for near the way first. Beyond the last reach every third is asked, and the distance is no more than
    the true one.
    """
    from pedicle.kernels.corridor import distance_to_voxels

    spacing = mask.grid.spacing_mm
    ends = mask.grid.index_from_lps(np.stack([way.start, way.tip])) * spacing
    length = float(np.linalg.norm(way.tip - way.start))
    for reach in _NEAR_MM:
        points = _voxels(mask, ends, reach)
        distance, share = distance_to_voxels(points, *ends)
        if distance <= reach:
            return float(distance) - float(spacing.min()) / 2.0, float(share) * length
    some = np.argwhere(mask.values[::3, ::3, ::3]) * (3 * spacing)
    distance, share = distance_to_voxels(some if len(some) else np.argwhere(mask.values) * spacing, *ends)
    return max(float(distance) - 1.5 * float(np.linalg.norm(spacing)), _NEAR_MM[-1]), float(share) * length


def _voxels(mask: Volume, ends: Floats, reach_mm: float) -> Floats:
    """Places (n, 3) in mm along the grid's axes of all voxels of a mask within `reach_mm` of the way, and some others."""
    spacing = mask.grid.spacing_mm
    low = np.clip(np.floor((ends.min(axis=0) - reach_mm) / spacing).astype(int), 0, None)
    high = np.clip(np.ceil((ends.max(axis=0) + reach_mm) / spacing).astype(int) + 1, low, None)
    inside = np.argwhere(mask.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    return np.asarray((inside + low) * spacing)
