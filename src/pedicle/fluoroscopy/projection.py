"""Line integrals through volumes in the patient: the fast way, and the exact ways it is held against.

The dear part depends on the source's place alone: `cast` sums the slices on a base plane, `BasePlane.seen_by` looks at it
from a detector. Panning, zoom, roll and collimation with a source that stays cost only the look.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume

if TYPE_CHECKING:
    from pedicle.kernels.shear_warp import Slices

Array = NDArray[np.float64]
Values = NDArray[np.float32 | np.int16]
# Room about the shadow of the detector on the base plane, for the four points of the cubic look.
MARGIN = 4
# The base plane is as fine as a pixel's shadow, within these parts of a voxel's side.
FINEST_VOXELS, COARSEST_VOXELS = 0.15, 0.5
# A look takes four points along both ways; two sources nearer than this (voxels) are one.
_LOOK, _SAME_PLACE = 2.0, 1e-6
# Neighbours on the base plane that tell of a ray's lean are at most this many elements away.
_FARTHEST = 8


@dataclass(frozen=True, eq=False)
class Absorber:
    """What a beam is weakened by: one or more channels (for example water and bone, per mm) on one grid.

    `values` is (channels, i, j, k), C-contiguous, float32, or int16 with `scale` the value of one step. The grid may have
    any spacing and direction; nothing is resampled.
    """

    grid: Grid
    values: Values
    scale: float = 1.0
    _slices: dict[int, Slices] = field(default_factory=dict)

    @classmethod
    def of(cls, volume: Volume) -> Absorber:
        """One channel of the values of a volume as they are."""
        return cls(volume.grid, np.ascontiguousarray(volume.values, dtype=np.float32)[None])

    def along(self, axis: int) -> Slices:
        """The values as slices square to an axis; made once."""
        from pedicle.kernels.shear_warp import slices_along

        if axis not in self._slices:
            self._slices[axis] = slices_along(self.values, axis)
        return self._slices[axis]


@dataclass(frozen=True, eq=False)
class BasePlane:
    """Sums over the slices as seen from one source: an image on a plane of the volume's own index space.

    `image` is (channels, elements, columns), in values times slices; `index_from_base` (3, 3) takes (column, element, 1)
    to the voxel index of a point of the plane; `main_axis` is the axis the slices are square to.
    """

    image: NDArray[np.float32]
    index_from_base: Array
    source_index: Array
    main_axis: int
    grid: Grid
    scale: float

    def seen_by(self, beam: ConeBeam) -> NDArray[np.float32]:
        """Line integrals (channels, rows, columns) for a detector; the beam must have the same source.

        ValueError when its source lies elsewhere.
        """
        from pedicle.kernels.shear_warp import warped

        if not self.has_source_of(beam):
            raise ValueError("this base plane was cast from another source")
        homography = base_from_pixel(self.index_from_base, self.source_index, self.grid, beam)
        return warped(self.image, homography, self._way(), beam.rows, beam.columns)

    def has_source_of(self, beam: ConeBeam) -> bool:
        """Whether the beam comes from where this plane was cast from."""
        return bool(np.abs(self.grid.index_from_lps(beam.source_lps_mm) - self.source_index).max() <= _SAME_PLACE)

    def covers(self, beam: ConeBeam) -> bool:
        """Whether the beam has this plane's source and main axis, and every pixel's ray meets the plane with room to look."""
        if not self.has_source_of(beam) or main_axis(self.grid, beam) != self.main_axis:
            return False
        places = _corners(beam) @ base_from_pixel(self.index_from_base, self.source_index, self.grid, beam).T
        if (places[:, 2] <= 0.0).any():
            return False
        places = places[:, :2] / places[:, 2:]
        last = np.array(self.image.shape[:0:-1]) - 1
        return bool((places >= _LOOK).all() and (places <= last - _LOOK).all())

    def _way(self) -> Array:
        """Quadratic form of the squared way in mm per slice, times the value of a step, over base-plane places; see the kernel."""
        steps = self.index_from_base
        slices = abs(steps[self.main_axis, 2] - self.source_index[self.main_axis])
        linear = self.scale / slices * self.grid.lps_from_ijk[:3, :3]
        column, element = linear @ steps[:, 0], linear @ steps[:, 1]
        others = [axis for axis in range(3) if axis != self.main_axis]
        foot = np.linalg.solve(steps[np.ix_(others, [0, 1])], (self.source_index - steps[:, 2])[others])
        toward = np.zeros(3)
        toward[self.main_axis] = steps[self.main_axis, 2] - self.source_index[self.main_axis]
        normal = linear @ toward
        form = np.zeros((3, 4))
        form[0, :3] = column @ column, column @ element, column @ normal
        form[1, 1:3] = element @ element, element @ normal
        form[:, 3] = foot[0], foot[1], normal @ normal
        return form


def base_from_pixel(index_from_base: Array, source_index: Array, grid: Grid, beam: ConeBeam) -> Array:
    """Homography (3, 3) from (column, row, 1) to base-plane (column, element, 1), along rays of the source."""
    corner, column, row = index_basis(grid, beam)
    pixel = np.stack([column, row, corner - source_index], axis=1)
    plane = index_from_base.copy()
    plane[:, 2] -= source_index
    found = np.linalg.solve(plane, pixel)
    return np.asarray(found / found[2, 2])


def index_basis(grid: Grid, beam: ConeBeam) -> tuple[Array, Array, Array]:
    """The detector's corner, column step and row step in voxel indices."""
    inverse = np.linalg.inv(grid.lps_from_ijk[:3, :3])
    return (
        grid.index_from_lps(beam.corner_lps_mm),
        inverse @ beam.column_step_lps_mm,
        inverse @ beam.row_step_lps_mm,
    )


