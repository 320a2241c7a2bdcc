"""Whether labels end where the bone of the CT ends: what tells a map that was moved, mirrored, or made on another CT.

The edge of a label is brighter than what lies a few millimetres outside it. Moved about by up to 10 mm, a label that fits
loses that contrast; one that lies beside its bone finds more of it elsewhere. `Fit.share` is the contrast where the label
lies over the best one 5 to 10 mm away. It needs no Hounsfield limit, so faint bone is judged like dense bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.levels import level_of_verse
from pedicle.model.notices import Notice
from pedicle.model.scan import LabelMap, Scan
from pedicle.model.volume import Volume

Box = tuple[slice, ...]

# Shares of single levels (benchmarks/label_fit.py: two public label maps, nine synthetic patients, whole vertebrae): from 1.3
# in place, also at 20 mg/cm3 in the obese and as drawn on a 3 mm grid; moved by 6 mm mostly below 0.6. Levels cut by the
# border, and labels that come to lie on a neighbour, may keep up to 1.1: most levels decide about the map.
LEAST_SHARE = 0.75
DOUBT_SHARE = 1.0
# The shell of any vertebra, even a porous one, puts a tenth of its voxels above this.
BONE_HU = 100.0
_BONE_PERCENTILE = 90
_TISSUE_HU = (-100.0, 400.0)
_REACH_MM, _STEP_MM, _FAR_MM = 10.0, 2.0, 5.0
# The edge takes in one voxel outside, so that a map drawn a voxel too small or too large is not called misplaced.
_RIM_MM, _GAP_MM, _OUTSIDE_MM = 2.0, 2.5, 4.5
_SAMPLES, _FEWEST = 1500, 50
_KEPT = 0.8


@dataclass(frozen=True)
class Fit:
    """How one label lies on its bone.

    `share` is None where too little of the label's surroundings is in the scan; `away_mm` is how far the label would have
    to be moved to end best where bone ends. `bone_hu` is what a tenth of the label's voxels exceed.
    """

    level: str
    share: float | None
    away_mm: float
    bone_hu: float

    @property
    def misplaced(self) -> bool:
        """Whether bone ends more clearly elsewhere."""
        return self.share is not None and self.share < LEAST_SHARE


def fits(labels: LabelMap, scan: Scan) -> list[Fit]:
    """How each vertebra's label lies on the bone of the CT; both on one grid."""
    from scipy.ndimage import find_objects

    found = []
    for number, box in enumerate(find_objects(labels.volume.values), start=1):
        level = level_of_verse(number)
        if box is not None and level not in (None, "sacrum", "coccyx"):
            inside = scan.volume.values[box][labels.volume.values[box] == number]
            bone_hu = float(np.percentile(inside, _BONE_PERCENTILE))
            found.append(Fit(str(level), *_share(labels.volume, scan.volume, number, box), bone_hu))
    return found


def bone_notices(labels: LabelMap, scan: Scan) -> tuple[Notice, ...]:
    """Dangers for labels that do not lie on bone, cautions for those in doubt.

    ``labels-off-bone`` speaks of the whole map: most labels hold no bone or do not end where it ends. ``label-off-bone``
    speaks of one level, a danger below LEAST_SHARE and a caution below DOUBT_SHARE.
    """
    return notices_of(fits(labels, scan))


def notices_of(found: list[Fit]) -> tuple[Notice, ...]:
    """What is said of a map whose levels lie so."""
    dull = [fit for fit in found if fit.bone_hu < BONE_HU]
    aside = [fit for fit in found if fit.misplaced]
    if 2 * len(dull) > len(found):
        text = f"{len(dull)} of {len(found)} labels hold hardly any bone: is this the label map of this CT?"
        return (Notice("labels-off-bone", "labels", text, "danger"),)
    notices = [_level_notice(fit) for fit in found if fit.share is not None and fit.share < DOUBT_SHARE]
    if 2 * len(aside) > len(found):
        text = f"{len(aside)} of {len(found)} labels do not end where the bone ends: moved aside, mirrored, or of another CT?"
        notices.insert(0, Notice("labels-off-bone", "labels", text, "danger"))
    return tuple(notices)


def _level_notice(fit: Fit) -> Notice:
    text = f"label does not end where the bone ends; moved by about {fit.away_mm:.0f} mm it fits best"
    return Notice("label-off-bone", fit.level, text, "danger" if fit.misplaced else "caution")


