"""Leaked cement lies where its place is, takes the volume that left, and stays on its side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from pedicle.injection.leak_shape import distance_to_body_mm, leaked_volume
from pedicle.model.grid import Grid
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_NONE
from pedicle.model.volume import Volume
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
    band, lump = (drawn(place, 0.8) > 0 for place in ("prevertebral_vein", "paravertebral"))
    # Longer along the wall than high, and close to it.
    assert np.ptp(POINTS[band][:, 1]) > 1.3 * np.ptp(POINTS[band][:, 2])
    assert distance_to_body_mm(BONE)[band].mean() < 0.8 * distance_to_body_mm(BONE)[lump].mean()


def test_beside_the_body_and_in_a_disc_it_is_a_lump():
    """Half a ball on the wall."""
    for place in ("paravertebral", "disc"):
        for ml in (0.05, 0.4):
            height = float(distance_to_body_mm(BONE)[drawn(place, ml) > 0].max())
            assert height == pytest.approx((1.5e3 * ml / np.pi) ** (1.0 / 3.0), abs=1.0)


def test_on_a_grid_of_flat_voxels_a_lump_is_as_round():
    """Voxels twice as high: as high and as wide in millimetres."""
    values = BONE.parts.values[:, :, ::2]
    matrix = BONE.parts.grid.lps_from_ijk @ np.diag([1.0, 1.0, 2.0, 1.0])
    flat = replace(BONE, parts=Volume(Grid(values.shape, matrix), values))
    outlet = simple.opening(BONE, "paravertebral", WHERE["paravertebral"])
    found = leaked_volume(flat, outlet, simple.starts(BONE, outlet), 0.8).values > 0
    spread = np.ptp(np.argwhere(found), axis=0) * flat.parts.grid.spacing_mm
    assert spread[2] == pytest.approx(spread[1], abs=2.0)


def test_nothing_left_nothing_drawn():
    assert not drawn("disc", 0.0).any()


def test_more_cement_covers_all_that_less_covered():
    less, more = drawn("paravertebral", 0.4), drawn("paravertebral", 1.0)
    assert (more >= less - 1e-6).all()
    assert not (BONE.parts.values[more > 0] == PART_BODY).any()
