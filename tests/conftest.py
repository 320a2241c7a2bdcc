"""Shared fixtures. Real data lie outside the repository; tests that need them skip where they are absent."""

from __future__ import annotations

import os
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