def main_axis(grid: Grid, beam: ConeBeam) -> int:
    """The axis whose slices the central ray crosses most squarely: the largest part of it in voxel indices."""
    middle = beam.pixel_lps_mm([0.5 * (beam.columns - 1), 0.5 * (beam.rows - 1)])
    way = np.linalg.inv(grid.lps_from_ijk[:3, :3]) @ (middle - beam.source_lps_mm)
    return int(np.abs(way).argmax())


def cast(absorber: Absorber, beam: ConeBeam, arm: CArm | None = None) -> BasePlane:
    """The base plane for a source, as large as this detector's shadow; a larger beam may be cast for later panning.

    With `arm` its elements lie where source and arm alone put them: planes of one source then agree where both reach.
    """
    from pedicle.kernels.shear_warp import along_rays, base_plane

    grid, axis = absorber.grid, main_axis(absorber.grid, beam)
    source = grid.index_from_lps(beam.source_lps_mm)
    raster = _raster(grid, beam, axis, arm)
    index_from_base, columns, count = _plane(grid, beam, raster)
    where = _places(index_from_base, source, axis, grid.shape[axis])
    sums = base_plane(absorber.along(axis), where, columns, count)
    foot = (source[list(raster.others)] - index_from_base[list(raster.others), 2]) / raster.steps
    image = along_rays(sums, foot, raster.level - source[axis], raster.apart)
    return BasePlane(image, index_from_base, source, axis, grid, absorber.scale)


def project(absorber: Absorber, beam: ConeBeam) -> NDArray[np.float32]:
    """Line integrals (channels, rows, columns): values times mm."""
    return cast(absorber, beam).seen_by(beam)


def _others(axis: int) -> tuple[int, int]:
    """The axes of a slice: its rows and its width."""
    rows, width = [other for other in range(3) if other != axis]
    return rows, width


@dataclass(frozen=True, eq=False)
class _Raster:
    """Where the elements of a base plane may lie: its height along `axis`, steps and one place along the other axes.

    `apart` is how far neighbours are taken for the ray's lean: half its step a slice where it meets the volume's middle.
    """

    axis: int
    level: float
    steps: Array
    anchor: Array
    apart: tuple[int, int]

    @property
    def others(self) -> tuple[int, int]:
        """Axes of the columns and of the elements."""
        return _others(self.axis)

    @property
    def raw(self) -> Array:
        """The plane in whole voxels: (3, 3) index from (row, width, 1)."""
        raw = np.zeros((3, 3))
        raw[self.others, [0, 1]] = 1.0
        raw[self.axis, 2] = self.level
        return raw


