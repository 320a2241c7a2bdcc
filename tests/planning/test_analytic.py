"""Plans of a vertebra whose walls are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.model.frames import angle_deg
from pedicle.planning.corridor import find_corridor
from pedicle.planning.fields import side_fields
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan
from pedicle.planning.walls import measure_walls

CONVERGENCE, RADIUS = 15.0, 3.4


@pytest.fixture(scope="module")
def narrow(analytic_vertebra):
    """Pedicles of 3.4 mm radius that converge by 15 degrees: a needle must go down the axis."""
    return analytic_vertebra(radii=(RADIUS, RADIUS), convergence_deg=CONVERGENCE)


@pytest.mark.parametrize("side", ["left", "right"])
def test_in_a_narrow_pedicle_the_best_line_is_its_axis(narrow, side):
    corridor = find_corridor(narrow, side_fields(narrow, side), "paramedian", 1.2)
    axis = narrow.pedicles[side].axis_lps * [1.0 if side == "left" else -1.0, 1.0, 1.0]
    # Targets stand 1.5 mm apart some 30 mm behind the isthmus: 2.9 degrees.
    assert angle_deg(corridor.forward, axis) < 3.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_wall_distances_are_the_cylinders_radius(narrow, side):
    corridor = find_corridor(narrow, side_fields(narrow, side), "paramedian", 1.2)
    walls = measure_walls(corridor).axis_mm
    # The tube is symmetric up and down; targets 1.5 mm apart leave the line up to 0.75 mm off the axis.
    assert walls["superior"] == pytest.approx(walls["inferior"], abs=0.1)
    assert RADIUS - 0.75 < min(walls[w] for w in ("medial", "lateral", "superior", "inferior")) <= RADIUS + 0.05


def test_clearances_of_a_given_line_are_exact(analytic_vertebra):
    """A line parallel to a straight pedicle, moved 1.5 mm to the side and 1 mm up: each wall by Pythagoras."""
    from pedicle.planning.corridor import Corridor

    vertebra = analytic_vertebra(radii=(5.0, 5.0), convergence_deg=0.0)
    fields = side_fields(vertebra, "left")
    line = Corridor(
        fields, "paramedian", "transpedicular", np.array([19.0, 36.0, 1.0]), np.array([19.0, 4.0, 1.0]), 0.0, 4.0
    )
    walls = measure_walls(line).axis_mm
    # Within a sector of 45 degrees the nearest wall of a circle of 5 mm about an axis 1.5 medial and 1 below.
    expected = _nearest_in_sectors(offset=(-1.5, 1.0), radius=5.0)
    for name, value in expected.items():
        assert walls[name] == pytest.approx(value, abs=0.2), name
    # The canal's ellipse (10 x 7.5) is nearest in the plane of its middle: 19 - 10.
    assert walls["canal"] == pytest.approx(9.0, abs=0.2)


def test_the_needle_reaches_the_target_not_only_the_bone(analytic_vertebra, spine_of, skin_scan):
    """Skin 110 mm behind the middle of the body: about 75 mm to bone, about 120 mm to the target."""
    scan = skin_scan(skin_mm=110.0, half=(80, 130, 60))
    found = plan(spine_of(analytic_vertebra()), scan, PlanOptions(levels="L3", needles="two", draws=500))["L3"]
    for needle in found.trajectories:
        assert needle.skin_to_bone_mm < 95.0
        assert needle.needle.length_mm >= needle.skin_to_bone_mm + needle.bone_to_target_mm > 100.0


def test_skin_distances_in_a_turned_patient(analytic_vertebra, turned_poses):
    """Skin 30 mm right of the mid-sagittal plane; the arch's tip seen straight from behind, not along the vertebra's axis.

    The plate of the arch ends 38 mm behind the origin and is 18 mm high: its hindmost 2 mm have their middle at 37.
    """
    from pedicle.planning.skin import Skin, skin_distances

    for pose in turned_poses:
        fields = side_fields(analytic_vertebra(pose=pose), "right")
        skin = pose @ [-30.0, 90.0, 12.0]
        midline, spinous = skin_distances(fields, Skin(skin))
        assert midline == pytest.approx(30.0, abs=1e-6)
        seen = skin - pose @ [0.0, 37.0, 0.0]
        assert spinous == pytest.approx(np.hypot(seen[0], seen[2]), abs=0.8)  # a grid of 0.75 mm
        assert abs(spinous - np.hypot(30.0, 12.0)) > 3.0  # along the vertebra's own axes it would be another place


def _site_and_line(vertebra, spine, sideways_mm):
    """A needle straight to the front through the left pedicle, `sideways_mm` from the midline."""
    from pedicle.planning.corridor import Corridor
    from pedicle.planning.trajectories import site

    place = site(spine, None, vertebra, side_fields(vertebra, "left"), PlanOptions())
    ends = np.array([sideways_mm, 36.0, 0.0]), np.array([sideways_mm, 2.0, 0.0])
    return place, Corridor(place.fields, "paramedian", "transpedicular", *ends, 0.0, 4.0)


def test_clearances_are_from_the_surface_at_the_outer_diameter(analytic_vertebra, spine_of):
    """11 G is 3.048 mm across: 1.524 mm of a pedicle's 5 mm and of the 7.5 mm to the canal belong to the needle."""
    from pedicle.planning.trajectories import trajectory

    vertebra = analytic_vertebra(radii=(5.0, 5.0), convergence_deg=0.0)
    found, _ = trajectory(*_site_and_line(vertebra, spine_of(vertebra), 17.5), 11)
    for wall in ("medial", "lateral", "superior", "inferior"):
        assert found.clearance[wall].mm == pytest.approx(5.0 - 1.524, abs=0.2), wall
    assert found.clearance["canal"].mm == pytest.approx(7.5 - 1.524, abs=0.2)
    assert found.needle.outer_diameter_mm == 3.048


