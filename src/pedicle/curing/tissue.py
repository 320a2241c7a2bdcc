"""What lies around the cement, cell by cell: from a bone's CT and its fill to a body that heat flows through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.heat import Body, body_of
from pedicle.curing.options import CureOptions
from pedicle.curing.paste import Paste, paste
from pedicle.model.bone import Bone
from pedicle.model.cement import body_temperature_c
from pedicle.model.errors import InputError
from pedicle.model.fill import Fill
from pedicle.model.grid import Grid
from pedicle.model.permeability import bone_volume_fraction
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_NONE
from pedicle.model.volume import Volume, bounding_box

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_FILE = "curing/heat"
# Cells with less cement than this are tissue around it.
FREE_OF_CEMENT = 0.3
# Less in a cell is a trace that the flow left and is not followed.
TRACE = 1e-4
# Distance of the points that a cannula's shares are found with, mm: half its wall.
_POINTS_MM = 0.15


@dataclass(frozen=True, eq=False)
class Tissue:
    """The heat's grid, a whole number of the injection's cells wider on each side, and what its cells are.

    `fill_at` is the index on it of the injection's first cell. `age_s` (n,) of the cells with cement, in the body's order. `regions` are
    linear indices of tissue without much cement: "bone", "canal", "nerve_root", "disc"; `surface_mm2` is the cement's.
    """

    grid: Grid
    body: Body
    age_s: Array
    fill_at: tuple[int, int, int]
    regions: dict[str, NDArray[np.int64]]
    surface_mm2: float
    paste: Paste


@dataclass(frozen=True, eq=False)
class _Cells:
    """Parts, distance from the canal, shares of solid bone, cement and steel, and age of the cement, on the heat's grid."""

    parts: NDArray[np.uint8]
    disc: Mask
    canal_mm: Array
    solid: Array
    cement: Array
    steel: Array
    age_s: Array
    paste: Paste


def tissue_of(bone: Bone, fill: Fill, needle: PlacedNeedle | None, options: CureOptions) -> Tissue:
    """The body of a filled level; InputError 761 without cement."""
    if not fill.share.values.any():
        raise InputError(761, fill.level, "no cement in the bone", "an injection", "inject first")
    grid, fill_at = heat_grid(fill, options.margin_mm)
    cells = _cells(bone, fill, needle if options.needle == "in" else None, (grid, fill_at))
    spacing = (float(grid.spacing_mm[0]), float(grid.spacing_mm[1]), float(grid.spacing_mm[2]))
    conductivity, capacity, exchange = properties(cells, options, spacing[0])
    body = body_of(conductivity, capacity, exchange, spacing, body_temperature_c(), cells.cement)
    return Tissue(
        grid=grid,
        body=body,
        age_s=cells.age_s.ravel()[body.cells],
        fill_at=fill_at,
        regions=_regions(cells),
        surface_mm2=_surface(cells, spacing),
        paste=cells.paste,
    )


def heat_grid(fill: Fill, margin_mm: float) -> tuple[Grid, tuple[int, int, int]]:
    """The injection's lattice around all cement, leaked cement too; and where the injection's first cell lies on it."""
    own = fill.share.grid
    box = bounding_box(fill.share.values > 0.0)
    assert box is not None
    low, high = box[0].astype(float), box[1] - 1.0
    for leak in fill.leaks:
        index = np.argwhere(leak.filled.values > 0.0)
        if len(index):
            seen = own.index_from_lps(leak.filled.grid.lps_from_index(index))
            low, high = np.minimum(low, seen.min(axis=0)), np.maximum(high, seen.max(axis=0))
    margin = np.ceil(margin_mm / own.spacing_mm)
    first = np.floor(low - margin).astype(int)
    grid = own.cropped(first, np.ceil(high + margin).astype(int) + 1)
    a, b, c = (int(-n) for n in first)
    return grid, (a, b, c)


