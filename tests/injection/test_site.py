"""What an injection is done to: which way is down, where the needle's opening is, how warm cement ages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.injection.delivery import start_delivery
from pedicle.injection.options import InjectOptions
from pedicle.injection.site import Site, site_of
from pedicle.model.cement import age_rate
from pedicle.model.grid import Grid
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple
from tests.injection.test_session import MIXED_S, needle


@pytest.fixture(scope="module")
def site() -> Site:
    return site_of(replace(simple_spine.vertebra(), bone=simple.bone()), InjectOptions(cell_mm=1.5))


def bent(grid: Grid, degrees: float) -> Grid:
    """The grid turned about the patient's left-right axis, as the frame of a vertebra in a curved spine is."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(4)
    turn[1:3, 1:3] = [[c, -s], [s, c]]
    return Grid(grid.shape, turn @ grid.lps_from_ijk)


@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_a_prone_patients_cement_sinks_to_the_front(site, degrees):
    """The weight in the patient's axes, whatever way the grid lies: only to the front, 9.8 Pa a millimetre and g/cm3."""
    turned = replace(site, medium=replace(site.medium, grid=bent(site.grid, degrees)))
    along = turned.fluids(start_delivery(site.line(needle()), 0.0, MIXED_S)).excess_weight_pa_mm
    left, back, head = np.array(along) @ turned.grid.axes
    assert (left, head) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert back == pytest.approx(-9.80665e-3 * 1e3 * (site.cement.density_g_cm3 - 0.95), rel=1e-6)
    assert -15.0 < back < -2.0


def test_cement_leaves_just_ahead_of_the_rim(site):
    placed = needle(6.0, 4.0)
    source = site.source(placed)
    cells = np.stack(np.unravel_index(source.cells, site.grid.shape), axis=1)
    middle = source.weights @ site.grid.lps_from_index(cells)
    ahead = (middle - placed.tip_lps_mm) @ placed.direction_lps
    assert ahead == pytest.approx(placed.needle.inner_diameter_mm / 2.0, abs=0.8)
    assert np.linalg.norm(middle - placed.tip_lps_mm - ahead * placed.direction_lps) < 0.8


def test_cement_in_the_bone_ages_at_the_bodys_temperature(site):
    fluids = site.fluids(start_delivery(site.line(needle()), 0.0, MIXED_S))
    assert fluids.growth_per_s == (pytest.approx(float(age_rate(37.0))), 0.0)
    assert fluids.growth_per_s[0] > 2.0


def test_the_grid_is_not_mirrored(site):
    """Left in the frame is left in the patient: the grid of the simple level is not mirrored."""
    assert site.grid.orientation == ("L", "P", "S")
