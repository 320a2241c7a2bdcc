"""One level's bone on a grid for flow: which cells hold fluid, how porous they are, how much of each is cleft.

The bone is taken as constant in each of its own cells; cells of any other size take their share of it by overlap, so that
no pore volume is lost or made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.options import MediumOptions
from pedicle.model.bone import Bone
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.permeability import PermeabilityLaw, gap_mm2, permeability_mm2, porosity
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_POSTERIOR, PART_RIGHT_PEDICLE
from pedicle.model.volume import bounding_box

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
DOMAINS = {
    "body": (PART_BODY,),
    "pedicles": (PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE),
    "vertebra": (PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, PART_POSTERIOR),
}
BORDER = 2
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Cells:
    """Bone on a flow grid; arrays (nx, ny, nz), axes to the patient's left, back and head.

    `inside`: cells that hold fluid. `pore_share`, `gap_share`: volume of pores (cleft included) and of cleft over that
    of the cell, 0 outside. `matrix_porosity`: of the spongy bone beside the cleft and under the shell. `cleft_share`, `cleft_mm2`: share of what
    lies in a cell that is cleft, and the cleft's permeability there.
    `body_share`: share of a cell in the body. `parts`: nearest PART_ code.
    """

    grid: Grid
    inside: Mask
    pore_share: Array
    gap_share: Array
    matrix_porosity: Array
    cleft_share: Array
    cleft_mm2: Array
    body_share: Array
    parts: NDArray[np.uint8]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Size of a cell to the left, back and head."""
        a, b, c = (float(step) for step in self.grid.spacing_mm)
        return round(a, 9), round(b, 9), round(c, 9)


def cells_of(bone: Bone, options: MediumOptions) -> Cells:
    """The bone on cells of the options' size, with a border of empty cells.

    A cell holds fluid when at least half of it lies in the domain; the pores of cells less than half full are counted to
    the nearest cell kept. Raises InputError 700 for a bone without a body.
    """
    # The canal behind a body lies between its pedicles: both are in the box of any domain.
    box = bounding_box(np.isin(bone.parts.values, DOMAINS["pedicles"] + DOMAINS[options.domain]), BORDER)
    if box is None or not (bone.parts.values == PART_BODY).any():
        raise InputError(700, bone.level, "no body in the bone", "a body", "measure the level again")
    here = bone.cropped(*box)
    parts = here.parts.values
    domain = np.isin(parts, DOMAINS[options.domain])
    grid, shares = flow_grid(here.parts.grid, options.spacing_mm)
    cleft = here.cleft.values & domain
    seen = porosity(here.density_mg_cm3.values)
    room = np.where(cleft, 1.0, seen)
    spongy = under_the_shell(seen, domain, here.parts.grid.spacing_mm)
    there = mean_over(shares, domain)
    inside = _one_piece(there >= 0.5)
    pores = mean_over(shares, domain * room)
    matrix = mean_over(shares, (domain & ~cleft) * spongy)
    cleft_there = mean_over(shares, cleft)
    solid = mean_over(shares, domain & ~cleft)
    return Cells(
        grid=grid,
        inside=inside,
        pore_share=kept_inside(pores, inside),
        gap_share=kept_inside(cleft_there, inside),
        matrix_porosity=_ratio(matrix, solid, solid > 0, 0.5),
        cleft_share=_ratio(cleft_there, cleft_there + solid, inside),
        cleft_mm2=_ratio(mean_over(shares, cleft * gap_mm2(gap_width_mm(cleft, here.parts.grid.spacing_mm))), cleft_there, cleft_there > 0),
        body_share=mean_over(shares, parts == PART_BODY),
        parts=bone.parts.resampled(grid, order=0).values,
    )  # fmt: skip


def under_the_shell(seen: Array, domain: Mask, spacing_mm: NDArray[np.float64]) -> Array:
    """Porosity of the spongy bone: near the surface, where a CT smears the shell over it, at least that of the bone beneath.

    The shell itself is a layer thinner than a cell and is put in series where fluid would leave.
    """
    from scipy.ndimage import distance_transform_edt

    smeared = quantity("bone/flow", "shell", "smeared").value
    deep = domain & (distance_transform_edt(domain, spacing_mm) > smeared)
    if not deep.any():
        return seen
    nearest = distance_transform_edt(~deep, spacing_mm, return_distances=False, return_indices=True)
    return np.where(domain, np.maximum(seen, seen[tuple(nearest)]), seen)