def _cells(bone: Bone, fill: Fill, needle: PlacedNeedle | None, where: tuple[Grid, tuple[int, int, int]]) -> _Cells:
    grid, fill_at = where
    parts = bone.parts.resampled(grid, order=0).values
    bony = (parts != PART_NONE) & (parts != PART_CANAL)
    density = bone.density_mg_cm3.resampled(grid, order=1).values
    cleft = bone.cleft.with_values(bone.cleft.values.astype(np.uint8)).resampled(grid, order=0).values > 0
    solid = np.where(bony & ~cleft, bone_volume_fraction(density), 0.0)
    cement = _placed(fill.share.values.astype(np.float64), grid.shape, fill_at)
    age = _placed(fill.age_s.values.astype(np.float64), grid.shape, fill_at)
    mean_age = float((age * cement).sum() / cement.sum())
    leaked = sum((_leaked(leak.filled, leak.ml, grid) for leak in fill.leaks), np.zeros(grid.shape))
    total = np.minimum(cement + leaked, 1.0)
    steel, bore = needle_shares(needle, grid)
    total = np.where(steel + bore > 0.0, np.minimum(np.maximum(total, bore), 1.0 - steel), total)
    age = np.where(cement > 0.0, age, mean_age)
    total[total < TRACE] = 0.0
    solid = np.minimum(solid, 1.0 - total - steel)
    return _Cells(parts, _disc(parts, grid), _canal_mm(parts, grid), solid, total, steel, age, paste(fill.cement))


def _placed(values: Array, shape: tuple[int, int, int], at: tuple[int, int, int]) -> Array:
    """An array on a larger one, 0 around; what lies beyond the larger one is cut off and is empty."""
    found = np.zeros(shape)
    own, other = [], []
    for first, n, room in zip(at, values.shape, shape, strict=True):
        low, high = max(first, 0), min(first + n, room)
        own.append(slice(low - first, high - first))
        other.append(slice(low, high))
    found[tuple(other)] = values[tuple(own)]
    return found


def _leaked(filled: Volume, ml: float, grid: Grid) -> Array:
    """Shares of cells that a leak takes, of its volume."""
    share = filled.with_values(filled.values.astype(np.float64)).resampled(grid, order=1).values
    held = float(share.sum()) * grid.voxel_ml
    return np.asarray(np.minimum(share * (ml / held), 1.0) if held > 0.0 else share)


def needle_shares(needle: PlacedNeedle | None, grid: Grid) -> tuple[Array, Array]:
    """Shares of each cell that are steel of a cannula and its bore, by points in each cell; zeros without one."""
    steel, bore = np.zeros(grid.shape), np.zeros(grid.shape)
    if needle is None:
        return steel, bore
    reach = needle.needle.outer_diameter_mm / 2.0 + float(np.linalg.norm(grid.spacing_mm))
    along, off = _by_axis(needle, grid.centres_lps_mm())
    index = np.argwhere((along > -reach) & (off < reach))
    points_a_cell = int(np.ceil(float(grid.spacing_mm.max()) / _POINTS_MM))
    offsets = (np.arange(points_a_cell) + 0.5) / points_a_cell - 0.5
    points = index[:, None, :] + np.stack(np.meshgrid(*[offsets] * 3, indexing="ij"), axis=-1).reshape(1, -1, 3)
    along, off = _by_axis(needle, grid.lps_from_index(points))
    inside = off < needle.needle.inner_diameter_mm / 2.0
    place = tuple(index.T)
    bore[place] = ((along >= 0.0) & inside).mean(axis=1)
    steel[place] = ((along >= 0.0) & (off < needle.needle.outer_diameter_mm / 2.0) & ~inside).mean(axis=1)
    return steel, bore


def _by_axis(needle: PlacedNeedle, points_mm: Array) -> tuple[Array, Array]:
    """Distance behind the tip and from the axis."""
    away = points_mm - needle.tip_lps_mm
    along = -(away @ needle.direction_lps)
    return along, np.asarray(np.linalg.norm(away + along[..., None] * needle.direction_lps, axis=-1))


def _disc(parts: NDArray[np.uint8], grid: Grid) -> Mask:
    """Soft tissue above and below the body, as far as a disc is thick."""
    cells = round(quantity(_FILE, "disc", "thickness").value / float(grid.spacing_mm[2]))
    body = parts == PART_BODY
    near = np.zeros(body.shape, bool)
    for away in range(1, cells + 1):
        near[:, :, away:] |= body[:, :, :-away]
        near[:, :, :-away] |= body[:, :, away:]
    return np.asarray(near & (parts == PART_NONE))


