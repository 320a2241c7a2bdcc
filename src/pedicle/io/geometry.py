"""Affines that are nearly, or not at all, rigid: what may be squared in passing and what must be resampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume

# A corner moved by less than this is rounding in the header; up to the second figure it is said.
SQUARED_SILENTLY_MM = 0.01
SQUARED_MM = 0.1
_EXACT_MM = 1e-9
_AIR_HU = -1024.0


def singular(matrix: NDArray[np.float64]) -> bool:
    """Whether the axes of a 4 x 4 matrix are not finite, not independent, or too unlike in length."""
    axes = matrix[:3, :3]
    if not np.isfinite(axes).all() or (np.linalg.norm(axes, axis=0) == 0).any():
        return True
    return bool(np.linalg.cond(axes) > limits.CONDITION)


def corner_gap_mm(first: Grid, second: Grid) -> float:
    """Largest distance between equal corners of two grids of one shape, mm."""
    return float(np.linalg.norm(first.corners_lps_mm() - second.corners_lps_mm(), axis=1).max())


def squared(grid: Grid) -> Grid:
    """The nearest grid with right angles: same spacing, same centre (polar decomposition of the directions)."""
    left, _, right = np.linalg.svd(grid.axes.T)
    matrix = np.array(grid.lps_from_ijk)
    matrix[:3, :3] = (left @ right) * grid.spacing_mm
    middle = (np.array(grid.shape) - 1) / 2.0
    matrix[:3, 3] = grid.lps_from_index(middle) - matrix[:3, :3] @ middle
    return Grid(grid.shape, matrix)


def with_right_angles(volume: Volume, where: str, resample: bool) -> tuple[Volume, tuple[Notice, ...]]:
    """The volume with right angles between its axes.

    Rounding in the header (corners within 0.1 mm) is squared without touching a voxel. A real shear is refused
    (InputError 45) or, on request, resampled trilinearly onto a straight grid and recorded in a notice.
    """
    square = squared(volume.grid)
    gap = corner_gap_mm(volume.grid, square)
    if gap < _EXACT_MM:
        return volume, ()
    if gap <= SQUARED_MM:
        told = Notice("axes-squared", "scan", f"axes were squared; a corner moved by {gap:.3f} mm", "note")
        return Volume(square, volume.values, volume.outside), (told,) if gap > SQUARED_SILENTLY_MM else ()
    if not resample:
        found = f"axes not at right angles ({gap:.2f} mm at the corners)"
        raise InputError(45, where, found, f"{SQUARED_MM} mm", "export it without tilt or shear, or ask for --resample")
    told = Notice("shear-resampled", "scan", f"a shear of {gap:.1f} mm at the corners was resampled", "caution")
    return volume.resampled(_covering(volume.grid, square), order=1, fill=_AIR_HU), (told,)


def check_spacing(grid: Grid, where: str) -> None:
    """Voxels of a size a spine can be measured on; InputError 27, most often a wrong unit of length."""
    low, high = limits.SPACING_MM
    spacing = grid.spacing_mm
    if spacing.min() < low or spacing.max() > high:
        found = f"voxels of {' x '.join(f'{step:.4g}' for step in spacing)} mm"
        raise InputError(27, where, found, f"{low:g} to {high:g} mm", "check the unit of length of the export")


def _covering(grid: Grid, square: Grid) -> Grid:
    """The square grid, grown until it holds every corner of the sheared one."""
    index = square.index_from_lps(grid.corners_lps_mm())
    low, high = np.floor(index.min(axis=0) + 1e-6), np.ceil(index.max(axis=0) - 1e-6) + 1
    return square.cropped(low.astype(int), high.astype(int))
