"""Slices that cannot belong to their neighbours: blank ones in the middle, another zero, two phases in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.model.errors import InputError

# From one slice to the next a body changes in places. All of it, the air included, changes only with the rescale.
SHIFT_HU = 100.0
SHIFTED_SHARE = 0.9
# Noise and anatomy change the mean of all soft tissue by a few HU, and not in turn.
TISSUE_HU = (-200.0, 300.0)
TURN_HU = 15.0
TURNING_SHARE = 0.9
_FEWEST_TURNS = 10
_STRIDE = 4
_FIX = "export the series again from the scanner or archive"


def check_slices(values: NDArray[Any], outside: NDArray[np.bool_] | None, names: list[str]) -> None:
    """Refuse slices (n, rows, columns) in HU of which one is blank between others (InputError 32) or shifted (13), or
    which are two phases in turn (20).

    `outside` marks padding, which says nothing; `names` tell the slices apart in the refusal. A series that ends in blank
    slices, as resampling leaves them, is fine.
    """
    thin = values[:, ::_STRIDE, ::_STRIDE]
    _check_blank(values, thin, names)
    hidden = None if outside is None else outside[:, ::_STRIDE, ::_STRIDE]
    steps = np.zeros(len(thin) - 1)
    for k in range(1, len(thin)):
        step = thin[k].astype(np.float32) - thin[k - 1]
        seen = np.ones(step.shape, bool) if hidden is None else ~(hidden[k] | hidden[k - 1])
        _check_shift(step[seen], names[k])
        low, high = TISSUE_HU
        tissue = seen & (thin[k] > low) & (thin[k] < high) & (thin[k - 1] > low) & (thin[k - 1] < high)
        steps[k - 1] = step[tissue].mean() if tissue.any() else 0.0
    _check_turns(steps, names[0])


def _check_shift(step: NDArray[np.float32], name: str) -> None:
    if step.size and max((step > SHIFT_HU).mean(), (step < -SHIFT_HU).mean()) >= SHIFTED_SHARE:
        found = f"the whole picture lies {float(np.median(step)):+.0f} HU from the slice before"
        raise InputError(13, name, found, f"below {SHIFT_HU:g} HU", _FIX + "; one zero for all slices is needed")


def _check_turns(steps: NDArray[np.float64], name: str) -> None:
    """Tissue that goes up and down in turn from slice to slice is two phases, one between the other."""
    if len(steps) < _FEWEST_TURNS or float(np.median(np.abs(steps))) < TURN_HU:
        return
    if (np.sign(steps[1:]) == -np.sign(steps[:-1])).mean() >= TURNING_SHARE:
        found = f"tissue goes up and down by {float(np.median(np.abs(steps))):.0f} HU from slice to slice: two series in one"
        raise InputError(20, name, found, f"{TURN_HU:g} HU", "separate the phases or reconstructions and name one")


def _check_blank(values: NDArray[Any], thin: NDArray[Any], names: list[str]) -> None:
    flat = thin.min(axis=(1, 2)) == thin.max(axis=(1, 2))
    shown = np.flatnonzero(~flat)
    if not shown.size:
        return
    for k in np.flatnonzero(flat):
        if shown[0] < k < shown[-1] and values[k].min() == values[k].max():
            found = f"every pixel is {float(values[k].flat[0]):g} HU, between slices that show something"
            raise InputError(32, names[k], found, "an image", _FIX)
