"""Leaked cement lies where its place is, takes the volume that left, and stays on its side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from pedicle.injection.leak_shape import distance_to_body_mm, leaked_volume
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_NONE
from tests.injection import simple_level as simple

BONE = simple.bone()
POINTS = simple.pose().inverse @ BONE.parts.grid.centres_lps_mm()
WHERE = {
    "canal": (0.0, 15.0, 0.0),
    "disc": (2.0, 0.0, 13.0),
    "paravertebral": (22.0, 0.0, 0.0),
    "prevertebral_vein": (-22.0, 0.0, 0.0),
    "cava_or_azygos": (-8.0, -14.0, 0.0),
}


def drawn(place, ml):
    outlet = simple.opening(BONE, place, WHERE[place])
    return leaked_volume(BONE, outlet, simple.starts(BONE, outlet), ml).values


@pytest.mark.parametrize("place", WHERE)
@pytest.mark.parametrize("ml", [0.02, 0.5, 1.2345])
def test_a_leak_takes_the_volume_that_left(place, ml):
    filled = drawn(place, ml)
    assert filled.sum(dtype=float) * BONE.parts.grid.voxel_ml == pytest.approx(ml, rel=1e-6)
    assert filled.min() >= 0.0
    assert filled.max() <= 1.0


@pytest.mark.parametrize("place", WHERE)
def test_a_leak_lies_outside_the_bone_in_its_place(place):
    parts = BONE.parts.values[drawn(place, 0.8) > 0]
    # In the canal, and in the gap of at most 2.5 mm that labels leave between it and the wall.
    assert set(np.unique(parts)) <= ({PART_CANAL, PART_NONE} if place == "canal" else {PART_NONE})
    if place == "canal":
        away = distance_transform_edt(BONE.parts.values != PART_CANAL)[drawn(place, 0.8) > 0]
        assert away.max() <= 2.5
        assert np.mean(parts == PART_CANAL) > 0.5


def test_left_is_left_and_a_disc_leak_lies_above_its_endplate():
    assert POINTS[drawn("paravertebral", 0.8) > 0][:, 0].min() > 15.0
    assert POINTS[drawn("prevertebral_vein", 0.8) > 0][:, 0].max() < 0.0
    assert POINTS[drawn("disc", 0.8) > 0][:, 2].min() >= 13.0


def test_in_the_canal_it_is_a_sheet_on_the_wall_and_in_a_vein_a_band_at_its_level():
    off_wall = distance_to_body_mm(BONE)[drawn("canal", 0.3) > 0]
    assert off_wall.mean() < 4.0
    band, lump = (POINTS[drawn(place, 0.8) > 0] for place in ("prevertebral_vein", "paravertebral"))
    assert np.ptp(band[:, 2]) < np.ptp(lump[:, 2])
    assert np.ptp(band[:, 1]) > np.ptp(lump[:, 1])


def test_nothing_left_nothing_drawn():
    assert not drawn("disc", 0.0).any()


def test_more_cement_covers_all_that_less_covered():
    less, more = drawn("paravertebral", 0.4), drawn("paravertebral", 1.0)
    assert (more >= less - 1e-6).all()
    assert not (BONE.parts.values[more > 0] == PART_BODY).any()
