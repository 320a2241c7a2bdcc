"""Shared fixtures. Real data lie outside the repository; tests that need them skip where they are absent."""

from __future__ import annotations

import os

# As the command line does, before numpy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from pathlib import Path

import pytest


def data_folder() -> Path:
    given = os.environ.get("PEDICLE_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip("real data not here: set PEDICLE_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def patient_files(tmp_path_factory) -> Path:
    """A small synthetic patient with a wedge at L1, as DICOM and a VerSe label map."""
    from pedicle import procedure
    from pedicle.phantom.cases import named_case

    folder = tmp_path_factory.mktemp("patient")
    procedure.write_phantom(named_case("small"), folder)
    return folder


@pytest.fixture(scope="session")
def finished(patient_files, tmp_path_factory) -> Path:
    """The case of that patient, gone through to the report."""
    from pedicle import procedure
    from tests.coarse_case import COARSE

    out = tmp_path_factory.mktemp("cases") / "case"
    procedure.run(patient_files / "ct", patient_files / "labels_seg-vert_msk.nii.gz", out, COARSE)
    return out


@pytest.fixture(scope="session")
def planned(finished):
    """Spine and plan of that case."""
    from pedicle.model.case import Case

    case = Case.open(finished)
    return case.load("measure"), case.load("plan")
