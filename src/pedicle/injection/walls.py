"""The outside of the flow cells: which way each outer face looks, what lies there, and the thin cortex on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.cells import Cells
from pedicle.model.bone import Route
from pedicle.model.medium import Outlet, Place
from pedicle.model.permeability import shell_resistance_per_mm
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_OTHER_BONE, PART_POSTERIOR

Array = NDArray[np.float64]
NORMAL_SMOOTHING_MM = 2.0
STEEP = 0.7
BACKWARD = 0.5
CLOSED = ""


@dataclass(frozen=True, eq=False)
class Faces:
    """Outer faces of the flow cells, one a row: cell (n,) linear index, axis (n,), area (n,) mm2 and half-cell resistance

    h / 2k (n,) mm/mm2; `normal` (n, 3) points out, smoothed; `place` (n,) what a fluid meets there, "" where bone goes on;
    `route` (n,) by which part of the shell it would leave.
    """

    cell: NDArray[np.int64]
    area_mm2: Array
    half_per_mm: Array
    normal: Array
    place: NDArray[np.str_]
    route: NDArray[np.str_]


def outer_faces(cells: Cells, permeability_mm2: Array) -> Faces:
    """All faces between a flow cell and what is none; the grid's border of empty cells holds the neighbours."""
    found = [_faces(cells, permeability_mm2, axis, way) for axis in range(3) for way in (-1, 1)]
    cell, beyond, area, half = (np.concatenate(column) for column in zip(*found, strict=True))
    normal = _normals(cells)[np.unravel_index(cell, cells.inside.shape)]
    place, route = _met(cells, cell, beyond, normal)
    return Faces(cell, area, half, normal, place, route)


def _faces(
    cells: Cells, permeability_mm2: Array, axis: int, way: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array]:
    inside = cells.inside
    beyond_in = np.roll(inside, -way, axis)
    index = np.argwhere(inside & ~beyond_in)
    next_to = index.copy()
    next_to[:, axis] += way
    step = cells.spacing_mm
    cell = np.ravel_multi_index(tuple(index.T), inside.shape)
    beyond = np.ravel_multi_index(tuple(next_to.T), inside.shape)
    area = np.full(len(cell), float(np.prod(step)) / step[axis])
    half = step[axis] / (2.0 * permeability_mm2[axis].ravel()[cell])
    return cell, beyond, area, half


def _normals(cells: Cells) -> Array:
    """Outward unit normals (nx, ny, nz, 3) of the smoothed domain."""
    from scipy.ndimage import gaussian_filter

    step = cells.spacing_mm
    smooth = gaussian_filter(cells.inside.astype(float), [NORMAL_SMOOTHING_MM / one for one in step])
    slope = -np.stack(np.gradient(smooth, *step), axis=-1)
    return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12)


def _met(
    cells: Cells, cell: NDArray[np.int64], beyond: NDArray[np.int64], normal: Array
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """What lies beyond each face and by which part of the shell: the labels where they tell, else the way the wall looks."""
    neighbour = cells.parts.ravel()[beyond]
    of_body = cells.body_share.ravel()[cell] >= 0.5
    endplate = of_body & (np.abs(normal[:, 2]) > STEEP)
    back = of_body & (normal[:, 1] > BACKWARD)
    under_pedicle = ~of_body & (np.abs(normal[:, 2]) > BACKWARD)
    own = np.isin(neighbour, (PART_BODY, PART_POSTERIOR)) | ((neighbour > PART_BODY) & (neighbour < PART_CANAL))
    place = np.select(
        [endplate, own | (neighbour == PART_OTHER_BONE), neighbour == PART_CANAL, back | under_pedicle],
        ["disc", CLOSED, "canal", "foramen"],
        "paravertebral",
    )
    return place, np.where(endplate, "endplate", "cortical")


def shell_outlets(cells: Cells, faces: Faces) -> tuple[Outlet, ...]:
    """The intact shell as ways out, a patch for each place: far too tight for cement, not for marrow."""
    shell = shell_resistance_per_mm()
    through = faces.area_mm2 / (faces.half_per_mm + shell)
    found = []
    for name, route, place, rows in _patches(faces):
        cell, where = np.unique(faces.cell[rows], return_inverse=True)
        conductance = np.bincount(where, weights=through[rows])
        found.append(Outlet(name, route, place, cell, conductance, outside_pressure_pa(place), "intact cortex"))
    return tuple(found)


def _patches(faces: Faces) -> list[tuple[str, Route, Place, NDArray[np.bool_]]]:
    up = faces.normal[:, 2] > 0
    walls: list[tuple[str, Route, Place, NDArray[np.bool_]]] = [
        ("intact upper endplate", "endplate", "disc", (faces.place == "disc") & up),
        ("intact lower endplate", "endplate", "disc", (faces.place == "disc") & ~up),
        ("intact wall to the canal", "cortical", "canal", faces.place == "canal"),
        ("intact wall to the foramina", "cortical", "foramen", faces.place == "foramen"),
        ("intact front and side walls", "cortical", "paravertebral", faces.place == "paravertebral"),
    ]
    return [row for row in walls if row[3].any()]


def outside_pressure_pa(place: Place) -> float:
    """Pressure at rest of what lies outside, Pa."""
    return quantity("bone/openings", "pressure", place).value
