"""Geometry: where a voxel lies does not depend on how its axes are stored."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pedicle.model.frames import Pose, angle_deg
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume, bounding_box, canonical_order

SHAPE = (5, 7, 9)


def oblique_volume() -> Volume:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [8, -6, 11], degrees=True).as_matrix() * [0.7, 0.9, 2.0]
    matrix[:3, 3] = [-12.0, 30.5, -100.0]
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    return Volume(Grid(SHAPE, matrix), values, values % 11 == 0)


def stored_otherwise(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same voxels in another storage order."""
    index = tuple(slice(None, None, f) for f in flips)
    matrix = np.eye(4)
    matrix[:3, :3] = volume.grid.lps_from_ijk[:3, :3][:, order] * flips
    start = np.zeros(3)
    for source, flip in zip(order, flips, strict=True):
        start[source] = volume.grid.shape[source] - 1 if flip < 0 else 0
    matrix[:3, 3] = volume.grid.lps_from_index(start)
    values = volume.values.transpose(order)[index]
    assert volume.outside is not None
    return Volume(Grid(values.shape, matrix), values, volume.outside.transpose(order)[index])


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((1, -1), repeat=3)))
def test_all_48_storage_orders_become_one_canonical_volume(order, flips):
    truth = oblique_volume()
    found = stored_otherwise(truth, order, flips).canonical()
    assert found.grid.orientation == ("L", "P", "S")
    assert np.array_equal(found.values, truth.values)
    assert np.array_equal(found.outside, truth.outside)
    assert found.grid.same_place(truth.grid, 1e-9)
    assert found.values.flags.c_contiguous


def test_index_and_lps_are_inverse():
    grid = oblique_volume().grid
    points = np.random.default_rng(3).uniform(-50, 50, (20, 3))
    assert np.allclose(grid.lps_from_index(grid.index_from_lps(points)), points, atol=1e-9)


def test_crop_keeps_places():
    volume = oblique_volume()
    part = volume.cropped([1, 2, 3], [4, 6, 8])
    assert np.allclose(part.grid.lps_from_index([0, 0, 0]), volume.grid.lps_from_index([1, 2, 3]))
    assert part.values[0, 0, 0] == volume.values[1, 2, 3]


def test_resampling_reproduces_a_linear_field_and_marks_what_lies_beyond():
    """Trilinear interpolation is exact for a linear field."""
    grid = Grid((20, 20, 20), np.eye(4))
    field = grid.centres_lps_mm() @ np.array([2.0, -1.0, 0.5])
    pose = Pose.from_axes("lps", "box", Rotation.from_euler("z", 20, degrees=True).as_matrix().T, [9.0, 9.0, 9.0])
    inner = Grid.in_frame(pose, [-4, -4, -4], [4, 4, 4], 1.0)
    found = Volume(grid, field).resampled(inner)
    assert found.outside is not None
    assert not found.outside.any()
    assert np.allclose(found.values, inner.centres_lps_mm() @ np.array([2.0, -1.0, 0.5]), atol=1e-9)
    assert Volume(grid, field).resampled(Grid.in_frame(pose, [-40, 0, 0], [0, 2, 2], 1.0)).outside.any()


def test_grid_in_frame_covers_its_box():
    pose = Pose.from_axes("lps", "box", np.eye(3), [1.0, 2.0, 3.0])
    grid = Grid.in_frame(pose, [-5, -5, -5], [5, 5.2, 5], 0.75)
    far = (np.array(grid.shape) - 1) * 0.75 - 5
    assert (far >= [5, 5.2, 5]).all()
    assert np.allclose(grid.lps_from_index([0, 0, 0]), [-4.0, -3.0, -2.0])


def test_bounding_box_is_tight():
    mask = np.zeros((6, 7, 8), bool)
    mask[2:4, 3, 5:8] = True
    low, high = bounding_box(mask)
    assert low.tolist() == [2, 3, 5]
    assert high.tolist() == [4, 4, 8]
    assert bounding_box(np.zeros((2, 2, 2), bool)) is None


@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-179, 179))
def test_pose_and_its_inverse_cancel(a, b, c):
    axes = Rotation.from_euler("zyx", [a, b, c], degrees=True).as_matrix().T
    pose = Pose.from_axes("lps", "needle", axes, [10.0, -20.0, 30.0])
    points = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 7.0]])
    assert np.allclose(pose.inverse @ (pose @ points), points, atol=1e-9)
    assert np.allclose(pose @ [0, 0, 1], pose.origin_mm + pose.axis(2))


def test_poses_compose_only_when_inner_names_meet():
    lps_from_carm = Pose("lps", "carm", np.eye(4))
    with pytest.raises(ValueError, match="does not meet"):
        lps_from_carm.compose(Pose("needle", "tip", np.eye(4)))


def test_a_mirror_is_not_a_pose():
    with pytest.raises(ValueError, match="mirrors"):
        Pose("lps", "x", np.diag([-1.0, 1.0, 1.0, 1.0]))


def test_small_angles_keep_their_digits():
    assert angle_deg([1, 0, 0], [1, 1e-7, 0]) == pytest.approx(np.degrees(1e-7), rel=1e-6)


def test_canonical_order_uses_each_axis_once_near_45_degrees():
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    assert sorted(canonical_order(Grid((2, 2, 2), matrix))) == [0, 1, 2]
