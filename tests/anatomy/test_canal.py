"""The canal is found by looking through, also where the arch is open, and stays where the solid has it."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.frames import angle_deg
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_LEFT_PEDICLE, PART_OTHER_BONE, PART_RIGHT_PEDICLE


@pytest.mark.parametrize("gap", [3.0, 10.0])
def test_open_arch_is_bridged_and_said(solid, setup, posed, grid, gap):
    truth = posed((6.0, 3.0, -4.0))
    labels = setup({"L3": solid(gap_mm=gap)}, {"L3": truth}).labels(grid((1.0, 1.0, 1.0)))
    found = find_vertebrae(None, labels)["L3"]
    assert any(w.code == "arch-open" for w in found.warnings)
    assert angle_deg(found.anterior, -truth.axis(1)) < 1.5


def test_arch_open_too_wide_is_not_guessed(solid, setup, posed, grid):
    """A gap of 30 mm leaves no arch: alone, without neighbours, the level is not evaluable and says why."""
    found = find_vertebrae(None, setup({"L3": solid(gap_mm=30)}, {"L3": posed()}).labels(grid((1.0, 1.0, 1.0))))["L3"]
    assert found.heights_mm is None
    assert "canal" in found.warnings[0].text


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 3.0, 3.0), (0.8, 0.8, 5.0)])
def test_canal_distance_is_that_of_the_tube(solid, setup, posed, grid, spacing):
    """The canal is an ellipse of 11 x 8.5 mm behind the wall: its centre lies 8.5 mm from the front and back wall."""
    truth = posed((5.0, 0.0, 0.0))
    found = find_vertebrae(None, setup({"L3": solid()}, {"L3": truth}).labels(grid(spacing)))["L3"]
    centre = truth @ np.array([0.0, 20.5, 0.0])
    assert found.maps.canal_mm.sampled(centre) == pytest.approx(-8.5, abs=0.6 * max(spacing) + 0.5)
    assert found.canal_depth_mm == pytest.approx(17.0, abs=0.6 * max(spacing) + 0.8)


def test_parts_lie_where_they_belong(solid, setup, posed, grid):
    truth = posed((4.0, 3.0, 6.0))
    found = find_vertebrae(None, setup({"L3": solid()}, {"L3": truth}).labels(grid((1.0, 1.0, 1.0))))["L3"]
    places = {
        PART_BODY: (0.0, -5.0, 0.0), PART_CANAL: (0.0, 20.0, 3.0),
        PART_LEFT_PEDICLE: (14.0, 18.0, 0.0), PART_RIGHT_PEDICLE: (-14.0, 18.0, 0.0),
    }  # fmt: skip
    for part, place in places.items():
        assert found.maps.parts.sampled(truth @ np.array(place), order=0) == part


def test_maps_reach_twelve_millimetres_beyond_the_bone(solid, setup, posed, grid):
    labels = setup({"L3": solid()}, {"L3": posed((4.0, 3.0, 6.0))}).labels(grid((1.0, 1.0, 1.0)))
    maps = find_vertebrae(None, labels)["L3"].maps
    bone = labels.volume.grid.lps_from_index(np.argwhere(labels.volume.values > 0))
    index = maps.parts.grid.index_from_lps(bone)
    room = np.minimum(index.min(axis=0), np.array(maps.parts.grid.shape) - 1 - index.max(axis=0))
    assert (room * maps.parts.grid.spacing_mm >= 11.9).all()


def test_neighbours_are_other_bone(solid, setup, posed, grid):
    poses = {"L3": posed((0, 0, 0), (0, 0, 20.0)), "L4": posed((0, 0, 0), (0, 0, -16.0))}
    labels = setup({"L3": solid(), "L4": solid()}, poses).labels(grid((1.0, 1.0, 1.0), (48, 72, 55)))
    found = find_vertebrae(None, labels)["L3"]
    assert found.maps.parts.sampled(poses["L4"] @ np.array([0.0, 0.0, 12.0]), order=0) == PART_OTHER_BONE


def test_canal_is_carried_over_from_the_neighbours(solid, setup, posed, grid):
    """An arch that is gone between two whole ones: heights and wall still come out, and the loan is said."""
    poses = {level: posed((0, 0, 0), (0, 0, z)) for level, z in (("L2", 36.0), ("L3", 0.0), ("L4", -36.0))}
    solids = {"L2": solid(), "L3": solid(gap_mm=30), "L4": solid()}
    found = find_vertebrae(None, setup(solids, poses).labels(grid((1.2, 1.2, 1.2), (48, 72, 64))))["L3"]
    assert any(w.code == "canal-carried" for w in found.warnings)
    # Endplates that run along the slices are known to half a voxel each.
    assert found.heights_mm.middle == pytest.approx(26.0, abs=1.2)
    assert found.posterior_wall_mm + found.centroid_lps_mm[1] == pytest.approx(12.0, abs=0.9)
    assert found.maps.canal_mm.sampled(np.array([0.0, 20.5, 0.0])) == pytest.approx(-8.5, abs=1.2)
