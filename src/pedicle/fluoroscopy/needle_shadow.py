"""A needle, its hub and cement in view: ways of the rays through them, in the part of the picture where they are seen.

Attenuation adds: what is drawn here is added to the patient's own line integrals. The millimetres of tissue that a needle
pushes aside are not taken away: at most its diameter of tissue, beside which steel of the same length absorbs 20 to 50 times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.fluoroscopy.projection import Absorber, project
from pedicle.model.conebeam import ConeBeam
from pedicle.model.placed import PlacedNeedle, TipShape
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume, bounding_box

Array = NDArray[np.float64]
# Names of data/fluoroscopy/beam.toml; the hub's plastic is counted as PMMA.
STEEL, PLASTIC = "steel_316l", "pmma"
# Rays a pixel's side: the mean over a pixel puts the needle's centroid right to a fiftieth of a pixel.
PARTS = 4
# What the first millimetre of steel takes behind 200 mm of water at 75 kV with 0.1 mm of copper (1.0 at 90 kV): decides only
# how the pixels on its rim are averaged, where the way through steel is short.
STEEL_PER_MM = 1.3
_THIRDS = np.radians([0.0, 120.0, 240.0])


@dataclass(frozen=True, eq=False)
class Shadow:
    """Millimetres of one material in a part of a picture, which begins at pixel `first` = (column, row).

    `paths_mm` is (rows, columns); either may be 0 when nothing is in view.
    """

    material: str
    first: tuple[int, int]
    paths_mm: Array

    def add_to(self, picture: NDArray[np.floating]) -> None:
        """Adds the millimetres to a whole picture (rows, columns) in place."""
        rows, columns = self.paths_mm.shape
        column, row = self.first
        picture[row : row + rows, column : column + columns] += self.paths_mm

    def take_from(self, picture: NDArray[np.floating]) -> None:
        """Takes the millimetres from what they displace, a whole picture (rows, columns), in place."""
        rows, columns = self.paths_mm.shape
        column, row = self.first
        picture[row : row + rows, column : column + columns] -= self.paths_mm

    def whole(self, beam: ConeBeam) -> NDArray[np.float32]:
        """A picture (rows, columns) with nothing else in it."""
        picture = np.zeros((beam.rows, beam.columns), np.float32)
        self.add_to(picture)
        return picture


@dataclass(frozen=True, eq=False)
class Solid:
    """A cylinder about the needle's axis between `low_mm` and `high_mm` behind the tip, cut by planes; `sign` -1 is a hole.

    `planes` (n, 4) in the needle's frame: a x + b y + c z <= d is kept.
    """

    material: str
    radius_mm: float
    low_mm: float
    high_mm: float
    planes: Array
    sign: int = 1


def solids(placed: PlacedNeedle) -> Iterator[Solid]:
    """What the needle is made of: cannula, its bore, stylet, hub."""
    needle = placed.needle
    bore, end = needle.inner_diameter_mm / 2.0, needle.length_mm
    rim = quantity("fluoroscopy/needle", "stylet", "beyond_cannula").value if placed.stylet else 0.0
    shape = None if placed.stylet else placed.shape
    yield _rod(STEEL, needle.radius_mm, (rim, end), "bevel" if shape == "bevel" else None)
    hole = _rod(STEEL, bore, (rim, end), None)
    face = _face(needle.radius_mm, rim, "bevel") if shape == "bevel" else np.empty((0, 4))
    yield Solid(STEEL, bore, rim, end, np.concatenate([hole.planes, face]), -1)
    if placed.stylet:
        gap = quantity("fluoroscopy/needle", "stylet", "gap").value
        yield _rod(STEEL, bore - gap, (0.0, end), placed.shape)
    hub, size = (quantity("fluoroscopy/needle", "hub", name).value for name in ("length", "diameter"))
    yield _rod(PLASTIC, size / 2.0, (end, end + hub), None)


def _rod(material: str, radius: float, ends: tuple[float, float], shape: TipShape | None) -> Solid:
    low, high = ends
    planes = [[0.0, 0.0, -1.0, -low], [0.0, 0.0, 1.0, high]]
    return Solid(material, radius, low, high, np.concatenate([planes, _face(radius, low, shape)]))


def _face(radius: float, low: float, shape: TipShape | None) -> Array:
    """Planes (n, 4) that grind a tip whose foremost point lies `low` behind the origin: none for a flat end."""
    if shape is None:
        return np.empty((0, 4))
    angle = np.radians(quantity("fluoroscopy/needle", "tip", f"{shape}_face").value)
    if shape == "bevel":
        # The rim at x = radius stands foremost: radius - x <= (z - low) tan(angle).
        return np.array([[-1.0, 0.0, -np.tan(angle), -radius - low * np.tan(angle)]])
    slope = np.full(3, -np.tan(angle))
    return np.stack([np.cos(_THIRDS), np.sin(_THIRDS), slope, low * slope], axis=1)


def needle_shadows(
    placed: PlacedNeedle, beam: ConeBeam, parts: int = PARTS, per_mm: float = STEEL_PER_MM
) -> list[Shadow]:
    """Millimetres of steel and of the hub's plastic along the rays, each pixel from `parts` x `parts` rays.

    A pixel half behind steel is half lit: what is given is the way whose light at an attenuation of `per_mm` is the mean
    of the pixel's light; with 0 the mean way, whose sum is the needle's volume. ValueError when part of the needle lies
    behind the source.
    """
    made: dict[str, list[Solid]] = {}
    for solid in solids(placed):
        made.setdefault(solid.material, []).append(solid)
    return [_shadow_of(placed, members, beam, parts, per_mm) for members in made.values()]


def _shadow_of(placed: PlacedNeedle, members: list[Solid], beam: ConeBeam, parts: int, per_mm: float) -> Shadow:
    """The shadow of solids of one material; each with as many planes as the one with most (empty ones keep all)."""
    from pedicle.kernels.needle_shadow import shadow

    first, shape, spans = _patch(np.stack([_spans(placed, solid, beam) for solid in members]), beam)
    paths = np.zeros(shape)
    planes = np.zeros((len(members), max(len(solid.planes) for solid in members), 4))
    for given, solid in zip(planes, members, strict=True):
        given[: len(solid.planes)] = solid.planes
    radii = np.array([solid.radius_mm for solid in members])
    signs = np.array([float(solid.sign) for solid in members])
    if paths.size:
        shadow(_detector(placed, beam, first), spans, radii, signs, planes, parts, per_mm, paths)
    return Shadow(members[0].material, first, paths)


def _detector(placed: PlacedNeedle, beam: ConeBeam, first: tuple[int, int]) -> Array:
    """Source, first pixel, column step and row step in the needle's frame, (4, 3)."""
    pose = placed.lps_from_needle.inverse
    points = pose @ np.stack([beam.source_lps_mm, beam.pixel_lps_mm(first)])
    steps = pose.turn(np.stack([beam.column_step_lps_mm, beam.row_step_lps_mm]))
    return np.concatenate([points, steps])


