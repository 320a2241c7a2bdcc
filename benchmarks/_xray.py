"""X-ray pictures to register to, drawn by another model than the search's.

The patient at half the voxel, ray by ray in float64 through boxes (Siddon), the whole body about a vertebra that has moved
against it by 1 mm and 3 deg, a needle and cement in it, and a source up to 5 mm from where the geometry says. Energies,
automatic exposure, scatter, glare, blur and noise are the package's own (`fluoroscopy.picture`): the search knows none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.phantom_look import data_folder
from pedicle.fluoroscopy.automatic import with_charge
from pedicle.fluoroscopy.columns import beam_seen_from
from pedicle.fluoroscopy.machine import usual_technique
from pedicle.fluoroscopy.materials import CHANNELS, absorber, shares
from pedicle.fluoroscopy.needle_shadow import cement_shadow, needle_shadows
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import render
from pedicle.fluoroscopy.projection import Absorber, exact, project
from pedicle.fluoroscopy.scene import NEEDLE
from pedicle.fluoroscopy.spread import farther
from pedicle.fluoroscopy.windows import Seen
from pedicle.io.read import read_ct, read_labels
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.needle import catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.se3 import moved
from pedicle.model.volume import Volume
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import PhantomOptions

Array = NDArray[np.float64]
ARM = CArm(source_to_detector_mm=1020.0, source_to_isocentre_mm=510.0, pixel_mm=1.536, rows=200, columns=200)
REAL = {
    "verse014": (("verse014-l1-l5/sub-verse014_ct.nii.gz", "verse014-l1-l5/sub-verse014_seg-vert_msk.nii.gz"), 1.0),
    "totalsegmentator": (
        ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg.nii.gz"),
        1.5,
    ),
}
CEMENT = "cement_barium"
MATERIALS = (*CHANNELS, *NEEDLE, CEMENT)
MUSCLE_HU = 55.0
# What lies this near to a vertebra's label and nearer than to any other moves with it, as its ligaments and unlabelled rim do.
MOVES_WITH_IT_MM = 2.0


@dataclass(frozen=True, eq=False)
class Patient:
    """A CT as the search knows it, and the same patient at half the voxel."""

    name: str
    ct: Volume
    labels: Volume
    fine: Volume
    fine_labels: Volume
    number: int


def halved(values: NDArray[Any]) -> NDArray[Any]:
    a, b, c = (n // 2 for n in values.shape)
    return values[: 2 * a, : 2 * b, : 2 * c].reshape(a, 2, b, 2, c, 2).astype(np.float32).mean(axis=(1, 3, 5))


def halved_volume(fine: Volume) -> Volume:
    """The mean over 2 x 2 x 2 voxels."""
    values = halved(fine.values)
    matrix = np.array(fine.grid.lps_from_ijk)
    matrix[:3, 3] = fine.grid.lps_from_index([0.5, 0.5, 0.5])
    matrix[:3, :3] *= 2.0
    return Volume(Grid(values.shape, matrix), values)


def patient_at_half(name: str, fine: Volume, labels: Volume, number: int) -> Patient:
    """The search knows a CT of twice the voxel, and labels of its own voxels' last eighth."""
    ct = halved_volume(fine)
    a, b, c = ct.values.shape
    coarse = np.ascontiguousarray(labels.values[1::2, 1::2, 1::2][:a, :b, :c])
    return Patient(name, ct, ct.with_values(coarse), fine, labels, number)


@lru_cache(maxsize=1)
def patient_of(name: str, level: str) -> Patient:
    """ "phantom-SEED", a real CT "verse014" (made 1 mm, searched at 2 mm) or "totalsegmentator" (1.5 mm, 3 mm)."""
    number = verse_of_level(level)
    if name.startswith("phantom"):
        made = make_phantom(
            PhantomOptions(
                shape=(256, 256, 256), spacing_mm=(1.0, 1.0, 1.0), top="L1", bottom="L5", seed=int(name.split("-")[1])
            )
        )
        return patient_at_half(name, made.scan.volume, made.labels, number)
    files, spacing = REAL[name]
    scan = read_ct(data_folder() / files[0])
    labels = read_labels(data_folder() / files[1], scan)
    fine = finer(scan.volume, spacing, 3)
    found = patient_at_half(name, fine, finer(labels.volume, spacing, 0), number)
    if np.allclose(scan.volume.grid.spacing_mm, 2.0 * spacing):
        return replace(found, ct=scan.volume, labels=labels.volume)
    return found


def finer(volume: Volume, spacing_mm: float, order: int) -> Volume:
    """The same box on voxels of another size along the same axes: cubic (3) or nearest (0)."""
    from scipy.ndimage import affine_transform

    step = spacing_mm / volume.grid.spacing_mm
    shape = tuple(int(n) for n in np.floor((np.array(volume.grid.shape) - 1) / step) + 1)
    matrix = np.array(volume.grid.lps_from_ijk)
    matrix[:3, :3] *= step
    values = volume.values if order == 0 else volume.values.astype(np.float32)
    return Volume(Grid(shape, matrix), affine_transform(values, step, output_shape=shape, order=order, mode="nearest"))


def beams_for(centre: Array, views: list[tuple[float, float]]) -> list[ConeBeam]:
    return [
        ConeBeam.aimed(ARM, centre, View.from_dicom_angles("v", *angles).detector_lps, [0.0, 0.0, 1.0])
        for angles in views
    ]


