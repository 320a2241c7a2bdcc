"""A level with the vertebrae above and below it and their discs as one solid between two plates; a functional unit of three.

Every body is cut into cubes in its own frame and taken to one grid along the middle one's axes. Arches, joints and ligaments are
left out: bodies and discs carry everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pedicle.mechanics.model import Solid, held, layer_modulus
from pedicle.model.grid import Grid
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Side = Literal["upper", "lower"]
SIDES: tuple[Side, ...] = ("upper", "lower")
# Numbers of the bodies in `Unit.owner`; 0 = disc, cap or nothing.
TREATED, NUMBER = 1, {"upper": 2, "lower": 3}
_FILE = "mechanics/materials"


@dataclass(frozen=True, eq=False)
class Unit:
    """Bodies, discs and caps as cubes; `owner` (uint8, same shape) says whose each cube of bone is."""

    solid: Solid
    owner: NDArray[np.uint8]

    def surface(self, number: int, side: Side) -> tuple[Mask, NDArray[np.int_]]:
        """Columns of a body from endplate to endplate, and the plane of nodes of its end on one side, (nx, ny) each."""
        mine = self.owner == number
        count = mine.sum(axis=2)
        there = np.asarray((count > 0) & (count >= 0.75 * np.median(count[count > 0])))
        end = mine.shape[2] - mine[:, :, ::-1].argmax(axis=2) if side == "upper" else mine.argmax(axis=2)
        return there, np.asarray(end)

    def disc(self, side: Side) -> tuple[Mask, NDArray[np.int_], NDArray[np.int_]]:
        """Columns of the disc on one side of the treated body, and their planes of nodes below and above, (nx, ny) each."""
        upper, lower = (NUMBER["upper"], TREATED) if side == "upper" else (TREATED, NUMBER["lower"])
        above, below = self.surface(upper, "lower"), self.surface(lower, "upper")
        return above[0] & below[0] & (above[1] > below[1]), below[1], above[1]


def unit_of(treated: Solid, neighbours: dict[Side, Solid]) -> Unit:
    """One solid from the cubes of each body (`mechanics.states.solid_in`; its end layers are left off). Cubes of one size."""
    bodies = {TREATED: treated, **{NUMBER[side]: solid for side, solid in neighbours.items()}}
    grid = _grid(treated, list(bodies.values()))
    owner = np.zeros(grid.shape, np.uint8)
    modulus = np.zeros(grid.shape)
    # The treated body last: where resampled neighbours touch it, it keeps its cells.
    for number, solid in sorted(bodies.items(), reverse=True):
        there = _on(grid, solid, solid.body.astype(np.uint8)) > 0
        owner[there] = number
        modulus[there] = _on(grid, solid, solid.modulus_mpa)[there]
    modulus = _with_discs(modulus, owner)
    modulus = _capped(modulus, owner, grid)
    kept = held(modulus > 0.0)
    removed = int((modulus > 0.0).sum() - kept.sum())
    modulus, owner = np.where(kept, modulus, 0.0), np.where(kept, owner, 0).astype(np.uint8)
    solid = Solid(grid, modulus, np.full(grid.shape, np.inf), owner > 0, removed)
    return Unit(solid, owner)


def _grid(treated: Solid, bodies: list[Solid]) -> Grid:
    """Cells of the treated body's grid, as many as hold all bodies and a cap at either end."""
    lows, highs = [], []
    for solid in bodies:
        index = treated.grid.index_from_lps(solid.grid.lps_from_index(np.argwhere(solid.body)))
        lows.append(index.min(axis=0))
        highs.append(index.max(axis=0))
    cap = max(round(quantity(_FILE, "unit", "cap").value / treated.cell_mm), 1)
    low = np.floor(np.min(lows, axis=0) + 0.5).astype(int)
    high = np.floor(np.max(highs, axis=0) + 0.5).astype(int) + 1
    return treated.grid.cropped(low - [0, 0, cap], high + [0, 0, cap])


def _on(grid: Grid, solid: Solid, values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Values of a solid's cells on another grid, each from the nearest cell."""
    return np.asarray(Volume(solid.grid, values.astype(np.float64)).resampled(grid, 0).values)


def _with_discs(modulus: Floats, owner: NDArray[np.uint8]) -> Floats:
    """Disc in the columns between two bodies that face each other."""
    disc = layer_modulus("disc")
    found = modulus
    for low, high in ((TREATED, NUMBER["upper"]), (NUMBER["lower"], TREATED)):
        below, above = owner == low, owner == high
        facing = below.any(axis=2, keepdims=True) & above.any(axis=2, keepdims=True)
        over = np.cumsum(below[:, :, ::-1], axis=2)[:, :, ::-1] == 0
        under = np.cumsum(above, axis=2) == 0
        found = np.where(facing & over & under & (owner == 0), disc, found)
    return found


def _capped(modulus: Floats, owner: NDArray[np.uint8], grid: Grid) -> Floats:
    """Acrylic from the outer bodies' ends to the plates, in the columns that each of them has."""
    acrylic = layer_modulus("pmma")
    top = NUMBER["upper"] if (owner == NUMBER["upper"]).any() else TREATED
    bottom = NUMBER["lower"] if (owner == NUMBER["lower"]).any() else TREATED
    upper, lower = owner == top, owner == bottom
    above = upper.any(axis=2, keepdims=True) & (np.cumsum(upper[:, :, ::-1], axis=2)[:, :, ::-1] == 0)
    below = lower.any(axis=2, keepdims=True) & (np.cumsum(lower, axis=2) == 0)
    # Only beyond the body's own middle, so that lips that overhang do not fill the disc.
    k = np.arange(grid.shape[2])
    above &= k > np.argwhere(upper)[:, 2].mean()
    below &= k < np.argwhere(lower)[:, 2].mean()
    return np.where((above | below) & (owner == 0), acrylic, modulus)


def near_half(unit: Unit, side: Side) -> Mask:
    """The half of a neighbour's body next to the treated one, column by column."""
    mine = unit.owner == NUMBER[side]
    counted = np.cumsum(mine, axis=2)
    count = mine.sum(axis=2, keepdims=True)
    first = 2 * counted <= count + 1
    return np.asarray(mine & (first if side == "upper" else ~first))


def middle_of(columns: Mask) -> Mask:
    """The stated share of columns that lie farthest from the rim."""
    share = quantity(_FILE, "unit", "middle").value
    depth = ndimage.distance_transform_edt(np.pad(columns, 1))[1:-1, 1:-1]
    return np.asarray(columns & (depth >= np.quantile(depth[columns], 1.0 - share)))
