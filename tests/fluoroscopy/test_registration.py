"""Finding a vertebra: against its known pose, with pictures that another model drew, and refusals."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm

from pedicle.fluoroscopy.bone_shadow import centre_lps_mm, skeleton_absorber, vertebra_absorber
from pedicle.fluoroscopy.climb import Body
from pedicle.fluoroscopy.columns import beam_axes, beam_seen_from, columns, shadow
from pedicle.fluoroscopy.ends import OPEN_DEPTH, apart_mm, chase_of
from pedicle.fluoroscopy.options import RegistrationOptions
from pedicle.fluoroscopy.projection import Absorber, exact
from pedicle.fluoroscopy.registration import MOTIONS, register
from pedicle.fluoroscopy.spread import farther
from pedicle.fluoroscopy.windows import Fineness, Seen, body_corners, placed, window
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import NumericalError
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.se3 import cross_matrix, motion_between, moved, rotation_of, turn_of
from pedicle.model.volume import Volume
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import PhantomOptions

ARM = CArm(source_to_detector_mm=1020.0, source_to_isocentre_mm=510.0, pixel_mm=1.5, rows=130, columns=130)
STILL = Pose("lps", "ct", np.eye(4))
TRUE = np.array([2.0, -1.5, 3.0, 0.03, -0.04, 0.05])
OFF = np.array([5.0, -6.0, 9.0, -0.06, 0.07, 0.05])
# Where not the search is tried.
FEW = RegistrationOptions(starts=3)


@cache
def spine() -> tuple[Volume, Volume, Volume]:
    """CT of 2 mm, its labels, and the same spine at 1 mm, which the pictures are drawn from."""
    made = make_phantom(PhantomOptions(shape=(112, 112, 112), spacing_mm=(1.0,) * 3, top="L3", bottom="L3", body=False))
    fine = made.scan.volume
    matrix = np.array(fine.grid.lps_from_ijk)
    matrix[:3, 3] = fine.grid.lps_from_index([0.5, 0.5, 0.5])
    matrix[:3, :3] *= 2.0
    grid = Grid((56, 56, 56), matrix)
    coarse = fine.values.reshape(56, 2, 56, 2, 56, 2).astype(np.float32).mean(axis=(1, 3, 5))
    return Volume(grid, coarse), Volume(grid, np.ascontiguousarray(made.labels.values[::2, ::2, ::2])), fine


@cache
def vertebra() -> Absorber:
    ct, labels, _ = spine()
    return vertebra_absorber(ct, labels, 22)


def centre() -> np.ndarray:
    return centre_lps_mm(vertebra())


def truth() -> Pose:
    return moved(STILL, centre(), TRUE)


def beam_of(primary: float, secondary: float = 0.0) -> ConeBeam:
    view = View.from_dicom_angles("v", primary, secondary)
    return ConeBeam.aimed(ARM, centre() + [8.0, -5.0, 6.0], view.detector_lps, [0.0, 0.0, 1.0])


@cache
def picture(primary: float, farther_mm: float = 0.0, needle: bool = True) -> Seen:
    """The whole spine through boxes of 1 mm, two energies, scatter, quanta, and a steel rod across the vertebra."""
    _, _, fine = spine()
    beam = beam_of(primary)
    bone = Absorber(fine.grid, np.maximum(fine.values.astype(np.float32) - 40.0, -60.0)[None] / 1000.0)
    water = exact(bone, beam_seen_from(farther(beam, farther_mm), truth()), "box")[0]
    steel = np.zeros_like(water)
    if needle:
        tip, end = beam.project(truth() @ [centre(), centre() + [20.0, 60.0, 5.0]])
        along = (end - tip) / np.linalg.norm(end - tip)
        to = beam.pixels() - tip
        steel[(np.abs(to[..., 0] * along[1] - to[..., 1] * along[0]) < 1.6) & (to @ along > 0)] = 2.0
    signal = 0.6 * np.exp(-0.035 * water - 0.4 * steel) + 0.4 * np.exp(-0.018 * water - 0.12 * steel)
    signal += 0.3 * signal.mean()
    noisy = np.random.default_rng(int(primary)).poisson(3000.0 * signal) / 3000.0
    return Seen.of_signal(beam, noisy)


def error(found: Pose) -> np.ndarray:
    """Shift in mm and turn in deg that is left."""
    return motion_between(truth(), found, centre()) * [1, 1, 1, *[np.degrees(1)] * 3]


def test_a_turn_is_the_exponential_of_its_matrix():
    for turn in ([0.3, -0.2, 0.9], [0.0, 0.0, 0.0], [1e-9, 0.0, 0.0], [2.0, 1.0, -1.5]):
        np.testing.assert_allclose(rotation_of(turn), expm(cross_matrix(turn)), atol=1e-12)
        np.testing.assert_allclose(turn_of(rotation_of(turn)), turn, atol=1e-9)


def test_a_motion_shifts_the_centre_and_turns_about_it():
    pose = moved(Pose("lps", "ct", np.eye(4)), [10.0, 20.0, 30.0], [1.0, 2.0, 3.0, 0.0, 0.0, np.pi / 2])
    np.testing.assert_allclose(pose @ [10.0, 20.0, 30.0], [11.0, 22.0, 33.0])
    np.testing.assert_allclose(pose @ [11.0, 20.0, 30.0], [11.0, 23.0, 33.0])
    np.testing.assert_allclose(motion_between(STILL, pose, [10.0, 20.0, 30.0]), [1, 2, 3, 0, 0, np.pi / 2], atol=1e-12)


def test_the_columns_are_the_differences_of_new_pictures():
    """A smooth ball and bar; 3 %: slopes over one pixel, steps of 1 mm and 0.6 deg."""
    grid = Grid((40, 40, 40), np.array([[2, 0, 0, -39], [0, 2, 0, -39], [0, 0, 2, -39], [0, 0, 0, 1.0]]))
    points = grid.centres_lps_mm()
    values = np.exp(-((points - [6, 2, -4]) ** 2).sum(-1) / 250.0) + np.exp(
        -((points * [0.7, 2, 1]) ** 2).sum(-1) / 100
    )
    absorber = Absorber(grid, values.astype(np.float32)[None])
    middle = np.array([3.0, -2.0, 1.0])
    view = View.from_dicom_angles("v", 150.0, 20.0)
    beam = ConeBeam.aimed(CArm(1020.0, 600.0, 2.0, 100, 100), [10.0, 5.0, -5.0], view.detector_lps, [0.0, 0.0, 1.0])
    pose = moved(STILL, middle, [4.0, -3.0, 6.0, 0.1, 0.2, -0.1])
    change, amounts = columns(absorber, beam, pose, middle, shadow(absorber, beam, pose))
    for n, step in enumerate([0.5] * 3 + [0.01] * 3):
        motion = np.eye(6)[n] * step
        after, before = (shadow(absorber, beam, moved(pose, middle, s * motion)) for s in (1, -1))
        expected = (after - before) / (2 * step)
        found = np.tensordot(amounts[:, n], change, axes=1)
        assert np.linalg.norm(found - expected) <= 0.03 * np.linalg.norm(expected), n


def test_two_views_by_another_model_find_the_vertebra():
    """1 mm and 1 deg: half the voxel, two energies, scatter and a rod, none of which the search knows."""
    start = moved(truth(), centre(), OFF)
    found = register(vertebra(), [picture(180.0), picture(90.0)], start, around=skeleton_absorber(spine()[0]))
    assert found.converged, found.reason
    left = error(found.lps_from_ct)
    assert np.linalg.norm(left[:3]) <= 1.0
    assert np.abs(left[3:]).max() <= 1.5
    assert found.depth_lps is None
    assert tuple(found.sigmas) == MOTIONS
    assert "2 views" in found.sentence


def test_a_wrong_distance_of_the_source_lies_within_what_is_stated():
    start = moved(truth(), centre(), -0.5 * OFF)
    found = register(vertebra(), [picture(180.0, 5.0), picture(90.0, 5.0)], start, FEW)
    left = error(found.lps_from_ct)
    assert found.converged, found.reason
    assert np.linalg.norm(left[:3]) <= 1.0
    assert left @ np.linalg.solve(found.covariance, left) / 6 <= 4.0


def test_one_view_states_its_depth_apart():
    """Across the beam 0.5 mm; along it the true error lies within three stated deviations, which are much larger."""
    found = register(vertebra(), [picture(180.0)], moved(truth(), centre(), OFF), FEW)
    assert found.converged, found.reason
    axes = beam_axes(beam_of(180.0), truth() @ centre())
    left = axes @ error(found.lps_from_ct)[:3]
    assert np.abs(left[:2]).max() <= 0.5
    np.testing.assert_allclose(np.abs(axes[2] @ found.depth_lps), 1.0, atol=1e-3)
    depth = found.sigma_along_mm(axes[2])
    assert depth >= 4 * found.sigma_along_mm(axes[0])
    assert abs(left[2]) <= 3 * depth
    assert "one view" in found.sentence


def test_two_views_from_nearly_one_place_say_so():
    found = register(vertebra(), [picture(180.0), picture(165.0)], truth(), RegistrationOptions(starts=2, reach_mm=6.0))
    assert [notice.code for notice in found.warnings] == ["views-too-close"]
    assert found.depth_lps is not None


def test_a_mask_leaves_out_what_it_covers():
    """A plate over a third of the picture, masked: the answer stands."""
    seen = picture(180.0)
    plate, usable = seen.attenuation.copy(), np.ones(seen.attenuation.shape, bool)
    plate[40:75, 60:130] += 3.0
    usable[38:77, 58:130] = False
    covered = Seen(seen.beam, plate, usable)
    found = register(vertebra(), [covered, picture(90.0)], moved(truth(), centre(), 0.3 * OFF), FEW)
    assert found.converged, found.reason
    assert np.linalg.norm(error(found.lps_from_ct)[:3]) <= 1.0


def test_cement_is_left_out_and_bone_is_not():
    """A disc of 6 px that takes 1.5 more: nine tenths of its rim are left out, of bone without it less than 1 %."""
    seen, corners = picture(180.0), placed(body_corners(vertebra()), truth())
    away = np.linalg.norm(seen.beam.pixels() - seen.beam.project(truth() @ centre()), axis=-1)
    covered = Seen(seen.beam, seen.attenuation + np.float32(1.5) * (away < 6.0))
    bare, disc = (window(each, corners, 8.0, Fineness(1, 1.0)) for each in (seen, covered))
    away = np.linalg.norm(disc.beam.pixels() - disc.beam.project(truth() @ centre()), axis=-1)
    assert (bare.usable == 0).mean() <= 0.01
    assert (disc.usable[np.abs(away - 6.0) < 0.7] == 0).mean() >= 0.9
    assert away[(disc.usable == 0) & (bare.usable > 0)].max() <= 6.0 + 4.0


def test_an_answer_turned_beyond_reach_is_refused():
    start = moved(truth(), centre(), OFF)
    options = RegistrationOptions(starts=3, reach_deg=3.0)
    found = register(vertebra(), [picture(180.0), picture(90.0)], start, options, skeleton_absorber(spine()[0]))
    assert np.linalg.norm(error(found.lps_from_ct)[:3]) <= 1.0
    assert not found.converged
    assert "turned by 6 deg" in found.reason


def test_an_open_depth_is_no_second_answer():
    """Two poses 6 mm apart along the one beam are one answer; with a second view across they are two."""
    body, options = Body(vertebra(), centre()), RegistrationOptions()
    away = beam_axes(beam_of(180.0), truth() @ centre())[2]
    deeper = moved(truth(), centre(), [*(6.0 * away), 0.0, 0.0, 0.0])
    one, two = (
        chase_of(body, body, [picture(angle) for angle in angles], truth(), options)
        for angles in ((180.0,), (180.0, 90.0))
    )
    assert apart_mm(one, truth(), deeper) == pytest.approx(OPEN_DEPTH * 6.0, rel=0.01)
    assert apart_mm(two, truth(), deeper) == pytest.approx(6.0)


def test_two_places_that_explain_the_pictures_equally_well_are_refused():
    """Both pictures hold the vertebra twice, 15 mm apart and as dark: either place alone would be an answer."""
    apart = np.array([6.0, 0.0, 4.5, 0.0, 0.0, 0.0])
    places = [moved(truth(), centre(), sign * apart) for sign in (1.0, -1.0)]
    pictures = []
    for angle in (180.0, 90.0):
        drawn = sum(shadow(vertebra(), beam_of(angle), place) for place in places)
        pictures.append(Seen(beam_of(angle), np.asarray(drawn, np.float32)))
    found = register(vertebra(), pictures, truth(), RegistrationOptions(starts=4))
    assert min(found.similarity) > RegistrationOptions().minimum_similarity
    assert not found.converged
    assert "two answers fit about as well" in found.reason
    assert "not found" in found.sentence


def test_a_picture_without_the_vertebra_is_refused():
    noise = np.random.default_rng(3).normal(size=(130, 130)).astype(np.float32)
    pictures = [Seen(beam_of(180.0), noise), Seen(beam_of(90.0), noise.T.copy())]
    found = register(vertebra(), pictures, truth(), RegistrationOptions(starts=3, iterations=10))
    assert not found.converged
    assert found.reason in found.sentence


def test_a_start_beside_the_pictures_is_an_error():
    with pytest.raises(NumericalError, match="lies in no picture"):
        register(vertebra(), [picture(180.0)], moved(truth(), centre(), [300.0, 0, 0, 0, 0, 0]))


def test_a_picture_of_another_size_than_its_detector_is_refused():
    with pytest.raises(ValueError, match="differ"):
        Seen(beam_of(180.0), np.zeros((10, 10), np.float32))


def test_labels_must_hold_the_vertebra():
    ct, labels, _ = spine()
    with pytest.raises(ValueError, match="no voxel"):
        vertebra_absorber(ct, labels, 7)


@pytest.mark.data
def test_real_x_rays_end_in_one_pose_from_opposite_starts(shared_data):
    """A forearm in two calibrated real views: 8 mm and 6 deg off either way, one end; its joint's surface lies on the joint's.

    The pixels of the joint's surface and of the shaft were pointed at in the frames by eye: 15 px are 2.5 mm.
    """
    from benchmarks import wrist

    folder = shared_data / wrist.FOLDER
    if not folder.is_dir():
        pytest.skip("no wrist X-rays here")
    bone, frames = wrist.radius_bone(folder), [wrist.frame(folder, camera) for camera in (1, 2)]
    middle, options = centre_lps_mm(bone), RegistrationOptions(finest_mm=0.6, reach_mm=12.0, starts=4)
    off = np.array([4.0, -5.0, 5.0, 0.06, -0.05, 0.07])
    ends = [register(bone, frames, moved(wrist.rough_pose(), middle, sign * off), options) for sign in (1, -1)]
    assert all(end.converged for end in ends)
    assert all(min(end.similarity) >= 0.5 for end in ends)
    apart = motion_between(ends[0].lps_from_ct, ends[1].lps_from_ct, middle)
    assert np.linalg.norm(apart[:3]) <= 0.2
    assert np.degrees(np.linalg.norm(apart[3:])) <= 0.5
    for seen, shaft in zip(frames, ((886.0, 1550.0), (652.0, 1550.0)), strict=True):
        drawn = shadow(bone, seen.beam, ends[0].lps_from_ct)[int(shaft[1])]
        seen_at = (drawn * np.arange(drawn.size)).sum() / drawn.sum()
        assert abs(seen_at - shaft[0]) <= 15.0
