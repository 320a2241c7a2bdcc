"""Passages narrower than a cell laid into a medium: the cells along a path are joined, the last one opens outwards."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pedicle.model.grid import Grid
from pedicle.model.medium import Medium, Outlet, Passage

Cell = tuple[int, int, int]
SAMPLES_A_CELL = 20


def with_passages(medium: Medium, passages: tuple[Passage, ...]) -> Medium:
    """The medium with these passages; a passage of no conductivity is left out, passages of one name have one outlet.

    Between the cells of a path the lumen conducts beside the bone; in series over the whole path it conducts exactly
    conductivity / length on any grid. Its outlet sits on the last cell before the outside.
    """
    if medium.grid is None:
        raise ValueError("a medium without a grid has no place for a passage")
    faces = tuple(face.copy() for face in medium.face_mm3)
    permeability = medium.permeability_mm2.copy()
    outlets = {one.name: one for one in medium.outlets}
    lumen: set[Cell] = set()
    for passage in passages:
        if passage.conductivity_mm4 <= 0.0:
            continue
        path = cells_along(medium.grid, medium.flow_cells, passage.path_lps_mm)
        lumen.update(path)
        _join(faces, path, passage)
        _open(permeability, path, passage, medium.spacing_mm)
        outlet = _outlet(path[-1], passage, medium.flow_cells.shape)
        outlets[outlet.name] = _together(outlets[outlet.name], outlet) if outlet.name in outlets else outlet
    joined = (faces[0], faces[1], faces[2])
    cells = np.array(sorted(int(np.ravel_multi_index(cell, medium.flow_cells.shape)) for cell in lumen), np.int64)
    return replace(
        medium, face_mm3=joined, permeability_mm2=permeability, outlets=tuple(outlets.values()), lumen_cells=cells
    )


def cells_along(grid: Grid, flow_cells: NDArray[np.bool_], path_lps_mm: NDArray[np.float64]) -> list[Cell]:
    """Face-joined flow cells along a path, from its inner end; ends where the path leaves them.

    A path that meets no flow cell gives the one nearest to its mouth.
    """
    index = grid.index_from_lps(path_lps_mm)
    pieces = []
    for first, last in pairwise(index):
        count = max(int(np.ceil(np.abs(last - first).max() * SAMPLES_A_CELL)), 1)
        pieces.append(first + (last - first) * np.linspace(0.0, 1.0, count + 1)[:, None])
    visited = np.rint(np.concatenate(pieces)).astype(int)
    found: list[Cell] = []
    for i, j, k in visited[np.r_[True, (np.diff(visited, axis=0) != 0).any(axis=1)]].tolist():
        if not _is_flow(flow_cells, (i, j, k)):
            if found:
                break
            continue
        found += _steps(flow_cells, found[-1], (i, j, k)) if found else [(i, j, k)]
    return found or [_nearest(flow_cells, index[-1])]


def _is_flow(flow_cells: NDArray[np.bool_], cell: Cell) -> bool:
    return all(0 <= n < size for n, size in zip(cell, flow_cells.shape, strict=True)) and bool(flow_cells[cell])


def _steps(flow_cells: NDArray[np.bool_], start: Cell, end: Cell) -> list[Cell]:
    """Cells after `start` up to `end`, one face at a time, through flow cells; only `end` where there are none between."""
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)):
        steps, at = [], list(start)
        for axis in order:
            if at[axis] != end[axis]:
                at[axis] = end[axis]
                steps.append((at[0], at[1], at[2]))
        if all(_is_flow(flow_cells, cell) for cell in steps):
            return steps
    return [end]


def _nearest(flow_cells: NDArray[np.bool_], index: NDArray[np.float64]) -> Cell:
    cells = np.argwhere(flow_cells)
    i, j, k = cells[int(np.square(cells - index).sum(axis=1).argmin())]
    return int(i), int(j), int(k)


def _join(faces: tuple[NDArray[np.float64], ...], path: list[Cell], passage: Passage) -> None:
    """The lumen's share of the faces along the path, equal parts of its length."""
    length = float(np.linalg.norm(np.diff(passage.path_lps_mm, axis=0), axis=1).sum())
    links = list(pairwise(path))
    for first, second in links:
        moved = [axis for axis in range(3) if first[axis] != second[axis]]
        if len(moved) == 1:
            low = min(first, second)
            faces[moved[0]][low] += passage.conductivity_mm4 * len(links) / length


def _open(
    permeability_mm2: NDArray[np.float64], path: list[Cell], passage: Passage, spacing_mm: tuple[float, float, float]
) -> None:
    """The cells' own permeability, which the shear rate is read from, with the lumen's share of a section."""
    section = float(np.prod(spacing_mm)) / np.asarray(spacing_mm)
    for cell in dict.fromkeys(path):
        permeability_mm2[(slice(None), *cell)] += passage.conductivity_mm4 / section


def _outlet(cell: Cell, passage: Passage, shape: tuple[int, ...]) -> Outlet:
    index = np.array([np.ravel_multi_index(cell, shape)], dtype=np.int64)
    conductance = np.array([passage.mouth_mm3])
    return Outlet(passage.name, passage.route, passage.place, index, conductance, passage.pressure_pa, passage.basis)


def _together(first: Outlet, other: Outlet) -> Outlet:
    """One outlet of two: the cells of both, where they meet with what both conduct."""
    cells, where = np.unique(np.concatenate([first.cells, other.cells]), return_inverse=True)
    both = np.concatenate([first.conductance_mm3, other.conductance_mm3])
    return replace(first, cells=cells, conductance_mm3=np.bincount(where, weights=both).astype(np.float64))
