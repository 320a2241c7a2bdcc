"""The file and the pages: the keys outside programs read, nothing a dose without its facts, text that stays text."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pedicle.care.care import care_plan
from pedicle.io.care import care_files
from pedicle.model.acts import AnaestheticInjected, CrisisArose, DrugGiven
from pedicle.model.care import CarePlan
from pedicle.model.codec import decode, encode
from pedicle.model.cure import CementClock
from pedicle.model.patient import Patient
from pedicle.report.care import care_sections
from pedicle.report.render import _environment
from tests.care.bare import WELL, make_plan, make_spine

NASTY = "<script>alert(1)</script> =1+1 {{ 7*7 }}"


def care(patient: Patient = WELL, events=(), clocks=()) -> CarePlan:
    return care_plan(patient, make_spine(), make_plan(), "rehearse", events, clocks)


def page(plan: CarePlan) -> str:
    pages = care_sections(plan)
    return "".join(
        _environment().get_template(name).render(care=pages) for name in ("care_before.html", "care_after.html")
    )


def document(plan: CarePlan):
    def refuse(text: str) -> None:
        raise AssertionError(text)

    return json.loads(care_files(plan)["care.json"], parse_constant=refuse)


def test_the_file_has_the_keys_of_the_interface():
    found = document(care())
    for key in ("selection", "checklist", "sedation", "anaesthetic", "monitoring", "discharge", "evidence"):
        assert key in found
    assert {"sites", "total_mg", "limit_mg"} <= set(found["anaesthetic"])
    assert found["anaesthetic"]["limit_mg"] == pytest.approx(
        4.5 * 50.571, abs=0.01
    )  # 45.5 + 2.3 x (158 / 2.54 - 60) kg
    assert all(isinstance(found[key], list) for key in ("checklist", "sedation", "monitoring", "evidence"))


def test_what_is_not_stated_is_null_with_a_warning():
    found = document(care(Patient()))
    assert found["anaesthetic"]["total_mg"] is None
    assert found["anaesthetic"]["limit_mg"] is None
    assert all(drug["first"] is None for drug in found["sedation"])
    assert any("not stated" in warning["text"] for warning in found["warnings"])


@pytest.mark.parametrize("patient", [Patient(), replace(WELL, weight_kg=None), replace(WELL, allergies=None)])
def test_no_page_prints_a_dose_without_its_facts(patient):
    text = re.search(r'id="care-drugs".*?</section>', page(care(patient)), re.DOTALL)[0]
    cells = " ".join(re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", text, re.DOTALL)).replace("\u00a0", " ")
    assert not re.search(r"\d\s*(mg|ug|ml)\b", cells)
    assert "not stated" in cells


def test_pages_hold_gates_first_and_the_patients_page_last():
    plan = care(replace(WELL, infection=True, inr=None))
    text = page(plan)
    gates = re.search(r'id="care-gates".*?</section>', text, re.DOTALL)[0]
    words = re.findall(r'class="weight">(\w+)<', gates)
    assert words[:2] == ["Refused", "Unanswered"]
    assert words == sorted(words, key=["Refused", "Unanswered", "Caution", "Passed"].index)
    order = [
        text.index(f'id="care-{name}"')
        for name in ("gates", "selection", "checklist-1", "drugs", "monitoring", "letter", "patient")
    ]
    assert order == sorted(order)
    assert "spinal cord" not in text[order[-1] :].lower()
    assert "Two sham-controlled trials" in text


def test_unverified_rows_carry_the_dagger():
    patient = replace(WELL, antithrombotics=("apixaban",), antithrombotics_stopped_h={"apixaban": 99})
    gates = re.search(r'id="care-gates".*?</section>', page(care(patient)), re.DOTALL)[0]
    line = next(one for one in gates.split("<li") if "apixaban" in one)
    assert "†" in line


def test_text_from_outside_stays_text():
    patient = replace(WELL, allergies=(NASTY,), neurology=NASTY, antithrombotics=(NASTY,), fasting=NASTY)
    text = page(care(patient, (DrugGiven(1.0, NASTY, 1.0, "mg", "iv"),)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "{{ 7*7 }}" in text
    assert "on" + "click" not in text
    assert not re.search(r"<(script|iframe|object|link)\b|https?://", text)


def test_pages_are_the_same_bytes_twice_and_well_formed():
    events = (
        DrugGiven(0.0, "midazolam", 1.0, "mg", "iv"),
        AnaestheticInjected(5.0, "L1", "left", "skin", "lidocaine", 1.0, 5.0),
        CrisisArose(60.0, "allergy"),
    )
    clocks = (CementClock(0.0, 300.0, 600.0, turn_s=1200.0, stand_s=2400.0),)
    one, two = (page(care(WELL, events, clocks)) for _ in range(2))
    assert one == two
    for tag in ("section", "table", "ul", "dl", "tr"):
        assert one.count(f"<{tag}") - one.count(f"</{tag}>") == 0, tag
    assert "30:00" in one  # turned at 1200 s and 600 s of margin
    ids = re.findall(r'id="([^"]+)"', one)
    assert len(ids) == len(set(ids))


def test_an_invented_patient_is_said_on_every_page():
    text = page(care(replace(WELL, invented=True)))
    assert text.count("INVENTED PATIENT") == text.count("<section")


def test_a_case_can_keep_the_plan():
    plan = care(WELL, (CrisisArose(60.0, "allergy"),), (CementClock(0.0, 300.0, 600.0, turn_s=1200.0, stand_s=2400.0),))
    blobs: dict[str, np.ndarray] = {}
    stored = json.loads(json.dumps(encode(plan, lambda array: blobs.setdefault("0", array) and "0")))
    again = decode(stored, blobs.__getitem__)
    assert vars(again) == vars(plan)
