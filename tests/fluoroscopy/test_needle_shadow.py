"""Needle and cement in view against chords, lengths and volumes that geometry gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.fluoroscopy.needle_shadow import cement_shadow, needle_shadows, row_spans
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR, unit
from pedicle.model.grid import Grid
from pedicle.model.needle import catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.volume import Volume

NEEDLE = next(n for n in catalogue() if n.gauge == 11 and n.length_mm == 125.0)
CENTRE = np.array([12.0, -20.0, 35.0])
# The left planned needle of a lumbar body: forward, to the midline, a little to the feet; pushed from the back.
FORWARD = unit([-np.sin(np.radians(24.0)), -np.cos(np.radians(24.0)), -0.12])


def beam_of(detector_lps, pixel_mm=0.5, size=(256, 256), centre=CENTRE) -> ConeBeam:
    return ConeBeam.aimed(CArm(1100.0, 700.0, pixel_mm, *size), centre, detector_lps, SUPERIOR)


def steel(placed: PlacedNeedle, beam: ConeBeam, parts: int = 4, per_mm: float = 0.0) -> np.ndarray:
    found = {shadow.material: shadow for shadow in needle_shadows(placed, beam, parts, per_mm)}
    return found["steel_316l"].whole(beam).astype(np.float64)


def volume_mm3(paths: np.ndarray, beam: ConeBeam, at_lps_mm: np.ndarray) -> float:
    """Sum over pixels of way times the pixel's area at this depth; rays' obliquity included."""
    rays = beam.rays(beam.pixels())
    square = np.abs(rays @ beam.normal_lps)
    area = np.prod(beam.pixel_mm) / beam.magnification(at_lps_mm) ** 2
    return float((paths * square * area).sum())


def test_a_needle_square_to_the_beam_is_two_walls_of_steel():
    """On the axis of a hollow cannula the chord is outer minus inner diameter; with the stylet in, all but two gaps."""
    beam = beam_of([1.0, 0.0, 0.0], pixel_mm=0.05, size=(41, 41))
    direction = np.array([0.0, -1.0, 0.0])
    placed = PlacedNeedle(NEEDLE, CENTRE + 40.0 * direction, direction, stylet=False)
    wall = NEEDLE.outer_diameter_mm - NEEDLE.inner_diameter_mm
    assert steel(placed, beam, 1)[20, 20] == pytest.approx(wall, rel=1e-6)
    assert steel(replace(placed, stylet=True), beam, 1)[20, 20] == pytest.approx(
        NEEDLE.outer_diameter_mm - 0.1, rel=1e-6
    )


def test_the_profile_across_a_needle_is_a_ring():
    beam = beam_of([1.0, 0.0, 0.0], pixel_mm=0.2, size=(61, 3))
    direction = np.array([0.0, -1.0, 0.0])
    placed = PlacedNeedle(NEEDLE, CENTRE + 40.0 * direction, direction, stylet=False)
    found = steel(placed, beam, 1)[:, 1]
    away = np.linalg.norm(np.cross(beam.rays(beam.pixels())[:, 1], beam.source_lps_mm - CENTRE), axis=-1)
    outer, inner = NEEDLE.outer_diameter_mm / 2, NEEDLE.inner_diameter_mm / 2
    ring = 2 * (np.sqrt(np.maximum(outer**2 - away**2, 0)) - np.sqrt(np.maximum(inner**2 - away**2, 0)))
    np.testing.assert_allclose(found, ring, atol=1e-6)


def test_end_on_the_ray_in_the_wall_runs_the_cannula_s_length():
    """Seen along its axis a wall of steel is as long as the needle, up to the rays' slant: they stay 0.1 mm wide of parallel."""
    placed = PlacedNeedle(NEEDLE, CENTRE, FORWARD, stylet=False)
    beam = beam_of(-FORWARD, pixel_mm=0.05, size=(121, 121))
    found = steel(placed, beam, 1)
    assert found[60, 60] == 0.0
    assert 0.95 * NEEDLE.length_mm < steel(replace(placed, stylet=True), beam, 1)[60, 60] < NEEDLE.length_mm + 0.01


