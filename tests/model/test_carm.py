"""C-arm words and DICOM angles: the conventions of PS3.3 X-Ray Positioner, said for a prone patient."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.model.carm import View


@pytest.mark.parametrize(
    ("primary", "secondary", "detector"),
    [
        (0.0, 0.0, [0.0, -1.0, 0.0]),  # detector at the chest
        (90.0, 0.0, [1.0, 0.0, 0.0]),  # at the patient's left
        (-90.0, 0.0, [-1.0, 0.0, 0.0]),
        (180.0, 0.0, [0.0, 1.0, 0.0]),  # over the back
        (0.0, 90.0, [0.0, 0.0, 1.0]),  # towards the head
    ],
)
def test_dicom_angles_name_the_detectors_place(primary, secondary, detector):
    np.testing.assert_allclose(View.from_dicom_angles("v", primary, secondary).detector_lps, detector, atol=1e-12)


def test_angles_come_back_from_any_direction():
    generator = np.random.default_rng(4)
    for direction in generator.standard_normal((200, 3)):
        view = View.towards("v", direction)
        again = View.from_dicom_angles("v", view.dicom_primary_deg, view.dicom_secondary_deg)
        np.testing.assert_allclose(again.detector_lps, view.detector_lps, atol=1e-12)


def test_the_published_example_reads_the_same_in_words_and_degrees():
    """22 deg to the patient's left over the back is +158 in DICOM, 8 deg to the head; never LAO 22."""
    view = View.from_dicom_angles("bull's-eye", 158.0, 8.0)
    assert (view.detector_over, view.tilt_toward) == ("back", "left")
    assert view.tilt_deg == pytest.approx(22.0)
    assert "LAO" not in view.sentence


def test_mirroring_changes_the_side_and_nothing_else():
    view = View.towards("v", [0.3, 0.9, 0.2])
    other = View.towards("v", [-0.3, 0.9, 0.2])
    assert (view.tilt_toward, other.tilt_toward) == ("left", "right")
    assert view.tilt_deg == pytest.approx(other.tilt_deg)
    assert view.dicom_primary_deg == pytest.approx(-other.dicom_primary_deg)


def test_over_the_back_turned_to_the_left_is_plus_158_degrees():
    """DICOM: 0 = detector at the chest, +90 = at the patient's left; so 22 deg to the left over the back is +158."""
    tilt = np.radians(22.0)
    view = View.towards("bull's-eye", [np.sin(tilt), np.cos(tilt), 0.0])
    assert view.dicom_primary_deg == pytest.approx(158.0)
    assert View.towards("left lateral", [1.0, 0.0, 0.0]).dicom_primary_deg == pytest.approx(90.0)
    assert View.towards("cranial", [0.0, -1.0, 1.0]).dicom_secondary_deg == pytest.approx(45.0)


@pytest.mark.parametrize(
    ("primary", "words"),
    [
        (133.0, "detector over the back, 47 deg toward the patient's left, 0 deg toward the head"),
        (-133.0, "detector over the back, 47 deg toward the patient's right, 0 deg toward the head"),
        (92.0, "detector over the left side, 2 deg toward the back, 0 deg toward the head"),
        (-85.0, "detector over the right side, 5 deg toward the chest, 0 deg toward the head"),
        (30.0, "detector over the chest, 30 deg toward the patient's left, 0 deg toward the head"),
    ],
)
def test_an_angle_in_words_counts_from_the_surface_that_is_named(primary, words):
    """Past 45 deg the needle's own side is not the surface that the angle counts from."""
    assert View.from_dicom_angles("v", primary, 0.0).sentence == words
