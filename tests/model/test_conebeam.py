"""The geometry of an X-ray picture, in anatomical words and against the pinhole's own laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR

ARM = CArm(source_to_detector_mm=1000.0, source_to_isocentre_mm=600.0, pixel_mm=0.5, rows=200, columns=300)
ISOCENTRE = np.array([12.0, -30.0, 155.0])


def over_the_back() -> ConeBeam:
    return ConeBeam.aimed(ARM, ISOCENTRE, [0.0, 1.0, 0.0], SUPERIOR)


def test_the_isocentre_is_seen_in_the_middle_and_twice_as_far_away_half_as_large():
    beam = over_the_back()
    np.testing.assert_allclose(beam.project(ISOCENTRE), [149.5, 99.5], atol=1e-9)
    assert beam.magnification(ISOCENTRE) == pytest.approx(1000.0 / 600.0)
    assert beam.magnification(ISOCENTRE + [0.0, -300.0, 0.0]) == pytest.approx(1000.0 / 300.0)


def test_detector_over_the_back_shows_the_patients_left_on_the_left_and_the_head_on_top():
    """Seen from behind, like a person standing over a prone patient's back: left is left."""
    beam = over_the_back()
    left, head = beam.project(ISOCENTRE + [20.0, 0.0, 0.0]), beam.project(ISOCENTRE + [0.0, 0.0, 20.0])
    assert left[0] < 149.0
    assert left[1] == pytest.approx(99.5)
    assert head[1] < 99.0
    assert head[0] == pytest.approx(149.5)


def test_detector_at_the_chest_shows_the_patients_left_on_the_right():
    beam = ConeBeam.aimed(ARM, ISOCENTRE, [0.0, -1.0, 0.0], SUPERIOR)
    assert beam.project(ISOCENTRE + [20.0, 0.0, 0.0])[0] > 150.0


def test_detector_at_the_left_side_shows_the_back_on_the_right():
    """An eye at the patient's left sees the chest to its left, when the head is up."""
    beam = ConeBeam.aimed(ARM, ISOCENTRE, [1.0, 0.0, 0.0], SUPERIOR)
    assert beam.project(ISOCENTRE + [0.0, 20.0, 0.0])[0] > 150.0


def test_a_line_along_the_beam_is_a_dot():
    """DICOM +158 / +8: a needle from the skin on that side straight to the source's opposite is one point."""
    view = View.from_dicom_angles("bull's-eye", 158.0, 8.0)
    beam = ConeBeam.aimed(ARM, ISOCENTRE, view.detector_lps, SUPERIOR)
    along = ISOCENTRE + np.linspace(-80.0, 80.0, 5)[:, None] * view.detector_lps
    np.testing.assert_allclose(beam.project(along), [[149.5, 99.5]] * 5, atol=1e-9)
    assert (ISOCENTRE + 80.0 * view.detector_lps)[0] > ISOCENTRE[0]  # the hub lies to the patient's left


angles = st.tuples(st.floats(-179.0, 179.0), st.floats(-60.0, 60.0))


@given(angles, st.lists(st.floats(-80.0, 80.0), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_projecting_what_was_back_projected_gives_the_pixel(pose, offset):
    view = View.from_dicom_angles("v", *pose)
    beam = ConeBeam.aimed(ARM, ISOCENTRE, view.detector_lps, SUPERIOR)
    point = ISOCENTRE + offset
    pixel = beam.project(point)
    ray = beam.rays(pixel)
    away = point - beam.source_lps_mm
    assert np.linalg.norm(np.cross(ray, away)) <= 1e-9 * np.linalg.norm(away) * 10
    assert ray @ away > 0
    np.testing.assert_allclose(beam.project(beam.pixel_lps_mm(pixel)), pixel, atol=1e-8)


@given(angles, st.floats(0.01, 100.0), st.sampled_from([-1.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_a_matrix_of_any_scale_and_sign_gives_the_same_geometry(pose, scale, sign):
    view = View.from_dicom_angles("v", *pose)
    beam = ConeBeam.aimed(ARM, ISOCENTRE, view.detector_lps, SUPERIOR)
    size = (beam.rows, beam.columns)
    again = ConeBeam.from_matrix(sign * scale * beam.matrix, size, beam.source_to_detector_mm, ISOCENTRE)
    np.testing.assert_allclose(again.source_lps_mm, beam.source_lps_mm, atol=1e-6)
    np.testing.assert_allclose(again.corner_lps_mm, beam.corner_lps_mm, atol=1e-6)
    np.testing.assert_allclose(again.column_step_lps_mm, beam.column_step_lps_mm, atol=1e-9)
    np.testing.assert_allclose(again.row_step_lps_mm, beam.row_step_lps_mm, atol=1e-9)


def test_a_region_and_a_binned_detector_see_the_same_rays():
    beam = over_the_back()
    part = beam.cropped((40, 25), 60, 80)
    np.testing.assert_allclose(part.project(ISOCENTRE), beam.project(ISOCENTRE) - [40, 25])
    half = beam.binned(2)
    np.testing.assert_allclose(half.project(ISOCENTRE), (beam.project(ISOCENTRE) - 0.5) / 2)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="up and the beam"):
        ConeBeam.aimed(ARM, ISOCENTRE, SUPERIOR, SUPERIOR)
    with pytest.raises(ValueError, match="behind the source"):
        over_the_back().project(ISOCENTRE - [0.0, 700.0, 0.0])
    with pytest.raises(ValueError, match="no area"):
        ConeBeam(np.zeros(3), np.array([0.0, 0.0, 9.0]), np.array([1.0, 0, 0]), np.array([2.0, 0, 0]), 4, 4)
