"""The named views in anatomical words: which pedicle is end-on, which needle is a dot, what is in the field."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.fluoroscopy.needle_shadow import STEEL, needle_shadows
from pedicle.fluoroscopy.views import VIEWS, Aim, counted_words, reach_words, set_up, standard_arm
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import SUPERIOR, Pose, angle_deg
from pedicle.model.orientation import edge_words, seen_from, side_letters
from pedicle.model.placed import PlacedNeedle
from pedicle.model.table import equipment_angles, view_from_equipment, view_from_iec
from tests.fluoroscopy import simple_spine as simple

BONE = simple.vertebra()
ARM = standard_arm()


def aim(lying="prone", side=None, needle=None, bone=BONE) -> Aim:
    return Aim(simple.spine(bone), bone, lying, side, needle)


def pedicle_length_px(beam: ConeBeam, side: str) -> float:
    """How long the pedicle's axis is in the picture, of the part within 10 mm of the isthmus."""
    assert BONE.pedicles is not None
    pedicle = BONE.pedicles[side]
    ends = beam.project(pedicle.centre_lps_mm + np.array([[-10.0], [10.0]]) * pedicle.axis_lps)
    return float(np.linalg.norm(ends[1] - ends[0]))


def needle_mm(beam: ConeBeam, needle: PlacedNeedle) -> float:
    """The longest extent of the needle's steel in the picture, in mm at the isocentre."""
    steel = next(shadow for shadow in needle_shadows(needle, beam) if shadow.material == STEEL)
    rows, columns = np.nonzero(steel.paths_mm > 0.3)
    scale = ARM.source_to_detector_mm / ARM.source_to_isocentre_mm / beam.pixel_mm[0]
    return float(max(np.ptp(rows) + 1, np.ptp(columns) + 1) / scale)


def beam_over(view: View, isocentre: np.ndarray) -> ConeBeam:
    return ConeBeam.aimed(ARM, isocentre, view.detector_lps, SUPERIOR)


# One pose, said in five ways: over the back of a prone patient, 20 to 30 deg toward the patient's left.
POSES = {
    "in words": View.towards("v", [np.sin(np.radians(25.0)), np.cos(np.radians(25.0)), 0.0]),
    "DICOM primary +155": View.from_dicom_angles("v", 155.0, 0.0),
    "equipment, head first prone": view_from_equipment("v", -25.0, 0.0, "HFP"),
    "equipment, feet first prone": view_from_equipment("v", 25.0, 0.0, "FFP"),
    "IEC, head first prone": view_from_iec("v", 155.0, 0.0, "HFP"),
}


@pytest.mark.parametrize("name", POSES)
def test_over_the_back_turned_to_the_left_the_left_pedicle_is_end_on(name):
    view = POSES[name]
    assert view.detector_over == "back"
    assert view.tilt_toward == "left"
    assert 20.0 <= view.tilt_deg <= 30.0
    beam = beam_over(view, BONE.pedicles["left"].centre_lps_mm)
    # End-on: 20 mm of axis are less than a tenth of what they are from the side; the other pedicle is seen along its length.
    assert pedicle_length_px(beam, "left") < 3.0
    assert pedicle_length_px(beam, "right") > 30.0


@pytest.mark.parametrize("primary", [150.0, 155.0, 160.0])
def test_over_the_whole_range_the_left_pedicle_is_the_one_seen_down(primary):
    beam = beam_over(View.from_dicom_angles("v", primary, 0.0), BONE.centroid_lps_mm)
    assert pedicle_length_px(beam, "left") < 0.25 * pedicle_length_px(beam, "right")


@pytest.mark.parametrize("name", POSES)
def test_the_left_planned_needle_is_a_dot_and_the_right_one_is_not(name):
    left, right = simple.trajectory("left"), simple.trajectory("right")
    beam = beam_over(POSES[name], 0.5 * (left.bone_entry_lps_mm + left.target_lps_mm))
    assert needle_mm(beam, PlacedNeedle.on(left)) <= 1.5 * left.needle.outer_diameter_mm
    assert needle_mm(beam, PlacedNeedle.on(right)) > 10.0 * right.needle.outer_diameter_mm


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("lying", ["prone", "supine"])
def test_the_bulls_eye_shows_its_own_needle_as_a_dot(side, lying):
    needle = simple.trajectory(side)
    view, beam = set_up("bulls-eye", aim(lying, side, needle))
    assert view.detector_over == ("back" if lying == "prone" else "chest")
    for depth in (0.0, 20.0, None):
        assert needle_mm(beam, PlacedNeedle.on(needle, depth)) <= 1.5 * needle.needle.outer_diameter_mm


