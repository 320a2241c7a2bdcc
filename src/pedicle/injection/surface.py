"""The surface of a body as places where an opening can be: where it is, which way it looks, how weak it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.cells import cells_of
from pedicle.injection.options import MediumOptions
from pedicle.injection.walls import CLOSED, outer_faces
from pedicle.model.bone import Bone
from pedicle.model.frames import unit
from pedicle.model.grid import Grid
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
_FILE = "bone/openings"
WEAKEST, STRONGEST = 4.0, 0.25


@dataclass(frozen=True, eq=False)
class Surface:
    """The body's outer faces, one a row, without those where bone goes on.

    `local_mm` (n, 3) from the body's centre to the left, back and head; `lps_mm` (n, 3) the same points; `normal` (n, 3)
    outward; `area_mm2` (n,) each face's share of the smooth surface; `place`, `route` (n,) what lies there;
    `weakness` (n,) mean 1, by how loose the CT shows the shell; `cleft_mm` (n,) distance to the cleft, inf without one.
    `size_mm` is the body's extent.
    """

    grid: Grid
    local_mm: Array
    lps_mm: Array
    normal: Array
    area_mm2: Array
    place: NDArray[np.str_]
    route: NDArray[np.str_]
    weakness: Array
    cleft_mm: Array
    size_mm: Array

    def at(self, direction: Array) -> int:
        """The row that lies in a direction (left, back, head) from the body's centre, nearest to that line."""
        along = self.local_mm @ direction
        away = np.linalg.norm(self.local_mm - along[:, None] * direction, axis=1)
        return int(np.where(along > 0, away, np.inf).argmin())


def surface_of(bone: Bone) -> Surface:
    """The surface of the bone's body on the bone's own grid. Raises InputError 700 for a bone without a body."""
    step = tuple(float(one) for one in bone.parts.grid.spacing_mm)
    cells = cells_of(bone, MediumOptions(spacing_mm=(step[0], step[1], step[2]), domain="body"))
    faces = outer_faces(cells, np.ones((3, *cells.inside.shape)))
    keep = faces.place != CLOSED
    index = np.stack(np.unravel_index(faces.cell[keep], cells.inside.shape), axis=-1)
    centre = 0.5 * (np.argwhere(cells.inside).min(axis=0) + np.argwhere(cells.inside).max(axis=0))
    normal = faces.normal[keep]
    lps = cells.grid.lps_from_index(index)
    area = faces.area_mm2[keep] * np.abs(normal[np.arange(len(index)), faces.axis[keep]])
    return Surface(
        grid=cells.grid,
        local_mm=(index - centre) * cells.grid.spacing_mm,
        lps_mm=lps,
        normal=normal,
        area_mm2=area,
        place=faces.place[keep],
        route=faces.route[keep],
        weakness=_weakness(bone, lps, area),
        cleft_mm=_cleft_mm(bone, lps),
        size_mm=np.ptp(np.argwhere(cells.inside), axis=0) * cells.grid.spacing_mm + cells.grid.spacing_mm,
    )


def _weakness(bone: Bone, lps_mm: Array, area_mm2: Array) -> Array:
    """The shell's mean density over its own at each face, held between a quarter and four, mean 1 over the area."""
    density = np.maximum(bone.density_mg_cm3.sampled(lps_mm, order=0), 1.0)
    ratio = np.clip(np.median(density) / density, STRONGEST, WEAKEST)
    return np.asarray(ratio / np.average(ratio, weights=area_mm2))


def _cleft_mm(bone: Bone, lps_mm: Array) -> Array:
    from scipy.spatial import KDTree

    cells = np.argwhere(bone.cleft.values)
    if not len(cells):
        return np.full(len(lps_mm), np.inf)
    return np.asarray(KDTree(bone.cleft.grid.lps_from_index(cells)).query(lps_mm)[0])


def direction(degrees_from_front: float, side: float) -> Array:
    """Horizontal unit direction so many degrees from the front towards the patient's left (side 1) or right (-1)."""
    angle = np.radians(degrees_from_front)
    return unit([side * np.sin(angle), -np.cos(angle), 0.0])


def crack_weights(surface: Surface, route: str) -> Array:
    """Share of the cracks of a route that each face draws (n,): sum 1 without a cleft, more with one; 0 on other routes.

    Weak places draw more of them. A cleft that comes near the shell has broken it: the rate there is many times that of
    the shell elsewhere.
    """
    area = np.where(surface.route == route, surface.area_mm2, 0.0)
    if not area.any():
        return area
    times = quantity(_FILE, "cleft", "times").value
    rate = surface.weakness / np.average(surface.weakness, weights=area) + times * _nearness(surface)
    return np.asarray(rate * area / area.sum())


def _nearness(surface: Surface) -> Array:
    reach = quantity(_FILE, "cleft", "reach").value
    return np.exp(-np.square(surface.cleft_mm / reach))
