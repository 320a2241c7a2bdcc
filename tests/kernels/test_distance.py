"""Distances equal another program's and the exact distance to simple solids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from pedicle.kernels.distance import FAR, signed_distance, squared_distance


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 3.0), (5.0, 0.8, 1.3)])
@pytest.mark.parametrize("share", [0.0005, 0.02, 0.5])
def test_equals_scipy(spacing, share):
    rng = np.random.default_rng(3)
    sites = rng.random((31, 44, 27)) < share
    found = np.sqrt(squared_distance(sites, spacing))
    assert np.abs(found - distance_transform_edt(~sites, sampling=spacing)).max() < 1e-5


def test_nothing_to_be_near_to_is_far():
    assert (squared_distance(np.zeros((4, 5, 6), bool), (1, 1, 1)) == np.float32(FAR)).all()


def test_one_cell_thick_grids():
    sites = np.zeros((1, 9, 1), bool)
    sites[0, 4, 0] = True
    assert np.sqrt(squared_distance(sites, (1, 0.5, 1)))[0, :, 0] == pytest.approx(np.abs(np.arange(9) - 4) * 0.5)


def test_flat_face_lies_between_the_centres():
    inside = np.zeros((20, 20, 20), bool)
    inside[:, :, 10:] = True
    exact = (9.5 - np.arange(20)) * 2.0
    assert signed_distance(inside, (1, 1, 2.0))[10, 10] == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0)])
def test_sphere_is_right_to_a_third_of_a_voxel(spacing):
    """The surface itself is only known to half a voxel; on average over the sphere it must not drift."""
    axes = [(np.arange(-25, 25.1, step)) for step in spacing]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    exact = np.sqrt(x * x + y * y + z * z) - 16.3
    error = signed_distance(exact < 0, spacing) - exact
    near = np.abs(exact) < 6
    assert abs(error[near].mean()) < 0.1 * max(spacing)
    assert error[near].std() < max(spacing) / 3