@pytest.mark.parametrize("lying", ["prone", "supine"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_scottie_dogs_eye_is_the_pedicle_of_the_side_named(side, lying):
    view, beam = set_up("oblique", aim(lying, side))
    other = "right" if side == "left" else "left"
    assert pedicle_length_px(beam, side) < 0.25 * pedicle_length_px(beam, other)
    # Over the back the detector turns to the same side, over the chest to the other.
    assert view.tilt_toward == (side if lying == "prone" else other)


def test_without_a_measured_axis_the_oblique_view_turns_by_the_usual_angle():
    from dataclasses import replace

    blind = replace(BONE, pedicles=None)
    view, _ = set_up("oblique", aim("prone", "left", bone=blind))
    assert view.tilt_toward == "left"
    assert view.tilt_deg == pytest.approx(30.0)


@pytest.mark.parametrize(("lying", "over", "edge"), [("prone", "back", "left"), ("supine", "chest", "right")])
@pytest.mark.parametrize("name", ["ap", "true-ap", "level-count"])
def test_ap_is_taken_from_above(name, lying, over, edge):
    view, beam = set_up(name, aim(lying))
    assert view.detector_over == over
    assert edge_words(beam) == {
        "left": edge,
        "right": "right" if edge == "left" else "left",
        "top": "head",
        "bottom": "feet",
    }


@pytest.mark.parametrize("lying", ["prone", "supine"])
@pytest.mark.parametrize("name", ["lateral", "true-lateral"])
def test_lateral_is_seen_from_the_left_with_the_head_up(name, lying):
    view, beam = set_up(name, aim(lying))
    assert (view.detector_over, seen_from(beam), side_letters(beam)) == ("left side", "left", None)
    assert edge_words(beam)["top"] == "head"


def test_true_views_follow_a_turned_vertebra():
    a, b = np.radians(12.0), np.radians(18.0)
    about_head = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_left = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turned = simple.vertebra(pose=Pose.from_axes("lps", "vertebra", (about_head @ about_left).T, simple.CENTRE))
    pose = turned.lps_from_vertebra
    assert pose is not None
    ap, _ = set_up("true-ap", aim(bone=turned))
    lateral, _ = set_up("true-lateral", aim(bone=turned))
    np.testing.assert_allclose(pose.inverse.turn(ap.detector_lps), [0.0, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(pose.inverse.turn(lateral.detector_lps), [1.0, 0.0, 0.0], atol=1e-9)
    assert angle_deg(ap.detector_lps, lateral.detector_lps) == pytest.approx(90.0)


@pytest.mark.parametrize("name", ["ap", "lateral", "true-ap", "true-lateral", "oblique"])
def test_the_level_is_in_the_middle_of_the_picture(name):
    _, beam = set_up(name, aim(side="left"))
    np.testing.assert_allclose(
        beam.project(BONE.centroid_lps_mm), [(ARM.columns - 1) / 2, (ARM.rows - 1) / 2], atol=1e-6
    )
    assert beam.magnification(BONE.centroid_lps_mm) == pytest.approx(
        ARM.source_to_detector_mm / ARM.source_to_isocentre_mm
    )


def test_a_level_count_holds_the_sacrum_and_says_whether_it_holds_the_level():
    heights = {"T12": -44.0, "L3": -152.0}
    bones = [
        simple.vertebra(n, Pose.from_axes("lps", "vertebra", np.eye(3), [4.0, 30.0, z])) for n, z in heights.items()
    ]
    spine = simple.spine(*bones, sacrum_mm=-228.0)
    far, near = (Aim(spine, bone) for bone in bones)
    top = np.array([0.0, 40.0, -228.0])
    for which, fits in ((near, True), (far, False)):
        _, beam = set_up("level-count", which)
        column, row = beam.project(top)
        assert 0 <= column < beam.columns
        assert 0 <= row < beam.rows
        assert ("in one picture" in counted_words(which, beam)) is fits


def test_without_a_sacrum_the_last_rib_bearing_body_is_counted_from():
    bones = [
        simple.vertebra(level, Pose.from_axes("lps", "vertebra", np.eye(3), [4.0, 30.0, z]))
        for level, z in (("T12", -44.0), ("L1", -80.0))
    ]
    which = Aim(simple.spine(*bones, sacrum_mm=None), bones[1])
    _, beam = set_up("level-count", which)
    assert counted_words(which, beam) == "last rib and L1 in one picture"


def test_reach_only_informs():
    steep = View.from_dicom_angles("bull's-eye left", 180.0, 55.0)
    assert "may be beyond the reach" in reach_words(steep)
    assert "not verified" in reach_words(steep)
    assert [reach_words(set_up(name, aim(side="left", needle=simple.trajectory()))[0]) for name in VIEWS] == [""] * len(
        VIEWS
    )


def test_equipment_angles_of_the_bulls_eye_differ_by_how_the_patient_lies():
    view, _ = set_up("bulls-eye", aim("prone", "left", simple.trajectory("left")))
    assert view.dicom_primary_deg == pytest.approx(155.0)
    found = {position: equipment_angles(view, position)[0] for position in ("HFS", "HFP", "FFS", "FFP")}
    assert found == pytest.approx({"HFS": 155.0, "HFP": -25.0, "FFS": -155.0, "FFP": 25.0})


def test_what_cannot_be_aimed_is_refused():
    for name, code in (("sideways", "E700"), ("bulls-eye", "E701"), ("oblique", "E701")):
        with pytest.raises(InputError, match=code):
            set_up(name, aim())
