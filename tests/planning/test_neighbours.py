"""Soft structures beside a needle: distances by Pythagoras, and what the labels cannot show."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from pedicle.model.grid import Grid
from pedicle.model.volume import Volume
from pedicle.planning.fields import side_fields
from pedicle.planning.neighbours import Way, close_by, cropped, in_the_way, neighbour_clearance
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

# A needle straight to the front, 18 mm left of the midline, 3 mm thick; skin at 90, bone at 36 mm behind the origin.
WAY = Way(np.array([18.0, 90.0, 0.0]), np.array([18.0, 36.0, 0.0]), np.array([18.0, 0.0, 0.0]), 1.5)
EXACT = PlanOptions(entry_error_mm=0.0, direction_error_deg=0.0)


def box(low, high, step=1.0, room=6) -> Volume:
    """A block of voxels whose outermost centres are `low` and `high`, with empty voxels around it."""
    count = np.round((np.asarray(high) - np.asarray(low)) / step).astype(int) + 1
    matrix = np.diag([step, step, step, 1.0])
    matrix[:3, 3] = np.asarray(low, float) - room * step
    values = np.zeros(count + 2 * room, np.uint8)
    values[room:-room, room:-room, room:-room] = 1
    return Volume(Grid(tuple(int(n) for n in values.shape), matrix), values)


@pytest.fixture(scope="module")
def left(analytic_vertebra):
    return side_fields(analytic_vertebra(), "left")


def clear(structures, fields, options=EXACT):
    return neighbour_clearance(structures, WAY, fields, options)


def test_a_kidney_beside_the_way_from_the_skin_is_measured(left):
    """Nearest voxel centre 26 mm to the left of the axis, at 60 mm behind: less half a voxel and the radius."""
    kidney = box([44.0, 55.0, -10.0], [70.0, 65.0, 10.0])
    found = clear({"kidneys": kidney}, left)["kidney"]
    assert found.mm == pytest.approx(26.0 - 0.5 - 1.5)
    assert found.sigma_mm == 0.5


def test_a_kidney_on_the_other_side_assesses_nothing_here(left, analytic_vertebra):
    kidney = box([-70.0, 55.0, -10.0], [-44.0, 65.0, 10.0])
    found = clear({"kidneys": kidney}, left)["kidney"]
    assert found.mm is None
    assert found.reason == "not assessed: no label of kidney on the left in the scan"
    right = side_fields(analytic_vertebra(), "right")
    assert clear({"kidneys": kidney}, right)["kidney"].mm is not None


def test_lungs_without_a_side_in_their_name_count_only_where_they_lie(left, analytic_vertebra):
    """The reader joins all lobes to "lungs": a scan that shows the left lung alone says nothing of the right."""
    lungs = box([40.0, -20.0, -10.0], [60.0, 20.0, 10.0])
    assert clear({"lungs": lungs}, left)["pleura"].mm is not None
    assert clear({"lungs": lungs}, side_fields(analytic_vertebra(), "right"))["pleura"].mm is None


@pytest.mark.parametrize(("there", "lost"), [("aorta", "cava"), ("vena_cava", "aorta")])
def test_one_great_vessel_is_not_both(left, there, lost):
    found = clear({there: box([0.0, -40.0, -10.0], [20.0, -30.0, 10.0])}, left)["great_vessel"]
    assert found.mm is None
    assert found.reason == f"not assessed: no label of {lost} in the scan"


def test_of_both_great_vessels_the_nearer_counts(left):
    aorta, cava = box([10.0, -40.0, -9.0], [26.0, -30.0, 9.0]), box([-30.0, -40.0, -9.0], [-12.0, -30.0, 9.0])
    found = clear({"aorta": aorta, "vena_cava": cava}, left)["great_vessel"]
    assert found.mm == pytest.approx(30.0 - 0.5 - 1.5)  # straight ahead of the tip


@pytest.mark.parametrize(("gap", "short"), [(10.0, 0.02), (30.0, 0.02), (75.0, 0.02), (200.0, 8.0)])
def test_near_or_far_the_distance_is_the_same_as_over_all_voxels(left, gap, short):
    """Voxels are searched near the way first; a turned grid must not lose any. Far off it is never more than the true one."""
    turn = np.radians(30.0)
    matrix = np.eye(4)
    matrix[:2, :2] = 1.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[2, 2] = -2.0
    matrix[:3, 3] = [18.0 + gap, 30.0, 20.0]
    kidney = Volume(Grid((20, 20, 20), matrix), np.ones((20, 20, 20), np.uint8))
    points = kidney.grid.centres_lps_mm().reshape(-1, 3)
    places = np.linspace(WAY.start, WAY.tip, 3001)
    least = min(np.linalg.norm(points - place, axis=1).min() for place in places)
    found = clear({"kidney": kidney}, left)["kidney"].mm
    assert least - 0.75 - 1.5 - short <= found <= least - 0.75 - 1.5 + 0.02


def test_a_chance_of_meeting_it_follows_the_normal_law(left):
    """Nearest place 24 mm behind the bone entry: 1.5 mm and 3 deg over 24 mm and half a voxel of 1 mm."""
    kidney = box([24.0, 60.0, 0.0], [50.0, 60.0, 0.0])
    found = clear({"kidney": kidney}, left, PlanOptions(entry_error_mm=1.5, direction_error_deg=3.0))["kidney"]
    spread = np.sqrt(1.5**2 + (24.0 * np.tan(np.radians(3.0))) ** 2 + 0.5**2)
    assert found.mm == pytest.approx(4.0)
    assert found.breach_probability == pytest.approx(1.0 - NormalDist().cdf(4.0 / spread), rel=1e-6)
    assert found.breach_over_2mm_probability == pytest.approx(1.0 - NormalDist().cdf(6.0 / spread), rel=1e-6)


def test_what_lies_in_the_way_refuses_and_what_is_close_informs(left):
    through = clear({"kidney": box([10.0, 55.0, -10.0], [70.0, 65.0, 10.0])}, left)
    assert in_the_way(through, 1.5)[0].startswith("kidney")
    close = clear({"kidney": box([24.0, 55.0, -10.0], [70.0, 65.0, 10.0])}, left)
    assert in_the_way(close, 1.5) == []
    assert "not verified" in close_by(close)[0]
    far = clear({"kidney": box([60.0, 55.0, -10.0], [70.0, 65.0, 10.0])}, left)
    assert in_the_way(far, 1.5) == close_by(far) == []


def test_a_vessel_behind_the_front_wall_is_met_only_by_the_axis(left):
    far = box([-60.0, -40.0, -9.0], [-40.0, -30.0, 9.0])
    ahead = clear({"aorta": box([10.0, -12.0, -9.0], [26.0, -2.0, 9.0]), "vena_cava": far}, left)
    assert in_the_way(ahead, 1.5) == []
    met = clear({"aorta": box([10.0, -12.0, -9.0], [26.0, 3.0, 9.0]), "vena_cava": far}, left)
    assert in_the_way(met, 1.5)[0].startswith("aorta or cava")


def test_empty_masks_are_left_out_and_cut_ones_keep_their_place():
    kidney = box([44.0, 55.0, -10.0], [70.0, 65.0, 10.0])
    kept = cropped({"kidney": kidney, "aorta": kidney.with_values(np.zeros_like(kidney.values))})
    assert list(kept) == ["kidney"]
    assert kept["kidney"].values.all()
    np.testing.assert_allclose(kept["kidney"].grid.lps_from_index([0, 0, 0]), [44.0, 55.0, -10.0])
    assert cropped(None) == {}


def test_a_needle_through_the_kidney_is_not_feasible(analytic_vertebra, spine_of, skin_scan):
    kidney = box([10.0, 50.0, -20.0], [60.0, 70.0, 20.0], step=2.0)
    options = PlanOptions(levels="L3", draws=500, needles="two")
    spine = spine_of(analytic_vertebra(), structures={"kidney_left": kidney})
    found = plan(spine, skin_scan(), options)["L3"].trajectories
    assert [t.feasible for t in found] == [False, True]
    assert found[0].reasons[0].startswith("kidney")
    assert found[1].clearance["kidney"].reason.startswith("not assessed")
