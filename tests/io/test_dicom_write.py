"""The series writer: other programs read the same voxels at the same place, and the same volume gives the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pydicom
import pytest

from benchmarks.series_maker import CENTRE_MM, scene
from pedicle.io.dicom.reader import read_dicom
from pedicle.io.dicom.write import turned, write_ct_series
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition
from pedicle.model.volume import Volume

SHAPE = (62, 56, 42)
FACTS = Acquisition(kvp=100.0, kernel="Br59\\3", contrast=True, patient_position="HFP", study_date="2021-05-04")


def volume(tilt: bool = False) -> Volume:
    """The scene on a canonical grid, or on one turned by a few degrees about all axes."""
    matrix = np.diag([1.5, 1.6, 2.0, 1.0])
    if tilt:
        a, b = np.radians(7.0), np.radians(-4.0)
        first = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        second = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        matrix[:3, :3] = first @ second @ matrix[:3, :3]
    matrix[:3, 3] = CENTRE_MM - matrix[:3, :3] @ (np.array(SHAPE) - 1) / 2
    grid = Grid(SHAPE, matrix)
    noise = np.random.default_rng(2).normal(0.0, 6.0, SHAPE)
    return Volume(grid, np.maximum(scene(grid.centres_lps_mm(), noise), -1020).astype(np.int16))


def orientations() -> list[str]:
    pairs = (("L", "R"), ("P", "A"), ("S", "I"))
    return ["".join(p[s] for p, s in zip(order, signs, strict=True)) for order in permutations(pairs) for signs in product((0, 1), repeat=3)]  # fmt: skip


@pytest.mark.parametrize("letters", orientations())
def test_every_orientation_comes_back_the_same(letters: str, tmp_path: Path):
    """24 orientations of the image plane, each with slices in both directions: one canonical volume."""
    through = "RLPAIS".index(letters[2]) // 2
    low, high = np.zeros(3, int), np.array(SHAPE)
    low[through], high[through] = 9, 33  # few slices, so that writing them is quick
    truth = volume().cropped(low, high)
    write_ct_series(turned(truth, letters), tmp_path, FACTS, seed=1)
    found = read_dicom(tmp_path).volume
    assert np.abs(found.grid.lps_from_ijk - truth.grid.lps_from_ijk).max() < 1e-6
    assert (found.values == truth.values).all()


def test_turned_keeps_every_voxel_in_place():
    truth = volume(tilt=True)
    for letters in ("RAI", "SLP", "IPR"):
        other = turned(truth, letters)
        assert other.grid.orientation == tuple(letters)
        points = truth.grid.lps_from_index([[3, 5, 7], [40, 2, 20]])
        assert (other.sampled(points, order=0) == truth.sampled(points, order=0)).all()
    with pytest.raises(ValueError, match="three axes"):
        turned(truth, "LRS")


def test_simpleitk_sees_the_same_volume(tmp_path: Path):
    import SimpleITK

    truth = volume(tilt=True)
    write_ct_series(truth, tmp_path, FACTS, seed=1)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    assert (SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0) == truth.values).all()
    for index in ((0, 0, 0), (61, 0, 41), (0, 55, 41)):
        place = image.TransformIndexToPhysicalPoint(index)
        assert np.abs(np.array(place) - truth.grid.lps_from_index(index)).max() < 1e-3


def test_oblique_volume_and_its_facts_come_back(tmp_path: Path):
    truth = volume(tilt=True)
    write_ct_series(truth, tmp_path, FACTS, seed=1)
    scan = read_dicom(tmp_path)
    assert scan.volume.grid.same_place(truth.grid, 1e-4)
    assert (scan.acquisition.kvp, scan.acquisition.kernel, scan.acquisition.contrast) == (100.0, "Br59\\3", True)
    assert (scan.acquisition.patient_position, scan.acquisition.study_date) == ("HFP", "2021-05-04")


def test_outside_is_written_as_padding(tmp_path: Path):
    truth = volume()
    outside = np.zeros(SHAPE, bool)
    outside[:6] = True
    write_ct_series(Volume(truth.grid, truth.values, outside), tmp_path, FACTS, seed=1)
    found = read_dicom(tmp_path).volume
    assert found.outside is not None
    assert (found.outside == outside).all()


def test_same_volume_and_seed_same_bytes(tmp_path: Path):
    write_ct_series(volume(), tmp_path / "a", FACTS, seed=1)
    write_ct_series(volume(), tmp_path / "b", FACTS, seed=1)
    write_ct_series(volume(), tmp_path / "c", FACTS, seed=2)
    first, second, third = (_digests(tmp_path / name) for name in "abc")
    assert first == second
    assert first != third
    uids = {pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in tmp_path.rglob("*.dcm")}
    assert len(uids) == 2 * SHAPE[2]


def _digests(folder: Path) -> list[str]:
    return [hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())]


def test_patient_is_plainly_synthetic(tmp_path: Path):
    write_ct_series(volume(), tmp_path, Acquisition(), seed=1)
    header = pydicom.dcmread(next(tmp_path.iterdir()))
    assert str(header.PatientName) == "SYNTHETIC^PHANTOM"
    assert header.BodyPartExamined == "SPINE"
    assert header.SOPInstanceUID.startswith("2.25.")
    assert header.KVP is None


def test_sheared_volume_is_not_written(tmp_path: Path):
    truth = volume()
    matrix = truth.grid.lps_from_ijk.copy()
    matrix[1, 2] = 0.3
    with pytest.raises(ValueError, match="orthogonal"):
        write_ct_series(Volume(Grid(SHAPE, matrix), truth.values), tmp_path, FACTS, seed=1)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_standard_checker_finds_nothing(tmp_path: Path):
    write_ct_series(volume(), tmp_path, FACTS, seed=1)
    out = subprocess.run(["dciodvfy", str(tmp_path / "CT00003.dcm")], capture_output=True, text=True, check=False)
    assert "Error" not in out.stdout + out.stderr
