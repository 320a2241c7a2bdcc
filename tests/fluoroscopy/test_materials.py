"""CT to materials and back: attenuation is conserved at the CT's energy, air weighs nothing."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pedicle.fluoroscopy.materials import AIR_HU, CHANNELS, STEP, absorber, attenuation_at_ct, hu_of, shares
from pedicle.model.density import density_law
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume


def volume(hu, dtype=np.int16, outside=None) -> Volume:
    values = np.asarray(hu, dtype=dtype).reshape(-1, 1, 1)
    mask = None if outside is None else np.asarray(outside, bool).reshape(values.shape)
    return Volume(Grid(values.shape, np.eye(4)), values, mask)


@pytest.mark.parametrize("kvp", [80.0, 120.0, 140.0, None])
def test_the_mixture_gives_the_hounsfield_number_back(kvp):
    """1 HU: the shares are held in steps of 0.26 HU of mineral."""
    hu = np.arange(-950, 7000, 7)
    found = absorber(volume(hu), kvp)
    assert hu_of(found.values * found.scale, kvp)[:, 0, 0] == pytest.approx(hu, abs=1.0)


@pytest.mark.parametrize("kvp", [80.0, 120.0])
def test_bone_holds_the_mineral_of_the_density_law(kvp):
    """The channel's growth with HU is the law's slope: mg of hydroxyapatite a cm3 for each HU, in the place of water.

    1.5 %: here soft tissue, not water, is displaced.
    """
    low, high = shares(np.array([300.0, 1300.0]), kvp)[2]
    assert (high - low) * 3160.0 == pytest.approx(1000.0 / density_law(kvp).slope_hu_per_mg_cm3, rel=0.015)


def test_air_and_what_the_scan_did_not_see_are_exactly_zero():
    found = absorber(volume([-3024, -1024, -1000, AIR_HU - 1, 40, 40], outside=[0, 0, 0, 0, 0, 1]))
    assert found.values.dtype == np.int16
    assert not found.values[:, [0, 1, 2, 3, 5]].any()
    assert found.values[:, 4].any()


def test_tissues_go_where_they_belong():
    lung, fat, muscle, bone = shares(np.array([-750.0, -105.0, 55.0, 900.0])).T
    assert lung[0] == pytest.approx(0.25, abs=0.02)
    assert lung[2] == fat[2] == 0.0
    assert fat[1] > 0.95
    assert muscle[0] > 0.95
    assert bone[2] * 3160.0 == pytest.approx(620.0, abs=40.0)


def test_no_share_jumps():
    """The steepest is fat, all of it within 160 HU."""
    assert np.abs(np.diff(shares(np.arange(-949.0, 12_000.0)), axis=1)).max() < 1.1 / 150.0


def test_what_is_not_a_number_is_air_and_metal_does_not_wrap_round():
    found = absorber(volume([np.nan, np.inf, 30_000.0, 40.4, 39.6], np.float32))
    assert not found.values[:, 0].any()
    assert (found.values >= 0).all()
    assert found.values[2, 1] == found.values[2, 2] == 32767
    assert (found.values[:, 3] == found.values[:, 4]).all()
    assert found.scale == STEP


def test_the_cts_energy_is_where_the_channels_are_taken():
    mu = attenuation_at_ct(120.0)
    assert len(mu) == len(CHANNELS) + 1
    assert mu[3] == pytest.approx(0.0196, abs=0.0006)


def test_making_the_channels_takes_little_more_than_they_hold():
    """A float32 volume's size for each channel is the limit; int16 channels and one slab of scratch are half of it."""
    hu = np.random.default_rng(0).integers(-1000, 1500, (128, 128, 128)).astype(np.int16)
    ct = Volume(Grid(hu.shape, np.eye(4)), hu)
    absorber(ct)
    tracemalloc.start()
    absorber(ct)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.3 * 4 * hu.size * len(CHANNELS)
