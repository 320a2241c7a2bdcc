"""Endplates by the edge in the CT: the label says where an endplate lies on the whole, the CT how it runs.

A label's border wavers by about a voxel; the steepest rise of HU does not, but sits off the true surface by an amount
that depends on blur and shell. That offset is nearly one number for an endplate: so its course is taken from the CT,
its mean place from the label.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.endplates import Columns
from pedicle.model.grid import Grid
from pedicle.model.scan import Scan
from pedicle.model.volume import Volume

REACH_MM = 3.0
MOST_SCATTER_MM = 1.5
LEAST_SHARE = 0.5
COARSEST_STEP_MM = 2.0


def with_ct_edges(found: Columns, view: Volume, low_mm: NDArray[np.float64], scan: Scan) -> Columns:
    """Columns whose endplates follow the CT where its edge is clear, and the label where it is not.

    `view` gives the nodes (x, y, z) of the frame, `low_mm` the first one. An edge is clear for an endplate when at least
    half of its columns show one and they scatter by less than 1.5 mm about their mean offset. Voxels that step by more than
    2 mm along the body show no edge finer than the label's own: unchanged.
    """
    spacing = float(view.grid.spacing_mm[0])
    step = voxel_step_mm(scan.volume.grid, view.grid.axes[2])
    if step > COARSEST_STEP_MM:
        return found
    rise = np.gradient(_smoothed(_seen(scan.volume, view), step / spacing), spacing, axis=2)
    reach = round(REACH_MM / spacing)
    lower = _followed(_steepest(rise, (found.lower_mm - low_mm[2]) / spacing, reach) * spacing, found.lower_mm)
    upper = _followed(_steepest(-rise, (found.upper_mm - low_mm[2]) / spacing, reach) * spacing, found.upper_mm)
    return replace(found, lower_mm=found.lower_mm + lower, upper_mm=found.upper_mm + upper)


def voxel_step_mm(grid: Grid, direction: NDArray[np.float64]) -> float:
    """The largest step a voxel edge makes along a direction."""
    return float(np.abs(grid.axes @ direction * grid.spacing_mm).max())


def _seen(volume: Volume, view: Volume) -> NDArray[np.float32]:
    """HU at the nodes of a view, from the part of the scan about it."""
    from pedicle.kernels.sampling import trilinear

    corners = volume.grid.index_from_lps(view.grid.corners_lps_mm())
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    part = volume.cropped(low, np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, volume.values.shape))
    index = np.linalg.inv(part.grid.lps_from_ijk) @ view.grid.lps_from_ijk
    return trilinear(part.values.astype(np.float32), index, view.grid.shape)


def _smoothed(hu: NDArray[np.float32], step_cells: float) -> NDArray[np.float32]:
    """Mean over 3 x 3 columns against noise; along the column the steps of thick slices are rounded off."""
    from scipy.ndimage import gaussian_filter1d, uniform_filter

    flat = uniform_filter(hu, (3, 3, 1))
    return np.asarray(gaussian_filter1d(flat, 0.4 * step_cells, axis=2))


def _followed(shift: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shifts of an endplate's columns less their mean, 0 where there is none; all 0 when too few columns agree."""
    none = np.zeros_like(shift)
    there = np.isfinite(shift)
    if there.sum() < max(LEAST_SHARE * np.isfinite(ends).sum(), 20):
        return none
    middle = float(np.median(shift[there]))
    scatter = 1.4826 * float(np.median(np.abs(shift[there] - middle)))
    if scatter > MOST_SCATTER_MM:
        return none
    near = there & (np.abs(shift - middle) <= max(3.0 * scatter, 1.0))
    return np.where(near, shift - float(shift[near].mean()), 0.0)


def _steepest(rise: NDArray[np.float32], start: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Cells from `start` to the steepest rise within reach, finer than a cell; NaN where it lies at the reach's end."""
    nz = rise.shape[2]
    out = np.full(start.shape, np.nan)
    x, y = np.nonzero(np.isfinite(start))
    base = np.rint(start[x, y]).astype(int)
    steps = base[:, None] + np.arange(-reach, reach + 1)
    inside = (steps[:, 0] > 0) & (steps[:, -1] < nz - 1)
    x, y, base, steps = x[inside], y[inside], base[inside], steps[inside]
    lines = rise[x[:, None], y[:, None], steps]
    best = lines.argmax(axis=1)
    clear = (best > 0) & (best < 2 * reach)
    rows = np.flatnonzero(clear)
    before, here, after = (lines[rows, best[rows] + n] for n in (-1, 0, 1))
    bend = before - 2.0 * here + after
    fine = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    out[x[rows], y[rows]] = base[rows] - reach + best[rows] + fine - start[x[rows], y[rows]]
    return out