def flow_grid(source: Grid, spacing_mm: tuple[float, float, float]) -> tuple[Grid, list[Array]]:
    """A grid about the source's box and a cell more, and for each axis the overlap (target, source) as share of a target cell.

    Both are centred alike: cells of the source's size are the source's cells.
    """
    step = np.asarray(spacing_mm)
    extent = np.array(source.shape) * source.spacing_mm
    count = np.ceil(extent / step - 1e-9).astype(int) + 2
    first = 0.5 * (extent - source.spacing_mm) - 0.5 * (count - 1) * step
    matrix = np.eye(4)
    matrix[:3, :3] = source.axes.T * step
    matrix[:3, 3] = source.lps_from_index(first / source.spacing_mm)
    shares = [
        overlaps(first[n] + np.arange(count[n]) * step[n], step[n], source.shape[n], float(source.spacing_mm[n]))
        for n in range(3)
    ]
    return Grid((int(count[0]), int(count[1]), int(count[2])), matrix), shares


def overlaps(centres_mm: Array, step_mm: float, count: int, source_mm: float) -> Array:
    """Share of each target cell that lies in each source cell, along one axis."""
    source = np.arange(count) * source_mm
    low = np.maximum((centres_mm - 0.5 * step_mm)[:, None], source - 0.5 * source_mm)
    high = np.minimum((centres_mm + 0.5 * step_mm)[:, None], source + 0.5 * source_mm)
    return np.asarray(np.clip(high - low, 0.0, None) / step_mm)


def mean_over(shares: list[Array], values: NDArray[np.generic]) -> Array:
    """Mean of source values over each target cell, axis by axis."""
    found = values.astype(np.float64)
    for axis, share in enumerate(shares):
        found = _along(share, found, axis)
    return np.asarray(np.where(found > ROUNDING, found, 0.0))


def _along(share: Array, values: Array, axis: int) -> Array:
    """`share` (target, source) applied along one axis; a target cell meets few source cells in a row, so these are summed in turn."""
    first = (share > 0).argmax(axis=1)
    shape = [1, 1, 1]
    shape[axis] = len(first)
    total: Array = np.zeros(())
    for n in range(int((share > 0).sum(axis=1).max())):
        at = np.minimum(first + n, share.shape[1] - 1)
        weight = np.where(first + n < share.shape[1], share[np.arange(len(first)), at], 0.0)
        total = total + weight.reshape(shape) * np.take(values, at, axis)
    return total


def _ratio(above: Array, below: Array, where: Mask, otherwise: float = 0.0) -> Array:
    return np.asarray(np.divide(above, below, out=np.full(above.shape, otherwise), where=where))


def kept_inside(pores: Array, inside: Mask) -> Array:
    """What cells hold, in the cells kept; what lies in cells left out goes to the nearest kept one, so that nothing is lost."""
    from scipy.ndimage import distance_transform_edt

    lost = np.argwhere((pores > 0) & ~inside)
    kept = np.where(inside, pores, 0.0)
    if not len(lost):
        return kept
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    np.add.at(kept, tuple(nearest[(slice(None), *lost.T)]), pores[tuple(lost.T)])
    return kept


def _one_piece(inside: Mask) -> Mask:
    """The largest connected piece: fluid cannot reach the others."""
    from scipy.ndimage import label

    pieces, count = label(inside)
    if count < 2:
        return inside
    return np.asarray(pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1)


def gap_width_mm(cleft: Mask, spacing_mm: NDArray[np.float64]) -> Array:
    """Local width of a cleft: the shortest of the runs of cleft cells through a cell along the three axes; 0 outside."""
    width = np.full(cleft.shape, np.inf)
    for axis in range(3):
        width = np.minimum(width, _run_length(cleft, axis) * float(spacing_mm[axis]))
    return np.where(cleft, width, 0.0)


def _run_length(mask: Mask, axis: int) -> NDArray[np.int_]:
    """Length of the run of true cells through each cell along an axis."""
    line = np.moveaxis(mask, axis, -1)
    index = np.arange(line.shape[-1])
    before = np.maximum.accumulate(np.where(line, -1, index), axis=-1)
    after = np.minimum.accumulate(np.where(line, line.shape[-1], index)[..., ::-1], axis=-1)[..., ::-1]
    return np.moveaxis(after - before - 1, -1, axis)


def permeability_of(cells: Cells, law: PermeabilityLaw, factor: float = 1.0) -> Array:
    """Permeability (3, nx, ny, nz) of bone and cleft side by side, 0 outside.

    A cleft lies across the body's axis: within a cell it is parallel to bone to the sides and in series head to feet.
    `factor` scales the bone's, never the cleft's.
    """
    bone = permeability_mm2(cells.matrix_porosity, law) * factor
    share, gap = cells.cleft_share, np.where(cells.cleft_share > 0, cells.cleft_mm2, 1.0)
    found = np.empty_like(bone)
    found[:2] = share * gap + (1.0 - share) * bone[:2]
    found[2] = 1.0 / (share / gap + (1.0 - share) / bone[2])
    return np.asarray(np.where(cells.inside, found, 0.0))
