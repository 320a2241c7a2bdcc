"""A fractured body as it may have been: its lost height given back, its mineral spread over it, its clefts closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pedicle.model.bone import Bone
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Where heights are measured, in percent of the depth from the front.
_STATIONS = (12.0, 50.0, 88.0)


def reduced(bone: Bone, loss_percent: tuple[float, float, float]) -> Bone:
    """The body (`mechanics.model.body_of`) stretched from head to feet by the loss at front, middle and back; mineral is kept.

    Clefts take the mean density of the rest of the body before stretching. An estimate: how a body broke is not known.
    """
    body = bone.parts.values == PART_BODY
    cleft = body & np.asarray(bone.cleft.values, bool)
    density = bone.density_mg_cm3.values.astype(np.float64)
    if cleft.any():
        density = np.where(cleft, density[body & ~cleft].mean(), density)
    factor = _stretch(body, loss_percent)
    more = int(np.ceil(bone.parts.grid.shape[2] * 0.5 * (factor.max() - 1.0))) + 1
    grid = bone.parts.grid.cropped([0, 0, -more], np.array(bone.parts.grid.shape) + [0, 0, more])
    at = _old_place(grid.shape, factor, more, body)
    density = ndimage.map_coordinates(density, at, order=1, mode="nearest") / factor[None, :, None]
    parts = ndimage.map_coordinates(bone.parts.values, at, order=0, mode="constant")
    closed = np.zeros(grid.shape, bool)
    return replace(
        bone,
        density_mg_cm3=Volume(grid, density.astype(np.float32)),
        parts=Volume(grid, parts),
        shell=Volume(grid, closed),
        cleft=Volume(grid, closed),
        openings=(),
    )


def _stretch(body: Mask, loss_percent: tuple[float, float, float]) -> Floats:
    """New over old height by row from front to back, (ny,)."""
    most = quantity("mechanics/materials", "fracture", "most_loss").value
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    depth = 100.0 * (np.arange(body.shape[1]) - rows[0]) / max(rows[-1] - rows[0], 1)
    loss = np.interp(depth, _STATIONS, np.clip(loss_percent, 0.0, most))
    return np.asarray(100.0 / (100.0 - loss))


def _old_place(shape: tuple[int, ...], factor: Floats, more: int, body: Mask) -> Floats:
    """Where each new voxel was, (3, *shape): stretched about the body's middle."""
    layers = np.flatnonzero(body.any(axis=(0, 1)))
    middle = 0.5 * (layers[0] + layers[-1])
    i, j, k = np.indices(shape).astype(np.float64)
    return np.stack([i, j, middle + (k - more - middle) / factor[None, :, None]])
