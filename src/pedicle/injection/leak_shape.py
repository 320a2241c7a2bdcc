"""Where leaked cement lies outside the body: a drawing that a picture can show, of the volume that the flow says has left.

The flow is not computed outside the bone. What leaves through an opening is laid down from there over the cells that its
place allows, cheapest first: in the canal as a sheet on the posterior wall, in a vein as a band along the body's waist, in a
disc between the endplates, elsewhere as a lump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.walls import EPIDURAL_MM
from pedicle.model.bone import Bone
from pedicle.model.grid import Grid
from pedicle.model.medium import Outlet, Place
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_NONE
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
_FILE = "injection/leaks"
# Places a vein runs in: a band, not a lump.
_VEINS = ("prevertebral_vein", "cava_or_azygos")
# How far from the opening a leak is drawn: at least, and more for each millilitre.
_REACH_MM, _REACH_MM_ML = 12.0, 10.0


def leaked_volume(bone: Bone, outlet: Outlet, starts_lps_mm: Floats, ml: float) -> Volume:
    """Shares (float32, 0 to 1) of the bone's voxels outside the body that `ml` of cement takes.

    `starts_lps_mm` (n, 3) are the outlet's cells. Where there is less free space within reach than `ml` all of it is filled.
    """
    grid = bone.parts.grid
    filled = np.zeros(grid.shape, np.float32)
    if ml > 0.0 and len(starts_lps_mm):
        low, high = _near(grid, starts_lps_mm, ml)
        part = Volume(grid, filled).cropped(low, high)
        here = replace(bone, parts=bone.parts.cropped(low, high))
        inside = np.rint(part.grid.index_from_lps(starts_lps_mm)).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        filled[box] = _laid_down(_cost(here, outlet.place, starts_lps_mm), inside, ml / grid.voxel_ml)
    return Volume(grid, filled)


def _near(grid: Grid, starts_lps_mm: Floats, ml: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The box of cells that a leak of this volume can reach."""
    index, reach = grid.index_from_lps(starts_lps_mm), (_REACH_MM + _REACH_MM_ML * ml) / grid.spacing_mm
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape)
    return low.astype(np.int64), high.astype(np.int64)


def _laid_down(cost: Floats, inside: NDArray[np.int64], cells: float) -> NDArray[np.float32]:
    """Shares of the cells cheapest to reach from beside the opening, as many as the volume fills; the last one in part."""
    from skimage.graph import MCP_Geometric

    filled = np.zeros(cost.shape, np.float32)
    starts = _first_cells(np.isfinite(cost), inside)
    if not len(starts):
        return filled
    way, _ = MCP_Geometric(np.where(np.isfinite(cost), cost, -1.0)).find_costs([tuple(cell) for cell in starts])
    order = np.argsort(way, axis=None, kind="stable")
    order = order[np.isfinite(way.ravel()[order])]
    filled.ravel()[order[: int(cells)]] = 1.0
    if int(cells) < len(order):
        filled.ravel()[order[int(cells)]] = cells - int(cells)
    return filled


def _first_cells(allowed: NDArray[np.bool_], inside: NDArray[np.int64]) -> NDArray[np.int64]:
    """The allowed cells next to the opening; the nearest ones where none touches it."""
    places = np.argwhere(allowed)
    if not len(places):
        return places
    from scipy.spatial import cKDTree

    tree = cKDTree(places)
    near = {n for found in tree.query_ball_point(inside, np.sqrt(3.0) + 1e-9) for n in found}
    chosen = sorted(near) if near else [int(tree.query(inside.mean(axis=0))[1])]
    return np.asarray(places[chosen])


def _cost(bone: Bone, place: Place, starts_lps_mm: Floats) -> Floats:
    """What it costs to spread by a millimetre, infinite where such a leak cannot lie."""
    beside = distance_to_body_mm(bone)
    shape: Callable[[Bone, Floats, float], Floats] = {"canal": _canal, "disc": _disc}.get(place, _outside)
    cost = shape(bone, beside, quantity(_FILE, "spread", "off_wall").value)
    if place in _VEINS or place == "foramen":
        grid = bone.parts.grid
        height = float(np.mean(grid.index_from_lps(starts_lps_mm)[:, 2])) * float(grid.spacing_mm[2])
        off = np.abs(np.arange(grid.shape[2]) * float(grid.spacing_mm[2]) - height)
        cost = cost + quantity(_FILE, "spread", "off_level").value * off
    return cost


def distance_to_body_mm(bone: Bone) -> Floats:
    """Distance of every cell from the nearest cell of the body, 0 inside."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(
        distance_transform_edt(bone.parts.values != PART_BODY, sampling=bone.parts.grid.spacing_mm), np.float64
    )


def _canal(bone: Bone, beside_mm: Floats, off_wall: float) -> Floats:
    """In front of the dura, on the back of the body: a sheet, in the gap that labels leave before the canal too."""
    from scipy.ndimage import distance_transform_edt

    canal = bone.parts.values == PART_CANAL
    if not canal.any():
        return np.full(canal.shape, np.inf)
    near = distance_transform_edt(~canal, bone.parts.grid.spacing_mm) <= EPIDURAL_MM
    gap = near & (bone.parts.values == PART_NONE) & (beside_mm <= EPIDURAL_MM)
    return np.where(canal | gap, 1.0 + off_wall * beside_mm, np.inf)


def _disc(bone: Bone, beside_mm: Floats, off_wall: float) -> Floats:
    """Above or below the body, within its outline: a layer."""
    return np.where((bone.parts.values == PART_NONE) & _over_or_under(bone), 1.0 + off_wall * beside_mm, np.inf)


def _outside(bone: Bone, beside_mm: Floats, off_wall: float) -> Floats:
    """Beside the body: a lump or, with a height to keep, a band."""
    free = (bone.parts.values == PART_NONE) & ~_over_or_under(bone)
    return np.where(free, 1.0 + off_wall * beside_mm, np.inf)


def _over_or_under(bone: Bone) -> NDArray[np.bool_]:
    """Cells in the body's outline as seen from above, above or below it."""
    body = bone.parts.values == PART_BODY
    height = np.arange(body.shape[2])
    top = np.where(body, height, -1).max(axis=2)
    bottom = np.where(body, height, body.shape[2]).min(axis=2)
    column = top >= 0
    return np.asarray(column[..., None] & ((height > top[..., None]) | (height < bottom[..., None])))
