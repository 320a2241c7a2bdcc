"""The picture: same bytes whatever the threads, right volumes, right means."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.density import density_law
from pedicle.phantom.cases import NAMES, named_case
from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions


def test_one_and_two_threads_give_the_same_bytes():
    import numba

    options = PhantomOptions(top="L2", bottom="L2", shape=(60, 66, 24), spacing_mm=(2.5, 2.5, 1.5), seed=3)
    digests = set()
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        made = make_phantom(options)
        volumes = (made.scan.volume, made.labels, made.parts, made.structures)
        digests.add(hashlib.sha256(b"".join(volume.values.tobytes() for volume in volumes)).hexdigest())
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert len(digests) == 1


def test_the_same_options_give_the_same_bytes(small_options: PhantomOptions, small_phantom: Phantom):
    again = make_phantom(small_options)
    assert hashlib.sha256(again.scan.volume.values.tobytes()).digest() == (
        hashlib.sha256(small_phantom.scan.volume.values.tobytes()).digest()
    )


def test_the_label_volume_is_that_of_a_finer_map(small_options: PhantomOptions, small_phantom: Phantom):
    """Labels are taken at voxel centres, so the volume is not biased: 0.3 % at 1 mm against 0.6 mm."""
    options = replace(small_options, top="L1", bottom="L1", spacing_mm=(0.6, 0.6, 0.6), shape=(160, 184, 120))
    fine = make_phantom(replace(options, noise_hu=0.0))
    number = small_phantom.truth["L1"].verse
    coarse_ml = (small_phantom.labels.values == number).sum() * small_phantom.labels.grid.voxel_ml
    fine_ml = (fine.labels.values == number).sum() * fine.labels.grid.voxel_ml
    assert coarse_ml == pytest.approx(fine_ml, rel=0.003)


def test_mean_hu_deep_in_the_bone_does_not_depend_on_the_slices(small_options: PhantomOptions):
    """6 mm inside the L2 body, without noise: 1 % between 1 and 3 mm slices; nearer, the endplate's blur comes in."""
    from pedicle.phantom.query import truth_distance

    means = []
    for thickness, slices in ((1.0, 110), (3.0, 37)):
        options = replace(small_options, spacing_mm=(1.0, 1.0, thickness), shape=(64, 80, slices), noise_hu=0.0)
        phantom = make_phantom(options)
        pose = phantom.truth["L2"].lps_from_vertebra
        raster = np.stack(np.meshgrid(*[np.arange(-9.0, 9.1, 1.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        points = pose @ raster
        points = points[truth_distance(phantom.geometry, "L2", points, exact=False).body < -6.0]
        means.append(phantom.scan.volume.sampled(points).mean())
    assert means[1] == pytest.approx(means[0], rel=0.01)


def test_hu_deep_in_the_bone_is_the_density_by_the_law(quiet_phantom: Phantom):
    """Blur and partial volume leave the mean of the inner body: 4 %."""
    from pedicle.phantom.query import truth_density

    truth = quiet_phantom.truth["T12"]
    raster = np.stack(np.meshgrid(*[np.arange(-5.0, 5.1, 0.5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = truth.lps_from_vertebra @ (raster - [0.0, 2.0, 0.0])
    density = truth_density(quiet_phantom.geometry, "T12", points).mean()
    assert quiet_phantom.scan.volume.sampled(points).mean() == pytest.approx(
        float(density_law(120.0).hu_from_density(density)), rel=0.04
    )


def test_noise_has_the_spread_asked_for(small_options: PhantomOptions, quiet_phantom: Phantom):
    noisy = make_phantom(replace(small_options, noise_hu=20.0))
    difference = noisy.scan.volume.values.astype(float) - quiet_phantom.scan.volume.values
    assert difference.std() == pytest.approx(20.0, rel=0.05)


def test_a_body_has_skin_air_fat_and_a_spine_in_the_middle():
    phantom = make_phantom(
        PhantomOptions(top="L2", bottom="L3", shape=(110, 90, 40), spacing_mm=(3.2, 3.2, 2.0), seed=2)
    )
    hu = phantom.scan.volume.values
    assert (hu[:, -1, :] < -700).mean() > 0.7  # the rest is the table
    assert (hu < -900).any()
    assert 0.05 < ((hu > -130) & (hu < -70)).mean() < 0.6
    assert set(np.unique(phantom.structures.values)) >= {0, 2, 3}
    from scipy.ndimage import label

    outside, count = label(hu[:, :, 20] < -500)
    assert count >= 1
    edge = set(np.unique(np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]]))) - {0}
    assert len(edge) <= 3


def test_a_patients_fat_moves_alone():
    options = PhantomOptions(
        top="L2", bottom="L3", shape=(110, 90, 20), spacing_mm=(3.2, 3.2, 4.0), seed=2, noise_hu=0.0
    )
    usual, dark = (make_phantom(replace(options, fat_shift_hu=shift)).scan.volume.values for shift in (0.0, -8.0))
    change = dark.astype(float) - usual
    assert np.median(change[(usual > -110) & (usual < -98)]) == pytest.approx(-8.0, abs=0.6)
    assert np.median(np.abs(change[(usual > 45) | (usual < -900)])) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_every_named_case_builds(name: str):
    """Small and coarse, so that all can be made: the named levels lie in the picture, what is broken is broken."""
    options = replace(named_case(name), shape=(40, 40, 50), spacing_mm=(5.0, 5.0, 5.0), body=False)
    phantom = make_phantom(options)
    for fracture in options.fractures:
        assert max(phantom.truth[fracture.level].loss_percent) == pytest.approx(fracture.loss_percent, abs=1.0)
    levels = [level.level for level in phantom.truth.levels]
    assert levels.index(options.top) < levels.index(options.bottom)
    assert ("L6" in levels) == options.six_lumbar


def test_a_gas_cleft_is_where_the_truth_says(small_options: PhantomOptions):
    fracture = FractureOptions(level="L1", shape="wedge", loss_percent=35.0, cleft="gas")
    phantom = make_phantom(replace(small_options, fractures=(fracture,), noise_hu=0.0))
    truth = phantom.truth["L1"]
    assert truth.cleft_lps_mm is not None
    assert phantom.scan.volume.sampled(truth.cleft_lps_mm[None])[0] < -350.0  # 4 mm thick: blur fills half of it
    own = phantom.labels.values == truth.verse
    gas = np.argwhere(own & (phantom.scan.volume.values < -200))
    centre = phantom.labels.grid.lps_from_index(gas).mean(axis=0)
    assert np.linalg.norm(centre - truth.cleft_lps_mm) < 3.0


def test_the_label_map_names_what_lies_beside_the_spine():
    phantom = make_phantom(PhantomOptions(top="T10", bottom="T11", shape=(90, 80, 40), spacing_mm=(4.0, 4.0, 3.0)))
    found = phantom.label_map()
    assert {"lung", "aorta", "ribs"} <= set(found.structures or {})
    assert found.landmarks == ("ribs",)
    lung = phantom.scan.volume.values[(found.structures or {})["lung"].values > 0]
    assert np.median(lung) < -700


def test_a_sclerotic_level_is_denser_in_its_upper_half(small_options: PhantomOptions):
    phantom = make_phantom(replace(small_options, sclerotic_level="L2", noise_hu=0.0))
    truth = phantom.truth["L2"]
    assert truth.sclerotic
    upper, lower = (
        phantom.scan.volume.sampled(
            truth.lps_from_vertebra @ np.array([[u, -3.0, w] for u in np.arange(-8.0, 9.0)])
        ).mean()
        for w in (6.0, -6.0)
    )
    assert upper > lower + 120.0
