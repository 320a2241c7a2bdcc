"""Where leaked cement lies outside the body: a drawing that a picture can show, of the volume that the flow says has left.

The flow is not computed outside the bone. What leaves through an opening is laid down from there over the cells that its
place allows, cheapest first: in the canal as a sheet on the posterior wall, in a vein as a band along the body's waist, in a
disc and elsewhere as a lump.
"""

from __future__ import annotations

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
# Places a vein runs in: a band at its level. There and in the canal cement lies as a sheet on the body's wall; elsewhere
# nothing holds it to the wall.
_BANDS = ("prevertebral_vein", "cava_or_azygos", "foramen")
_SHEETS = (*_BANDS, "canal")
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
        filled[box] = _laid_down(_cost(here, outlet.place, starts_lps_mm), grid.spacing_mm, inside, ml / grid.voxel_ml)
    return Volume(grid, filled)


def _near(grid: Grid, starts_lps_mm: Floats, ml: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The box of cells that a leak of this volume can reach."""
    index, reach = grid.index_from_lps(starts_lps_mm), (_REACH_MM + _REACH_MM_ML * ml) / grid.spacing_mm
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape)
    return low.astype(np.int64), high.astype(np.int64)


def _laid_down(cost: Floats, spacing_mm: Floats, inside: NDArray[np.int64], cells: float) -> NDArray[np.float32]:
    """Shares of the cells cheapest to reach from beside the opening's middle, as many as the volume fills; the last one in part."""
    from skimage.graph import MCP_Geometric

    filled = np.zeros(cost.shape, np.float32)
    first = _first_cell(np.isfinite(cost), spacing_mm, inside)
    if first is None:
        return filled
    step = tuple(float(mm) for mm in spacing_mm)
    way, _ = MCP_Geometric(np.where(np.isfinite(cost), cost, -1.0), sampling=step).find_costs([first])
    order = np.argsort(way, axis=None, kind="stable")
    order = order[np.isfinite(way.ravel()[order])]
    filled.ravel()[order[: int(cells)]] = 1.0
    if int(cells) < len(order):
        filled.ravel()[order[int(cells)]] = cells - int(cells)
    return filled


def _first_cell(allowed: NDArray[np.bool_], spacing_mm: Floats, inside: NDArray[np.int64]) -> tuple[int, ...] | None:
    """The allowed cell nearest to the opening's middle, where cement stands out first; None without any."""
    places = np.argwhere(allowed)
    if not len(places):
        return None
    off = np.linalg.norm((places - inside.mean(axis=0)) * spacing_mm, axis=1)
    return tuple(int(n) for n in places[int(np.argmin(off))])


def _cost(bone: Bone, place: Place, starts_lps_mm: Floats) -> Floats:
    """What it costs to spread by a millimetre, infinite where such a leak cannot lie."""
    cost = {"canal": _canal, "disc": _disc}.get(place, _outside)(bone)
    if place in _SHEETS:
        cost = cost + quantity(_FILE, "spread", "off_wall").value * distance_to_body_mm(bone)
    if place in _BANDS:
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


def _canal(bone: Bone) -> Floats:
    """In front of the dura, on the back of the body, in the gap that labels leave before the canal too."""
    from scipy.ndimage import distance_transform_edt

    canal = bone.parts.values == PART_CANAL
    if not canal.any():
        return np.full(canal.shape, np.inf)
    near = distance_transform_edt(~canal, bone.parts.grid.spacing_mm) <= EPIDURAL_MM
    gap = near & (bone.parts.values == PART_NONE) & (distance_to_body_mm(bone) <= EPIDURAL_MM)
    return np.where(canal | gap, 1.0, np.inf)


def _disc(bone: Bone) -> Floats:
    """Above or below the body, within its outline."""
    return np.where((bone.parts.values == PART_NONE) & _over_or_under(bone), 1.0, np.inf)


def _outside(bone: Bone) -> Floats:
    """Beside the body."""
    return np.where((bone.parts.values == PART_NONE) & ~_over_or_under(bone), 1.0, np.inf)


def _over_or_under(bone: Bone) -> NDArray[np.bool_]:
    """Cells in the body's outline as seen from above, above or below it."""
    body = bone.parts.values == PART_BODY
    height = np.arange(body.shape[2])
    top = np.where(body, height, -1).max(axis=2)
    bottom = np.where(body, height, body.shape[2]).min(axis=2)
    column = top >= 0
    return np.asarray(column[..., None] & ((height > top[..., None]) | (height < bottom[..., None])))