def test_the_left_planned_needle_is_a_dot_in_its_own_view():
    """No wider than 1.5 diameters at the tip's depth, in every direction, with the stylet in and out; prone, detector over
    the back and turned to the patient's left."""
    view = View.towards("bull's-eye left", -FORWARD)
    assert view.detector_over == "back"
    assert view.tilt_toward == "left"
    beam = beam_of(view.detector_lps, pixel_mm=0.2)
    for stylet in (True, False):
        found = steel(PlacedNeedle(NEEDLE, CENTRE, FORWARD, stylet), beam) > 0.1
        pixel = 0.2 / beam.magnification(CENTRE)
        for axis in (0, 1):
            assert 0.8 * NEEDLE.outer_diameter_mm < found.any(axis=axis).sum() * pixel < 1.5 * NEEDLE.outer_diameter_mm


@pytest.mark.parametrize("stylet", [True, False])
@pytest.mark.parametrize("detector", [[1.0, 0.1, 0.2], [-0.3, 1.0, 0.0], [0.7, 0.6, -0.3]])
def test_all_the_steel_is_in_the_picture(stylet, detector):
    """The ways summed over the picture are the needle's volume to 1 %: pi/4 (outer2 - inner2) length and the stylet."""
    short = replace(NEEDLE, length_mm=30.0)
    beam = beam_of(detector, pixel_mm=0.3, size=(400, 400))
    direction = unit([0.1, -1.0, 0.4])
    placed = PlacedNeedle(short, CENTRE + 15.0 * direction, direction, stylet)
    outer, inner = (np.pi / 4 * d**2 for d in (NEEDLE.outer_diameter_mm, NEEDLE.inner_diameter_mm))
    expected = (outer - inner) * (30.0 - 3.0 * stylet)
    if stylet:
        expected += np.pi / 4 * (NEEDLE.inner_diameter_mm - 0.1) ** 2 * 30.0 - _ground_away(
            NEEDLE.inner_diameter_mm / 2 - 0.05
        )
    depth = placed.at(15.0)
    assert volume_mm3(steel(placed, beam), beam, depth) == pytest.approx(expected, rel=0.01)


def _ground_away(radius: float) -> float:
    """What three faces at 30 degrees take from a rod: the height of the nearest face over the disc, summed."""
    x, y = np.meshgrid(*[np.linspace(-radius, radius, 801)] * 2)
    turn = np.radians([0.0, 120.0, 240.0])[:, None, None]
    height = (x * np.cos(turn) + y * np.sin(turn)).max(axis=0) / np.tan(np.radians(30.0))
    return float(height[np.hypot(x, y) < radius].sum() * (x[0, 1] - x[0, 0]) ** 2)


def test_a_bevel_turns_with_its_roll_and_ends_level_with_the_tip():
    """Seen from the side with roll 0 the foremost point of a bevel lies to the head, nothing lies before the tip."""
    direction = np.array([0.0, -1.0, 0.0])
    placed = PlacedNeedle(NEEDLE, CENTRE, direction, stylet=False, shape="bevel")
    beam = beam_of([1.0, 0.0, 0.0], pixel_mm=0.1, size=(101, 101))
    column, row = np.argwhere(steel(placed, beam) > 0).T[::-1]
    front = beam.project(CENTRE + 0.2 * direction)[0] > beam.project(CENTRE)[0]
    tip = beam.project(CENTRE)
    ends = column.max() if front else column.min()
    assert abs(ends - tip[0]) <= 1.5
    assert row[column == ends].mean() < tip[1] - 5
    turned = replace(placed, roll_deg=180.0)
    column, row = np.argwhere(steel(turned, beam) > 0).T[::-1]
    assert row[column == (column.max() if front else column.min())].mean() > tip[1] + 5


def test_a_pixel_is_a_mean_so_that_the_needle_lies_where_it_is():
    """Centroid of each row's shadow against the projected axis: 0.05 pixels, with pixels a third of the needle."""
    beam = beam_of([1.0, 0.0, 0.0], pixel_mm=1.3, size=(100, 100))
    direction = unit([0.05, -0.2, 1.0])
    placed = PlacedNeedle(NEEDLE, CENTRE + 60.0 * direction, direction, stylet=False)
    found = steel(placed, beam)
    for row in range(30, 60):
        centre = (found[row] * np.arange(100)).sum() / found[row].sum()
        ends = beam.project(placed.at(np.array([30.0, 110.0])))
        share = (row - ends[0, 1]) / (ends[1, 1] - ends[0, 1])
        assert centre == pytest.approx(ends[0, 0] + share * (ends[1, 0] - ends[0, 0]), abs=0.05)