@dataclass(frozen=True, eq=False)
class Truth:
    """Where body and vertebra lie, and how much farther away than stated the source is."""

    body: Pose
    vertebra: Pose
    farther_mm: float


def drawn_truth(chance: np.random.Generator, centre: Array) -> Truth:
    """The body turned by a few degrees; the vertebra moved against its neighbours by about 1 mm and 3 deg."""
    still = Pose("lps", "ct", np.eye(4))
    whole = moved(still, centre, np.concatenate([chance.normal(0, 3, 3), np.radians(chance.normal(0, 3, 3))]))
    own = np.concatenate([chance.normal(0, 0.7, 3), np.radians(chance.normal(0, 2.0, 3))])
    return Truth(whole, moved(whole, centre, own), float(chance.uniform(-5, 5)))


def moving_share(labels: Volume, number: int) -> NDArray[np.float32]:
    """How much of each voxel moves with the vertebra, 0 to 1, soft at its rim."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    spacing = labels.grid.spacing_mm
    own, other = (labels.values == number), (labels.values != number) & (labels.values != 0)
    away = distance_transform_edt(~own, sampling=spacing)
    nearer = away < distance_transform_edt(~other, sampling=spacing) if other.any() else np.ones(own.shape, bool)
    return np.asarray(gaussian_filter(((away <= MOVES_WITH_IT_MM) & nearer).astype(np.float32), 0.7))


@lru_cache(maxsize=1)
def parts_of(patient: Patient) -> tuple[Absorber, Absorber]:
    """The body with muscle in the vertebra's place, and what the vertebra has more; channels of `CHANNELS`."""
    whole = absorber(patient.fine)
    low, high = _box_about(patient.fine_labels.values == patient.number, patient.fine_labels)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    share = moving_share(patient.fine_labels.cropped(low, high), patient.number)
    plain = np.rint(shares(np.array([MUSCLE_HU]))[:, :, None, None] / whole.scale)
    part = whole.values[:, box[0], box[1], box[2]]
    own = np.rint((part - plain) * share).astype(np.int16)
    part -= own
    return whole, Absorber(patient.fine.grid.cropped(low, high), np.ascontiguousarray(own), whole.scale)


def _box_about(inside: NDArray[np.bool_], volume: Volume) -> tuple[list[int], list[int]]:
    room = np.ceil((MOVES_WITH_IT_MM + 4.0) / volume.grid.spacing_mm)
    found = np.argwhere(inside)
    low = np.maximum(found.min(axis=0) - room, 0).astype(int)
    high = np.minimum(found.max(axis=0) + 1 + room, inside.shape).astype(int)
    return low.tolist(), high.tolist()


def needle_and_cement(patient: Patient) -> tuple[PlacedNeedle, Volume]:
    """A needle through the left pedicle's side into the body, and 1.5 mL of cement at its tip, in the CT's frame."""
    middle = patient.fine.grid.lps_from_index(np.argwhere(patient.fine_labels.values == patient.number).mean(axis=0))
    tip = middle + [3.0, -8.0, 0.0]
    needle = next(needle for needle in catalogue() if needle.gauge == 11)
    matrix = np.eye(4)
    matrix[:3, 3] = tip - 20.0
    grid = Grid((41, 41, 41), matrix)
    points = grid.centres_lps_mm()
    balls = (np.linalg.norm(points - tip - off, axis=-1) < 6.0 for off in ([-2.0, -4.0, 2.0], [-8.0, -1.0, -3.0]))
    filled = np.logical_or(*balls).astype(np.float32)
    return PlacedNeedle(needle, tip, np.array([-0.42, -0.9, -0.1])), Volume(grid, filled)


def paths_of(patient: Patient, real: ConeBeam, truth: Truth) -> NDArray[np.float32]:
    """Line integrals (materials, rows, columns) in mm for the geometry as it really is."""
    around, own = parts_of(patient)
    in_vertebra = beam_seen_from(real, truth.vertebra)
    found = np.zeros((len(MATERIALS), real.rows, real.columns), np.float32)
    found[: len(CHANNELS)] = exact(around, beam_seen_from(real, truth.body), "box") + exact(own, in_vertebra, "box")
    needle, filled = needle_and_cement(patient)
    for shadow in [*needle_shadows(needle, in_vertebra), cement_shadow(filled, in_vertebra, CEMENT)]:
        shadow.add_to(found[MATERIALS.index(shadow.material)])
    return found


def target(patient: Patient, beam: ConeBeam, truth: Truth, seed: int) -> Seen:
    """One pulse; the search is told the nominal beam, and nothing of the needle and the cement."""
    real = farther(beam, truth.farther_mm)
    paths = np.maximum(paths_of(patient, real, truth), 0.0)
    technique = usual_technique()
    technique = with_charge(technique, paths, MATERIALS, real)
    return Seen.of_signal(beam, render(paths, MATERIALS, real, technique, PictureOptions(seed=seed)).signal)


def matched_target(absorber: Absorber, beam: ConeBeam, truth: Truth) -> Seen:
    """The search's own model of the vertebra alone."""
    return Seen(beam, project(absorber, beam_seen_from(beam, truth.vertebra))[0])
