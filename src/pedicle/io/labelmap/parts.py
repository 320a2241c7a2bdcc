"""Whether one label is one piece: what can be said of a label map voxel by voxel, without anatomy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.errors import InputError
from pedicle.model.levels import level_of_verse
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume

# A piece cut off by a gap at the pedicle lies within millimetres of the rest; another vertebra does not.
LARGEST_SHARE = 0.98
SECOND_SHARE = 0.20
APART_MM = 15.0
LEAST_ML = 0.5
# Twice the largest lumbar vertebra; a background that is not 0 fills more.
MOST_ML = 400.0


def part_notices(labels: Volume, where: str) -> tuple[Notice, ...]:
    """Notices on levels in pieces or nearly empty; InputError 53 when one label clearly lies on two vertebrae,
    52 when it is larger than any vertebra.

    `labels` are VerSe numbers. Refused: a second piece with 20 % of the label, 15 mm or more away from the first.
    """
    from scipy.ndimage import find_objects

    notices: list[Notice] = []
    for number, box in enumerate(find_objects(labels.values), start=1):
        level = level_of_verse(number)
        if box is None or level in (None, "sacrum", "coccyx"):
            continue
        _check_size(labels, box, number, where)
        cut = any(part.start == 0 or part.stop == n for part, n in zip(box, labels.grid.shape, strict=True))
        notices += _checked(labels.values[box] == number, labels, str(level), "" if cut else where)
    return tuple(notices)


def _check_size(labels: Volume, box: tuple[slice, ...], number: int, where: str) -> None:
    ml = float((labels.values[box] == number).sum() * labels.grid.voxel_ml)
    if ml > MOST_ML:
        found = f"{level_of_verse(number)} fills {ml:.0f} ml"
        raise InputError(52, where, found, f"{MOST_ML:g} ml", "give a label map whose background is 0")


def _checked(mask: NDArray[np.bool_], labels: Volume, level: str, where: str) -> list[Notice]:
    """Notices on one label; a vertebra cut by the border (`where` "") may well show as two separate tips."""
    ml = float(mask.sum() * labels.grid.voxel_ml)
    if ml < LEAST_ML:
        return [Notice("label-speck", level, f"only {ml:.2f} ml are labelled {level}", "caution")]
    joined, sizes = _pieces(mask)
    share = sizes[0] / sizes.sum()
    if share >= LARGEST_SHARE:
        return []
    if where and sizes.size > 1 and sizes[1] >= SECOND_SHARE * sizes.sum():
        apart = _distance_mm(joined == 1, joined == 2, labels.grid.spacing_mm)
        if apart >= APART_MM:
            found = f"{level} labelled in two places {apart:.0f} mm apart"
            raise InputError(53, where, found, "one vertebra a label", "correct the label map")
    text = f"{level} is labelled in {sizes.size} pieces; the largest holds {100 * share:.0f} %"
    return [Notice("label-pieces", level, text, "caution")]


def _pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int_]]:
    """Pieces joined over faces, edges or corners, numbered from the largest on, and their sizes."""
    from scipy.ndimage import label

    joined, _ = label(mask, np.ones((3, 3, 3), bool))
    sizes = np.bincount(joined.ravel())
    order = np.argsort(-sizes[1:], kind="stable") + 1
    new = np.zeros(sizes.size, np.int32)
    new[order] = np.arange(1, sizes.size)
    return new[joined], sizes[order]


def _distance_mm(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> float:
    """Shortest distance between two masks, centre to centre."""
    from scipy.ndimage import distance_transform_edt

    return float(distance_transform_edt(~first, sampling=spacing_mm)[second].min())
