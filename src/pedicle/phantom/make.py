"""A synthetic patient: options in, CT with label maps and known truth out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Acquisition, LabelMap, Scan
from pedicle.model.vertebra import PART_OTHER_BONE
from pedicle.model.volume import Volume
from pedicle.phantom.geometry import Geometry, build_geometry
from pedicle.phantom.options import PhantomOptions
from pedicle.phantom.scanner import scanned, seen_at, slice_plan
from pedicle.phantom.soft import back_of, slice_table
from pedicle.phantom.truth import PhantomTruth, truth_of

STRUCTURES = {"lung": 1, "aorta": 2, "inferior_vena_cava": 3, "kidney": 4, "liver": 5, "spleen": 6, "heart": 7}
BEHIND_BACK_MM = 22.0
BACKGROUND_HU = 48.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic patient: the CT as the gate would let it in, whole-vertebra labels in VerSe numbers, parts in the
    PART_ codes of `model.vertebra` (with the canal), soft structures by the codes of `STRUCTURES`, and the truth.
    """

    scan: Scan
    labels: Volume
    parts: Volume
    structures: Volume
    truth: PhantomTruth
    geometry: Geometry

    def structure(self, name: str) -> Volume:
        """Mask (uint8, 1 inside) of a soft structure; KeyError for an unknown name."""
        return self.structures.with_values((self.structures.values == STRUCTURES[name]).astype(np.uint8))

    def label_map(self) -> LabelMap:
        """Labels, soft structures and ribs as one noun, with the landmarks that lie in the picture."""
        ribs = (self.parts.values == PART_OTHER_BONE) & (self.labels.values == 0)
        found = {
            name: self.structure(name) for name, code in STRUCTURES.items() if (self.structures.values == code).any()
        }
        landmarks: tuple[str, ...] = ()
        if ribs.any():
            found["ribs"] = self.labels.with_values(ribs.astype(np.uint8))
            landmarks = ("ribs",)
        if (self.labels.values == verse_of_level("sacrum")).any():
            landmarks = ("sacrum", *landmarks)
        return LabelMap(self.labels, "verse", landmarks=landmarks, structures=found or None)


def make_phantom(options: PhantomOptions, progress: Progress = silent) -> Phantom:
    """Build the patient and the picture a scanner would give of it.

    The CT is int16 HU on a canonical grid along L, P, S; label maps hold the value at the voxel centre. The same
    options give the same bytes, whatever the number of threads; the truth does not depend on the voxel size.
    """
    progress(0.0, "shapes")
    geometry = build_geometry(options)
    grid = grid_of(geometry)
    progress(0.1, "painting")
    hu, labels, parts, structures = _painted(geometry, grid)
    if options.scanner_offset_hu:
        hu += np.float32(options.scanner_offset_hu)
    progress(0.6, "scanner")
    values = scanned(hu, options, _noise_spread(geometry, grid))
    del hu
    progress(0.95, "truth")
    truth = truth_of(geometry, grid)
    progress(1.0, "phantom made")
    return Phantom(
        scan=Scan(Volume(grid, values), _acquisition(options)),
        labels=Volume(grid, labels),
        parts=Volume(grid, parts),
        structures=Volume(grid, structures),
        truth=truth,
        geometry=geometry,
    )


def grid_of(geometry: Geometry) -> Grid:
    """The scan's grid: centred on the asked levels in height and on the spine sideways, the back's skin inside."""
    options = geometry.options
    spacing, shape = np.array(options.spacing_mm), np.array(options.shape)
    centres = np.array([link.lps_from_vertebra.origin_mm for link in geometry.links])
    first, last = geometry.index(options.top), geometry.index(options.bottom)
    middle = 0.5 * (centres[first] + centres[last])
    extent = (shape - 1) * spacing
    origin = middle - 0.5 * extent
    origin[0] = centres[first : last + 1, 0].mean() - 0.5 * extent[0]
    back = back_of(list(geometry.links), options) + BEHIND_BACK_MM
    if options.body:
        origin[1] = back - extent[1]
    else:
        origin[1] = centres[first : last + 1, 1].mean() + 22.0 - 0.5 * extent[1]
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(spacing)
    matrix[:3, 3] = np.round(origin, 3)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), matrix)


Painted = tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def _painted(geometry: Geometry, grid: Grid) -> Painted:
    """True picture (on thin slices where the scan's are thick), labels, parts and structures."""
    from pedicle.kernels.phantom_bone import paint_bone
    from pedicle.kernels.phantom_soft import paint_soft

    options, texture = geometry.options, geometry.texture
    plan = slice_plan(options.spacing_mm[2])
    shape = (grid.shape[0], grid.shape[1], grid.shape[2] * plan.every)
    step = np.array([options.spacing_mm[0], options.spacing_mm[1], plan.thin_mm])
    first = np.array(grid.lps_from_ijk[:3, 3])
    first[2] -= (plan.every // 2) * plan.thin_mm
    hu = np.full(shape, BACKGROUND_HU, np.float32)
    labels, parts, structures = (np.zeros(grid.shape, np.uint8) for _ in range(3))
    if options.body:
        heights = first[2] + np.arange(shape[2]) * plan.thin_mm
        table = slice_table(list(geometry.links), options, heights)
        old = float(np.clip((options.age_y - 30.0) / 60.0, 0.0, 1.0))
        paint_soft(hu, structures, first, step, table, texture.short, texture.long, old, plan.every)
        seen_at(hu, options)
    law = np.array([geometry.law.intercept_hu, geometry.law.slope_hu_per_mg_cm3])
    solids = (geometry.rows, geometry.capsules, geometry.rods)
    paint_bone(hu, labels, parts, first, step, *solids, texture.short, texture.long, law, plan.every)
    return hu, labels, parts, structures


def _noise_spread(geometry: Geometry, grid: Grid) -> NDArray[np.float32]:
    """Noise by place (i, j) against the middle of the patient: least at the skin."""
    if not geometry.options.body:
        return np.ones(grid.shape[:2], np.float32)
    table = slice_table(list(geometry.links), geometry.options, np.array([grid.centre_lps_mm[2]]))[0]
    origin, spacing = grid.lps_from_ijk[:3, 3], geometry.options.spacing_mm
    x = (origin[0] + np.arange(grid.shape[0]) * spacing[0]) / table[0]
    y = (origin[1] + np.arange(grid.shape[1]) * spacing[1] - table[2]) / table[1]
    return np.asarray(np.exp(-0.55 * (x[:, None] ** 2 + y[None, :] ** 2)), dtype=np.float32)


def _acquisition(options: PhantomOptions) -> Acquisition:
    return Acquisition(
        kvp=options.kvp,
        kernel=options.kernel,
        contrast=False,
        slice_thickness_mm=options.spacing_mm[2],
        patient_position="HFS" if options.posture == "supine" else "HFP",
        study_date="2026-01-15",
        source_format="phantom",
    )
