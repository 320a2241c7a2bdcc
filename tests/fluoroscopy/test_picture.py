"""A picture's physics: slabs, noise, scatter, lag, collimator, screen."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from pedicle.fluoroscopy.bins import whole_signal
from pedicle.fluoroscopy.machine import mobile_arm, number
from pedicle.fluoroscopy.materials import CHANNELS, absorber, shares
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import (
    blur_weights,
    detector_reading,
    displayed,
    electronic_sigma,
    harmonised,
    kept_part,
    primary_signal,
    render,
)
from pedicle.fluoroscopy.projection import project
from pedicle.fluoroscopy.scatter import kernel_mm, ratio_behind_water
from pedicle.kernels.xray import signal
from pedicle.model.beam import attenuation, energies_kev, spectrum
from pedicle.model.conebeam import ConeBeam
from pedicle.model.grid import Grid
from pedicle.model.shot import Technique
from pedicle.model.volume import Volume

TECHNIQUE = Technique(kvp=75.0, aluminium_mm=0.0, copper_mm=0.1, mas_per_pulse=0.1, pulses_per_s=7.5)
ARM = mobile_arm(binning=2)
BEAM = ConeBeam.aimed(ARM, [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
CLEAN = PictureOptions(scatter=False, noise=False, blur_mm=0.0, noise_reduction=0.0)
WATER = ("water",)


def slab(mm: float) -> np.ndarray:
    return np.full((1, BEAM.rows, BEAM.columns), mm, np.float32)


def test_the_loop_is_beer_and_lambert():
    """Against float64 NumPy: 1e-6 is single precision; also where next to nothing comes through."""
    rng = np.random.default_rng(3)
    paths = rng.uniform(0, 300, (3, 20, 37)).astype(np.float32)
    mu, weights = rng.uniform(0, 0.2, (8, 3)), rng.uniform(0, 1, (8, 2))
    true = np.einsum("bn,brc->nrc", weights, np.exp(-np.einsum("bm,mrc->brc", mu, paths.astype(float))))
    seen = true > 1e-30
    found = np.stack(signal(paths, mu, weights))
    assert found[seen] == pytest.approx(true[seen], rel=2e-5)
    assert found == pytest.approx(true, rel=2e-5, abs=1e-36)
    assert np.stack(signal(np.zeros_like(paths), mu, weights))[0, 0, 0] == pytest.approx(weights[:, 0].sum(), rel=1e-6)


def test_threads_change_nothing():
    paths = np.random.default_rng(1).uniform(0, 200, (1, BEAM.rows, BEAM.columns)).astype(np.float32)
    before = numba.get_num_threads()
    try:
        found = []
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            found.append(render(paths, WATER, BEAM, TECHNIQUE, PictureOptions()).signal)
    finally:
        numba.set_num_threads(before)
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("mm", [0.0, 20.0, 200.0])
def test_a_clean_slab_of_water_lets_through_what_its_spectrum_says(mm):
    found = render(slab(mm), WATER, BEAM, TECHNIQUE, CLEAN).signal
    true = whole_signal(np.array([[mm]]), WATER, TECHNIQUE)[0]
    assert found == pytest.approx(np.full_like(found, true), rel=0.005)


@pytest.mark.parametrize("mm", [0.0, 150.0])
def test_noise_has_the_stated_variance(mm):
    """Quanta counted by hand, keV by keV: photons stopped in a pixel times their energy squared, over the open beam's energy
    squared, through the blur; plus electronics. The grid passes 0.68.

    3 %: 65 536 pixels give a variance to 0.6 % (1 SD) and a little more because blurred neighbours agree.
    """
    options = replace(CLEAN, noise=True, blur_mm=0.4)
    read = detector_reading(slab(mm), WATER, BEAM, TECHNIQUE, options)
    kev, pixel_mm2 = energies_kev(), BEAM.pixel_mm[0] ** 2
    stopped = 1.0 - np.exp(-attenuation("caesium_iodide") * 0.6 * 0.75)
    photons = 0.68 * 0.1 * (1000.0 / 1100.0) ** 2 * pixel_mm2 * stopped * spectrum(75.0, 3.0, 0.1)
    behind, whole = photons * np.exp(-attenuation("water") * mm), (photons * kev).sum()
    quantum = (behind * kev**2).sum() / whole**2
    weights = blur_weights(BEAM, options).astype(float)
    passed = (2.0 * (weights**2).sum() - weights[0] ** 2) ** 2
    stated = quantum * passed + float(electronic_sigma(TECHNIQUE, BEAM, options)) ** 2
    assert read.mean() == pytest.approx((behind * kev).sum() / whole, rel=0.005)
    assert read.var(dtype=np.float64) == pytest.approx(stated, rel=0.03)


def test_four_times_the_charge_is_half_the_noise():
    options = replace(CLEAN, noise=True)
    spread = [
        detector_reading(slab(50.0), WATER, BEAM, replace(TECHNIQUE, mas_per_pulse=mas), options).std()
        for mas in (0.1, 0.4)
    ]
    assert spread[0] / spread[1] == pytest.approx(2.0, rel=0.1)


def test_the_same_seed_gives_the_same_picture_and_each_pulse_its_own_noise():
    first = render(slab(100.0), WATER, BEAM, TECHNIQUE, PictureOptions())
    again = render(slab(100.0), WATER, BEAM, TECHNIQUE, PictureOptions())
    other = render(slab(100.0), WATER, BEAM, TECHNIQUE, PictureOptions(seed=2))
    assert (first.picture == again.picture).all()
    assert (first.signal != other.signal).any()
    noisy = replace(CLEAN, noise=True)
    pulses = [detector_reading(slab(100.0), WATER, BEAM, TECHNIQUE, noisy, frame=n).ravel() for n in (0, 1)]
    assert abs(np.corrcoef(*pulses)[0, 1]) < 0.02


def test_lag_reaches_its_stated_variance_and_forgets_geometrically():
    options = replace(CLEAN, noise=True, noise_reduction=0.5)
    keep = kept_part(options)
    assert keep == pytest.approx(1.0 - 0.5 * 0.97)
    state, single = None, detector_reading(slab(100.0), WATER, BEAM, TECHNIQUE, options)
    for _ in range(25):
        frame = render(slab(100.0), WATER, BEAM, TECHNIQUE, options, state)
        state = frame.state
    assert frame.signal.var() / single.var() == pytest.approx((1 - keep) / (1 + keep), rel=0.1)
    clean = replace(options, noise=False)
    state = render(slab(0.0), WATER, BEAM, TECHNIQUE, clean).state
    after = render(slab(1000.0), WATER, BEAM, TECHNIQUE, clean, state)
    assert after.signal.mean() == pytest.approx(keep, rel=0.01)
    assert after.state.frames == 2
    assert after.state.held is after.picture


def test_scatter_grows_with_thickness_and_shrinks_with_gap_and_grid():
    ratios = [ratio_behind_water(np.array(mm), 150.0, True) for mm in (0.0, 100.0, 200.0, 300.0)]
    assert ratios[0] == 0.0
    assert (np.diff(ratios) > 0).all()
    assert (
        ratio_behind_water(np.array(200.0), 300.0, True) < ratios[2] < ratio_behind_water(np.array(200.0), 150.0, False)
    )
    bare = ratio_behind_water(np.array(200.0), 150.0, False)
    assert ratios[2] / bare == pytest.approx(0.15 / 0.68)


def test_scatter_behind_20_cm_is_of_the_size_textbooks_give():
    """3 to 4 without a grid on a full 30 cm field close to the detector is usual for 20 cm of water (unread)."""
    assert 3.0 < float(ratio_behind_water(np.array(200.0), 0.0, False)) < 4.5


def test_scatter_adds_its_ratio_in_the_middle_and_nothing_in_open_beam():
    """A Gaussian kernel on a square field of half-width h leaves erf(h / sqrt2 s) squared of it in the middle."""
    options = replace(CLEAN, scatter=True)
    middle = np.s_[BEAM.rows // 2, BEAM.columns // 2]
    half = 0.5 * BEAM.columns * BEAM.pixel_mm[0]
    caught = erf(half / (np.sqrt(2.0) * kernel_mm(options.air_gap_mm))) ** 2
    for mm in (0.0, 200.0):
        primary = primary_signal(slab(mm), WATER, TECHNIQUE)[0][middle]
        found = detector_reading(slab(mm), WATER, BEAM, TECHNIQUE, options)[middle]
        ratio = float(ratio_behind_water(np.array(mm), options.air_gap_mm, options.grid))
        assert found / primary - 1.0 == pytest.approx(ratio * caught, rel=0.02, abs=1e-5)
    small = replace(options, field_width_mm=60.0, field_height_mm=60.0)
    assert detector_reading(slab(200.0), WATER, BEAM, TECHNIQUE, small)[middle] < found


def test_glare_fills_a_leads_shadow_with_its_part_of_the_light():
    paths = slab(0.0)
    paths[0, 96:160, 96:160] = 5000.0
    read = detector_reading(paths, WATER, BEAM, TECHNIQUE, replace(CLEAN, scatter=True))
    part = number("detector", "glare")
    assert 0.5 * part < read[128, 128] < part


def test_the_collimator_is_black_and_does_not_count_for_brightness():
    options = replace(CLEAN, field_width_mm=100.0, iris_mm=140.0)
    frame = render(slab(100.0), WATER, BEAM, TECHNIQUE, options)
    half = round(50.0 / BEAM.pixel_mm[0])
    column = BEAM.columns // 2
    assert (frame.picture[:, : column - half - 2] == 0).all()
    assert frame.picture[BEAM.rows // 2, column] == pytest.approx(255 * options.brightness, abs=2)
    assert (
        render(slab(100.0), WATER, BEAM, TECHNIQUE, replace(options, polarity="white bone")).picture[:, :5] == 0
    ).all()


def test_bone_is_dark_as_on_a_fluoroscope_or_white_as_on_a_film():
    paths = np.stack([slab(150.0)[0], slab(0.0)[0]])
    paths[1, 100:140] = 8.0
    for polarity, sign in (("dark bone", -1), ("white bone", 1)):
        options = replace(CLEAN, polarity=polarity, window=3.0)
        picture = render(paths, ("water", "hydroxyapatite"), BEAM, TECHNIQUE, options).picture.astype(int)
        assert sign * (picture[120, 50] - picture[50, 50]) > 20


def test_air_beside_the_patient_does_not_count_for_brightness():
    """A narrow patient in an open beam gets the same grey as a wide one."""
    paths = slab(0.0)
    paths[0, :, 64:128] = 150.0
    found = render(paths, WATER, BEAM, TECHNIQUE, CLEAN).picture
    assert found[BEAM.rows // 2, 96] == pytest.approx(255 * CLEAN.brightness, abs=2)
    assert found[BEAM.rows // 2, 10] == 255


def test_the_window_is_as_wide_as_said():
    """A factor e in the signal is 1 / window of the grey scale."""
    read = np.full((BEAM.rows, BEAM.columns), np.e, np.float32)
    read[:, :100] = 1.0
    shown = displayed(read, BEAM, replace(CLEAN, window=4.0, harmonisation=0.0)).astype(int)
    assert shown[0, 150] - shown[0, 50] == pytest.approx(255.0 / 4.0, abs=1.0)


def test_what_changes_slowly_is_taken_out_by_the_part_asked_for_and_edges_stay():
    """Against SciPy's Gaussian at full size, away from the rims: 0.01 of a ramp of 3, for the blocks of 9 mm. An edge keeps its step."""
    log = np.repeat(np.linspace(-5.0, -2.0, BEAM.columns, dtype=np.float32)[None], BEAM.rows, axis=0)
    log[:, 128:] += 0.3
    step = number("display", "harmonised_spread") / BEAM.pixel_mm[0]
    true = log - 0.5 * gaussian_filter(log, step, mode="nearest")
    found = harmonised(log, BEAM, replace(CLEAN, harmonisation=0.5))
    inner = np.s_[60:-60, 60:-60]
    np.testing.assert_allclose(found[inner], true[inner], atol=0.02)
    assert found[128, 128] - found[128, 127] == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(("polarity", "sign"), [("dark bone", -1), ("white bone", 1)])
