"""Label maps with the errors a segmenter makes: wavering borders, thin pedicles lost, voxels given to the neighbour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.options import options
from pedicle.model.vertebra import PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE
from pedicle.model.volume import Volume, bounding_box


@options
class SegmenterOptions:
    """How a segmenter errs."""

    seed: int = 1
    """Seed of the errors."""
    border_mm: float | None = None
    """Greatest shift of the border, mm (2 SD); one voxel (geometric mean of the edges) when not given."""
    smooth_mm: float = 6.0
    """Correlation length of the border's shift, mm."""
    gap_share: float = 0.1
    """Share of pedicles that lose a slab of their section."""
    bleed_share: float = 0.15
    """Share of levels that take a few voxels of the neighbour above."""


def segmented(labels: Volume, parts: Volume, how: SegmenterOptions | None = None) -> Volume:
    """The true labels as a segmenter would give them: uint8 VerSe numbers on the same grid."""
    chosen = how or SegmenterOptions()
    chance = np.random.Generator(np.random.Philox(key=(chosen.seed, 77)))
    found = np.zeros_like(labels.values)
    best = np.full(labels.values.shape, np.inf, np.float32)
    for number in np.unique(labels.values)[1:]:
        box = bounding_box(labels.values == number, 6)
        assert box is not None
        window = tuple(slice(a, b) for a, b in zip(*box, strict=True))
        mask = labels.values[window] == number
        mask = _with_gaps(mask, parts.values[window], chosen, chance)
        distance = _shifted(mask, labels, chosen, chance)
        nearer = distance < np.minimum(best[window], 0.0)
        best[window] = np.where(nearer, distance, best[window])
        found[window] = np.where(nearer, number, found[window])
    return labels.with_values(_bled(found, labels, chosen, chance))


def _shifted(
    mask: NDArray[np.bool_], labels: Volume, chosen: SegmenterOptions, chance: np.random.Generator
) -> NDArray[np.float32]:
    """Signed distance of a mask, mm, moved by a smooth random field; negative inside."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    spacing = labels.grid.spacing_mm
    voxel = float(np.prod(spacing) ** (1.0 / 3.0))
    inside = distance_transform_edt(mask, sampling=spacing)
    outside = distance_transform_edt(~mask, sampling=spacing)
    field = gaussian_filter(chance.standard_normal(mask.shape), chosen.smooth_mm / spacing / 2.0, mode="wrap")
    shift = field / max(field.std(), 1e-9) * 0.5 * (voxel if chosen.border_mm is None else chosen.border_mm)
    half = np.where(mask, 0.5 * voxel, -0.5 * voxel)
    return np.asarray(outside - inside + half + shift, dtype=np.float32)


def _with_gaps(
    mask: NDArray[np.bool_], parts: NDArray[np.uint8], chosen: SegmenterOptions, chance: np.random.Generator
) -> NDArray[np.bool_]:
    """Some pedicles lose a one-voxel slab across them, as thin ones do."""
    for code in (PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE):
        pedicle = mask & (parts == code)
        if chance.uniform() < chosen.gap_share and pedicle.any():
            rows = np.flatnonzero(pedicle.any(axis=(0, 2)))
            lost = np.zeros_like(mask)
            lost[:, rows[len(rows) // 2], :] = True
            mask = mask & ~(pedicle & lost)
    return mask


def _bled(
    found: NDArray[np.uint8], labels: Volume, chosen: SegmenterOptions, chance: np.random.Generator
) -> NDArray[np.uint8]:
    """Some levels take a small ball of the level above where both nearly touch."""
    numbers = [int(n) for n in np.unique(found)[1:]]
    for number in numbers[1:]:
        if chance.uniform() >= chosen.bleed_share:
            continue
        own = np.argwhere(found == number)
        top = own[own[:, 2] >= np.quantile(own[:, 2], 0.98)]
        centre = top[chance.integers(len(top))]
        reach = np.ceil(4.0 / labels.grid.spacing_mm).astype(int)
        low = np.maximum(centre - reach, 0)
        window = tuple(slice(int(a), int(c + r + 1)) for a, c, r in zip(low, centre, reach, strict=True))
        part = found[window]
        away = np.moveaxis(np.indices(part.shape), 0, -1) + low - centre
        near = ((away * labels.grid.spacing_mm) ** 2).sum(axis=-1) < 16.0
        part[near & (part != 0)] = number
    return found
