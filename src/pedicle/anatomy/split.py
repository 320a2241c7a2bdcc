"""Body and posterior elements: what lies in front of the posterior wall, less what only hangs on from behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.wall import Wall
from pedicle.model.volume import Volume, bounding_box

CRUSHED_ML = 8.0
REACH_FROM_CORE_MM = 5.5
OPENING_MM = 6.0


def body_mask(view: Volume, low_mm: NDArray[np.float64], wall: Wall) -> NDArray[np.bool_]:
    """Cells of the body in a view of the signed distance; all false when nothing lies before the wall."""
    _, ny, nz = view.values.shape
    spacing = float(view.grid.spacing_mm[0])
    y = low_mm[1] + np.arange(ny) * spacing
    z = low_mm[2] + np.arange(nz) * spacing
    solid = view.values < 0
    before = (y[:, None] < wall.at(z))[None]
    body = np.zeros(solid.shape, bool)
    box = bounding_box(solid & before, 2)
    if box is not None:
        cut = tuple(slice(int(a), int(b)) for a, b in zip(*box, strict=True))
        front = (solid & before)[cut]
        body[cut] = without_stubs(front, solid[cut] & ~front, spacing)
    return body


def without_stubs(front: NDArray[np.bool_], behind: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.bool_]:
    """The body in what lies in front of the wall: transverse-process and rib stubs fall away, rims and spurs stay.

    A stub lies beyond the body proper and touches bone behind the wall.
    """
    from scipy.ndimage import binary_dilation, label

    far = front & ~body_proper(front, spacing_mm)
    pieces, _ = label(far, np.ones((3, 3, 3), bool))
    hanging = np.unique(pieces[far & binary_dilation(behind, np.ones((3, 3, 3), bool))])
    return largest_piece(front & ~np.isin(pieces, hanging[hanging > 0]))


def body_proper(front: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.bool_]:
    """Cells within 5.5 mm of the core of a body, true also just outside it; all of the mask when it has no core.

    The core lies deeper than 3 mm (2 mm under 8 ml, where a crushed body would vanish); a cube's corner is then
    5.2 mm away from it.
    """
    from pedicle.kernels.distance import squared_distance

    spacings = np.full(3, spacing_mm)
    deep = 2.0 if front.sum() * spacing_mm**3 < 1000.0 * CRUSHED_ML else 3.0
    core = largest_piece(squared_distance(~front, spacings) > (deep + 0.5 * spacing_mm) ** 2)
    if not core.any():
        return front
    return squared_distance(core, spacings) <= REACH_FROM_CORE_MM**2


def opened_share(view: Volume, body: NDArray[np.bool_]) -> float:
    """Volume of what a ball of 6 mm fits into in the whole vertebra, over the body's: a second opinion on the split.

    Pedicles and processes are too thin for the ball, and rims fall away with them: an intact body gives about three
    quarters. `view` is the signed distance, negative inside. 0 when the ball fits nowhere or there is no body.
    """
    from pedicle.kernels.distance import squared_distance

    core = largest_piece(view.values < -OPENING_MM)
    if not core.any() or not body.any():
        return 0.0
    spacing = np.full(3, float(view.grid.spacing_mm[0]))
    return float((squared_distance(core, spacing) <= OPENING_MM**2).sum() / body.sum())


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece (six neighbours); the first of equals."""
    from scipy.ndimage import label

    pieces, count = label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())