def test_the_canal_alone_can_forbid_a_needle(analytic_vertebra, spine_of):
    """Bone on every side, the canal drawn wider than the hole in it: all four walls are clear, the needle is not."""
    from dataclasses import replace

    from pedicle.planning.trajectories import trajectory

    vertebra = analytic_vertebra(radii=(5.0, 5.0), convergence_deg=0.0)
    near = vertebra.maps.canal_mm.with_values(vertebra.maps.canal_mm.values - np.float32(6.5))
    wide = replace(vertebra, maps=replace(vertebra.maps, canal_mm=near))
    found, lacks = trajectory(*_site_and_line(wide, spine_of(wide), 17.5), 11)
    assert lacks == 1
    assert not found.feasible
    assert found.reasons[0].startswith("canal wall")


def test_the_canal_counts_along_the_whole_way(analytic_vertebra, spine_of):
    """A canal that comes near only behind its own middle, outside the stretch where the pedicle's walls count."""
    from dataclasses import replace

    from pedicle.planning.trajectories import trajectory

    vertebra = analytic_vertebra(radii=(5.0, 5.0), convergence_deg=0.0)
    grid = vertebra.maps.canal_mm.grid
    behind = (vertebra.lps_from_vertebra.inverse @ grid.centres_lps_mm())[..., 1] > 26.0
    values = np.where(behind, np.float32(1.0), vertebra.maps.canal_mm.values).astype(np.float32)
    bulged = replace(vertebra, maps=replace(vertebra.maps, canal_mm=vertebra.maps.canal_mm.with_values(values)))
    found, _ = trajectory(*_site_and_line(bulged, spine_of(bulged), 17.5), 11)
    assert found.clearance["canal"].mm == pytest.approx(1.0 - 1.524, abs=0.01)
    assert not found.feasible


def test_the_search_keeps_off_the_canal_not_only_off_the_walls(analytic_vertebra):
    """The canal drawn 6.5 mm wider: the pedicle's axis would leave 7.5 - 6.5 mm, 2 mm to the side both sides share."""
    from dataclasses import replace

    vertebra = analytic_vertebra(radii=(5.0, 5.0), convergence_deg=0.0)
    near = vertebra.maps.canal_mm.with_values(vertebra.maps.canal_mm.values - np.float32(6.5))
    wide = replace(vertebra, maps=replace(vertebra.maps, canal_mm=near))
    walls = measure_walls(find_corridor(wide, side_fields(wide, "left"), "paramedian", 1.2)).axis_mm
    free = measure_walls(find_corridor(vertebra, side_fields(vertebra, "left"), "paramedian", 1.2)).axis_mm
    assert walls["canal"] > free["canal"] - 6.5 + 0.5
    assert walls["lateral"] < free["lateral"]


