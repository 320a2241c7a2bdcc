"""The posterior wall of a formula: hollow by 1 mm, with a bulge of known height."""

from dataclasses import replace
from typing import Any

import pytest

from pedicle.anatomy.posterior_wall import wall_line, wall_state


def test_a_hollow_wall_is_intact(anatomic: Any) -> None:
    vertebra = anatomic.vertebra()
    state = wall_state(vertebra, wall_line(vertebra), None, None)
    assert state is not None
    assert state.state == "intact"
    assert state.narrowing_percent == 0.0


@pytest.mark.parametrize(("bulge", "name"), [(3.5, "bulged"), (5.0, "broken")])
def test_a_bulge_is_measured_against_the_chord(anatomic: Any, bulge: float, name: str) -> None:
    vertebra = replace(anatomic, bulge_mm=bulge, half_depth_mm=20.0).vertebra()
    state = wall_state(vertebra, wall_line(vertebra), None, None)
    assert state is not None
    assert state.state == name
    # the wall is hollow by 1 mm; corners stand 12 % inside the ends, where it is less
    assert state.bulge_mm == pytest.approx(bulge - 0.6, abs=0.5)
    # canal of this formula: from the wall (y = 15 - 1) to y = 38
    assert state.narrowing_percent == pytest.approx(100 * (bulge - 0.6) / (38 - 14 - 0.6), abs=3)


def test_without_maps_there_is_no_wall(anatomic: Any) -> None:
    assert wall_line(replace(anatomic.vertebra(), maps=None)) is None
    assert wall_state(anatomic.vertebra(), None, None, None) is None
