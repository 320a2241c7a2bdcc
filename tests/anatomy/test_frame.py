"""The frame, heights and volume of an exact solid come back, however it lies."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.frames import angle_deg

TURNS = [(5.0, -4.0, 3.0), (20.0, 0.0, 0.0), (0.0, 12.0, 15.0), (10.0, -16.0, 8.0)]


@pytest.mark.parametrize("turn", TURNS)
def test_axes_within_half_a_degree(solid, setup, posed, grid, turn):
    truth = posed(turn)
    body = setup({"L2": solid(wedge_deg=6.0)}, {"L2": truth})
    found = find_vertebrae(None, body.labels(grid((0.9, 0.9, 0.9))))["L2"]
    frame = found.lps_from_vertebra
    assert max(angle_deg(frame.axis(n), truth.axis(n)) for n in range(3)) < 0.5


@pytest.mark.parametrize(("turn", "wedge"), [((20.0, 7.0, 4.0), 12.0), ((-14.0, 9.0, -11.0), 0.0)])
def test_heights_within_a_tenth_of_a_millimetre(solid, setup, posed, grid, turn, wedge):
    """Half-millimetre voxels cut obliquely, so that their steps average out over the strip."""
    shape = solid(wedge_deg=wedge)
    found = find_vertebrae(None, setup({"L2": shape}, {"L2": posed(turn)}).labels(grid((0.5, 0.5, 0.5))))["L2"]
    heights = found.heights_mm
    assert (heights.anterior, heights.middle, heights.posterior) == pytest.approx(shape.heights(), abs=0.1)
    assert found.wedge_deg == pytest.approx(wedge, abs=0.3)
    assert found.body_depth_mm == pytest.approx(shape.wall_mm - shape.front_mm, abs=0.5)
    assert found.body_width_mm == pytest.approx(2 * shape.half_width_mm, abs=0.5)


def test_body_volume_is_that_of_the_solid(solid, setup, posed, grid):
    shape = solid()
    found = find_vertebrae(None, setup({"L2": shape}, {"L2": posed((8, 5, 3))}).labels(grid((0.8, 0.8, 0.8))))["L2"]
    fine = np.stack(np.meshgrid(*[np.arange(-30, 30, 0.25)] * 3, indexing="ij"), axis=-1)
    exact_ml = shape.body(fine).sum() * 0.25**3 / 1000
    assert found.body_volume_ml == pytest.approx(exact_ml, rel=0.015)


def test_left_is_the_patients_left(solid, setup, posed, grid):
    found = find_vertebrae(None, setup({"L2": solid()}, {"L2": posed((5, 5, 5))}).labels(grid((1, 1, 1))))["L2"]
    assert found.right[0] < -0.9
    assert found.anterior[1] < -0.9
    assert found.superior[2] > 0.9


def test_both_walls_lie_where_the_solids_do(solid, setup, posed, grid):
    """The planes that a needle's depths are counted from, carried back into the solid's own frame."""
    shape, truth = solid(), posed((8, 5, 3))
    found = find_vertebrae(None, setup({"L2": shape}, {"L2": truth}).labels(grid((0.8, 0.8, 0.8))))["L2"]
    places = [[0.0, found.posterior_wall_mm, 0.0], [0.0, found.anterior_wall_mm, 0.0]]
    back = truth.inverse @ (found.lps_from_vertebra @ np.array(places))
    # Less than a voxel: the back of a body bends.
    assert back[:, 1] == pytest.approx([shape.wall_mm, shape.front_mm], abs=0.8)
