"""Letters at the edges of a picture, known by anatomy: what stands on the left of an AP picture seen from the back."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR
from pedicle.model.orientation import edge_letters, edge_words, is_mirrored, letters, mirrored, seen_from, side_letters

ARM = CArm(968.0, 560.0, 0.6, 400, 300)


def beam_of(primary: float, secondary: float = 0.0) -> ConeBeam:
    return ConeBeam.aimed(
        ARM, [4.0, 20.0, 100.0], View.from_dicom_angles("v", primary, secondary).detector_lps, SUPERIOR
    )


@pytest.mark.parametrize(
    ("primary", "left", "right", "eye"),
    [
        (180.0, "left", "right", "back"),  # prone, detector over the back: the patient's left is on the left
        (0.0, "right", "left", "front"),  # supine, detector over the chest: as two people face each other
        (90.0, "front", "back", "left"),
        (-90.0, "back", "front", "right"),
    ],
)
def test_edges_as_an_eye_at_the_detector_sees_them(primary, left, right, eye):
    beam = beam_of(primary)
    assert edge_words(beam) == {"left": left, "right": right, "top": "head", "bottom": "feet"}
    assert seen_from(beam) == eye


def test_side_letters_stand_where_points_of_that_side_are_seen():
    """A bead to the patient's left is seen in the half that carries the L, from within 60 degrees of front and back."""
    for primary in range(-180, 181, 5):
        beam = beam_of(float(primary), 10.0)
        sides = side_letters(beam)
        if sides is None:
            assert abs(abs(primary) - 90) <= 30
            continue
        bead = beam.project(np.array([4.0 + 30.0, 20.0, 100.0]))
        assert sides[0 if bead[0] < (beam.columns - 1) / 2 else 1] == "L", primary


def test_a_lateral_picture_has_no_side_letter_but_says_where_it_is_seen_from():
    assert side_letters(beam_of(90.0)) is None
    assert seen_from(beam_of(90.0)) == "left"


@pytest.mark.parametrize("primary", [180.0, 155.0, 0.0, 90.0])
def test_a_flip_turns_the_letters_with_the_pixels(primary):
    beam = beam_of(primary, 8.0)
    flipped = mirrored(beam)
    straight, turned = edge_letters(beam), edge_letters(flipped)
    assert (turned["left"], turned["right"]) == (straight["right"], straight["left"])
    assert (turned["top"], turned["bottom"]) == (straight["top"], straight["bottom"])
    assert (is_mirrored(beam), is_mirrored(flipped)) == (False, True)
    sides = side_letters(beam)
    assert side_letters(flipped) == (None if sides is None else sides[::-1])
    point = np.array([30.0, -10.0, 120.0])
    column, row = beam.project(point)
    np.testing.assert_allclose(flipped.project(point), [beam.columns - 1 - column, row], atol=1e-9)
    np.testing.assert_allclose(mirrored(flipped).matrix, beam.matrix, atol=1e-9)


def test_a_direction_between_axes_has_several_letters_the_largest_first():
    assert letters([0.8, 0.6, 0.0]) == "LP"
    assert letters([-0.3, -0.1, 0.9]) == "HR"
