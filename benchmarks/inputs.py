"""Bad and good input: what pedicle makes of every case of the books, and what common readers make of the same NIfTI files."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import (
    dicom_container_cases,
    dicom_content_cases,
    dicom_geometry_cases,
    input_judge,
    inputs_labels,
    inputs_nifti,
)
from benchmarks._table import Row, flags, publish
from benchmarks.case_book import InputCase
from pedicle.io.read import read_ct
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.volume import Volume

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
DICOM = [*dicom_geometry_cases.CASES, *dicom_content_cases.CASES, *dicom_container_cases.CASES]
Peer = Callable[[Path], Scan]
_BOMBS = 39  # files that announce gibibytes; a reader without a budget would take the machine down


def pedicle_rows(name: str, cases: list[Any], verdicts: list[str]) -> list[Row]:
    """Cases, wrong ones and refused good ones of one book."""
    held = [verdict in ("right", "refused") for verdict in verdicts]
    good = [case.code is None for case in cases]
    refused = sum(case and verdict.startswith("refused a good") for case, verdict in zip(good, verdicts, strict=True))
    accepted = sum(verdict.startswith(("silent", "accepted")) for verdict in verdicts)
    kinds = len({(case.row, case.name) for case in cases if case.code is not None})
    return [
        Row(name, "cases (bad kinds, good variants)", f"{len(cases)} ({kinds}, {sum(good)})", "1"),
        Row(name, "as their row says", sum(held), "1", f"{len(cases)}"),
        Row(name, "wrong and silent", accepted, "1", "0"),
        Row(name, "good ones refused", refused, "1", "0"),
    ]


def ct_verdicts(cases: list[InputCase]) -> list[str]:
    """Verdicts of pedicle's own door on a book of CTs."""
    return [outcome.verdict for outcome in input_judge.judge_all(cases, read_ct)]


def label_verdicts() -> list[str]:
    """Verdicts of pedicle's door for label maps."""
    verdicts = []
    for case in inputs_labels.CASES:
        with tempfile.TemporaryDirectory() as folder:
            verdicts.append(inputs_labels.judge(case, Path(folder)).verdict)
    return verdicts


def with_nibabel(path: Path) -> Scan:
    """The usual three lines of nibabel."""
    import nibabel

    image: Any = nibabel.load(path)
    values = np.asanyarray(image.dataobj)
    return _scan(values, LPS_FROM_RAS @ image.affine)


def with_simpleitk(path: Path) -> Scan:
    """The usual three lines of SimpleITK."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return _scan(SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), matrix)


def _scan(values: Any, matrix: Any) -> Scan:
    return Scan(Volume(Grid(values.shape, matrix), values), Acquisition())


def peer_rows() -> list[Row]:
    """Three readers, one judge, the same NIfTI files: bad ones taken without a word, good ones wrong or refused."""
    cases = [case for case in inputs_nifti.CASES if ".nii" in case.path and not case.options and case.row != _BOMBS]
    work = {"bad": sum(case.code is not None for case in cases), "good": sum(case.code is None for case in cases)}
    own = _counts(cases, read_ct)
    rows = []
    for name, read in (("nibabel", with_nibabel), ("SimpleITK", with_simpleitk)):
        theirs = _counts(cases, read)
        rows += [
            Row(f"NIfTI vs {name}", metric, own[metric], "1", "", name, float(theirs[metric]), same_work=work)
            for metric in own
        ]
    return rows


def _counts(cases: list[InputCase], read: Peer) -> dict[str, int]:
    verdicts = []
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            verdicts.append(_peer_verdict(case, read, Path(folder)))
    return {
        "bad files taken": verdicts.count("taken") + verdicts.count("taken and wrong"),
        "of these, marker or HU wrong": verdicts.count("taken and wrong"),
        "good files wrong": verdicts.count("wrong"),
        "good files refused": verdicts.count("good one refused"),
    }


def _peer_verdict(case: InputCase, read: Peer, folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.build(folder)
        try:
            scan = read(folder / case.path)
            marker, hu = input_judge.errors_of(scan)
        except Exception:  # whatever a peer raises is its way to refuse
            return "good one refused" if case.code is None else "refused"
    right = marker <= input_judge.MARKER_LIMIT_MM and hu <= input_judge.HU_LIMIT
    if case.code is not None:
        return "taken" if right else "taken and wrong"
    return "right" if right else "wrong"


def main() -> None:
    """Print the rows; `--quick` leaves out the other readers."""
    chosen = flags(__doc__ or "")
    nifti: list[InputCase] = list(inputs_nifti.CASES)
    rows = pedicle_rows("DICOM series", DICOM, ct_verdicts(DICOM))
    rows += pedicle_rows("NIfTI and NRRD", nifti, ct_verdicts(nifti))
    rows += pedicle_rows("label maps", inputs_labels.CASES, label_verdicts())
    if not chosen.quick:
        rows += peer_rows()
    publish("inputs", rows, chosen)


if __name__ == "__main__":
    main()
