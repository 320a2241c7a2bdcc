"""Gates: an absent fact is unanswered, an unverified limit decides nothing, a plan is refused and a rehearsal is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.care.care import care_plan
from pedicle.care.options import CareOptions
from pedicle.model.acts import Overridden
from pedicle.model.care import CarePlan, Gate
from pedicle.model.errors import InputError, PedicleError, RefusedError
from pedicle.model.patient import Patient
from tests.care.bare import WELL, make_plan, make_spine


def care(
    patient: Patient = WELL, purpose: str = "rehearse", levels=("L1",), options=None, events=(), **shape
) -> CarePlan:
    return care_plan(patient, make_spine(levels, **shape), make_plan(levels), purpose, events, (), options)


def gate(plan: CarePlan, name: str) -> Gate:
    return next(one for one in plan.gates if one.name == name)


def test_a_patient_with_every_fact_may_be_planned():
    plan = care(purpose="plan")
    assert {one.verdict for one in plan.gates if one.holds} == {"passed"}


def test_a_plan_without_facts_is_refused_in_one_line_that_names_them():
    with pytest.raises(RefusedError) as error:
        care(Patient(), "plan")
    text = str(error.value)
    assert error.value.exit_code == 3
    assert "\n" not in text
    assert "painful vertebral fracture of L1" in text
    for key in ("consent", "inr", "platelets_10e9_l", "pain_nrs", "oedema", "allergies", "infection"):
        assert key in text


def test_a_rehearsal_lists_them_first_and_refuses_nothing():
    plan = care(replace(WELL, infection=True, inr=None))
    assert [one.verdict for one in plan.gates][:2] == ["refused", "unanswered"]
    assert [one.name for one in plan.gates][:2] == ["infection", "INR"]
    assert care(Patient(), "train").gates[0].verdict == "unanswered"


@pytest.mark.parametrize("key", ["consent", "pain_level_confirmed", "neurology", "inr", "platelets_10e9_l", "antithrombotics",
                                 "allergies", "infection", "malignancy_history", "pain_nrs", "oedema", "fracture_age_weeks"])  # fmt: skip
def test_each_absent_fact_leaves_its_gate_open_and_stops_a_plan(key):
    patient = replace(WELL, **{key: None})
    assert any(key in one.missing and one.verdict == "unanswered" for one in care(patient).gates)
    with pytest.raises(RefusedError, match=key):
        care(patient, "plan")


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({"inr": 1.5}, "INR", "passed"),
        ({"inr": 1.51}, "INR", "warning"),
        ({"inr": 1.8}, "INR", "warning"),
        ({"inr": 1.81}, "INR", "refused"),
        ({"platelets_10e9_l": 50}, "platelets", "passed"),
        ({"platelets_10e9_l": 49.9}, "platelets", "refused"),
        ({"allergies": ("PMMA",)}, "allergy", "refused"),
        ({"allergies": ("lidocaine",)}, "allergy", "refused"),
        ({"allergies": ("latex",)}, "allergy", "warning"),
        ({"consent": False}, "consent", "refused"),
        ({"infection": True}, "infection", "refused"),
        ({"malignancy_history": True}, "malignancy", "warning"),
        ({"neurology": "weak left foot"}, "neurology", "warning"),
        ({"pain_level_confirmed": "L4"}, "level and side", "refused"),
        ({"pain_level_confirmed": "L4"}, "indication", "refused"),
        ({"pain_level_confirmed": "Th 12 and L 1"}, "level and side", "passed"),
        ({"pain_nrs": 0}, "indication", "refused"),
        ({"pain_nrs": 4.9}, "indication", "warning"),
        ({"pain_nrs": 5}, "indication", "passed"),
        ({"fracture_age_weeks": 6}, "indication", "passed"),
        ({"fracture_age_weeks": 6.1}, "indication", "warning"),
        ({"oedema": {"L1": {"found": False, "by": "MRI"}}}, "indication", "refused"),
        ({"oedema": {"L3": {"found": True, "by": "MRI"}}}, "indication", "unanswered"),
        ({"pain_despite_treatment": None}, "indication", "warning"),
        ({"pain_despite_treatment": False}, "indication", "refused"),
        ({"fasting": "solids 7 h, clear fluids 3 h"}, "fasting", "refused"),
        ({"fasting": "light meal 6 h, clear fluids 2 h"}, "fasting", "passed"),
        ({"fasting": "yes"}, "fasting", "unanswered"),
        ({"antithrombotics": ("heparin",), "antithrombotics_stopped_h": {"heparin": 6}}, "antithrombotics", "passed"),
        ({"antithrombotics": ("heparin",), "antithrombotics_stopped_h": {"heparin": 5}}, "antithrombotics", "refused"),
        ({"antithrombotics": ("heparin",)}, "antithrombotics", "unanswered"),
        ({"antithrombotics": ("apixaban",), "antithrombotics_stopped_h": {"apixaban": 500}}, "antithrombotics", "unanswered"),
        ({"antithrombotics": ("apixaban",), "antithrombotics_stopped_h": {"apixaban": 0}}, "antithrombotics", "unanswered"),
        ({"antithrombotics": ("unheard of",)}, "antithrombotics", "unanswered"),
    ],
)  # fmt: skip
def test_boundaries(change, name, verdict):
    assert gate(care(replace(WELL, **change)), name).verdict == verdict


def test_an_unverified_hold_says_so():
    patient = replace(WELL, antithrombotics=("apixaban",), antithrombotics_stopped_h={"apixaban": 500})
    assert "limit not verified, check locally" in gate(care(patient), "antithrombotics").limit


@pytest.mark.parametrize("wall", ["bulged", "broken"])
def test_a_posterior_wall_is_relative_never_absolute(wall):
    plan = care(purpose="plan", wall=wall)
    assert gate(plan, "posterior wall").verdict == "warning"
    assert any(one.name == "posterior_wall" for one in plan.selection.relative)
    assert not plan.selection.absolute


def test_a_deficit_with_a_broken_wall_is_refused():
    assert gate(care(replace(WELL, neurology="weak left foot"), wall="broken"), "neurology").verdict == "refused"


def test_gates_of_the_day_do_not_stop_a_plan():
    assert gate(care(replace(WELL, fasting=None), "plan"), "fasting").verdict == "unanswered"


def test_an_override_passes_its_gate_alone_and_is_said_first():
    patient = replace(WELL, inr=2.4)
    plan = care(patient, "plan", events=(Overridden(0.0, "INR", "corrected since, result by telephone"),))
    assert plan.warnings[0].code == "care-override"
    with pytest.raises(RefusedError):
        care(patient, "plan", events=(Overridden(0.0, "platelets", "no"),))


def test_a_local_row_replaces_one_and_is_said(tmp_path):
    path = tmp_path / "local.toml"
    path.write_text('[limits.holds.apixaban]\nvalue = 72\nunit = "h"\nsource = "House rule 7"\nevidence = "read"\n')
    patient = replace(WELL, antithrombotics=("apixaban",), antithrombotics_stopped_h={"apixaban": 72})
    plan = care(patient, "plan", options=CareOptions(local=path))
    assert gate(plan, "antithrombotics").verdict == "passed"
    assert "House rule 7" in plan.replaced["limits.holds.apixaban"]
    assert any(one.code == "care-local" for one in plan.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "[limits.nothing]\nvalue = 1\nunit = '1'\nsource = 'x'\nevidence = 'read'",
        "[limits.inr]\nvalue = 1\nunit = 's'\nsource = 'x'\nevidence = 'read'",
        "[limits.inr]\nvalue = nan\nunit = '1'\nsource = 'x'\nevidence = 'read'",
        "[limits.inr]\nvalue = true\nunit = '1'\nsource = 'x'\nevidence = 'read'",
        "[limits.inr]\nvalue = -1\nunit = '1'\nsource = 'x'\nevidence = 'read'",
        "[limits.inr]\nvalue = 1\nunit = '1'\nsource = ' '\nevidence = 'read'",
        "[limits.inr]\nvalue = 1\nunit = '1'\nsource = 'x'\nevidence = 'sure'",
        "[limits.inr]\nvalue = 1\nunit = '1'\nsource = 'x'\nevidence = 'read'\nextra = 1",
        "limits = 3",
        "[../secrets]\nvalue = 1",
    ],
)
def test_a_bad_local_file_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "local.toml"
    path.write_text(text)
    with pytest.raises(PedicleError) as error:
        care(options=CareOptions(local=path))
    assert isinstance(error.value, InputError)
    assert error.value.code in (780, 781)


def test_selection_names_the_trials_of_the_age_first_and_says_what_sham_trials_showed():
    acute, old = care(), care(replace(WELL, fracture_age_weeks=20))
    assert acute.evidence[0].acute
    assert not old.evidence[0].acute
    assert care(replace(WELL, fracture_age_weeks=None)).evidence[0].fits is None
    assert "sham-controlled" in acute.selection.plainly[0].text
    assert "no important difference" in acute.selection.plainly[0].text


def test_risks_are_this_patients():
    names = {
        one.name for one in care(levels=("T12", "L1", "L2"), cleft="gas", wall="broken", shape="crush").selection.risks
    }
    assert {"cleft", "wall", "levels", "thoracic", "endplate", "routes"} <= names
    assert "cleft" not in {one.name for one in care().selection.risks}
    assert "fresh" not in {one.name for one in care(replace(WELL, fracture_age_weeks=2)).selection.risks}
    assert "fresh" in {one.name for one in care(replace(WELL, fracture_age_weeks=1.9)).selection.risks}
