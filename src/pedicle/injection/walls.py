"""The outside of the flow cells: which way each outer face looks, what lies there, and the thin cortex on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.cells import Cells
from pedicle.model.bone import Route
from pedicle.model.medium import Outlet, Place
from pedicle.model.permeability import marrow_ease, shell_resistance_per_mm
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_OTHER_BONE, PART_POSTERIOR

Array = NDArray[np.float64]
NORMAL_SMOOTHING_MM = 2.0
STEEP = 0.7
BACKWARD = 0.5
EPIDURAL_MM = 2.5
CLOSED = ""


@dataclass(frozen=True, eq=False)
class Faces:
    """Outer faces of the flow cells, one a row (n,): linear index of the cell and of the one beyond, axis, area.

    `half_per_mm` is the half cell's h / 2k; `normal` (n, 3) points out, smoothed; `place` is what a fluid meets there, ""
    where bone goes on; `route` the part of the shell it would leave by.
    """

    cell: NDArray[np.int64]
    axis: NDArray[np.int64]
    area_mm2: Array
    half_per_mm: Array
    normal: Array
    place: NDArray[np.str_]
    route: NDArray[np.str_]


def outer_faces(cells: Cells, permeability_mm2: Array) -> Faces:
    """All faces between a flow cell and what is none; the grid's border of empty cells holds the neighbours."""
    step = np.asarray(cells.spacing_mm)
    index, beyond, axis = _outward(cells.inside)
    cell = np.ravel_multi_index(tuple(index.T), cells.inside.shape).astype(np.int64)
    half = step[axis] / (2.0 * permeability_mm2.reshape(3, -1)[axis, cell])
    normal = _normals(cells)[tuple(index.T)]
    place, route = _met(cells, index, beyond, normal)
    return Faces(cell, axis, float(np.prod(step)) / step[axis], half, normal, place, route)


def _outward(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cells at the surface (n, 3), the cells beyond (n, 3) and the axis between (n,)."""
    index, beyond, along = [], [], []
    for axis in range(3):
        for way in (-1, 1):
            here = np.argwhere(inside & ~np.roll(inside, -way, axis))
            index.append(here)
            beyond.append(here + way * np.eye(3, dtype=np.int64)[axis])
            along.append(np.full(len(here), axis, np.int64))
    return np.concatenate(index), np.concatenate(beyond), np.concatenate(along)


def _normals(cells: Cells) -> Array:
    """Outward unit normals (nx, ny, nz, 3) of the smoothed domain."""
    from scipy.ndimage import gaussian_filter

    step = cells.spacing_mm
    smooth = gaussian_filter(cells.inside.astype(float), [NORMAL_SMOOTHING_MM / one for one in step])
    slope = -np.stack(np.gradient(smooth, *step), axis=-1)
    return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-12))


def _met(
    cells: Cells, index: NDArray[np.int64], beyond: NDArray[np.int64], normal: Array
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """What lies beyond each face and by which part of the shell: the labels where they tell, else the way the wall looks."""
    neighbour = cells.parts[tuple(beyond.T)]
    of_body = cells.body_share[tuple(index.T)] >= 0.5
    endplate = of_body & (np.abs(normal[:, 2]) > STEEP)
    back = of_body & (normal[:, 1] > BACKWARD)
    under_pedicle = ~of_body & (np.abs(normal[:, 2]) > BACKWARD)
    to_canal = (_canal_near(cells)[tuple(beyond.T)] & (normal[:, 1] > -STEEP)) | (back & _canal_behind(cells, index))
    own = np.isin(neighbour, (PART_BODY, PART_POSTERIOR)) | ((neighbour > PART_BODY) & (neighbour < PART_CANAL))
    place = np.select(
        [endplate, own | (neighbour == PART_OTHER_BONE), to_canal, back | under_pedicle],
        ["disc", CLOSED, "canal", "foramen"],
        "paravertebral",
    )
    return place, np.where(endplate, "endplate", "cortical")


def _canal_near(cells: Cells) -> NDArray[np.bool_]:
    """Cells of the canal or of the gap of a few millimetres between it and the wall."""
    from scipy.ndimage import distance_transform_edt

    canal = cells.parts == PART_CANAL
    if not canal.any():
        return np.zeros(cells.parts.shape, bool)
    return np.asarray(distance_transform_edt(~canal, cells.spacing_mm) <= EPIDURAL_MM)


def _canal_behind(cells: Cells, index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the canal lies straight behind a cell."""
    return np.asarray((cells.parts == PART_CANAL).any(axis=1)[index[:, 0], index[:, 2]])


def shell_outlets(cells: Cells, faces: Faces) -> tuple[Outlet, ...]:
    """The intact shell as ways out, a patch for each place: far too tight for cement, not for marrow."""
    shell = shell_resistance_per_mm()
    through = faces.area_mm2 / (faces.half_per_mm + shell)
    found = []
    for name, route, place, rows in _patches(faces):
        cell, where = np.unique(faces.cell[rows], return_inverse=True)
        conductance = np.bincount(where, weights=through[rows]).astype(np.float64)
        found.append(Outlet(name, route, place, cell, conductance, rest_pressure_pa(), "intact cortex", marrow_ease()))
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


def rest_pressure_pa() -> float:
    """Pressure of what lies outside every opening, Pa: that of the veins, and of the bone before anything is injected."""
    return quantity("bone/openings", "pressure", "rest").value
