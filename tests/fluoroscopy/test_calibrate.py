"""Calibration from beads: exact without noise, as uncertain as stated with it, and the published order of tip errors."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.fluoroscopy.calibrate import calibrate, linear_matrix
from pedicle.fluoroscopy.triangulate import Sight, triangulated
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import SUPERIOR

ARM = CArm(1020.0, 510.0, 0.3, 1024, 1024)
SIZE = (1024, 1024)


def beam_at(primary_deg: float, secondary_deg: float = 0.0) -> ConeBeam:
    view = View.from_dicom_angles("", primary_deg, secondary_deg)
    return ConeBeam.aimed(ARM, [0.0, 0.0, 0.0], view.detector_lps, SUPERIOR)


def beads(count: int, chance: np.random.Generator) -> np.ndarray:
    return chance.uniform(-60.0, 60.0, (count, 3))


def test_without_noise_source_and_detector_come_back():
    chance = np.random.default_rng(1)
    beam = beam_at(160.0, 12.0)
    points = beads(9, chance)
    found = calibrate(points, beam.project(points), SIZE, 0.3, sigma_px=0.2)
    np.testing.assert_allclose(found.beam.source_lps_mm, beam.source_lps_mm, atol=1e-4)
    np.testing.assert_allclose(found.beam.corner_lps_mm, beam.corner_lps_mm, atol=1e-4)
    np.testing.assert_allclose(found.beam.column_step_lps_mm, beam.column_step_lps_mm, atol=1e-7)
    np.testing.assert_allclose(found.beam.row_step_lps_mm, beam.row_step_lps_mm, atol=1e-7)
    assert found.residual_px < 1e-6


def test_the_linear_matrix_is_the_beam_s_own_up_to_a_factor():
    chance = np.random.default_rng(2)
    beam, points = beam_at(75.0, -8.0), beads(6, chance)
    found = linear_matrix(points, beam.project(points))
    scaled = found * (beam.matrix[2, 2] / found[2, 2])
    np.testing.assert_allclose(scaled, beam.matrix, rtol=1e-6, atol=1e-8)


def test_the_stated_error_of_a_pixel_is_its_scatter():
    """60 noisy calibrations: variance of a point's pixel within a third (4 SD of a variance of 60) of the stated one."""
    chance = np.random.default_rng(3)
    beam, points = beam_at(180.0), beads(20, chance)
    point = np.array([10.0, 5.0, -20.0])
    errors, stated = [], []
    for _ in range(60):
        found = calibrate(points, beam.project(points) + chance.normal(0, 0.3, (20, 2)), SIZE, 0.3)
        errors.append(found.beam.project(point) - beam.project(point))
        stated.append(np.trace(found.pixel_covariance(point)))
    assert np.mean(np.square(errors).sum(axis=1)) == pytest.approx(np.mean(stated), rel=0.5)


@pytest.mark.parametrize(
    ("apart", "count", "pick_px", "median", "p95"), [(90.0, 8, 0.5, 0.12, 0.25), (60.0, 8, 1.0, 0.24, 0.52)]
)
def test_the_whole_chain_has_the_errors_of_an_independent_simulation(apart, count, pick_px, median, p95):
    """Tip from two calibrated views, 0.2 px on the beads: table of an earlier, separate simulation (400 trials); 60 trials
    here, whose median scatters by about 10 % and 95 % point by 20 %."""
    chance = np.random.default_rng(4)
    errors = []
    for _ in range(60):
        tip = chance.uniform(-20.0, 20.0, 3)
        sights = []
        for angle in (180.0, 180.0 - apart):
            beam, points = beam_at(angle), beads(count, chance)
            seen = calibrate(points, beam.project(points) + chance.normal(0, 0.2, (count, 2)), SIZE, 0.3).beam
            picked = beam.project(tip) + chance.normal(0.0, pick_px, 2)
            sights.append(Sight(seen, picked, pick_px**2 * np.eye(2)))
        errors.append(np.linalg.norm(triangulated(*sights).tip_lps_mm - tip))
    assert np.median(errors) == pytest.approx(median, rel=0.3)
    assert np.quantile(errors, 0.95) == pytest.approx(p95, rel=0.4)


def test_too_few_or_flat_beads_are_refused():
    chance = np.random.default_rng(5)
    beam = beam_at(180.0)
    flat = beads(10, chance) * [1.0, 0.0, 1.0]
    for points in (beads(5, chance), flat):
        with pytest.raises(InputError, match="E452"):
            calibrate(points, beam.project(points), SIZE, 0.3)
