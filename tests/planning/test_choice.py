"""What is planned, what is refused, and with which words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.errors import InputError, RefusedError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.patient import Patient
from pedicle.model.scan import Acquisition
from pedicle.model.volume import Volume
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan


@pytest.fixture(scope="module")
def whole(analytic_vertebra):
    return analytic_vertebra()


def test_bodies_without_pedicles_are_refused(whole, spine_of, skin_scan):
    with pytest.raises(RefusedError) as refused:
        plan(spine_of(whole, coverage="body"), skin_scan(), PlanOptions(levels="all"))
    assert refused.value.code == 400
    assert refused.value.exit_code == 3
    assert "pedicle" in str(refused.value)


@pytest.mark.parametrize("levels", ["fractured", "all", " All "])
def test_purpose_plan_needs_named_levels(whole, spine_of, skin_scan, levels):
    with pytest.raises(RefusedError, match="E401"):
        plan(spine_of(whole), skin_scan(), PlanOptions(levels=levels, purpose="plan"))
    assert plan(spine_of(whole), skin_scan(), PlanOptions(levels="L3", purpose="plan", needles="two"))[
        "L3"
    ].trajectories


@pytest.mark.parametrize("levels", ["L9", "T12,L3", "", ","])
def test_a_level_that_is_not_in_the_scan_is_an_input_error(whole, spine_of, skin_scan, levels):
    with pytest.raises(InputError) as wrong:
        plan(spine_of(whole), skin_scan(), PlanOptions(levels=levels))
    assert wrong.value.code == 402
    assert "L3" in str(wrong.value)  # says what there is


def test_names_are_read_in_any_case_and_order(analytic_vertebra, spine_of, skin_scan):
    spine = spine_of(replace(analytic_vertebra(), level="L2"), replace(analytic_vertebra(), level="L3"))
    made = plan(spine, skin_scan(), PlanOptions(levels="l3, L2,l3", draws=500, needles="two"))
    assert [level.level for level in made.levels] == ["L2", "L3"]


def test_fractured_takes_graded_levels_only(whole, spine_of, skin_scan, wedge):
    spine = spine_of(replace(whole, level="L2", fracture=wedge), whole)
    assert [level.level for level in plan(spine, skin_scan(), PlanOptions(needles="two")).levels] == ["L2"]
    none = plan(spine_of(whole), skin_scan(), PlanOptions())
    assert none.levels == ()
    assert "no level" in none.warnings[-1].text


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ({"complete": False}, "cut by the border"),
        ({"cemented": True}, "already cemented"),
        ({"metal": True}, "metal"),
        ({"maps": None}, "not measured"),
        ({"posterior_wall_mm": None}, "not measured"),
    ],
)
def test_a_level_that_cannot_be_planned_stays_with_its_reason(whole, spine_of, skin_scan, fact, words):
    level = plan(spine_of(replace(whole, **fact)), skin_scan(), PlanOptions(levels="L3"))["L3"]
    assert level.trajectories == ()
    assert level.recommended == ()
    assert words in level.refused[0]


def test_an_unknown_gauge_names_the_catalogue(whole, spine_of, skin_scan):
    with pytest.raises(InputError, match=r"E404.*11"):
        plan(spine_of(whole), skin_scan(), PlanOptions(levels="L3", gauge=12))


def test_a_fact_not_stated_is_an_open_gate_and_a_stated_one_is_not(whole, spine_of, skin_scan):
    options = PlanOptions(levels="L3", draws=500, needles="two")
    nothing = plan(spine_of(whole), skin_scan(), options).open_gates
    assert any("INR" in gate for gate in nothing)
    assert any("L3" in gate for gate in nothing)
    known = plan(spine_of(whole), skin_scan(), options, Patient(inr=1.0, consent=True)).open_gates
    assert not any("INR" in gate or "consent" in gate for gate in known)
    assert len(known) == len(nothing) - 2


def test_supine_scans_old_scans_and_uncertain_levels_are_warned_of(whole, spine_of, skin_scan):
    scan = skin_scan()
    unsure = replace(whole, basis="given", confidence=0.5)
    made = plan(spine_of(unsure), scan, PlanOptions(levels="L3", draws=500, needles="two"))
    assert made.scan_position == "supine"
    assert any("true AP" in notice.text for notice in made.warnings)
    assert any("2026-01-01" in notice.text for notice in made.warnings)
    assert any("unverified" in notice.text for notice in made["L3"].warnings)
    prone = replace(scan, acquisition=Acquisition(patient_position="HFP"))
    assert not any(
        n.code == "position"
        for n in plan(spine_of(whole), prone, PlanOptions(levels="L3", draws=500, needles="two")).warnings
    )


@pytest.mark.parametrize(("wall", "severities"), [("broken", ["danger"]), ("bulged", ["caution"]), ("intact", [])])
def test_a_posterior_wall_that_is_not_intact_is_told(whole, spine_of, skin_scan, wedge, wall, severities):
    hurt = replace(whole, fracture=replace(wedge, posterior_wall=wall))
    notices = plan(spine_of(hurt), skin_scan(), PlanOptions(levels="L3", draws=500, needles="two"))["L3"].warnings
    assert [n.severity for n in notices if n.code == "posterior-wall"] == severities


def test_without_a_ct_depth_is_unknown_but_bone_is_planned(whole, spine_of):
    for found in plan(spine_of(whole), None, PlanOptions(levels="L3", draws=500, needles="two"))["L3"].trajectories:
        assert found.skin_entry_lps_mm is None
        assert found.skin_to_bone_mm is None
        assert "depth unknown" in found.skin_reason
        assert found.bone_to_target_mm > 30


def box_mask(low, high, step=2.0) -> Volume:
    shape = tuple(int((b - a) / step) + 1 for a, b in zip(low, high, strict=True))
    matrix = np.diag([step, step, step, 1.0])
    matrix[:3, 3] = low
    return Volume(Grid(shape, matrix), np.ones(shape, np.uint8))


def test_what_is_not_labelled_is_not_assessed(whole, spine_of, skin_scan):
    found = plan(spine_of(whole), skin_scan(), PlanOptions(levels="L3", draws=500, needles="two"))["L3"].trajectories[0]
    assert found.clearance["pleura"].mm is None
    assert "not assessed" in found.clearance["pleura"].reason


def test_distance_to_a_labelled_vessel_is_measured(whole, spine_of, skin_scan):
    aorta = box_mask([-10.0, -60.0, -20.0], [10.0, -40.0, 20.0])
    cava = box_mask([-60.0, -60.0, -20.0], [-50.0, -40.0, 20.0])
    options = PlanOptions(levels="L3", draws=500, needles="two")
    spine = spine_of(whole, structures={"aorta": aorta, "vena_cava": cava})
    found = plan(spine, skin_scan(), options)["L3"].trajectories[0]
    # From the tip straight forward to the box's face (half a voxel in front of its first centres), less the radius.
    expected = found.target_lps_mm[1] - (-40.0 + 1.0) - found.needle.radius_mm
    assert found.clearance["great_vessel"].mm == pytest.approx(expected, abs=0.1)


def test_a_needle_through_lung_is_not_feasible(whole, spine_of, skin_scan):
    lung = box_mask([10.0, 50.0, -20.0], [60.0, 70.0, 20.0])
    options = PlanOptions(levels="L3", draws=500, needles="two")
    found = plan(spine_of(whole, structures={"lung_left": lung}), skin_scan(), options)["L3"].trajectories
    assert [t.feasible for t in found] == [False, True]
    assert "lung" in found[0].reasons[0]


def test_no_room_in_a_thoracic_pedicle_and_no_lung_labels_refuses_the_way_beside_it(
    analytic_vertebra, spine_of, skin_scan
):
    thin = analytic_vertebra(level="T6", radii=(1.1, 1.1), convergence_deg=12.0)
    level = plan(spine_of(thin), skin_scan(), PlanOptions(levels="T6", draws=500, needles="two"))["T6"]
    assert level.recommended == ()
    said = " ".join(level.refused + tuple(r for t in level.trajectories for r in t.reasons))
    assert "lung not assessed" in said


def test_with_lungs_labelled_and_far_the_way_beside_a_thin_pedicle_is_planned(analytic_vertebra, spine_of, skin_scan):
    thin = analytic_vertebra(level="T6", radii=(1.1, 1.1), convergence_deg=12.0)
    lung = box_mask([70.0, -60.0, -20.0], [90.0, -40.0, 20.0])
    other = box_mask([-90.0, -60.0, -20.0], [-70.0, -40.0, 20.0])
    spine = spine_of(thin, structures={"lung_left": lung, "lung_right": other})
    level = plan(spine, skin_scan(), PlanOptions(levels="T6", draws=500, needles="two"))["T6"]
    assert [t.approach for t in level.trajectories] == ["parapedicular", "parapedicular"]
    for found in level.trajectories:
        assert found.clearance["canal"].mm > 2.0
        assert found.clearance["pleura"].mm is not None
        assert found.clearance["foramen"].mm is None  # outside bone no label shows the root
        assert "nerve root" in found.clearance["foramen"].reason


def test_the_other_sides_lung_or_its_vessels_do_not_assess_the_way_beside_a_thin_pedicle(
    analytic_vertebra, spine_of, skin_scan
):
    thin = analytic_vertebra(level="T6", radii=(1.1, 1.1), convergence_deg=12.0)
    box = box_mask([70.0, -60.0, -20.0], [90.0, -40.0, 20.0])
    spine = spine_of(thin, structures={"lung_upper_lobe_left": box, "lung_vessels": box})
    level = plan(spine, skin_scan(), PlanOptions(levels="T6", draws=500, needles="two"))["T6"]
    assert level.recommended == ("left",)
    right = [found for found in level.trajectories if found.side == "right"]
    assert all(found.clearance["pleura"].mm is None for found in right)
    said = " ".join(level.refused + tuple(reason for found in right for reason in found.reasons))
    assert "lung not assessed" in said


def test_no_way_beside_a_lumbar_pedicle_without_lungs_either(analytic_vertebra, spine_of, skin_scan):
    """The pleura reaches down behind L1."""
    thin = analytic_vertebra(level="L1", radii=(1.1, 1.1), convergence_deg=12.0)
    level = plan(spine_of(thin), skin_scan(), PlanOptions(levels="L1", draws=500, needles="two"))["L1"]
    assert level.recommended == ()


def test_a_guessed_canal_and_labels_out_of_order_are_not_planned(whole, spine_of, skin_scan):
    guessed = replace(whole, warnings=(Notice("canal-carried", "L3", "a guess", "danger"),))
    level = plan(spine_of(guessed), skin_scan(), PlanOptions(levels="L3"))["L3"]
    assert level.trajectories == ()
    assert "canal not seen" in level.refused[0]
    spine = replace(spine_of(whole), warnings=(Notice("level-order", "T12-L5", "swapped", "danger"),))
    level = plan(spine, skin_scan(), PlanOptions(levels="L3"))["L3"]
    assert level.trajectories == ()
    assert "out of order" in level.refused[0]


def test_a_level_counted_from_one_landmark_only_stays_unverified_in_the_plan(whole, spine_of, skin_scan):
    """What the measurement calls unverified, the plan must not call certain."""
    said = Notice("level-unverified", "L3", "level unverified: counted from sacrum only")
    once = replace(whole, confidence=0.9, warnings=(said,))
    options = PlanOptions(levels="L3", draws=500, needles="two")
    assert "level-unverified" in {n.code for n in plan(spine_of(once), skin_scan(), options)["L3"].warnings}
    assert "level-unverified" not in {n.code for n in plan(spine_of(whole), skin_scan(), options)["L3"].warnings}


def test_fractured_names_the_doubtful_levels_it_leaves_out_and_doubts_those_it_takes(whole, spine_of, skin_scan, wedge):
    words = "possible fracture or small level (40 % for grade 1 or more)"
    below = replace(whole, level="L2", fracture=replace(wedge, genant_grade=0, verdict=words))
    above = replace(whole, fracture=replace(wedge, genant_grade=1, verdict=words))
    made = plan(spine_of(below, above), skin_scan(), PlanOptions(draws=500, needles="two"))
    assert [level.level for level in made.levels] == ["L3"]
    assert [n.code for n in made["L3"].warnings if n.text == words] == ["possible-fracture"]
    left = [n.text for n in made.warnings if n.code == "possible-fracture"]
    assert len(left) == 1
    assert "L2" in left[0]


def test_a_danger_of_the_spine_leads_the_plan(whole, spine_of, skin_scan):
    danger = Notice("rib-count", "L1", "L1 carries ribs", "danger")
    note = Notice("sacrum", "sacrum", "counted from", "note")
    spine = replace(spine_of(whole), warnings=(note, danger))
    made = plan(spine, skin_scan(), PlanOptions(levels="L3", draws=500))
    assert made.warnings[0] == danger
    assert note not in made.warnings


BESIDE = Notice("label-off-bone", "L3", "label does not end where the bone ends", "danger")


@pytest.mark.parametrize("purpose", ["plan", "rehearse", "train"])
def test_a_label_map_beside_its_bone_is_never_planned_on(whole, spine_of, skin_scan, purpose):
    told = Notice("labels-off-bone", "labels", "5 of 5 labels do not end where the bone ends", "danger")
    spine = replace(spine_of(whole), warnings=(told,))
    with pytest.raises(RefusedError, match="E403 label map: 5 of 5") as caught:
        plan(spine, skin_scan(), PlanOptions(levels="L3", purpose=purpose, draws=500))
    assert caught.value.exit_code == 3


def test_a_single_label_beside_its_bone_gets_no_needle(whole, spine_of, skin_scan):
    beside = replace(whole, warnings=(BESIDE,))
    made = plan(spine_of(replace(whole, level="L2"), beside), skin_scan(), PlanOptions(levels="L2,L3", draws=500))
    assert made["L2"].trajectories
    assert not made["L3"].trajectories
    assert any("beside its bone" in text for text in made["L3"].refused)
    with pytest.raises(RefusedError, match="E403"):
        plan(spine_of(beside), skin_scan(), PlanOptions(levels="L3", draws=500))


def test_a_label_in_doubt_is_planned_with_the_doubt_said(whole, spine_of, skin_scan):
    doubted = replace(whole, warnings=(replace(BESIDE, severity="caution"),))
    made = plan(spine_of(doubted), skin_scan(), PlanOptions(levels="L3", draws=500))
    assert made["L3"].trajectories
    assert "label-off-bone" in {notice.code for notice in made["L3"].warnings}


def test_a_broken_posterior_wall_is_an_open_gate(whole, spine_of, skin_scan, wedge):
    broken = replace(whole, fracture=replace(wedge, posterior_wall="broken"))
    gates = plan(spine_of(broken), skin_scan(), PlanOptions(levels="L3", draws=500)).open_gates
    assert any("posterior wall of L3 broken" in gate for gate in gates)
    intact = plan(spine_of(whole), skin_scan(), PlanOptions(levels="L3", draws=500)).open_gates
    assert not any("posterior wall" in gate for gate in intact)


def test_without_a_level_no_level_is_to_be_confirmed(whole, spine_of, skin_scan):
    gates = plan(spine_of(whole), skin_scan(), PlanOptions(levels="fractured")).open_gates
    assert not any(gate.startswith("level to be confirmed") for gate in gates)


def test_much_cement_in_one_session_is_told(whole, spine_of, skin_scan):
    levels = [replace(whole, level=name, body_volume_ml=43.0) for name in ("T12", "L1", "L2", "L3", "L4")]
    made = plan(spine_of(*levels), skin_scan(), PlanOptions(levels="all", draws=500, needles="two"))
    assert made.cement_total_ml is not None
    assert ("much-cement" in {notice.code for notice in made.warnings}) == (made.cement_total_ml > 25.0)
    assert made.cement_total_ml > 25.0


def test_a_level_that_is_not_planned_needs_no_count(whole, spine_of, skin_scan):
    cut = replace(whole, level="L2", complete=False)
    gates = plan(spine_of(cut, whole), skin_scan(), PlanOptions(levels="all", draws=500)).open_gates
    assert gates[0] == "level to be confirmed on the table: L3"


def test_an_unknown_position_is_called_unknown(whole, spine_of, skin_scan):
    scan = skin_scan()
    unknown = replace(scan, acquisition=replace(scan.acquisition, patient_position=None))
    text = next(n.text for n in plan(spine_of(whole), unknown, PlanOptions(draws=500)).warnings if n.code == "position")
    assert text.startswith("position in the CT not known")
