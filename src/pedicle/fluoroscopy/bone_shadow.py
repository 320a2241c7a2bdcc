"""One vertebra cut out of its CT as something that throws a shadow: what it has more than soft tissue."""

from __future__ import annotations

import numpy as np

from pedicle.fluoroscopy.projection import Absorber
from pedicle.model.volume import Volume, bounding_box

# Muscle in CT; a vertebra's picture is what it has more than this.
SOFT_TISSUE_HU = 40.0
# Denser than this is bone when neighbours are drawn.
SKELETON_HU = 120.0
# The label's edge may lie a voxel inside the bone: the CT decides to this distance, then fades out over the next.
WHOLE_TO_MM, GONE_AT_MM = 1.0, 3.0


def vertebra_absorber(ct: Volume, labels: Volume, number: int) -> Absorber:
    """The vertebra with this label, soft tissue subtracted: line integrals are mm of water more than soft tissue.

    `labels` is on the CT's grid. Just outside the label only what is denser than soft tissue counts, and other labels
    never do. ValueError when the grids differ or the label is absent.
    """
    from scipy.ndimage import distance_transform_edt

    if not ct.grid.same_place(labels.grid):
        raise ValueError("the CT and its labels lie on different grids")
    spacing = ct.grid.spacing_mm
    box = bounding_box(labels.values == number, int(np.ceil(GONE_AT_MM / spacing.min())) + 1)
    if box is None:
        raise ValueError(f"no voxel has label {number}")
    hu, own = ct.cropped(*box), labels.cropped(*box)
    inside = own.values == number
    away = distance_transform_edt(~inside, sampling=spacing)
    share = np.clip((GONE_AT_MM - away) / (GONE_AT_MM - WHOLE_TO_MM), 0.0, 1.0)
    share[(own.values != 0) & ~inside] = 0.0
    more = (hu.values.astype(np.float32) - SOFT_TISSUE_HU) / 1000.0
    more = np.where(inside, more, np.maximum(more, 0.0)) * share
    return Absorber(hu.grid, np.ascontiguousarray(more, dtype=np.float32)[None])


def skeleton_absorber(ct: Volume) -> Absorber:
    """All that is as dense as bone in a CT, to tell one level from the next by what lies around it."""
    more = np.maximum(ct.values.astype(np.float32) - SKELETON_HU, 0.0) / 1000.0
    return Absorber(ct.grid, np.ascontiguousarray(more)[None])


def centre_lps_mm(absorber: Absorber) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The centre of what absorbs more than nothing, in the absorber's own frame, shape (3,)."""
    weight = np.maximum(absorber.values[0], 0).astype(np.float64)
    total = weight.sum()
    if total <= 0:
        raise ValueError("the absorber is empty")
    index = [
        float((weight.sum(axis=tuple(a for a in range(3) if a != axis)) * np.arange(n)).sum() / total)
        for axis, n in enumerate(weight.shape)
    ]
    return absorber.grid.lps_from_index(index)
