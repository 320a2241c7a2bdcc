"""Body and posterior elements: what lies in front of the posterior wall, less what only hangs on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.wall import Wall
from pedicle.model.volume import Volume

CRUSHED_ML = 8.0
REACH_FROM_CORE_MM = 4.0


def body_mask(view: Volume, low_mm: NDArray[np.float64], wall: Wall) -> NDArray[np.bool_]:
    """Cells of the body in a view of the signed distance; all false when nothing lies before the wall."""
    _, ny, nz = view.values.shape
    spacing = float(view.grid.spacing_mm[0])
    y = low_mm[1] + np.arange(ny) * spacing
    z = low_mm[2] + np.arange(nz) * spacing
    front = (view.values < 0) & (y[None, :, None] < wall.at(z)[None, None, :])
    return without_stubs(front, spacing)


def without_stubs(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.bool_]:
    """The part of a mask within 4 mm of its core: transverse-process and rib stubs in front of the wall fall away.

    The core lies deeper than 3 mm; 2 mm under 8 ml, where a crushed body would vanish. Its largest piece counts.
    """
    from pedicle.kernels.distance import signed_distance, squared_distance

    spacings = np.full(3, spacing_mm)
    small = mask.sum() * spacing_mm**3 < 1000.0 * CRUSHED_ML
    core = largest_piece(-signed_distance(mask, spacings) > (2.0 if small else 3.0))
    if not core.any():
        return largest_piece(mask)
    return np.asarray(mask & (squared_distance(core, spacings) <= REACH_FROM_CORE_MM**2))


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece (six neighbours); the first of equals."""
    from scipy.ndimage import label

    pieces, count = label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())
