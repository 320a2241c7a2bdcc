"""A vertebra's neighbourhood on one isotropic grid along its own axes, cut once and used by every later step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.canal import Canal
from pedicle.anatomy.field import BoneField
from pedicle.anatomy.frame import Anatomy
from pedicle.model.vertebra import (
    PART_BODY,
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_OTHER_BONE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    LocalMaps,
)

MARGIN_MM = 12.0


def local_maps(field: BoneField, found: Anatomy, spacing_mm: float) -> LocalMaps | None:
    """Parts, surface distance and canal distance; None for a body without its arch, which has no canal."""
    if found.canal is None or found.wall is None:
        return None
    pose = found.lps_from_vertebra
    surface = field.seen_from(pose, *field.box_in(pose, MARGIN_MM), spacing_mm)
    low = pose.inverse @ surface.grid.lps_from_index(np.zeros(3))
    axes = [low[n] + np.arange(surface.values.shape[n]) * spacing_mm for n in range(3)]
    solid = surface.values < 0
    canal = canal_space(found.canal, axes, solid)
    parts = _parts(found, axes, solid, canal)
    parts[field.others_on(surface.grid) & (parts == 0)] = PART_OTHER_BONE
    return LocalMaps(surface.with_values(parts), surface, surface.with_values(_distance(canal, spacing_mm)))


def _distance(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    from pedicle.kernels.distance import signed_distance

    return signed_distance(mask, np.full(3, spacing_mm))


def canal_space(canal: Canal, axes: list[NDArray[np.float64]], solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The see-through tube over the grid's whole height, widened in each slice to the closed ring of bone about it."""
    from pedicle.kernels.shadow import largest_hole

    x, y, z = axes
    space = np.empty(solid.shape, bool)
    for k, height in enumerate(z):
        tube = _section(canal, x, y, float(height))
        ring = largest_hole(solid[:, :, k])
        closed = (ring & tube).any() and ring.sum() <= 2.0 * tube.sum()
        space[:, :, k] = (tube | ring if closed else tube) & ~solid[:, :, k]
    return space


def _section(canal: Canal, x: NDArray[np.float64], y: NDArray[np.float64], z_mm: float) -> NDArray[np.bool_]:
    """The tube's section at a height on the nodes of a finer grid."""
    i = np.rint((x - canal.low_mm[0]) / canal.spacing_mm).astype(int)
    j = np.rint((y - canal.slope * z_mm - canal.low_mm[1]) / canal.spacing_mm).astype(int)
    in_i, in_j = (i >= 0) & (i < canal.hole.shape[0]), (j >= 0) & (j < canal.hole.shape[1])
    section = np.zeros((len(x), len(y)), bool)
    section[np.ix_(in_i, in_j)] = canal.hole[np.ix_(i[in_i], j[in_j])]
    return section


def _parts(
    found: Anatomy, axes: list[NDArray[np.float64]], solid: NDArray[np.bool_], canal: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """PART_ codes of the vertebra itself and its canal."""
    assert found.canal is not None
    assert found.wall is not None
    x, y, z = axes
    parts = np.zeros(solid.shape, np.uint8)
    parts[solid] = PART_POSTERIOR
    wall = found.wall.at(z)
    back = found.canal.extent_mm[1, 1] + found.canal.slope * z
    between = solid & (y[:, None] >= wall)[None] & (y[:, None] <= back)[None]
    middle = found.canal.centre_mm[0]
    parts[between & (x > middle)[:, None, None]] = PART_LEFT_PEDICLE
    parts[between & (x <= middle)[:, None, None]] = PART_RIGHT_PEDICLE
    parts[solid & _body_on(found, axes)] = PART_BODY
    parts[canal] = PART_CANAL
    return parts


def _body_on(found: Anatomy, axes: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """The body of a coarser look on the nodes of the local grid: in front of the wall, within a node of the body."""
    from scipy.ndimage import binary_dilation

    assert found.wall is not None
    near = binary_dilation(found.body, np.ones((3, 3, 3), bool))
    index = [np.rint((axis - found.low_mm[n]) / found.spacing_mm).astype(int) for n, axis in enumerate(axes)]
    inside = [(i >= 0) & (i < near.shape[n]) for n, i in enumerate(index)]
    out = np.zeros(tuple(len(axis) for axis in axes), bool)
    out[np.ix_(*inside)] = near[np.ix_(*(i[keep] for i, keep in zip(index, inside, strict=True)))]
    return out & (axes[1][:, None] < found.wall.at(axes[2]))[None]
