"""A vertebral body as elastic cubes: bone by its density, clefts, damage, cement, and the layers that press on its ends."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pedicle.model.bone import Bone
from pedicle.model.elasticity import ElasticLaw
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.sourced import quantity
from pedicle.model.strength import EndLayer
from pedicle.model.vertebra import PART_BODY
from pedicle.model.volume import bounding_box

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_FILE = "mechanics/materials"
# A body of fewer cells than this along an axis is no model.
_FEWEST = 6
# Columns shorter than this share of the median column do not reach from endplate to endplate.
_OF_HEIGHT = 0.75


@dataclass(frozen=True, eq=False)
class Solid:
    """Cubes by element (nx, ny, nz) on `grid`: Young's modulus and yield stress MPa, 0 = hole; `body` is the vertebra's own.

    The plates press on the first and last plane of nodes along the third axis. `islands_removed` cubes hung on nothing.
    """

    grid: Grid
    modulus_mpa: Floats
    yield_mpa: Floats
    body: Mask
    islands_removed: int

    @property
    def cell_mm(self) -> float:
        """Side of a cube."""
        return float(self.grid.spacing_mm[0])

    @property
    def core(self) -> Mask:
        """Columns (nx, ny) from endplate to endplate: lips and the roots of processes at the sides are left out."""
        columns = self.body.sum(axis=2)
        return np.asarray(columns >= _OF_HEIGHT * np.median(columns[columns > 0]))

    @property
    def height_mm(self) -> float:
        """Mean height of the body's core."""
        return float(self.body.sum(axis=2)[self.core].mean()) * self.cell_mm


@dataclass(frozen=True, eq=False)
class Filling:
    """Cement in a body: `share` of each cell, `modulus_mpa` (a number or by cell), and what contact leaves of it."""

    share: Floats
    modulus_mpa: Floats | float
    interface: float


def body_of(bone: Bone, cell_mm: float) -> Bone:
    """The body's neighbourhood of a bone, on cells of another size where asked for; InputError 770 when it holds none."""
    bone = bone if np.isclose(bone.parts.grid.spacing_mm[0], cell_mm, rtol=1e-3) else _on_cells(bone, cell_mm)
    box = bounding_box(bone.parts.values == PART_BODY, 1)
    if box is None or (box[1] - box[0]).min() < _FEWEST:
        raise InputError(
            770, bone.level, "no vertebral body in its maps", f"{_FEWEST} cells along each axis", "check the label map"
        )
    return bone.cropped(*box)


def _on_cells(bone: Bone, cell_mm: float) -> Bone:
    """Resampled: density as the mean over a larger cell or linear in a smaller one, labels by the nearest."""
    old = bone.parts.grid
    spacing = old.spacing_mm[0]
    count = np.floor(np.array(old.shape) * spacing / cell_mm).astype(int)
    matrix = np.array(old.lps_from_ijk)
    matrix[:3, :3] *= cell_mm / spacing
    # The corner of the first cell stays where it was.
    matrix[:3, 3] = old.lps_from_index(np.full(3, 0.5 * (cell_mm / spacing - 1.0)))
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), matrix)
    density = bone.density_mg_cm3
    if cell_mm > spacing:
        width = cell_mm / spacing
        density = density.with_values(ndimage.uniform_filter(density.values, max(round(width), 1), mode="nearest"))
    return replace(
        bone,
        density_mg_cm3=density.resampled(grid),
        parts=bone.parts.resampled(grid, 0),
        shell=bone.shell.with_values(bone.shell.values.astype(np.uint8)).resampled(grid, 0),
        cleft=bone.cleft.with_values(bone.cleft.values.astype(np.uint8)).resampled(grid, 0),
        openings=(),
    )


@dataclass(frozen=True)
class Damage:
    """What a fracture left: the share of stiffness and the share of yield stress that bone has lost."""

    stiffness: float = 0.0
    strength: float = 0.0


SOUND = Damage()


def solid_of(
    bone: Bone, law: ElasticLaw, end_layer: EndLayer, damage: Damage = SOUND, filling: Filling | None = None
) -> Solid:
    """The cubes of a body (`body_of`), softened and weakened by `damage`, filled with cement, between its end layers.

    Cement replaces the bone it lies in and is not added to it: in augmented bone the cement alone predicts stiffness.
    """
    body = np.asarray(bone.parts.values == PART_BODY)
    density = np.where(body, bone.density_mg_cm3.values, 0.0)
    cleft = body & np.asarray(bone.cleft.values, bool)
    modulus, strength = _bone(density, body, law)
    modulus, strength = modulus * (1.0 - damage.stiffness), strength * (1.0 - damage.strength)
    soft = quantity(_FILE, "cleft", "modulus").value
    modulus, strength = np.where(cleft, soft, modulus), np.where(cleft, 0.01 * soft, strength)
    if filling is not None:
        modulus, strength = _filled(modulus, strength, filling)
    modulus, strength = np.where(body, modulus, 0.0), np.where(body, strength, 0.0)
    return _between_layers(bone.parts.grid, (modulus, strength, body), end_layer)