def test_a_needle_in_cement_is_darker_than_the_cement(polarity, sign):
    """20 mm of cement, and 1 mm of steel in it, far beyond the window's end: still two greys, and neither is the end."""
    paths = np.stack([slab(200.0)[0], slab(0.0)[0], slab(0.0)[0]])
    paths[1, 100:160, 100:160] = 20.0
    paths[2, 125:135, 90:170] = 1.0
    options = replace(CLEAN, polarity=polarity, window=0.8)
    picture = render(paths, ("water", "cement_barium", "steel_316l"), BEAM, TECHNIQUE, options).picture.astype(int)
    tissue, cement, both = picture[50, 130], picture[110, 130], picture[130, 130]
    assert sign * (cement - tissue) > 60
    assert sign * (both - cement) >= 1
    assert 0 < both < 255


def test_a_bright_flank_takes_no_contrast_from_the_spine():
    """A lateral of a large patient: behind bright air and fat a window over the whole field leaves bone an eighth of the grey
    scale. The measuring field and harmonisation give it more, whatever lies outside.
    """
    paths = slab(300.0)
    paths[0, :, :64] = 120.0
    spine = paths.copy()
    spine[0, 120:126, 100:150] += 12.0
    without, held = (render(p, WATER, BEAM, TECHNIQUE, CLEAN).picture.astype(int) for p in (paths, spine))
    assert without[123, 125] - held[123, 125] > 255 / 6


def test_a_block_of_muscle_from_a_ct_is_its_thickness_in_the_picture():
    """CT, materials, projection and picture together: 150 mm of 55 HU along the central ray. 1.5 %: 2 mm voxels end within half a
    voxel, which is 0.7 % of the signal, and the eight energies.
    """
    grid = Grid((60, 75, 60), np.diag([2.0, 2.0, 2.0, 1.0]) + np.pad([[-59.0], [-74.0], [-59.0]], ((0, 1), (3, 0))))
    paths = project(absorber(Volume(grid, np.full(grid.shape, 55, np.int16))), BEAM)
    read = render(paths, CHANNELS, BEAM, TECHNIQUE, CLEAN).signal
    share = shares(np.array([55.0]))[:, 0]
    true = whole_signal(150.0 * share[:, None], CHANNELS, TECHNIQUE)[0]
    assert read[BEAM.rows // 2, BEAM.columns // 2] == pytest.approx(true, rel=0.015)


def test_paths_of_another_size_are_refused():
    with pytest.raises(ValueError, match="paths"):
        render(slab(1.0), ("water", "adipose"), BEAM, TECHNIQUE, CLEAN)
