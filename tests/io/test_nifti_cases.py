"""Every good and bad NIfTI and NRRD of the book comes out as its row says: right to 0.5 mm and 5 HU, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.input_judge import judge
from benchmarks.inputs_nifti import CASES, HU, MATRIX, orientations, turned
from benchmarks.nifti_maker import Nifti
from pedicle.io.read import read_ct


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_case_comes_out_as_its_row_says(case, tmp_path: Path):
    outcome = judge(case, read_ct, tmp_path)
    assert outcome.holds, outcome.verdict


def test_the_book_is_large_enough():
    refused = [case for case in CASES if case.code is not None]
    assert len(refused) >= 40
    assert len(CASES) - len(refused) >= 8 + 48


def test_48_axis_orders_of_the_same_voxels_are_one_volume(tmp_path: Path):
    """Nothing is resampled, so voxels are equal bit for bit; corners differ by the header's single precision only."""
    Nifti(HU, MATRIX).save(tmp_path / "ct.nii")
    reference = read_ct(tmp_path / "ct.nii").volume
    assert reference.grid.orientation == ("L", "P", "S")
    for letters, axes in orientations():
        values, matrix = turned(axes)
        Nifti(values, matrix).save(tmp_path / "turned.nii")
        found = read_ct(tmp_path / "turned.nii").volume
        assert (found.values == reference.values).all(), letters
        assert found.grid.same_place(reference.grid, 1e-4), letters


def test_a_mirrored_file_is_a_mirrored_volume(tmp_path: Path):
    """Left becomes right in the patient when the file says so: the reader never turns it back."""
    import numpy as np

    Nifti(HU, MATRIX).save(tmp_path / "ct.nii")
    Nifti(HU, np.diag([-1.0, 1, 1, 1]) @ MATRIX).save(tmp_path / "mirrored.nii")
    plain, mirrored = read_ct(tmp_path / "ct.nii").volume, read_ct(tmp_path / "mirrored.nii").volume
    assert mirrored.grid.orientation == ("L", "P", "S")
    assert (mirrored.values == plain.values[::-1]).all()
    places = [v.grid.lps_from_index(np.unravel_index(v.values.argmax(), v.values.shape)) for v in (plain, mirrored)]
    np.testing.assert_allclose(places[1], places[0] * [-1, 1, 1], atol=1e-4)