def _bone(density: Floats, body: Mask, law: ElasticLaw) -> tuple[Floats, Floats]:
    """Modulus and yield stress of a body's cells; by a law with a shell the outermost cells are compact bone and core side by side,
    in the shares that their mineral says."""
    if law.shell is None:
        return law.modulus(density), law.yield_stress(density)
    outermost = body & ~ndimage.binary_erosion(body)
    core = float(np.median(density[body & ~outermost]))
    compact = np.where(outermost, np.clip((density - core) / (law.shell.density_mg_cm3 - core), 0.0, 1.0), 0.0)
    rest = np.where(compact > 0.0, core, density)
    modulus = compact * law.shell.modulus_mpa + (1.0 - compact) * law.modulus(rest)
    limit = compact * law.shell.modulus_mpa * law.shell.yield_strain + (1.0 - compact) * law.yield_stress(rest)
    return modulus, limit


def _filled(modulus: Floats, strength: Floats, filling: Filling) -> tuple[Floats, Floats]:
    """Stiffness and yield where cement is stiffer than the bone it fills."""
    part = filling.share * filling.interface
    cement = part * np.asarray(filling.modulus_mpa)
    ratio = quantity(_FILE, "cement", "yield").value / quantity(_FILE, "cement", "modulus").value
    stiffer = cement > modulus
    return np.where(stiffer, cement, modulus), np.where(stiffer, np.maximum(ratio * cement, strength), strength)


def _between_layers(grid: Grid, fields: tuple[Floats, Floats, Mask], end_layer: EndLayer) -> Solid:
    """The body with a layer above and below, as thick as the data say and reaching into the hollows of its ends."""
    thickness, depth = (quantity(_FILE, end_layer, key).value / grid.spacing_mm[2] for key in ("thickness", "depth"))
    low, high = bounding_box(fields[2]) or (np.zeros(3, int), np.zeros(3, int))
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    more = max(round(float(thickness)), 1)
    modulus, strength = (np.pad(field[box], _along(more)) for field in fields[:2])
    body = np.pad(fields[2][box], _along(more))
    layer = _cast(body, more + round(float(depth)))
    modulus = np.where(layer, layer_modulus(end_layer), modulus)
    strength = np.where(layer, np.inf, strength)
    kept = held(modulus > 0.0)
    removed = int((modulus > 0.0).sum() - kept.sum())
    corner = grid.cropped(low - np.array([0, 0, more]), high + np.array([0, 0, more]))
    return Solid(corner, np.where(kept, modulus, 0.0), np.where(kept, strength, 0.0), body & kept, removed)


def _along(more: int) -> tuple[tuple[int, int], ...]:
    """Room for a layer at both ends of the third axis."""
    return (0, 0), (0, 0), (more, more)


def layer_modulus(end_layer: EndLayer) -> float:
    """Young's modulus of what presses on the endplates, MPa, at the one Poisson's ratio that the solver has.

    A disc is nearly incompressible: it is given the modulus with which it resists pressing as its own two numbers do where its
    sides are held. Acrylic is taken as it is.
    """
    modulus = quantity(_FILE, end_layer, "modulus").value
    if end_layer != "disc":
        return modulus
    own, bone = quantity(_FILE, "disc", "poisson").value, quantity("mechanics/laws", "bone", "poisson").value
    return modulus * held_sideways(own) / held_sideways(bone)


def held_sideways(poisson: float) -> float:
    """Resistance to pressing with the sides held, over Young's modulus.

    >>> round(held_sideways(0.0), 6), round(held_sideways(0.45), 2)
    (1.0, 3.79)
    """
    return (1.0 - poisson) / ((1.0 + poisson) * (1.0 - 2.0 * poisson))


def _cast(body: Mask, deep: int) -> Mask:
    """Cells between the outer planes and the body in the columns that it fills, at most `deep` from each plane."""
    columns = body.any(axis=2, keepdims=True)
    from_top = np.cumsum(body[:, :, ::-1], axis=2)[:, :, ::-1] == 0
    from_bottom = np.cumsum(body, axis=2) == 0
    k = np.arange(body.shape[2])
    return np.asarray(columns & ((from_top & (k >= body.shape[2] - deep)) | (from_bottom & (k < deep))))


def held(solid: Mask) -> Mask:
    """What hangs together face to face and touches both plates; all else would float."""
    labels, _ = ndimage.label(solid)
    both = np.intersect1d(labels[:, :, 0][solid[:, :, 0]], labels[:, :, -1][solid[:, :, -1]])
    return np.isin(labels, both) & solid
