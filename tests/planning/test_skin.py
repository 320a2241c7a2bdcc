"""Skin only where the scan shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.grid import Grid
from pedicle.model.volume import Volume
from pedicle.planning.skin import find_skin

BACK = np.array([0.0, 1.0, 0.0])


def slab(values_from_back_mm) -> Volume:
    """A volume of 1 mm voxels whose HU depend on the place along the back axis, 0 to 150 mm."""
    places = np.arange(151.0)
    line = np.array([values_from_back_mm(place) for place in places])
    values = np.broadcast_to(line[None, :, None], (11, 151, 11)).astype(np.int16)
    return Volume(Grid((11, 151, 11), np.eye(4)), np.ascontiguousarray(values))


START = np.array([5.0, 20.0, 5.0])


def test_skin_is_where_air_begins():
    found = find_skin(slab(lambda mm: 40 if mm < 83 else -1000), START, BACK)
    # Half-way between the last tissue voxel (82) and the first air voxel (83), at the threshold.
    assert found.point_lps_mm == pytest.approx([5.0, 82.42, 5.0], abs=0.1)
    assert found.reason == ""


def test_an_oblique_line_meets_the_same_skin():
    oblique = np.array([0.0, np.cos(0.02), np.sin(0.02)])
    found = find_skin(slab(lambda mm: 40 if mm < 83 else -1000), START, oblique)
    assert found.point_lps_mm[1] == pytest.approx(82.42, abs=0.1)


def test_a_scan_that_ends_in_tissue_has_no_skin():
    found = find_skin(slab(lambda mm: 40), START, BACK)
    assert found.point_lps_mm is None
    assert found.reason.startswith("depth unknown")


def test_less_than_five_millimetres_of_air_at_the_border_are_not_skin():
    assert find_skin(slab(lambda mm: 40 if mm < 148 else -1000), START, BACK).point_lps_mm is None


def test_padding_is_not_skin():
    found = find_skin(slab(lambda mm: 40 if mm < 83 else -1291), START, BACK)
    assert found.point_lps_mm is None
    assert "without data" in found.reason


def test_voxels_marked_outside_are_not_skin():
    volume = slab(lambda mm: 40 if mm < 83 else -1000)
    outside = np.zeros(volume.grid.shape, bool)
    outside[:, 80:] = True
    assert find_skin(replace(volume, outside=outside), START, BACK).point_lps_mm is None


def test_a_pocket_of_gas_in_the_body_is_not_skin():
    found = find_skin(slab(lambda mm: -1000 if 50 <= mm < 60 or mm > 120 else 40), START, BACK)
    assert found.point_lps_mm is None
    assert "gas" in found.reason


def test_a_thin_table_behind_the_skin_does_no_harm():
    found = find_skin(slab(lambda mm: 40 if mm < 83 or 110 <= mm < 114 else -1000), START, BACK)
    assert found.point_lps_mm[1] == pytest.approx(82.42, abs=0.1)


def test_a_bone_entry_outside_the_scan_is_said():
    assert find_skin(slab(lambda mm: 40), np.array([50.0, 20.0, 5.0]), BACK).point_lps_mm is None
