"""X-ray pictures to register to, drawn by another model than the search's.

Siddon through boxes of half the voxel, many energies, scatter, noise, a needle and cement, the whole body around, against which the vertebra
moved by 1 mm and 3 deg, and a source up to 5 mm from where the geometry says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.phantom_look import data_folder
from pedicle.fluoroscopy.columns import beam_seen_from
from pedicle.fluoroscopy.projection import Absorber, exact, project
from pedicle.fluoroscopy.spread import farther
from pedicle.fluoroscopy.windows import Seen
from pedicle.io.read import read_ct, read_labels
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import Pose, unit
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
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


@dataclass(frozen=True)
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


@cache
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


@dataclass(frozen=True)
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


def materials(hu: NDArray[Any]) -> NDArray[np.float32]:
    """Soft tissue and bone mineral, g/cm3, (2, i, j, k)."""
    hu = np.maximum(hu.astype(np.float32), -1000.0)
    bone = 0.8e-3 * np.maximum(hu - 60.0, 0.0)
    return np.stack([np.minimum(1.0 + hu / 1000.0, 1.06), bone]).astype(np.float32)


@cache
def parts_of(patient: Patient) -> tuple[Absorber, Absorber]:
    """The body with soft tissue in the vertebra's place, and what the vertebra has more."""
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter((patient.fine_labels.values == patient.number).astype(np.float32), 0.7)
    whole = materials(patient.fine.values)
    plain = np.array([1.04, 0.0], np.float32)[:, None, None, None]
    own = (whole - plain) * share
    where = np.argwhere(share > 0.01)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    crop = Absorber(patient.fine.grid.cropped(low, high), np.ascontiguousarray(own[:, box[0], box[1], box[2]]))
    return Absorber(patient.fine.grid, np.ascontiguousarray(whole - own)), crop


def chord_ball(beam: ConeBeam, centre: Array, radius: float) -> Array:
    ray = beam.rays(beam.pixels())
    to = centre - beam.source_lps_mm
    along = ray @ to
    return 2.0 * np.sqrt(np.maximum(radius**2 - (to @ to - along**2), 0.0))


def chord_rod(beam: ConeBeam, tip: Array, axis: Array, length: float, radius: float) -> Array:
    """Way through a cylinder from its tip backwards along `axis`."""
    ray, to = beam.rays(beam.pixels()), beam.source_lps_mm - tip
    d, o = ray - (ray @ axis)[..., None] * axis, to - (to @ axis) * axis
    a, b, c = (d * d).sum(-1), d @ o, o @ o - radius**2
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    ends = np.stack([(-b - root) / a, (-b + root) / a])
    caps = np.sort(np.stack([(0.0 - to @ axis) / (ray @ axis), (length - to @ axis) / (ray @ axis)]), axis=0)
    way = np.minimum(ends[1], caps[1]) - np.maximum(ends[0], caps[0])
    return np.where(b * b - a * c > 0, np.maximum(way, 0.0), 0.0)


@cache
def spectrum() -> dict[str, Array]:
    """80 kVp through 3 mm Al and 0.1 mm Cu in 5 keV bins, weighed by energy; mass attenuation cm2/g."""
    from importlib.resources import files

    with np.load(str(files("pedicle") / "data" / "fluoroscopy" / "beam.npz")) as table:
        names = ("soft_tissue", "hydroxyapatite", "iron", "pmma", "barium_sulfate")
        filters = 2.7 * 0.3 * table["attenuation_aluminium"] + 8.96 * 0.01 * table["attenuation_copper"]
        weight = table["fluence"][table["kvp"] == 80][0] * table["kev"] * np.exp(-filters)
        bins = np.arange(len(weight)) // 5
        total = np.bincount(bins, weight)
        found = {
            name: np.bincount(bins, weight * table[f"attenuation_{name}"]) / np.maximum(total, 1e-30) for name in names
        }
        lit = total > 1e-4 * total.sum()
    return {"weight": total[lit] / total.sum(), **{name: values[lit] for name, values in found.items()}}


def polychromatic(soft: Array, bone: Array, steel: Array, cement: Array) -> Array:
    """Signal of paths in g/cm2, with steel and cement (30 % barium sulphate) in mm."""
    s = spectrum()
    cement_mu = 0.1515 * (0.7 * s["pmma"] + 0.3 * s["barium_sulfate"])
    signal = np.zeros_like(soft)
    for n, weight in enumerate(s["weight"]):
        depth = s["soft_tissue"][n] * soft + s["hydroxyapatite"][n] * bone + 0.787 * s["iron"][n] * steel
        signal += weight * np.exp(-depth - cement_mu[n] * cement)
    return signal


def target(patient: Patient, beam: ConeBeam, truth: Truth, chance: np.random.Generator) -> Seen:
    """A picture by the other model; the search is told the nominal beam and nothing of the needle and the cement."""
    from scipy.ndimage import gaussian_filter

    real = farther(beam, truth.farther_mm)
    around, own = parts_of(patient)
    in_vertebra = beam_seen_from(real, truth.vertebra)
    grams = 0.1 * (exact(around, beam_seen_from(real, truth.body), "box") + exact(own, in_vertebra, "box"))
    middle = patient.fine.grid.lps_from_index(np.argwhere(patient.fine_labels.values == patient.number).mean(axis=0))
    tip = middle + [3.0, -8.0, 0.0]
    steel = chord_rod(in_vertebra, tip, unit([0.42, 0.9, 0.1]), 150.0, 1.2)
    cement = chord_ball(in_vertebra, tip + [-2.0, -4.0, 2.0], 5.0)
    primary = polychromatic(grams[0], grams[1], steel, cement)
    pixel = beam.pixel_mm[0]
    light = primary + 0.5 * gaussian_filter(primary, 30.0 / pixel)
    quanta = 1500.0 / np.median(light[grams[0] > 5.0])
    noisy = chance.poisson(np.maximum(light, 0) * quanta) / quanta
    seen = gaussian_filter(noisy, 0.3 / pixel)
    return Seen.of_signal(beam, np.maximum(seen, 1e-4))


def matched_target(absorber: Absorber, beam: ConeBeam, truth: Truth) -> Seen:
    """The search's own model of the vertebra alone."""
    return Seen(beam, project(absorber, beam_seen_from(beam, truth.vertebra))[0])