def _share(labels: Volume, ct: Volume, number: int, box: Box) -> tuple[float | None, float]:
    """Contrast in place over the best one from 5 mm on, and the distance of the very best place."""
    spacing = labels.grid.spacing_mm
    moves, away_mm = _moves(spacing)
    reach = np.abs(moves).max(axis=0)
    wide = _Wide(box, reach + np.ceil((_OUTSIDE_MM + 1.0) / spacing).astype(int))
    own = wide.cut(labels.values)
    known = wide.cut(np.broadcast_to(np.uint8(1), ct.values.shape))
    if ct.outside is not None:
        known[wide.cut(ct.outside) != 0] = 0
    inner = tuple(slice(int(n), -int(n) or None) for n in reach)
    edge, beyond = (_thinned(band, own.shape, inner) for band in _bands(own[inner], number, known[inner], spacing))
    if min(edge.size, beyond.size) < _FEWEST:
        return None, 0.0
    hu = np.clip(wide.cut(ct.values).astype(np.float32), *_TISSUE_HU)
    strides = np.array(hu.strides) // hu.itemsize
    contrast = _contrast(hu.ravel(), known.ravel(), edge, beyond, moves @ strides, int(np.argmin(away_mm)))
    here = contrast[np.argmin(away_mm)]
    elsewhere = float(contrast[away_mm >= _FAR_MM].max())
    if not np.isfinite(elsewhere):
        return None, 0.0
    return float(here / max(elsewhere, 1.0)), float(away_mm[np.argmax(contrast)])


def _moves(spacing_mm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Moves in whole voxels (n, 3), about 2 mm apart, within 10 mm, and their lengths (n,)."""
    step = np.maximum(1, np.rint(_STEP_MM / spacing_mm)).astype(np.int64)
    count = np.floor(_REACH_MM / (step * spacing_mm)).astype(int)
    axes = [np.arange(-n, n + 1) * s for n, s in zip(count, step, strict=True)]
    moves = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away_mm = np.linalg.norm(moves * spacing_mm, axis=1)
    return moves[away_mm <= _REACH_MM], away_mm[away_mm <= _REACH_MM]


class _Wide:
    """A box with a margin; where it reaches over the picture, zeros are filled in."""

    def __init__(self, box: Box, margin: NDArray[np.int64]) -> None:
        self._low = [part.start - int(m) for part, m in zip(box, margin, strict=True)]
        self._high = [part.stop + int(m) for part, m in zip(box, margin, strict=True)]

    def cut(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """This part of `values`."""
        shape = values.shape
        inner = tuple(slice(max(a, 0), min(b, n)) for a, b, n in zip(self._low, self._high, shape, strict=True))
        out = np.zeros([b - a for a, b in zip(self._low, self._high, strict=True)], values.dtype)
        out[tuple(slice(p.start - a, p.stop - a) for p, a in zip(inner, self._low, strict=True))] = values[inner]
        return out


def _bands(
    own: NDArray[np.generic], number: int, known: NDArray[np.generic], spacing_mm: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The label's edge, and the unlabelled band outside it."""
    from scipy.ndimage import distance_transform_edt

    mask = own == number
    voxel = float(np.prod(spacing_mm) ** (1.0 / 3.0))
    inside = distance_transform_edt(mask, sampling=spacing_mm)
    outside = distance_transform_edt(~mask, sampling=spacing_mm)
    free = (own == 0) & (known != 0)
    edge = (mask & (inside <= max(_RIM_MM, 1.01 * voxel))) | (free & (outside <= 1.01 * voxel))
    beyond = free & (outside > max(_GAP_MM, 1.01 * voxel)) & (outside <= max(_OUTSIDE_MM, 2.3 * voxel))
    return edge, beyond


def _thinned(band: NDArray[np.bool_], shape: tuple[int, ...], inner: Box) -> NDArray[np.intp]:
    """Flat indices of a band within the whole of `shape`, of which it covers `inner`; thinned out evenly."""
    whole = np.zeros(shape, bool)
    whole[inner] = band
    found = np.flatnonzero(whole)
    return found[:: max(1, found.size // _SAMPLES)]


def _contrast(
    hu: NDArray[np.float32],
    known: NDArray[np.generic],
    edge: NDArray[np.intp],
    beyond: NDArray[np.intp],
    offsets: NDArray[np.int64],
    still: int,
) -> NDArray[np.float64]:
    """Mean HU of the edge over that of the band outside, for each move; -inf where much of either leaves the scan."""
    found = np.zeros(offsets.size)
    for band, sign in ((edge, 1.0), (beyond, -1.0)):
        places = band[None, :] + offsets[:, None]
        weight = np.asarray(known[places], np.float32)
        count = weight.sum(axis=1)
        mean = (hu[places] * weight).sum(axis=1) / np.maximum(count, 1.0)
        found += np.where(count >= _KEPT * count[still], sign * mean, -np.inf)
    return found
