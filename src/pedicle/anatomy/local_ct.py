"""The CT on a vertebra's own grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.grid import Grid
from pedicle.model.scan import Scan


def hu_on(grid: Grid, scan: Scan) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """HU at a grid's nodes, trilinear, and whether each node lies within the scan's data.

    Nodes beyond the scan hold the nearest border value and are false in the second array.
    """
    from pedicle.kernels.sampling import nearest, trilinear

    source = scan.volume.grid
    index = source.index_from_lps(grid.corners_lps_mm())
    last = np.array(source.shape)
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - 1, 0, last - 2)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 2, low + 2, last)
    part = scan.volume.cropped(low, high)
    from_node = np.linalg.inv(part.grid.lps_from_ijk) @ grid.lps_from_ijk
    values = trilinear(part.values.astype(np.float32), from_node, grid.shape)
    data = np.ones(part.grid.shape, np.uint8) if part.outside is None else (~part.outside).astype(np.uint8)
    return values, nearest(data, from_node, grid.shape).astype(bool)


def largest_piece_ml(
    mask: NDArray[np.bool_], spacing_mm: float, corners: bool = False
) -> tuple[NDArray[np.bool_], float]:
    """The largest connected piece of a mask and its volume; an empty mask gives itself and 0.

    Cells connect by faces; with `corners` also by edges and corners, as thin layers need.
    """
    from scipy.ndimage import label

    pieces, count = label(mask, np.ones((3, 3, 3), int) if corners else None)
    if count == 0:
        return mask, 0.0
    sizes = np.bincount(pieces.ravel())[1:]
    return np.asarray(pieces == int(sizes.argmax()) + 1), float(sizes.max()) * spacing_mm**3 / 1000.0
