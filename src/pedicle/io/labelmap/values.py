"""Whole numbers out of a stored label map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.model.errors import InputError
from pedicle.model.grid import Shape

_WHOLE = 1e-6
_MAX_LABEL = 65535


class LabelSlabs:
    """Collects slabs of stored values as uint16 labels."""

    def __init__(self, shape: Shape, slope: float = 1.0, intercept: float = 0.0) -> None:
        self.values: NDArray[np.uint16] = np.zeros(shape, np.uint16, order="F")
        self._slope, self._intercept = slope, intercept

    def put(self, start: int, slab: NDArray[Any], where: str) -> None:
        """Take the planes from `start` on; InputError 42 for NaN and infinities, 52 for values that are no labels."""
        if (self._slope, self._intercept) != (1.0, 0.0):
            with np.errstate(over="ignore", invalid="ignore"):
                slab = slab * self._slope + self._intercept
        if slab.dtype.kind == "f":
            slab = _whole(slab, where)
        low, high = int(slab.min()), int(slab.max())
        if low < 0 or high > _MAX_LABEL:
            raise InputError(52, where, f"values from {low} to {high}", "labels of 0 and up", "give a label map")
        self.values[:, :, start : start + slab.shape[2]] = slab


def _whole(slab: NDArray[Any], where: str) -> NDArray[Any]:
    if not np.isfinite(slab).all():
        count = int(slab.size - np.isfinite(slab).sum())
        raise InputError(42, where, f"{count} or more voxels are not numbers", "finite labels", "export it again")
    rounded = np.rint(slab)
    off = np.abs(slab - rounded)
    if off.max() > _WHOLE:
        value = float(slab.flat[int(off.argmax())])
        raise InputError(52, where, f"a label of {value:.4f}", "whole numbers to 1e-6", "resample labels by nearest")
    return np.asarray(rounded)