def test_the_boundary_error_is_that_of_the_voxel_across_the_wall(analytic_vertebra, turned_poses):
    """A turned vertebra in 0.8 x 0.8 x 3 mm labels: 3 mm across the slices, the voxel's geometric mean along them."""
    from pedicle.planning.fields import boundary_matrix

    voxel = np.array([0.8, 0.8, 3.0])
    for pose in turned_poses:
        fields = side_fields(analytic_vertebra(pose=pose), "right")
        boundary = boundary_matrix(np.eye(3), voxel, fields, 0.35)
        sd = np.linalg.norm(boundary @ fields.turned(np.eye(3)).T, axis=0)
        np.testing.assert_allclose(sd, 0.35 * np.array([*[voxel.prod() ** (1 / 3)] * 2, 3.0]), rtol=1e-6)


def _nearest_in_sectors(offset, radius):
    """Ray lengths from a point at `offset` (medial, up; from the axis) to a circle, least in each quarter."""
    names = ("medial", "superior", "lateral", "inferior")
    found = dict.fromkeys(names, 1e9)
    for angle in np.arange(32) * 2 * np.pi / 32:
        ray = np.array([np.cos(angle), np.sin(angle)])
        along = -np.dot(offset, ray) + np.sqrt(np.dot(offset, ray) ** 2 + radius**2 - np.dot(offset, offset))
        name = names[int((np.degrees(angle) + 45.0) // 90.0) % 4]
        found[name] = min(found[name], along)
    return found


def test_depths_angles_and_skin_belong_to_one_straight_line(analytic_vertebra, spine_of, skin_scan):
    made = plan(spine_of(analytic_vertebra()), skin_scan(skin_mm=90.0), PlanOptions(levels="L3", needles="two"))
    for found in made["L3"].trajectories:
        forward = found.direction_lps
        assert found.skin_entry_lps_mm[1] == pytest.approx(90.0, abs=2.0)  # 2 mm voxels
        np.testing.assert_allclose(
            found.skin_entry_lps_mm + found.skin_to_bone_mm * forward, found.bone_entry_lps_mm, atol=1e-6
        )
        at_wall = found.bone_entry_lps_mm + found.posterior_wall_depth_mm * forward
        assert at_wall[1] == pytest.approx(15.0, abs=1e-6)  # the body's back
        assert found.skin_from_midline_mm == pytest.approx(abs(found.skin_entry_lps_mm[0]))
        np.testing.assert_allclose(found.bulls_eye.detector_lps, -forward, atol=1e-9)
        assert found.axial_deg == pytest.approx(found.bulls_eye.tilt_deg, abs=1e-6)
        assert found.sagittal_deg == pytest.approx(found.bulls_eye.dicom_secondary_deg, abs=1e-6)
        assert found.bulls_eye.tilt_toward == found.side


def test_a_converging_needle_has_a_positive_axial_angle_on_both_sides(narrow, spine_of, skin_scan):
    options = PlanOptions(levels="L3", gauge=13, needles="two")
    left, right = plan(spine_of(narrow), skin_scan(), options)["L3"].trajectories
    assert left.axial_deg == pytest.approx(CONVERGENCE, abs=3.0)
    assert right.axial_deg == pytest.approx(left.axial_deg, abs=0.1)


def test_tip_caudal_of_the_entry_reads_positive_sagittal_and_detector_towards_the_head():
    from pedicle.model.standard_views import bulls_eye
    from pedicle.planning.views import needle_angles

    down = np.array([0.0, -np.cos(0.2), -np.sin(0.2)])
    assert needle_angles(down, "left")[1] == pytest.approx(np.degrees(0.2))
    assert bulls_eye(down, "left").sentence.endswith("toward the head")


def test_true_views_look_along_the_vertebras_axes(analytic_vertebra, spine_of, skin_scan, turned_poses):
    vertebra = analytic_vertebra(pose=turned_poses[0])
    level = plan(
        spine_of(vertebra), skin_scan(centre=vertebra.centroid_lps_mm), PlanOptions(levels="L3", needles="two")
    )["L3"]
    np.testing.assert_allclose(level.true_ap.detector_lps, -vertebra.anterior, atol=1e-9)
    np.testing.assert_allclose(level.true_lateral.detector_lps, -vertebra.right, atol=1e-9)


def test_a_pedicle_with_room_takes_the_thick_needle_and_a_thin_one_a_thinner(analytic_vertebra, spine_of, skin_scan):
    options = PlanOptions(levels="L3", needles="two")
    wide = plan(spine_of(analytic_vertebra(radii=(5.0, 5.0), convergence_deg=12.0)), skin_scan(), options)[
        "L3"
    ].trajectories[0]
    thin = plan(spine_of(analytic_vertebra(radii=(1.9, 1.9), convergence_deg=12.0)), skin_scan(), options)[
        "L3"
    ].trajectories[0]
    assert wide.feasible
    assert wide.needle.gauge == 11
    assert thin.feasible
    assert thin.needle.gauge > 11


def test_the_needle_is_long_enough_or_refused(analytic_vertebra, spine_of, skin_scan):
    spine = spine_of(analytic_vertebra())
    near = plan(spine, skin_scan(skin_mm=70.0), PlanOptions(levels="L3", needles="two"))["L3"].trajectories[0]
    assert near.needle.length_mm >= near.skin_to_bone_mm + near.bone_to_target_mm
    far = plan(spine, skin_scan(skin_mm=200.0, half=(150, 230, 60), step=5.0), PlanOptions(levels="L3", needles="two"))
    assert all(not found.feasible for found in far["L3"].trajectories)
    assert "longer than the longest needle" in " ".join(far["L3"].trajectories[0].reasons)
    assert far["L3"].recommended == ()


def test_coarse_labels_demand_more_room(analytic_vertebra, spine_of, skin_scan):
    """The same bone, labelled at 3 mm: the walls lie within the label's own error, so that it is not called feasible."""
    vertebra = analytic_vertebra(radii=(2.6, 2.6), convergence_deg=12.0)
    options = PlanOptions(levels="L3", gauge=13, needles="two")
    fine = plan(spine_of(vertebra, voxel=(0.5, 0.5, 0.5)), skin_scan(), options)["L3"].trajectories[0]
    coarse = plan(spine_of(vertebra, voxel=(3.0, 3.0, 3.0)), skin_scan(), options)["L3"].trajectories[0]
    assert fine.feasible
    assert not coarse.feasible
    assert coarse.clearance["medial"].sigma_mm > fine.clearance["medial"].sigma_mm


def test_the_bones_seen_by_ct_thinner_than_its_label_counts(analytic_vertebra, spine_of, skin_scan):
    from dataclasses import replace

    vertebra = analytic_vertebra(radii=(3.6, 3.6), convergence_deg=12.0)
    thin = {side: replace(pedicle, ct_width_mm=2.4) for side, pedicle in vertebra.pedicles.items()}
    options = PlanOptions(levels="L3", gauge=11, needles="two")
    assert plan(spine_of(vertebra), skin_scan(), options)["L3"].trajectories[0].feasible
    found = plan(spine_of(replace(vertebra, pedicles=thin)), skin_scan(), options)["L3"].trajectories[0]
    assert not found.feasible


def test_breach_probability_grows_with_placement_error(analytic_vertebra, spine_of, skin_scan):
    spine, scan = spine_of(analytic_vertebra(radii=(4.0, 4.0), convergence_deg=12.0)), skin_scan()
    shares = []
    for shift, turn in ((0.0, 0.0), (1.0, 1.5), (1.5, 3.0), (2.0, 4.0)):
        options = PlanOptions(levels="L3", gauge=11, entry_error_mm=shift, direction_error_deg=turn, needles="two")
        found = plan(spine, scan, options)["L3"].trajectories[0].clearance
        shares.append(sum(found[w].breach_probability for w in ("medial", "lateral", "superior", "inferior")))
        assert all(
            c.breach_over_2mm_probability <= c.breach_probability for c in found.values() if c.breach_probability
        )
    assert shares[0] < 0.01
    assert shares == sorted(shares)


def test_same_seed_same_plan_another_seed_other_draws(analytic_vertebra, spine_of, skin_scan):
    spine, scan = spine_of(analytic_vertebra(radii=(4.0, 4.0), convergence_deg=12.0)), skin_scan()

    def medial(seed: int) -> float:
        made = plan(spine, scan, PlanOptions(levels="L3", seed=seed, needles="two"))
        return made["L3"].trajectories[0].clearance["medial"].breach_probability

    assert medial(1) == medial(1)
    assert medial(1) != medial(2)