def _canal_mm(parts: NDArray[np.uint8], grid: Grid) -> Array:
    """Distance of each cell from the canal, infinite without one."""
    from scipy.ndimage import distance_transform_edt

    canal = parts == PART_CANAL
    if not canal.any():
        return np.full(parts.shape, np.inf)
    return np.asarray(distance_transform_edt(~canal, grid.spacing_mm))


def properties(cells: _Cells, options: CureOptions, cell_mm: float) -> tuple[Array, Array, Array]:
    """Conductivity W/(mm K), capacity J/(mm3 K) and exchange W/(mm3 K) of each cell.

    Capacities add up by volume; conductivities of bone, marrow and cement by their geometric mean, with steel beside them.
    Blood flows in what cement and solid bone leave of the pores.
    """
    filler = np.full(cells.parts.shape, "tissue", dtype="U6")
    filler[cells.disc] = "disc"
    filler[(cells.parts != PART_CANAL) & (cells.parts != PART_NONE)] = "marrow"
    if options.surroundings == "bath":
        filler[cells.parts == PART_NONE] = "bath"
    epidural = cells.canal_mm <= quantity(_FILE, "canal", "epidural").value
    filler[epidural & (cells.parts == PART_NONE)] = "canal"
    filler[cells.parts == PART_CANAL] = "canal"
    rest = 1.0 - cells.solid - cells.cement - cells.steel
    k, c, blood = (np.zeros(rest.shape) for _ in range(3))
    for name in np.unique(filler):
        there = filler == name
        k[there], c[there], blood[there] = _of(str(name), options, cell_mm)
    logs = rest * np.log(k) + cells.solid * np.log(_value("bone", "conductivity"))
    logs += cells.cement * np.log(_value("cement", "conductivity"))
    soft = np.maximum(1.0 - cells.steel, 1e-9)
    conductivity = soft * np.exp(logs / soft) + cells.steel * _value("steel", "conductivity")
    capacity = rest * c + cells.cement * cells.paste.capacity_j_mm3_k
    capacity += cells.solid * _value("bone", "capacity") + cells.steel * _value("steel", "capacity")
    return conductivity, capacity, blood * np.clip(rest / np.maximum(1.0 - cells.solid, 1e-9), 0.0, 1.0)


def _of(name: str, options: CureOptions, cell_mm: float) -> tuple[float, float, float]:
    """Conductivity, capacity and exchange of what fills the pores."""
    if name == "bath":
        exchange = quantity(_FILE, "bath", "transfer").value * 1e-6 / cell_mm
    elif name == "disc" or options.surroundings == "bath":
        exchange = 0.0
    else:
        exchange = quantity(_FILE, name, "perfusion").value * _value("blood", "capacity") * options.perfusion
    return _value(name, "conductivity"), _value(name, "capacity"), exchange


def _value(name: str, key: str) -> float:
    """W/(mm K) of W/(m K), J/(mm3 K) of MJ/(m3 K): both a thousandth."""
    return quantity(_FILE, name, key).value * 1e-3


def _regions(cells: _Cells) -> dict[str, NDArray[np.int64]]:
    free = (cells.cement < FREE_OF_CEMENT) & (cells.steel == 0.0)
    canal = cells.parts == PART_CANAL
    soft = (cells.parts == PART_NONE) & ~cells.disc
    near = cells.canal_mm <= quantity("curing/damage", "nerve", "reach").value
    masks = {
        "bone": (cells.parts != PART_NONE) & ~canal,
        "canal": canal,
        "nerve_root": soft & near,
        "disc": cells.disc,
    }
    return {name: np.flatnonzero((mask & free).ravel()) for name, mask in masks.items()}


def _surface(cells: _Cells, spacing: tuple[float, float, float]) -> float:
    """Faces between cells with and without much cement; on a lattice half as much again as of a smooth body."""
    filled = cells.cement >= FREE_OF_CEMENT
    volume = float(np.prod(spacing))
    return sum(float(np.diff(filled, axis=axis).sum()) * volume / step for axis, step in enumerate(spacing)) / 1.5
