"""Distances from the needle's whole way to soft structures that the label map names; the rest is "not assessed"."""

from __future__ import annotations

import numpy as np

from pedicle.model.frames import SIDES, Side
from pedicle.model.trajectory import Clearance
from pedicle.model.volume import Volume, bounding_box
from pedicle.planning.fields import Floats

# Names of label-map structures that count as each neighbour.
NEIGHBOURS = {"pleura": ("lung",), "great_vessel": ("aorta", "cava")}
# Parts of a lung: where they lie says nothing of the pleura.
NOT_THE_WHOLE = ("vessel", "nodule", "airway", "trachea")


def neighbour_clearance(
    structures: dict[str, Volume] | None, way_lps: tuple[Floats, Floats], radius_mm: float, side: Side
) -> dict[str, Clearance]:
    """Clearance of the straight way (start, tip) to pleura and great vessels, with sigma of half a voxel.

    The pleura is not assessed where only the other side's lung is labelled.
    """
    found = {}
    for wall, words in NEIGHBOURS.items():
        masks = _labelled(structures, words)
        if not masks or (wall == "pleura" and not lungs_assessed(structures, side)):
            found[wall] = Clearance(None, reason=f"not assessed: no label of {' or '.join(words)} in the scan")
            continue
        nearest = min(_distance(volume, *way_lps) for volume in masks.values())
        sigma = float(max(volume.grid.spacing_mm.max() for volume in masks.values())) / 2.0
        found[wall] = Clearance(nearest - radius_mm, sigma)
    return found


def lungs_assessed(structures: dict[str, Volume] | None, side: Side) -> bool:
    """Whether the label map names this side's lung, or lungs without a side, and it is in the scan."""
    other = next(name for name in SIDES if name != side)
    return any(other not in name.lower() for name in _labelled(structures, NEIGHBOURS["pleura"]))


def _labelled(structures: dict[str, Volume] | None, words: tuple[str, ...]) -> dict[str, Volume]:
    """Structures named by one of the words that are in the scan."""
    return {
        name: volume
        for name, volume in (structures or {}).items()
        if any(word in name.lower() for word in words)
        and not any(word in name.lower() for word in NOT_THE_WHOLE)
        and bool(volume.values.any())
    }


def _distance(mask: Volume, start_lps: Floats, tip_lps: Floats) -> float:
    """Least distance in mm from the way to the mask's voxels, less half a voxel for their extent."""
    from pedicle.kernels.corridor import distance_to_voxels

    box = bounding_box(mask.values)
    if box is None:
        return 1e9
    low, high = box
    part = mask.cropped(low, high)
    points = part.grid.lps_from_index(np.argwhere(part.values))
    return float(distance_to_voxels(points, start_lps, tip_lps)) - float(mask.grid.spacing_mm.min()) / 2.0
