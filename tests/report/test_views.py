"""A point of the patient lands where the words at the edges say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedicle.model.carm import View
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume
from pedicle.report.views import along_needle, facing, seen_by_detector, shadow

LEFT, BACK, HEAD = np.eye(3)
TO = {"left": LEFT, "right": -LEFT, "back": BACK, "front": -BACK, "head": HEAD, "feet": -HEAD}
AXIAL = facing(np.zeros(3), LEFT, BACK, (100.0, 100.0))
SAGITTAL = facing(np.zeros(3), BACK, -HEAD, (100.0, 100.0))
CORONAL = facing(np.zeros(3), LEFT, -HEAD, (100.0, 100.0))


@pytest.mark.parametrize("plane", [AXIAL, SAGITTAL, CORONAL], ids=["axial", "sagittal", "coronal"])
def test_a_point_moved_towards_a_word_moves_to_that_edge(plane) -> None:
    for edge, axis, sign in (("left", 0, -1), ("right", 0, 1), ("top", 1, -1), ("bottom", 1, 1)):
        moved = plane.place(10.0 * TO[plane.edges[edge]]) - plane.place(np.zeros(3))
        assert moved[axis] == pytest.approx(10.0 * sign)


def test_slices_are_seen_as_radiologists_hang_them() -> None:
    assert (AXIAL.seen_from, SAGITTAL.seen_from, CORONAL.seen_from) == ("feet", "left", "front")
    assert AXIAL.edges["right"] == CORONAL.edges["right"] == "left"


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_who_holds_the_needle_sees_left_on_the_left(side: float) -> None:
    plane = along_needle(np.zeros(3), [-0.3 * side, -0.9, -0.2], LEFT, 46.0)
    assert plane.seen_from == "back"
    assert (plane.edges["left"], plane.edges["right"], plane.edges["top"]) == ("left", "right", "head")


def test_the_detector_over_the_back_sees_left_on_the_left() -> None:
    view = View.from_dicom_angles("AP", 180.0, 0.0)
    plane = seen_by_detector(view.detector_lps, HEAD, np.zeros(3), 90.0)
    assert (plane.seen_from, plane.edges["left"], plane.edges["top"]) == ("back", "left", "head")
    lateral = seen_by_detector(View.from_dicom_angles("lateral", 90.0, 0.0).detector_lps, HEAD, np.zeros(3), 90.0)
    assert (lateral.seen_from, lateral.edges["left"], lateral.edges["right"]) == ("left", "front", "back")


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-1, 1), st.floats(-1, 1))
def test_a_pixel_shows_the_point_it_is_drawn_at(x: float, y: float, tilt: float, turn: float) -> None:
    plane = facing([3.0, -7.0, 11.0], [1.0, 0.2 * turn, 0.1], [0.1 * turn, 1.0, 0.3 * tilt], (100.0, 80.0))
    points = plane.points(1.0)
    row, column = int((y + 40) * 0.99), int((x + 40) * 0.99)
    back = plane.place(points[row, column])
    # The same place to rounding: half a pixel in from the corner, and on the plane.
    assert np.allclose(back, [column + 0.5, row + 0.5, 0.0], atol=1e-9)


def test_a_shadow_has_the_size_of_what_casts_it() -> None:
    grid = Grid((41, 41, 41), np.array([[1.0, 0, 0, -20], [0, 1, 0, -20], [0, 0, 1, -20], [0, 0, 0, 1]]))
    ball = np.linalg.norm(grid.centres_lps_mm(), axis=-1) < 12.0
    seen = shadow(Volume(grid, ball), facing(np.zeros(3), LEFT, -HEAD, (60.0, 60.0)), 2.0)
    area_mm2 = (seen > 0.5).sum() / 4.0
    # A disc of radius 12 mm, give or take half a voxel around its edge.
    assert np.pi * 11.5**2 < area_mm2 < np.pi * 12.5**2
