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
    from pedicle.phantom.options import FractureOptions, PhantomOptions

    folder = tmp_path_factory.mktemp("patient")
    options = PhantomOptions(
        top="T12",
        bottom="L2",
        shape=(230, 250, 100),
        spacing_mm=(1.3, 1.3, 1.5),
        fractures=(FractureOptions(level="L1", loss_percent=35.0),),
        seed=11,
    )
    procedure.write_phantom(options, folder)
    return folder


@pytest.fixture(scope="session")
def finished(patient_files, tmp_path_factory) -> Path:
    """The case of that patient, gone through to the report."""
    from pedicle import procedure
    from tests.coarse_case import COARSE

    out = tmp_path_factory.mktemp("cases") / "case"
    procedure.run(patient_files / "ct", patient_files / "labels_seg-vert_msk.nii.gz", out, COARSE)
    return out
