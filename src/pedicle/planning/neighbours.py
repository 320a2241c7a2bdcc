"""Distances from the needle's whole way to soft structures that the label map names; the rest is "not assessed"."""

from __future__ import annotations

import numpy as np

from pedicle.model.trajectory import Clearance
from pedicle.model.volume import Volume, bounding_box
from pedicle.planning.fields import Floats

# Names of label-map structures that count as each neighbour.
NEIGHBOURS = {"pleura": ("lung",), "great_vessel": ("aorta", "cava")}


def neighbour_clearance(
    structures: dict[str, Volume] | None, start_lps: Floats, tip_lps: Floats, radius_mm: float
) -> dict[str, Clearance]:
    """Clearance of the straight way from `start_lps` to `tip_lps` to pleura and great vessels, with sigma of half a voxel."""
    found = {}
    for wall, words in NEIGHBOURS.items():
        masks = [volume for name, volume in (structures or {}).items() if any(word in name.lower() for word in words)]
        masks = [volume for volume in masks if volume.values.any()]
        if not masks:
            found[wall] = Clearance(None, reason=f"not assessed: no label of {' or '.join(words)} in the scan")
            continue
        nearest = min(_distance(volume, start_lps, tip_lps) for volume in masks)
        sigma = float(max(volume.grid.spacing_mm.max() for volume in masks)) / 2.0
        found[wall] = Clearance(nearest - radius_mm, sigma)
    return found


def lungs_assessed(structures: dict[str, Volume] | None) -> bool:
    """Whether the label map names lungs that are in the scan."""
    return any("lung" in name.lower() and bool(volume.values.any()) for name, volume in (structures or {}).items())


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
