"""A regular, upright volume from tilted or uneven slices; only on request, and recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.io.dicom.geometry import Stack
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume


def resampled(stack: Stack, values: NDArray[np.generic], outside: NDArray[np.bool_] | None) -> tuple[Volume, Notice]:
    """The slices (n, rows, columns) on a grid whose planes stand square to each other, every `stack.step_mm`.

    A point between two slices is interpolated along their normal, within each slice bilinearly. The field is widened by
    the shift of the slices; what no slice covers is outside. Values are float32 HU.
    """
    low = np.floor(stack.shift.min(axis=0) / stack.spacing_mm) * stack.spacing_mm
    extra = np.ceil((stack.shift.max(axis=0) - low) / stack.spacing_mm).astype(int)
    frame = stack.frames[0].pixels
    planes = int(np.floor((stack.along[-1] - stack.along[0]) / stack.step_mm + 1e-6)) + 1
    shape = (frame.columns + int(extra[0]), frame.rows + int(extra[1]), planes)
    matrix = np.eye(4)
    matrix[:3, :3] = stack.axes.T * np.array([*stack.spacing_mm, stack.step_mm])
    matrix[:3, 3] = np.array([*low, stack.along[0]]) @ stack.axes
    filled = np.full(shape, limits.AIR_VALUE_HU, np.float32)
    empty = np.ones(shape, bool)
    for k in range(planes):
        filled[:, :, k], empty[:, :, k] = _plane(stack, values, outside, low, stack.along[0] + k * stack.step_mm, shape)
    text = (
        f"resampled on request: gantry tilt {stack.tilt_deg:.2f} deg, steps "
        f"{np.diff(stack.along).min():.2f} to {np.diff(stack.along).max():.2f} mm, now {stack.step_mm:.2f} mm"
    )
    return Volume(Grid(shape, matrix), filled, empty if empty.any() else None), Notice("resampled", "scan", text)


def _plane(
    stack: Stack,
    values: NDArray[np.generic],
    outside: NDArray[np.bool_] | None,
    low: NDArray[np.float64],
    along: float,
    shape: tuple[int, int, int],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    upper = int(np.clip(np.searchsorted(stack.along, along), 1, len(stack.along) - 1))
    weight = float((along - stack.along[upper - 1]) / (stack.along[upper] - stack.along[upper - 1]))
    total = np.zeros(shape[:2], np.float64)
    empty = np.zeros(shape[:2], bool)
    for k, share in ((upper - 1, 1.0 - weight), (upper, weight)):
        if share <= 1e-6:
            continue
        offset = (low - stack.shift[k]) / stack.spacing_mm
        hidden = None if outside is None else outside[k].T
        found, missing = _shifted(values[k].T, hidden, offset, shape)
        total += share * found
        empty |= missing
    total[empty] = limits.AIR_VALUE_HU
    return total.astype(np.float32), empty


def _shifted(
    image: NDArray[np.generic],
    hidden: NDArray[np.bool_] | None,
    offset: NDArray[np.float64],
    shape: tuple[int, int, int],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    from scipy.ndimage import affine_transform

    values = affine_transform(
        image, np.ones(2), offset, shape[:2], np.float64, order=1, mode="nearest", prefilter=False
    )
    i, j = (np.arange(n) + o for n, o in zip(shape[:2], offset, strict=True))
    inside = [(x >= -1e-3) & (x <= n - 1 + 1e-3) for x, n in zip((i, j), image.shape, strict=True)]
    missing = ~(inside[0][:, None] & inside[1][None, :])
    if hidden is not None:
        near = affine_transform(hidden.astype(np.float32), np.ones(2), offset, shape[:2], np.float32, order=1)
        missing |= near > 1e-3
    return values, missing
