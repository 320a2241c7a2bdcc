"""A planned synthetic patient for the gates."""

from __future__ import annotations

import pytest

from pedicle.model.case import Case
from pedicle.model.trajectory import Plan
from pedicle.model.vertebra import Spine


@pytest.fixture(scope="session")
def planned(finished) -> tuple[Spine, Plan]:
    """Spine and plan of the case that the tests go through."""
    case = Case.open(finished)
    return case.load("measure"), case.load("plan")