def test_the_light_of_a_coarse_pixel_is_the_mean_of_fine_ones():
    """The way given stands for the pixel's light: exp(-0.7 way) equals the mean of 8 x 8 small pixels' light to 1 %, 8 x 8 rays against 16 x 16."""
    coarse, fine = beam_of([1.0, 0.2, 0.1], 0.8, (64, 64)), beam_of([1.0, 0.2, 0.1], 0.1, (512, 512))
    placed = PlacedNeedle(NEEDLE, CENTRE, FORWARD)
    light = np.exp(-0.7 * steel(placed, fine, 2)).reshape(64, 8, 64, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(np.exp(-0.7 * steel(placed, coarse, 8, 0.7)), light, atol=0.01)


def test_what_lies_outside_the_picture_is_left_out_and_nothing_else():
    wide = beam_of([1.0, 0.0, 0.2], size=(256, 256))
    placed = PlacedNeedle(NEEDLE, CENTRE, FORWARD)
    part = wide.cropped((100, 90), 60, 70)
    np.testing.assert_allclose(steel(placed, part), steel(placed, wide)[90:150, 100:170], atol=1e-6)
    away = wide.cropped((0, 240), 10, 10)
    assert not steel(placed, away).any()
    hub = {shadow.material: shadow for shadow in needle_shadows(placed, part)}["pmma"]
    assert hub.paths_mm.size == 0


def test_row_spans_hold_every_pixel_of_a_polygon():
    chance = np.random.default_rng(4)
    beam = beam_of([1.0, 0.0, 0.0], size=(40, 50))
    for _ in range(20):
        corners = chance.uniform(-10, 60, (5, 2))
        share = chance.dirichlet(np.ones(5), 4000)
        inside = np.rint(share @ corners).astype(int)
        inside = inside[(inside >= 0).all(axis=1) & (inside < [50, 40]).all(axis=1)]
        spans = row_spans(corners, beam)
        assert (spans[inside[:, 1], 0] <= inside[:, 0]).all()
        assert (spans[inside[:, 1], 1] > inside[:, 0]).all()


def ball(radius_mm: float, spacing_mm: float) -> Volume:
    n = int(2 * radius_mm / spacing_mm) + 6
    matrix = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    matrix[:3, 3] = CENTRE - spacing_mm * (n - 1) / 2
    grid = Grid((n, n, n), matrix)
    away = np.linalg.norm(grid.centres_lps_mm() - CENTRE, axis=-1)
    return Volume(grid, np.clip((radius_mm - away) / spacing_mm + 0.5, 0.0, 1.0).astype(np.float32))


def test_all_the_cement_is_in_the_picture():
    """A ball of 4.2 ml: the ways summed are its volume, its middle its diameter; the part looked at is its shadow only."""
    filled, beam = ball(10.0, 0.8), beam_of([0.2, 1.0, 0.1], pixel_mm=0.8, size=(200, 200))
    shadow = cement_shadow(filled, beam)
    assert shadow.paths_mm.size < 0.1 * 200 * 200
    whole = shadow.whole(beam)
    volume = float(filled.values.sum()) * filled.grid.voxel_ml * 1000.0
    assert volume == pytest.approx(4.0 / 3.0 * np.pi * 10.0**3, rel=0.01)
    assert volume_mm3(whole, beam, CENTRE) == pytest.approx(volume, rel=0.005)
    assert whole.max() == pytest.approx(20.0, abs=0.4)
    centroid = (np.indices(whole.shape) * whole).sum(axis=(1, 2)) / whole.sum()
    np.testing.assert_allclose(centroid[::-1], beam.project(CENTRE), atol=0.05)


def test_cement_at_the_volume_s_rim_and_out_of_view():
    full = Volume(ball(4.0, 1.0).grid, np.ones(ball(4.0, 1.0).grid.shape, np.float32))
    beam = beam_of([0.0, 1.0, 0.0], pixel_mm=0.5)
    assert volume_mm3(cement_shadow(full, beam).whole(beam), beam, CENTRE) == pytest.approx(full.values.size, rel=0.005)
    assert not cement_shadow(full, beam.cropped((0, 0), 5, 5)).whole(beam).any()
    assert not cement_shadow(full.with_values(np.zeros_like(full.values)), beam).paths_mm.size
