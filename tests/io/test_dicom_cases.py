"""Every DICOM case of the book: the right volume, or a refusal with its row. Truth is the scene the files were drawn from."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from benchmarks import dicom_container_cases, dicom_content_cases, dicom_geometry_cases
from benchmarks.case_book import InputCase
from benchmarks.input_judge import judge
from benchmarks.series_maker import COUNT, Plan, series, write
from pedicle.io.dicom.reader import read_dicom
from pedicle.io.options import ImportOptions
from pedicle.model.errors import InputError

CASES = [*dicom_geometry_cases.CASES, *dicom_content_cases.CASES, *dicom_container_cases.CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_is_right_or_refused_with_its_row(case: InputCase, tmp_path: Path):
    """Marker within 0.5 mm and HU within 5 (the table's limits), else one line with the row's number and a fix."""
    outcome = judge(case, read_dicom, tmp_path)
    assert outcome.holds, outcome.verdict


def test_the_book_is_large_enough():
    kinds = {(case.row, case.code is None) for case in CASES} | {case.name for case in CASES}
    assert len(CASES) >= 150
    assert len(kinds) >= 60
    assert sum(case.code is None for case in CASES) >= 24
    assert {case.row for case in CASES} >= set(range(1, 42))


def test_result_does_not_depend_on_names_or_order(tmp_path: Path):
    datasets = series()
    write(datasets, tmp_path / "a")
    write(datasets[::-1], tmp_path / "b" / "c", [f"{(7 * n) % COUNT:03d}.ima" for n in range(COUNT)])
    first, second = read_dicom(tmp_path / "a"), read_dicom(tmp_path / "b")
    assert (first.volume.values == second.volume.values).all()
    assert (first.volume.grid.lps_from_ijk == second.volume.grid.lps_from_ijk).all()
    assert first.inputs == second.inputs
    assert first.acquisition == second.acquisition


def test_padding_is_outside_and_air(tmp_path: Path):
    """A ring of -2000 becomes `outside` at -1024 HU; nothing else does."""
    ring = next(case for case in CASES if case.name == "padding -2000")
    ring.build(tmp_path)
    volume = read_dicom(tmp_path).volume
    assert volume.outside is not None
    assert set(volume.values[volume.outside].tolist()) == {-1024}
    assert volume.values[~volume.outside].min() > -1100
    assert volume.outside[0, 0].all()


def test_acquisition_says_what_the_header_says(tmp_path: Path):
    write(series(Plan(extra={"ContrastBolusAgent": "IODINE", "ConvolutionKernel": ["Br38f", "3"]})), tmp_path)
    found = read_dicom(tmp_path).acquisition
    assert (found.kvp, found.kernel, found.contrast) == (120.0, "Br38f\\3", True)
    assert (found.slice_thickness_mm, found.patient_position, found.study_date) == (2.0, "HFS", "2024-02-29")
    assert found.calibrated_hu


def test_tilt_is_recorded_when_resampled(tmp_path: Path):
    tilted = next(case for case in CASES if case.name == "gantry tilt 18.5 deg, resampled on request")
    tilted.build(tmp_path)
    scan = read_dicom(tmp_path, ImportOptions(resample=True))
    assert scan.acquisition.tilt_resampled_deg == pytest.approx(18.5, abs=0.01)
    assert "resampled" in {notice.code for notice in scan.warnings}
    assert scan.volume.outside is not None  # the rim that no slice covers


def test_no_patient_text_leaves_the_reader(tmp_path: Path):
    """Name, number, birth date and free text stand nowhere in the scan, nor in a refusal."""
    secret = {"PatientName": "Geheim^Name", "PatientID": "ID-4711", "PatientBirthDate": "19481231"}
    write(series(Plan(extra={**secret, "SeriesDescription": "Geheim^Name"})), tmp_path / "good")
    scan = read_dicom(tmp_path / "good")
    told = f"{scan.acquisition}{scan.inputs}{scan.warnings}"
    spoilt = series(Plan(extra=secret))
    spoilt[3].PatientName = "Andere"
    write(spoilt, tmp_path / "bad")
    with pytest.raises(InputError) as refusal:
        read_dicom(tmp_path / "bad")
    for word in ("Geheim", "4711", "19481231", "Andere"):
        assert word not in told
        assert word not in str(refusal.value)


def test_nothing_is_printed_or_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    """A header full of illegal values: pydicom would quote them, the reader does not."""
    extra = {"PatientName": "Geheim^Name" * 9, "StudyTime": "not a time", "PatientWeight": "1", "StudyID": "Geheim" * 9}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writer complains
        write(series(Plan(extra=extra)), tmp_path)
    capfd.readouterr()
    caplog.clear()
    read_dicom(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert "Geheim" not in caplog.text


def test_progress_runs_from_zero_to_one(tmp_path: Path):
    write(series(), tmp_path)
    seen: list[float] = []
    read_dicom(tmp_path, progress=lambda done, text: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
