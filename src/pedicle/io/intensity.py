"""How the values of a scan are spread: the few figures by which the gate judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits

_BIN_HU = 10.0


@dataclass(frozen=True)
class Spread:
    """Extremes, peaks and oddities of a set of values, in HU.

    `air_share` and `tissue_share` are the shares of voxels below -900 HU and from -250 to 250 HU. A peak is None where too few voxels lie in its range.
    `cap_hu` is the value metal was cut off at, or None.
    """

    bad_count: int = 0
    bad_index: tuple[int, ...] = ()
    low_hu: float = 0.0
    high_hu: float = 0.0
    air_share: float = 0.0
    tissue_share: float = 0.0
    air_peak_hu: float | None = None
    tissue_peak_hu: float | None = None
    cap_hu: float | None = None


def spread_of(values: NDArray[Any], outside: NDArray[np.bool_] | None = None) -> Spread:
    """The spread of `values` (HU, any shape), without the voxels marked `outside`; only the bad ones where any is bad."""
    finiteness = finiteness_of(values)
    if finiteness.bad_count:
        return finiteness
    low, high = float(values.min()), float(values.max())
    count, edges = _histogram(values, outside, low, high)
    total = max(int(count.sum()), 1)
    air = edges[:-1] < limits.AIR_HU
    tissue = (edges[:-1] >= limits.TISSUE_HU[0]) & (edges[:-1] < limits.TISSUE_HU[1])
    return Spread(
        low_hu=low,
        high_hu=high,
        air_share=float(count[air].sum() / total),
        tissue_share=float(count[tissue].sum() / total),
        air_peak_hu=_peak(count, edges, air, limits.AIR_SHARE * total),
        tissue_peak_hu=_peak(count, edges, tissue, limits.TISSUE_SHARE * total),
        cap_hu=_cap(values, high),
    )


def finiteness_of(values: NDArray[Any]) -> Spread:
    """How many values are NaN or infinite, and the index of the first; nothing else is filled in."""
    if not np.issubdtype(values.dtype, np.floating):
        return Spread()
    with np.errstate(invalid="ignore"):  # both infinities in one sum
        if np.isfinite(values.sum(dtype=np.float64)):
            return Spread()
    bad = ~np.isfinite(values)
    if not bad.any():
        return Spread()
    first = np.unravel_index(int(bad.argmax()), bad.shape)
    return Spread(int(bad.sum()), tuple(int(n) for n in first))


def _histogram(
    values: NDArray[Any], outside: NDArray[np.bool_] | None, low: float, high: float
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Counts in bins of 10 HU, a slab at a time so that the memory stays small."""
    first = int(np.floor(low / _BIN_HU))
    bins = int(np.floor(high / _BIN_HU)) - first + 1
    # far beyond any scanner: the range rule refuses it, no need to count
    if bins > 100_000 or max(-low, high) > 10 * _BIN_HU * 100_000:
        return np.zeros(1, dtype=np.int_), np.array([low, high])
    count = np.zeros(bins, dtype=np.int_)
    for n, slab in enumerate(values):
        kept = slab.ravel() if outside is None else slab[~outside[n]]
        place = np.floor_divide(kept, kept.dtype.type(_BIN_HU)).astype(np.intp) - first
        count += np.bincount(np.clip(place, 0, bins - 1), minlength=bins)
    return count, np.asarray((first + np.arange(bins + 1)) * _BIN_HU, dtype=np.float64)


def _peak(count: NDArray[np.int_], edges: NDArray[np.float64], among: NDArray[np.bool_], least: float) -> float | None:
    """Centre of the fullest bin of three joined bins `among`; None where fewer than `least` voxels lie there."""
    if count[among].sum() < max(least, 1):
        return None
    smooth = np.convolve(np.pad(np.where(among, count, 0), 1), np.ones(3), mode="valid")
    best = int(np.where(among, smooth, -1).argmax())
    near = slice(max(best - 1, 0), best + 2)
    weight = np.where(among, count, 0)[near]
    return float((edges[:-1][near] + _BIN_HU / 2) @ weight / weight.sum())


def _cap(values: NDArray[Any], high: float) -> float | None:
    if high < limits.CAP_HU or int((values == high).sum()) < limits.CAP_COUNT:
        return None
    return high
