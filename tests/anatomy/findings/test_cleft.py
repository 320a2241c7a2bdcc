"""Plates of gas and fluid of known volume inside a body."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.cleft import cleft_space, find_cleft


def plate(hu_inside: float, half: tuple[float, float, float]) -> Callable[..., Any]:
    """Sets HU inside an ellipsoid at the body's middle."""

    def lump(points: Any, hu: Any) -> Any:
        inside = ((points / np.array(half)) ** 2).sum(axis=-1) < 1
        return np.where(inside, hu_inside, hu)

    return lump


@pytest.mark.parametrize(("hu", "kind"), [(-780.0, "gas"), (15.0, "fluid")])
def test_a_plate_is_found_by_what_fills_it(changed: Any, hu: float, kind: str) -> None:
    half = (12.0, 9.0, 2.5)
    vertebra, scan = changed(lump=plate(hu, half), marrow_hu=130.0)
    assert find_cleft(vertebra, scan, fractured=True) == kind
    true_ml = 4 / 3 * np.pi * np.prod(half) / 1000
    # voxels of 1 mm on a plate of 5 mm; fluid is smoothed before it is told from marrow and loses its rim
    assert 0.5 * true_ml < cleft_space(vertebra, scan).volume_ml < 1.2 * true_ml


def test_a_ball_of_fluid_is_no_cleft_and_an_intact_body_is_not_searched(changed: Any) -> None:
    vertebra, scan = changed(lump=plate(20.0, (6.0, 6.0, 6.0)), marrow_hu=130.0)
    assert find_cleft(vertebra, scan, fractured=True) == "none"
    gas, its_scan = changed(lump=plate(-780.0, (12.0, 9.0, 2.5)))
    assert find_cleft(gas, its_scan, fractured=False) == "none"


def test_loose_marrow_is_not_told_from_fluid(changed: Any) -> None:
    vertebra, scan = changed(lump=plate(15.0, (12.0, 9.0, 2.5)), marrow_hu=40.0)
    assert find_cleft(vertebra, scan, fractured=True) == "none"


def test_without_ct_nothing_is_claimed(seen: Any) -> None:
    assert find_cleft(seen[0], None, fractured=True) is None
