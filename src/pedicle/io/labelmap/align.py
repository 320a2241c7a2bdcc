"""A label map onto the CT's grid: by physical place, never by matching array shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.io.geometry import corner_gap_mm
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume

SAME_PLACE_MM = 0.1
_VOLUME_KEPT = 0.10
_COUNTED_ML = 1.0


def aligned(labels: Volume, grid: Grid, where: str, resample: bool) -> tuple[Volume, tuple[Notice, ...]]:
    """Canonical labels on the canonical grid of the CT.

    Grids whose corners agree within 0.1 mm are one place. Anything else is refused (InputError 51) or, on request,
    brought over by the nearest voxel in space; every label of 1 ml and more must then keep its volume within 10 %.
    """
    if labels.grid.shape == grid.shape and corner_gap_mm(labels.grid, grid) <= SAME_PLACE_MM:
        return Volume(grid, labels.values), ()
    if not resample:
        fix = "segment this CT, or ask for --resample-labels"
        raise InputError(51, where, _difference(labels.grid, grid), f"{SAME_PLACE_MM} mm at the corners", fix)
    moved = labels.resampled(grid, order=0, fill=0)
    _check_volumes(labels, moved, where)
    told = Notice("labels-resampled", "labels", f"{_difference(labels.grid, grid)}: moved to the CT's grid", "caution")
    return Volume(grid, moved.values), (told,)


def placed(labels: Volume, grid: Grid) -> Volume | None:
    """Labels that fill only part of the CT's own lattice, set into its whole grid; None where they lie otherwise.

    A DICOM SEG may leave out slices without segments. No value is moved by more than 0.1 mm.
    """
    offset = grid.index_from_lps(labels.grid.lps_from_index((0, 0, 0)))
    low = np.rint(offset).astype(int)
    high = low + labels.grid.shape
    if (low < 0).any() or (high > grid.shape).any():
        return None
    if corner_gap_mm(grid.cropped(low, high), labels.grid) > SAME_PLACE_MM:
        return None
    values = np.zeros(grid.shape, labels.values.dtype)
    values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = labels.values
    return Volume(grid, values)


def _difference(first: Grid, second: Grid) -> str:
    if first.shape != second.shape:
        shapes = [" x ".join(str(n) for n in grid.shape) for grid in (first, second)]
        return f"labels on a grid of {shapes[0]}, the CT has {shapes[1]}"
    return f"labels {corner_gap_mm(first, second):.1f} mm away from the CT"


def _check_volumes(before: Volume, after: Volume, where: str) -> None:
    first, second = _volumes_ml(before), _volumes_ml(after)
    for label in np.flatnonzero(first >= _COUNTED_ML):
        if label and abs(second[label] - first[label]) > _VOLUME_KEPT * first[label]:
            raise InputError(
                51,
                where,
                f"label {label} has {first[label]:.1f} ml, {second[label]:.1f} ml on the CT's grid",
                f"{100 * _VOLUME_KEPT:g} %",
                "give a label map that covers the same part of the patient",
            )


def _volumes_ml(volume: Volume) -> NDArray[np.float64]:
    count = np.zeros(int(np.iinfo(np.uint16).max) + 1, np.int64)
    for slab in volume.values:
        count += np.bincount(slab.ravel(), minlength=count.size)
    return np.asarray(count * volume.grid.voxel_ml)
