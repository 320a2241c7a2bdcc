"""How far a needle stays from each wall of its way, measured square to the needle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.frames import unit
from pedicle.model.sourced import quantity
from pedicle.planning.corridor import Corridor
from pedicle.planning.fields import Floats, SideFields

SIDE_WALLS = ("medial", "lateral", "superior", "inferior")
_RAYS, _LONGEST_MM, _STEP_MM = 32, 30.0, 0.5


@dataclass(frozen=True, eq=False)
class Walls:
    """Distances in mm from the needle's axis: to each wall (the least in the pedicle), the canal, and ahead of the tip.

    `normals` are unit vectors towards each of them in the side's frame; `tip_mm` is the tip's depth under any surface.
    """

    axis_mm: dict[str, float]
    normals: dict[str, Floats]
    tip_mm: float


def needle_axes(corridor: Corridor) -> Floats:
    """Unit vectors (3, 3) in the side's frame, one a row: forward, medial, upward; medial and upward square to the needle."""
    forward = corridor.forward
    medial = unit(np.array([-1.0, 0.0, 0.0]) + forward[0] * forward)
    upward = np.cross(forward, medial)
    return np.stack([forward, medial, upward if upward[2] >= 0 else -upward])


def measure_walls(corridor: Corridor) -> Walls:
    """Rays square to the needle every half millimetre through the pedicle; the canal along the whole way in bone."""
    axes = needle_axes(corridor)
    angles = 2.0 * np.pi * np.arange(_RAYS) / _RAYS
    rays = np.cos(angles)[:, None] * axes[1] + np.sin(angles)[:, None] * axes[2]
    lengths = _pedicle_rays(corridor, rays)
    sector = ((np.degrees(angles) + 45.0) // 90.0).astype(int) % 4
    axis_mm, normals = {}, {}
    for name, number in (("medial", 0), ("superior", 1), ("lateral", 2), ("inferior", 3)):
        part = lengths[:, sector == number]
        nearest = int(np.unravel_index(part.argmin(), part.shape)[1])
        axis_mm[name], normals[name] = float(part.min()), rays[sector == number][nearest]
    axis_mm["canal"], normals["canal"] = _canal(corridor)
    axis_mm["foramen"], normals["foramen"] = _nearer(axis_mm, normals, "superior", "inferior")
    axis_mm["anterior"], normals["anterior"] = _ahead(corridor), corridor.forward
    return Walls(axis_mm, normals, _tip_depth(corridor))


def _samples(corridor: Corridor) -> Floats:
    """Points (n, 3) of the side's frame along the needle, mm, from entry to target."""
    count = max(int(corridor.length_mm / _STEP_MM), 2)
    return corridor.entry_mm + np.linspace(0.0, 1.0, count + 1)[:, None] * (corridor.target_mm - corridor.entry_mm)


def pedicle_samples(corridor: Corridor) -> Floats:
    """The samples where the walls count: the pedicle, or the body behind a parapedicular entry; never empty."""
    points = _samples(corridor)
    front, back = corridor.zone_mm
    inside = (points[:, 1] <= back) & (points[:, 1] >= front)
    return points[inside] if inside.any() else points[:1]


def _pedicle_rays(corridor: Corridor, rays: Floats) -> Floats:
    from pedicle.kernels.corridor import wall_rays

    fields = corridor.fields
    return np.asarray(
        wall_rays(fields.depth, fields.index(pedicle_samples(corridor)), rays, _LONGEST_MM, fields.spacing_mm)
    )


def _canal(corridor: Corridor) -> tuple[float, Floats]:
    """Least distance of the axis to the canal's wall and the unit direction towards it."""
    from pedicle.kernels.corridor import along

    fields, points = corridor.fields, _samples(corridor)
    found = along(fields.canal, fields.index(points), 99.0)
    nearest = points[int(found.argmin())]
    return float(found.min()), -_gradient(fields, nearest)


def _gradient(fields: SideFields, point_mm: Floats) -> Floats:
    from pedicle.kernels.corridor import along

    steps = np.eye(3) * fields.spacing_mm
    high = along(fields.canal, fields.index(point_mm + steps), 99.0)
    low = along(fields.canal, fields.index(point_mm - steps), 99.0)
    slope = high - low
    size = float(np.linalg.norm(slope))
    return slope / size if size > 1e-9 else np.array([1.0, 0.0, 0.0])


def _nearer(lengths: dict[str, float], normals: dict[str, Floats], first: str, second: str) -> tuple[float, Floats]:
    name = first if lengths[first] <= lengths[second] else second
    return lengths[name], normals[name]


def _ahead(corridor: Corridor) -> float:
    """Bone ahead of the tip along the needle, mm."""
    from pedicle.kernels.corridor import ray_length

    fields = corridor.fields
    tip = fields.index(corridor.target_mm)
    return float(ray_length(fields.depth, tip, corridor.forward, 60.0, fields.spacing_mm))


def _tip_depth(corridor: Corridor) -> float:
    from pedicle.kernels.corridor import along

    fields = corridor.fields
    return float(along(fields.depth, fields.index(corridor.target_mm)[None], -99.0)[0])


def needed_mm(normal: Floats, boundary: Floats) -> float:
    """Clearance in mm that a wall with this normal needs: a multiple of the boundary's SD across it."""
    least, multiple = quantity("planning/limits", "margin_least"), quantity("planning/limits", "margin_sd")
    return max(least.value, multiple.value * float(np.linalg.norm(boundary @ normal)))