def _raster(grid: Grid, beam: ConeBeam, axis: int, arm: CArm | None) -> _Raster:
    """As fine as a pixel's shadow and in step with the middle pixel; with `arm`, from it and the source alone."""
    source, others = grid.index_from_lps(beam.source_lps_mm), list(_others(axis))
    level = _level(grid.shape[axis], float(source[axis]), float(index_basis(grid, beam)[0][axis]))
    bare = _Raster(axis, level, np.ones(2), np.zeros(2), (1, 1))
    if arm is None:
        homography = base_from_pixel(bare.raw, source, grid, beam)
        shadow = _pixel_shadow(homography, beam)
        anchor = homography @ [beam.columns // 2, beam.rows // 2, 1.0]
        anchor = anchor[:2] / anchor[2]
    else:
        middle_mm = float(np.linalg.norm(grid.centre_lps_mm - beam.source_lps_mm))
        shadow = arm.pixel_mm * middle_mm / arm.source_to_detector_mm / grid.spacing_mm[others]
        anchor = source[others]
    steps = np.clip(shadow, FINEST_VOXELS, COARSEST_VOXELS)
    away = (np.array(grid.shape) - 1) / 2.0 - source
    lean = np.abs(away[others] / max(abs(away[axis]), 1.0))
    # Too near errs more than too far: rounded up from a tenth on.
    columns, elements = np.clip(np.ceil(0.5 * lean / steps - 0.1), 1, _FARTHEST).astype(int)
    return replace(bare, steps=steps, anchor=anchor, apart=(int(columns), int(elements)))


def _plane(grid: Grid, beam: ConeBeam, raster: _Raster) -> tuple[Array, int, int]:
    """The base plane: (3, 3) index from (column, element, 1), and how many columns and elements it has."""
    homography = base_from_pixel(raster.raw, grid.index_from_lps(beam.source_lps_mm), grid, beam)
    shadow = _corners(beam) @ homography.T
    shadow = shadow[:, :2] / shadow[:, 2:]
    room = MARGIN + np.array(raster.apart)
    first = np.floor((shadow.min(axis=0) - raster.anchor) / raster.steps) - room
    last = np.ceil((shadow.max(axis=0) - raster.anchor) / raster.steps) + room
    found = raster.raw.copy()
    found[raster.others, [0, 1]] = raster.steps
    found[raster.others, 2] = raster.anchor + first * raster.steps
    columns, count = (last - first).astype(int) + 1
    return found, int(columns), int(count)


def _corners(beam: ConeBeam) -> Array:
    """The detector's corners (4, 3) as (column, row, 1)."""
    return np.array([[c, r, 1.0] for c in (-0.5, beam.columns - 0.5) for r in (-0.5, beam.rows - 0.5)])


def _level(slices: int, source: float, detector: float) -> float:
    """Where the base plane lies along the main axis: the middle of the slices beyond the source."""
    low, high = -0.5, slices - 0.5
    if detector > source:
        low = max(low, min(source + 1.0, high))
    else:
        high = min(high, max(source - 1.0, low))
    return 0.5 * (low + high)


def _pixel_shadow(homography: Array, beam: ConeBeam) -> Array:
    """Size of a pixel's shadow on the base plane along its two axes, at the detector's middle."""
    column, row = 0.5 * (beam.columns - 1), 0.5 * (beam.rows - 1)
    x, y, depth = homography @ [column, row, 1.0]
    first = (homography[:2, :2] * depth - np.outer([x, y], homography[2, :2])) / depth**2
    return np.asarray(np.hypot(first[:, 0], first[:, 1]))


def _places(index_from_base: Array, source: Array, axis: int, slices: int) -> Array:
    """For each slice the row offset and step and the index offset and step; steps of zero where it is not crossed."""
    rows, width = _others(axis)
    share = (np.arange(slices) - source[axis]) / (index_from_base[axis, 2] - source[axis])
    found = np.zeros((slices, 4))
    for n, (other, column) in enumerate(((rows, 0), (width, 1))):
        found[:, 2 * n] = source[other] + share * (index_from_base[other, 2] - source[other])
        found[:, 2 * n + 1] = share * index_from_base[other, column]
    found[share <= 0.0] = 0.0
    return found


def exact(absorber: Absorber, beam: ConeBeam, model: str = "linear") -> Array:
    """The same line integrals ray by ray in float64, (channels, rows, columns): "linear" between centres, or "box" voxels."""
    from pedicle.kernels.line_integrals import line_integrals

    lengths = np.linalg.norm(beam.pixel_lps_mm(beam.pixels()) - beam.source_lps_mm, axis=-1)
    source = absorber.grid.index_from_lps(beam.source_lps_mm)
    detector = np.stack(index_basis(absorber.grid, beam))
    channels = [line_integrals(values, source, detector, lengths, model) for values in absorber.values]
    return np.asarray(np.stack(channels) * absorber.scale)


def rms_percent(image: ArrayLike, reference: ArrayLike) -> float:
    """Root mean square difference over lit pixels in percent of their mean line integral."""
    image, reference = np.asarray(image, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    lit = reference > 0
    return float(100.0 * np.sqrt(((image - reference)[lit] ** 2).mean()) / reference[lit].mean())
