"""Voxels where the scan has no data: padding below air, and the flat ring outside the reconstruction circle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume


def with_padding_masked(volume: Volume) -> tuple[Volume, list[Notice]]:
    """The volume with padding marked `outside`, and a note where this was found without a tag.

    Two kinds are known: one constant value far below air (-2000, -3024), and a flat margin at the scanner's floor that
    reaches the border and lies under the noisier real air, or beside noisy tissue: measured air is never one number
    where tissue is noisy. The first is set to -1024 HU, the second keeps its values. A noise-free image whose air is one
    number is left alone.
    """
    values = volume.values
    found = _deep(values, volume.outside)
    text = "padding far below air"
    if found is not None:
        values = np.where(found, values.dtype.type(limits.AIR_VALUE_HU), values)
    else:
        found, text = _floor(values, volume.outside), "a flat margin outside the reconstruction circle"
    if found is None:
        return volume, []
    outside = found if volume.outside is None else found | volume.outside
    note = Notice("padding", "scan", f"{100 * found.mean():.1f} % of the voxels are {text}: treated as outside", "note")
    return replace(volume, values=values, outside=outside), [note]


def _deep(values: NDArray[Any], outside: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    lowest = values.min()
    if lowest > limits.DEEP_PADDING_HU or lowest < limits.HU_RANGE[0]:
        return None
    found = values == lowest
    if outside is not None:
        found &= ~outside
    return found if found.mean() >= limits.DEEP_PADDING_SHARE else None


def _floor(values: NDArray[Any], outside: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """The flat margin, searched only where the four edges along the body show one: most scans end here at once."""
    if outside is not None and outside.any():
        return None
    edges = np.stack([values[i, j, :] for i in (0, -1) for j in (0, -1)])
    flat_edges = (edges.max(axis=1) <= limits.FLOOR_PADDING_HU) & (np.ptp(edges, axis=1) <= limits.FLOOR_FLATNESS_HU)
    if flat_edges.sum() < 2:
        return None
    level = float(np.median(edges[flat_edges]))
    flat = _flat(values, level)
    air = (values > limits.FLOOR_PADDING_HU) & (values < limits.AIR_HU)
    if flat.mean() < limits.FLOOR_PADDING_SHARE or (air.mean() < limits.REAL_AIR_SHARE and not _noisy(values)):
        return None
    found = _touching_edges(flat)
    return None if found is None else _with_rim(found, values)


def _noisy(values: NDArray[Any]) -> bool:
    """Whether soft tissue differs from voxel to voxel as measured tissue does (every fourth plane is asked)."""
    planes = values[:, :, ::4].astype(np.float32)
    low, high = limits.TISSUE_HU
    tissue = (planes > low) & (planes < high)
    pairs = tissue[1:] & tissue[:-1]
    steps = np.abs(np.diff(planes, axis=0))[pairs]
    return bool(steps.size) and float(np.median(steps)) >= limits.TISSUE_NOISE_HU


def _with_rim(found: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.bool_]:
    """The margin with the one or two voxels of ringing that resampling leaves along its edge."""
    from scipy.ndimage import binary_dilation

    return np.asarray(found | (binary_dilation(found, iterations=2) & (values < limits.AIR_HU)))


def _flat(values: NDArray[Any], level: float) -> NDArray[np.bool_]:
    """Voxels at the level whose neighbours along both in-plane axes are at the level too, or beyond the border."""
    near = np.abs(values - np.float32(level)) <= limits.FLOOR_FLATNESS_HU
    flat = near.copy()
    for axis in (0, 1):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        flat[tuple(low)] &= near[tuple(high)]
        flat[tuple(high)] &= near[tuple(low)]
    return flat


def _touching_edges(flat: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    from scipy.ndimage import binary_dilation, label

    joined, _ = label(flat)
    edges = np.unique(np.concatenate([joined[i, j, :] for i in (0, -1) for j in (0, -1)]))
    found = np.isin(joined, edges[edges > 0])
    if found.mean() < limits.FLOOR_PADDING_SHARE:
        return None
    cross = np.zeros((3, 3, 3), bool)
    cross[:, 1, 1] = cross[1, :, 1] = True
    return np.asarray(binary_dilation(found, cross))
