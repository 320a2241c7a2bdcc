"""A point from two pictures: exact without noise, as uncertain as stated with it, and doubtful where it must be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from pedicle.fluoroscopy.triangulate import Sight, Unseen, jacobian, line_direction, triangulated
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import RefusedError
from pedicle.model.frames import SUPERIOR, unit

ARM = CArm(1100.0, 700.0, 0.4, 768, 768)
POINT = np.array([14.0, -22.0, 180.0])


def beam_at(primary_deg: float) -> ConeBeam:
    view = View.from_dicom_angles("", primary_deg, 4.0)
    return ConeBeam.aimed(ARM, POINT + [8.0, -5.0, 11.0], view.detector_lps, SUPERIOR)


AP = beam_at(180.0)


def sight(beam: ConeBeam, point=POINT, error=(0.0, 0.0), covariance=None) -> Sight:
    return Sight(beam, beam.project(point) + error, np.diag([0.5, 0.5]) ** 2 if covariance is None else covariance)


@pytest.mark.parametrize("apart", [90.0, 60.0, 35.0, 10.0])
def test_without_noise_it_is_the_point(apart):
    found = triangulated(sight(AP), sight(beam_at(180.0 + apart)))
    np.testing.assert_allclose(found.tip_lps_mm, POINT, atol=1e-6)
    assert found.separation_deg == pytest.approx(apart, abs=1.5)
    assert found.miss_mm < 1e-6
    assert [notice.code for notice in found.warnings] == (["tip-views-close"] if apart < 30 else [])


def test_a_step_of_the_point_moves_its_pixel_by_the_jacobian():
    step = np.array([0.02, -0.01, 0.015])
    moved = AP.project(POINT + step) - AP.project(POINT - step)
    np.testing.assert_allclose(jacobian(AP, POINT) @ (2 * step), moved, rtol=1e-6)


@pytest.mark.parametrize("unseen", [Unseen(), Unseen(movement_mm=0.6), Unseen(calibration_px=1.2)])
def test_the_stated_covariance_is_the_scatter(unseen):
    """400 draws of unequal pixel noise, movement and calibration: chi-square of 1200 degrees of freedom, 99.9 % limits."""
    chance = np.random.default_rng(8)
    other = beam_at(115.0)
    first, second = np.array([[0.4, 0.1], [0.1, 0.2]]), np.array([[0.1, -0.05], [-0.05, 0.9]])
    total = 0.0
    for _ in range(400):
        moved = POINT + chance.normal(0.0, unseen.movement_mm, 3)
        errors = [chance.multivariate_normal([0, 0], c + unseen.calibration_px**2 * np.eye(2)) for c in (first, second)]
        found = triangulated(
            sight(AP, error=errors[0], covariance=first), sight(other, moved, errors[1], second), unseen
        )
        away = found.tip_lps_mm - POINT
        total += away @ np.linalg.solve(found.covariance_mm2, away)
    assert chi2.ppf(0.0005, 1200) < total < chi2.ppf(0.9995, 1200)


def test_views_as_good_as_one_are_refused_also_from_opposite_sides():
    opposite = ConeBeam.aimed(ARM, POINT, AP.source_lps_mm - POINT, SUPERIOR)
    for other in (beam_at(181.0), opposite):
        with pytest.raises(RefusedError, match="deg apart"):
            triangulated(sight(AP), sight(other))


def test_depth_is_the_worse_the_nearer_the_views():
    sigmas = [triangulated(sight(AP), sight(beam_at(180.0 + apart))).sigma_mm for apart in (90.0, 45.0, 20.0, 8.0)]
    assert sigmas == sorted(sigmas)
    assert sigmas[3] > 5 * sigmas[0]


def test_rays_that_miss_each_other_are_a_danger_unless_the_movement_was_stated():
    """The patient breathed 3 mm to the head between both pictures."""
    moved = sight(beam_at(95.0), POINT + [0.0, 0.0, 3.0])
    found = triangulated(sight(AP), moved)
    assert found.miss_mm == pytest.approx(3.0, abs=0.1)
    assert [(notice.code, notice.severity) for notice in found.warnings] == [("tip-rays-miss", "danger")]
    stated = triangulated(sight(AP), moved, Unseen(movement_mm=2.0))
    assert stated.warnings == ()
    assert stated.sigma_mm > 1.0


def test_a_line_seen_twice_has_one_direction_in_space():
    direction = unit([-0.35, -0.9, 0.12])
    seen = []
    for beam in (AP, beam_at(90.0)):
        tip, behind = beam.project(POINT), beam.project(POINT - 20.0 * direction)
        seen.append((beam, tip, unit(tip - behind)))
    np.testing.assert_allclose(line_direction(*seen), direction, atol=1e-9)


def test_a_line_in_the_plane_of_both_sources_has_no_direction():
    other = beam_at(90.0)
    plane = np.cross(POINT - AP.source_lps_mm, POINT - other.source_lps_mm)
    direction = unit(np.cross(plane, [0.3, 0.4, 0.86]))
    seen = []
    for beam in (AP, other):
        tip, behind = beam.project(POINT), beam.project(POINT - 20.0 * direction)
        seen.append((beam, tip, unit(tip - behind)))
    assert line_direction(*seen) is None
