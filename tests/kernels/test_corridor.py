"""The corridor kernels against fields with closed-form distances."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.kernels.corridor import (
    FAR_OUT,
    along,
    best_corridor,
    distance_to_voxels,
    interpolate,
    misplaced,
    ray_length,
    wall_rays,
    widen,
)

SPACING = 0.5


@pytest.fixture(scope="module")
def tunnel() -> np.ndarray:
    """Depth inside a straight tube of 4 mm radius along j, in the middle of a 24 x 40 x 24 mm box."""
    i, j, k = np.indices((49, 81, 49)) * SPACING
    return (4.0 - np.hypot(i - 12.0, k - 12.0) + 0.0 * j).astype(np.float32)


def test_interpolation_is_exact_for_a_linear_field():
    i, j, k = np.indices((5, 6, 7)).astype(np.float32)
    field = 2.0 * i - 3.0 * j + 0.5 * k
    generator = np.random.default_rng(1)
    for point in generator.uniform([0, 0, 0], [4, 5, 6], (50, 3)):
        expected = point @ [2.0, -3.0, 0.5]
        assert interpolate(field, *point, FAR_OUT) == pytest.approx(expected, abs=1e-5)


def test_beyond_the_grid_the_given_value_is_returned():
    field = np.zeros((3, 3, 3), np.float32)
    assert interpolate(field, -0.01, 1.0, 1.0, FAR_OUT) == FAR_OUT
    assert along(field, np.array([[1.0, 1.0, 2.01]]), 7.0)[0] == 7.0


def test_rays_in_a_tube_have_the_tubes_radius(tunnel):
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rays = np.stack([np.cos(angles), 0 * angles, np.sin(angles)], axis=1)
    middle = np.array([[24.0, 40.0, 24.0], [24.0, 60.0, 24.0]])
    # Linear between samples near the wall: a field of slope one is met exactly, float32 aside.
    np.testing.assert_allclose(wall_rays(tunnel, middle, rays, 30.0, SPACING), 4.0, atol=0.02)


def test_a_ray_from_outside_is_negative_and_an_endless_one_is_cut(tunnel):
    assert ray_length(tunnel, np.array([0.0, 40.0, 24.0]), np.array([1.0, 0.0, 0.0]), 30.0, SPACING) < 0
    assert ray_length(tunnel, np.array([24.0, 4.0, 24.0]), np.array([0.0, 1.0, 0.0]), 5.0, SPACING) == 5.0


def rules(radius: float) -> np.ndarray:
    return np.array([radius, 0.5, -3.0, 50.0, SPACING, 20.0, 60.0, 2.0, 0.0, 5.0, 0.5])


def search(depth: np.ndarray, entries: np.ndarray, targets: np.ndarray, blocked: np.ndarray | None = None):
    canal = np.full(depth.shape, 30.0, np.float32)
    walls = np.zeros(depth.shape, np.uint8) if blocked is None else blocked
    middle, limits = np.array([24.0, 40.0, 24.0]), np.array([-90.0, 90.0, 90.0, 0.0])
    return best_corridor(depth, canal, walls, entries, targets, np.zeros(len(targets)), middle, rules(1.5), limits)


def test_the_best_line_is_the_tubes_axis_and_scores_its_clearance(tunnel):
    offsets = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    entries = np.array([[24.0 + a, 78.0, 24.0 + b] for a in offsets for b in offsets])
    targets = np.array([[24.0 + a, 4.0, 24.0 + b] for a in offsets for b in offsets])
    score, row, column = search(tunnel, entries, targets)
    np.testing.assert_array_equal(entries[row], [24.0, 78.0, 24.0])
    np.testing.assert_array_equal(targets[column], [24.0, 4.0, 24.0])
    assert score == pytest.approx(2.5, abs=0.02)  # radius of the tube less the needle's


def test_exhaustive_search_agrees_with_brute_force(tunnel):
    """A tube with a bend, every pair walked in NumPy on a fine step; the early stops must not lose the best."""
    i, j, k = np.indices(tunnel.shape) * SPACING
    depth = (4.0 - np.hypot(i - 12.0 - 0.02 * (j - 20.0) ** 2, k - 12.0)).astype(np.float32)
    depth[:, 62:] = -1.0  # the bone ends behind the entries
    generator = np.random.default_rng(2)
    entries = np.stack([generator.uniform(16, 34, 40), np.full(40, 60.0), generator.uniform(20, 28, 40)], axis=1)
    targets = np.stack([generator.uniform(16, 34, 40), np.full(40, 20.0), generator.uniform(20, 28, 40)], axis=1)
    score, row, column = search(depth, entries, targets)
    values = np.full((40, 40), -9.0)
    for n, entry in enumerate(entries):
        for m, target in enumerate(targets):
            t = np.linspace(0, 1, 400)[:, None]
            values[n, m] = along(depth, target + t * (entry - target), FAR_OUT).min() - 1.5
    # One voxel steps against a tenth of one: a kink between samples is worth under 0.05 mm here.
    assert score == pytest.approx(values.max(), abs=0.05)
    assert values[row, column] >= values.max() - 0.05


def test_a_line_that_meets_other_bone_behind_the_entry_is_not_taken(tunnel):
    depth = tunnel.copy()
    depth[:, 60:] = -1.0  # the bone ends: entries at j = 59
    blocked = np.zeros(tunnel.shape, np.uint8)
    blocked[24, 66, 24] = 1
    entries = np.array([[24.0, 59.0, 24.0], [26.0, 59.0, 24.0]])
    targets = np.array([[24.0, 4.0, 24.0]])
    assert search(depth, entries, targets)[1] == 0
    assert search(depth, entries, targets, blocked)[1] == 1


def test_no_line_through_a_closed_tube(tunnel):
    depth = tunnel.copy()
    depth[:, 38:42] = -5.0
    assert search(depth, np.array([[24.0, 78.0, 24.0]]), np.array([[24.0, 4.0, 24.0]]))[1] == -1


def test_widening_grows_a_point_to_a_ball():
    mask = np.zeros((15, 15, 15), np.uint8)
    mask[7, 7, 7] = 1
    i, j, k = np.indices(mask.shape) - 7
    np.testing.assert_array_equal(widen(mask, 3.2), (i * i + j * j + k * k <= 3.2**2).astype(np.uint8))


def needle_errors(sigma_mm: float, count: int) -> np.ndarray:
    generator = np.random.default_rng(3)
    draws = np.zeros((count, 8))
    draws[:, :2] = sigma_mm * generator.standard_normal((count, 2))
    return draws


def test_shifted_needles_breach_a_tube_as_often_as_the_rayleigh_law_says(tunnel):
    """Two equal normal shifts in a round tube: P(breach) = exp(-(R - r)^2 / 2 sigma^2), exactly."""
    axes = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    canal = np.full(tunnel.shape, 30.0, np.float32)
    sigma, count = 1.4, 20_000
    found = misplaced(
        tunnel,
        canal,
        np.array([24.0, 70.0, 24.0]),
        np.array([24.0, 10.0, 24.0]),
        axes,
        needle_errors(sigma, count),
        np.zeros((3, 3)),
        np.array([1.5, SPACING, 20.0, 60.0, 0.0]),
    )
    expected = np.exp(-(2.5**2) / (2 * sigma**2))
    # Three standard errors of the share, and 2 % for the field's trilinear rounding.
    tolerance = 3 * np.sqrt(expected * (1 - expected) / count) + 0.02 * expected
    assert (found[:, 0] > 0).mean() == pytest.approx(expected, abs=tolerance)
    assert (found[:, 2] > 0).sum() == 0
    walls = np.bincount(found[found[:, 0] > 0, 1].astype(int), minlength=4)
    assert walls.min() > 0.8 * walls.mean()  # a round tube has no preferred wall


def test_the_wall_of_a_breach_is_the_side_the_needle_was_shifted_to(tunnel):
    axes = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    canal = np.full(tunnel.shape, 30.0, np.float32)
    draws = np.zeros((4, 8))
    draws[0, 0], draws[1, 0], draws[2, 1], draws[3, 1] = 3.5, -3.5, 3.5, -3.5
    found = misplaced(
        tunnel,
        canal,
        np.array([24.0, 70.0, 24.0]),
        np.array([24.0, 10.0, 24.0]),
        axes,
        draws,
        np.zeros((3, 3)),
        np.array([1.5, SPACING, 20.0, 60.0, 0.0]),
    )
    np.testing.assert_array_equal(found[:, 1], [0, 1, 2, 3])  # medial, lateral, superior, inferior
    np.testing.assert_allclose(found[:, 0], 1.0, atol=0.05)


def test_distance_from_a_segment_to_points():
    points = np.array([[5.0, 3.0, 0.0], [20.0, 0.0, 0.0]])
    start, end = np.array([0.0, 0.0, 0.0]), np.array([10.0, 0.0, 0.0])
    assert distance_to_voxels(points, start, end) == pytest.approx((3.0, 0.5))
    assert distance_to_voxels(points[1:], start, end) == pytest.approx((10.0, 1.0))
    assert distance_to_voxels(np.empty((0, 3)), start, end)[0] == 1e9


def test_a_bent_needle_leaves_the_straight_line_as_a_parabola(tunnel):
    """Curvature 1/400 per mm to the medial side: after the 60 voxels from entry to target the tip is s^2 / 800 mm off."""
    axes = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    canal = np.full(tunnel.shape, 30.0, np.float32)
    draws = np.zeros((1, 8))
    draws[0, 6] = 1.0 / 400.0
    ends = np.array([24.0, 70.0, 24.0]), np.array([24.0, 10.0, 24.0])
    rules = np.array([1.5, SPACING, 9.0, 60.0, 0.0])
    found = misplaced(tunnel, canal, *ends, axes, draws, np.zeros((3, 3)), rules)[0]
    off = (60.0 * SPACING) ** 2 / 800.0
    assert found[0] == pytest.approx(off + 1.5 - 4.0, abs=0.05)  # the tube's radius is 4 mm, the needle's 1.5
    assert found[1] == 0  # medial
