"""Doses: hand-computed tables, boundaries of age and weight, mixtures, caps; none without the facts it needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.care.anaesthetic import anaesthetic_budget, anaesthetic_gate, refuse_overdose, used_fraction
from pedicle.care.facts import dosing_weight, ideal_weight_kg
from pedicle.care.options import CareOptions
from pedicle.care.rows import Rows
from pedicle.care.sedation import sedation_log, sedation_plan
from pedicle.model.acts import AnaestheticInjected, DrugGiven
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.patient import Patient
from tests.care.bare import WELL, make_plan

ROWS = Rows()
THREE = ("T12", "L1", "L2")
# No height: doses go by the actual weight.
BARE = replace(WELL, height_cm=None)


def budget(weight_kg: float, patient: Patient = BARE, **options):
    return anaesthetic_budget(replace(patient, weight_kg=weight_kg), make_plan(THREE), CareOptions(**options), ROWS)


# Worked by hand: the lower of mg/kg x kg and the cap, over six sites, 10 mg in each ml.
@pytest.mark.parametrize(
    ("adrenaline", "weight_kg", "ml"),
    [
        (False, 45, 3.4), (False, 50, 3.75), (False, 60, 4.5), (False, 70, 5.0), (False, 120, 5.0),
        (True, 45, 5.25), (True, 50, 5.8), (True, 60, 7.0), (True, 70, 8.2),
    ],
)  # fmt: skip
def test_three_levels_from_both_sides(adrenaline, weight_kg, ml):
    found = budget(weight_kg, adrenaline=adrenaline)
    assert len(found.sites) == 6
    assert all(site.most_ml == pytest.approx(ml, abs=0.05) for site in found.sites)  # the table has one decimal
    assert found.total_mg == pytest.approx(found.limit_mg)


@pytest.mark.parametrize(("weight_kg", "limit"), [(66.6, 299.7), (66.7, 300.0), (69.9, 300.0), (70.0, 300.0)])
def test_the_cap_begins_where_weight_reaches_it(weight_kg, limit):
    assert budget(weight_kg).limit_mg == pytest.approx(limit)


@pytest.mark.parametrize(("weight_kg", "limit"), [(69.9, 489.3), (70.0, 490.0), (72.0, 500.0)])
def test_the_cap_with_adrenaline(weight_kg, limit):
    assert budget(weight_kg, adrenaline=True).limit_mg == pytest.approx(limit)


def test_bupivacaine_by_weight_and_cap():
    assert budget(60, anaesthetic="bupivacaine", percent=0.25).limit_mg == pytest.approx(120)
    assert budget(100, anaesthetic="bupivacaine", percent=0.25).limit_mg == pytest.approx(175)
    # 175 mg at 2.5 mg/ml are 70 ml, over six sites.
    assert budget(100, anaesthetic="bupivacaine", percent=0.25).sites[0].most_ml == pytest.approx(70 / 6)


@pytest.mark.parametrize("key", ["weight_kg", "age_y", "allergies"])
def test_no_volume_without_its_facts(key):
    found = anaesthetic_budget(replace(WELL, **{key: None}), make_plan(THREE), CareOptions(), ROWS)
    assert found.limit_mg is None
    assert found.total_mg is None
    assert all(site.most_ml is None and site.most_mg is None for site in found.sites)
    assert key in found.why[0]


def test_no_volume_for_a_child_or_an_allergic_patient():
    assert budget(40, replace(BARE, age_y=17.9)).limit_mg is None
    assert budget(60, replace(BARE, allergies=("lignocaine",))).limit_mg is None


def injected(percent, volume_ml, drug="lidocaine", layer="track", adrenaline=False):
    return AnaestheticInjected(0.0, "L1", "left", layer, drug, percent, volume_ml, adrenaline)


def test_bone_counts_and_fractions_of_two_drugs_add():
    patient = replace(BARE, weight_kg=50)  # lidocaine 225 mg, bupivacaine 100 mg
    one = [injected(1.0, 10.0), injected(2.0, 5.0, layer="bone")]
    assert used_fraction(one, patient, ROWS) == pytest.approx(200 / 225)
    two = [injected(1.0, 11.25), injected(0.25, 20.0, "bupivacaine")]
    assert used_fraction(two, patient, ROWS) == pytest.approx(1.0)
    gate = anaesthetic_gate(patient, two, ROWS)
    assert gate.verdict == "warning"
    assert "Mixing or the prior or intercurrent use of any other local anesthetic" in gate.found


def test_one_injection_too_many_is_refused_before_it_is_given():
    patient = replace(BARE, weight_kg=50)
    given = [injected(1.0, 20.0)]
    refuse_overdose(patient, given, injected(1.0, 2.5), ROWS)  # 225 mg of 225
    with pytest.raises(RefusedError, match="E783 L1 left"):
        refuse_overdose(patient, given, injected(1.0, 2.6), ROWS)
    assert anaesthetic_gate(replace(BARE, weight_kg=None), given, ROWS).verdict == "unanswered"
    with pytest.raises(InputError, match="E784"):
        used_fraction([injected(1.0, 1.0, "cocaine")], patient, ROWS)


def test_ideal_weight_by_hand():
    # 50 kg + 2.3 x 10 in = 73 kg at 70 in (177.8 cm); 45.5 + 2.3 x 4 = 54.7 at 64 in.
    assert ideal_weight_kg(Patient(sex="M", height_cm=177.8), ROWS) == pytest.approx(73.0)
    assert ideal_weight_kg(Patient(sex="F", height_cm=162.56), ROWS) == pytest.approx(54.7)
    assert ideal_weight_kg(Patient(sex="F", height_cm=150), ROWS) is None
    assert ideal_weight_kg(Patient(height_cm=170), ROWS) is None


def test_the_lower_weight_is_taken_and_said():
    heavy = Patient(sex="F", height_cm=162.56, weight_kg=90)
    assert dosing_weight(heavy, ROWS)[0] == pytest.approx(54.7)
    assert dosing_weight(replace(heavy, weight_kg=45), ROWS)[0] == 45
    kg, words = dosing_weight(replace(heavy, sex=None), ROWS)
    assert kg == 90
    assert "sex or height not stated" in words


def drugs(patient, sedatives="midazolam"):
    return {one.drug: one for one in sedation_plan(patient, CareOptions(sedatives=sedatives), ROWS)}


@pytest.mark.parametrize(
    ("age_y", "asa", "first_most", "most"),
    # 0.03 mg/kg x 80 kg = 2.4 mg caps the adult's 2.5; below 60 and ASA II alone is a healthy adult.
    [(59.9, 2, 2.4, 5.0), (60, 1, 1.5, 3.5), (85, 1, 1.5, 3.5), (40, 3, 1.5, 3.5), (40, 4, 1.5, 3.5)],
)
def test_the_row_of_the_older_is_the_default(age_y, asa, first_most, most):
    found = drugs(replace(BARE, age_y=age_y, asa=asa, weight_kg=80))["midazolam"]
    assert (found.first, found.first_most, found.most) == (1.0, pytest.approx(first_most), most)


def test_with_an_opioid_midazolam_is_cut():
    old = drugs(replace(BARE, weight_kg=80), "midazolam and fentanyl")
    # Half of a healthy adult's 2.5 and 5 mg.
    assert (old["midazolam"].first_most, old["midazolam"].most) == (1.25, 2.5)
    assert (old["fentanyl"].first, old["fentanyl"].most) == (25.0, 50.0)
    young = drugs(replace(BARE, age_y=40, weight_kg=80), "midazolam and fentanyl")
    assert (young["midazolam"].first_most, young["midazolam"].most) == (pytest.approx(1.75), pytest.approx(3.5))
    assert young["fentanyl"].first == 50.0


def test_a_light_patient_gets_less_and_never_rounded_up():
    found = drugs(replace(BARE, weight_kg=30))["midazolam"]
    assert found.first == found.first_most == 0.9
    assert drugs(replace(BARE, weight_kg=32.5))["midazolam"].first == 0.97


@pytest.mark.parametrize("key", ["age_y", "weight_kg", "asa", "allergies"])
def test_no_dose_without_its_facts(key):
    for drug in drugs(replace(WELL, **{key: None}), "midazolam and fentanyl").values():
        assert not drug.proposed
        assert (drug.first, drug.first_most, drug.step, drug.most, drug.interval_s) == (None,) * 5
        assert key in drug.why[0]


def test_no_dose_for_a_child_or_of_a_drug_that_is_not_borne():
    assert not drugs(replace(WELL, age_y=17))["midazolam"].proposed
    found = drugs(replace(WELL, allergies=("benzodiazepines",)), "midazolam and fentanyl")
    assert not found["midazolam"].proposed
    assert found["fentanyl"].proposed


def test_no_dose_from_an_unverified_row():
    row = ROWS.number("drugs.midazolam.older.most")
    local = Rows({"drugs.midazolam.older.most": replace(row, evidence="unverified")})
    found = next(one for one in sedation_plan(WELL, CareOptions(), local) if one.drug == "midazolam")
    assert not found.proposed
    assert "limit not verified, check locally" in found.why[0]


def given(t_s, drug, amount, unit="mg", route="iv"):
    return DrugGiven(t_s, drug, amount, unit, route)


def test_the_log_sees_dose_interval_total_and_unit():
    plans = sedation_plan(replace(BARE, weight_kg=80), CareOptions(sedatives="midazolam"), ROWS)
    fine = sedation_log(
        (given(0, "midazolam", 1.0), given(240, "midazolam", 1.0), given(300, "oxygen", 2, "l_min", "inhaled")), plans
    )
    assert [one.findings for one in fine] == [(), (), ()]
    assert fine[1].total == 2.0
    soon, much = (
        sedation_log((given(0, "midazolam", 1.0), given(239, "midazolam", 1.0)), plans)[1],
        sedation_log((given(0, "midazolam", 1.6),), plans)[0],
    )
    assert "239 s after" in soon.findings[0]
    assert "at most 1.5" in much.findings[0]
    over = sedation_log(tuple(given(300 * n, "midazolam", 1.0) for n in range(4)), plans)
    assert [bool(one.findings) for one in over] == [False, False, False, True]
    assert sedation_log((given(0, "midazolam", 1.0, "mg", "im"),), plans)[0].findings
    unplanned = sedation_plan(Patient(), CareOptions(), ROWS)
    assert "without a plan" in sedation_log((given(0, "midazolam", 1.0),), unplanned)[0].findings[0]


def test_depth_is_the_plans_and_fascia_is_not_made_up():
    site = budget(60).sites[0]
    assert site.skin_to_periosteum_mm == pytest.approx(40.0)
    assert site.skin_to_fascia_mm is None
    assert "fascia" in site.reason