def _spans(placed: PlacedNeedle, solid: Solid, beam: ConeBeam) -> NDArray[np.int64]:
    """For each row of the picture the columns (first, after the last) that a box about the solid may darken."""
    r = solid.radius_mm
    corners = [[x, y, z] for x in (-r, r) for y in (-r, r) for z in (solid.low_mm, solid.high_mm)]
    return row_spans(beam.project(placed.lps_from_needle @ np.array(corners)), beam)


def row_spans(pixels: ArrayLike, beam: ConeBeam) -> NDArray[np.int64]:
    """Columns (rows, 2) from the first to after the last whose pixels the convex hull of points (n, 2) touches.

    Every edge of the hull joins two points: over all pairs the part of the joining line within a row is looked at.
    """
    points = np.asarray(pixels, dtype=np.float64)
    ends = np.array([np.floor(points[:, 1].min()), np.ceil(points[:, 1].max()) + 1.0])
    part = slice(*np.clip(ends, 0, beam.rows).astype(int))
    found = np.zeros((beam.rows, 2), np.int64)
    found[part] = _spans_of_rows(points, np.arange(part.start, part.stop)[:, None], beam.columns)
    return found


def _spans_of_rows(points: Array, rows: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    pairs = np.array(list(combinations(range(len(points)), 2)))
    one, other = points[pairs[:, 0]], points[pairs[:, 1]]
    low, high = np.minimum(one[:, 1], other[:, 1]), np.maximum(one[:, 1], other[:, 1])
    rise = np.where(other[:, 1] == one[:, 1], 1.0, other[:, 1] - one[:, 1])
    ends = []
    for edge in (rows - 0.5, rows + 0.5):
        share = np.clip((np.clip(edge, low, high) - one[:, 1]) / rise, 0.0, 1.0)
        ends.append(one[:, 0] + share * (other[:, 0] - one[:, 0]))
    flat = (other[:, 1] == one[:, 1])[None]
    ends += [np.where(flat, one[:, 0], ends[0]), np.where(flat, other[:, 0], ends[0])]
    met = (low <= rows + 0.5) & (high >= rows - 0.5)
    lowest = np.where(met, np.minimum.reduce(ends), np.inf).min(axis=1)
    highest = np.where(met, np.maximum.reduce(ends), -np.inf).max(axis=1)
    empty = ~met.any(axis=1)
    lowest[empty], highest[empty] = 0.0, -1.0
    first = np.clip(np.floor(lowest + 0.5), 0, columns)
    after = np.clip(np.floor(highest + 0.5) + 1, 0, columns)
    return np.stack([first, np.maximum(first, after)], axis=1).astype(np.int64)


def _patch(spans: NDArray[np.int64], beam: ConeBeam) -> tuple[tuple[int, int], tuple[int, int], NDArray[np.int64]]:
    """The smallest part of the picture with all spans (solids, rows, 2): first pixel, shape, and their union a row in it."""
    lit = spans[..., 1] > spans[..., 0]
    if not lit.any():
        return (0, 0), (0, 0), spans[0, :0]
    low = np.where(lit, spans[..., 0], beam.columns).min(axis=0)
    high = np.where(lit, spans[..., 1], 0).max(axis=0)
    rows = np.flatnonzero(high > low)
    left, right = int(low[rows].min()), int(high[rows].max())
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    inner = np.stack([low[part], np.maximum(low, high)[part]], axis=1) - left
    return (left, part.start), (part.stop - part.start, right - left), np.ascontiguousarray(inner)


def cement_shadow(filled: Volume, beam: ConeBeam, material: str = "cement_barium") -> Shadow:
    """Millimetres of cement along the rays; `filled` is the share of each voxel that is cement, 0 to 1, on its own grid.

    Only the shadow of the voxels that hold some is looked at.
    """
    found = bounding_box(filled.values > 0)
    if found is None:
        return Shadow(material, (0, 0), np.zeros((0, 0)))
    low, high = found
    # The interpolant fades to zero over one voxel beyond the outermost centres.
    spans = row_spans(beam.project(filled.grid.cropped(low - 1, high + 1).corners_lps_mm()), beam)[None]
    first, (rows, columns), _ = _patch(spans, beam)
    if not rows * columns:
        return Shadow(material, first, np.zeros((0, 0)))
    part = beam.cropped(first, rows, columns)
    return Shadow(material, first, project(Absorber.of(filled.cropped(low, high)), part)[0].astype(np.float64))
