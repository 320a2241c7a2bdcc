"""The posterior wall of formulas: hollow, bulged in the middle, broken off at a corner, on straight and bent spines."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.posterior_wall import WallLine, wall_line, wall_state
from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.frames import Pose
from pedicle.model.vertebra import Vertebra
from pedicle.phantom.cases import named_case
from pedicle.phantom.make import make_phantom

STEP_MM, HALF_MM, CANAL_MM = 36.0, 12.0, 18.0


def test_a_hollow_wall_is_intact(anatomic: Any) -> None:
    vertebra = anatomic.vertebra()
    state = wall_state(vertebra, wall_line(vertebra), None, None)
    assert state is not None
    assert state.state == "intact"
    assert state.narrowing_percent == 0.0


@pytest.mark.parametrize(("bulge", "name"), [(3.5, "bulged"), (5.0, "broken")])
def test_a_bulge_is_measured_against_the_chord(anatomic: Any, bulge: float, name: str) -> None:
    vertebra = replace(anatomic, bulge_mm=bulge, half_depth_mm=20.0).vertebra()
    state = wall_state(vertebra, wall_line(vertebra), None, None)
    assert state is not None
    assert state.state == name
    # the wall is hollow by 1 mm; corners stand 12 % inside the ends, where it is less
    assert state.bulge_mm == pytest.approx(bulge - 0.6, abs=0.5)
    # canal of this formula: from the wall (y = 15 - 1) to y = 38
    assert state.narrowing_percent == pytest.approx(100 * (bulge - 0.6) / (38 - 14 - 0.6), abs=3)


def test_without_maps_there_is_no_wall(anatomic: Any) -> None:
    assert wall_line(replace(anatomic.vertebra(), maps=None)) is None
    assert wall_state(anatomic.vertebra(), None, None, None) is None


def pose_at(height_mm: float, curvature: float, slip_mm: float = 0.0) -> Pose:
    """A frame on a circle through the origin, hollow to the front for a positive curvature (1/mm), along the z axis."""
    angle = height_mm * curvature
    y = -(1.0 - np.cos(angle)) / curvature if curvature else 0.0
    z = np.sin(angle) / curvature if curvature else height_mm
    axes = [np.array([1.0, 0.0, 0.0]), np.array([0.0, np.cos(angle), np.sin(angle)])]
    up = np.array([0.0, -np.sin(angle), np.cos(angle)])
    return Pose.from_axes("lps", "vertebra", [*axes, up], np.array([0.0, y + slip_mm, z]))


def wall(
    pose: Pose, fragment_mm: float = 0.0, at_mm: float = 7.0, lower_mm: float = -9.0, upper_mm: float = 9.0
) -> Any:
    """A wall on the plane y = 0 of a frame, with a Gaussian fragment of 4 mm that takes the canal's depth."""
    z = np.arange(lower_mm, upper_mm + 0.1, 0.75)
    y = fragment_mm * np.exp(-(((z - at_mm) / 4.0) ** 2))
    ends = [np.array([0.0, y[n], z[n]]) for n in (0, -1)]
    return WallLine(z, y, CANAL_MM - y, pose @ ends[0], pose @ ends[1])


def state_of(fragment_mm: float, curvature: float, slip_mm: float = 0.0, beside: str = "both") -> Any:
    own = pose_at(0.0, curvature, slip_mm)
    above, below = (wall(pose_at(height, curvature)) for height in (STEP_MM, -STEP_MM))
    vertebra = Vertebra("L1", "given", 1.0, True, np.zeros(3), lps_from_vertebra=own)
    both = {"both": (above, below), "below": (None, below), "none": (None, None)}[beside]
    return wall_state(vertebra, wall(own, fragment_mm), *both)


@pytest.mark.parametrize(
    ("fragment", "curvature"), [(3.0, 0.0), (5.5, 0.0), (9.0, 0.0), (5.5, 1 / 200), (9.0, 1 / 200), (9.0, -1 / 200)]
)
def test_a_fragment_of_a_corner_takes_its_true_share_of_the_canal(fragment: float, curvature: float) -> None:
    state = state_of(fragment, curvature)
    # 0.7 mm of 18: walls are flat and the arc between them is not
    assert state.narrowing_percent == pytest.approx(100 * fragment / CANAL_MM, abs=4)
    assert state.state == ("broken" if fragment > 4 else "bulged")


@pytest.mark.parametrize("curvature", [0.0, 1 / 100, -1 / 100])
def test_a_bent_spine_breaks_no_wall(curvature: float) -> None:
    # on this arc the body stands 3 mm behind the straight line between its neighbours, or 3 mm before it
    assert state_of(0.0, curvature).state == "intact"


def test_a_slip_against_the_only_neighbour_is_no_break() -> None:
    assert state_of(0.0, 0.0, slip_mm=5.0, beside="below").state == "intact"


def test_without_neighbours_the_narrowing_is_a_lower_bound() -> None:
    alone, between = state_of(9.0, 0.0, beside="none"), state_of(9.0, 0.0)
    assert 0.0 < alone.narrowing_percent < between.narrowing_percent


def test_retropulsion_of_a_synthetic_patient_by_labels_alone() -> None:
    plain = named_case("posterior-wall-retropulsion")
    options = replace(plain, top="T12", bottom="L2", shape=(110, 140, 100), spacing_mm=(0.9, 0.9, 1.25), body=False)
    phantom = make_phantom(options)
    spine = find_vertebrae(None, phantom.label_map(), MeasureOptions())
    found = spine["L1"].fracture
    truth = phantom.truth["L1"]
    true = 100.0 * (1.0 - truth.canal_depth_mm / truth.canal_depth_before_mm)
    assert found is not None
    assert found.posterior_wall == "broken"
    # 6 points are 1.1 mm of this canal, less than a slice
    assert found.canal_narrowing_percent == pytest.approx(true, abs=6)
    # the body is parted from the arch where the second opinion expects it
    assert not any(notice.code == "split-doubtful" for vertebra in spine.vertebrae for notice in vertebra.warnings)
