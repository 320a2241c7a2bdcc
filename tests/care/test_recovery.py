"""Watching, scores, going home, crises, the checklist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.care.care import care_plan
from pedicle.care.checklist import answers_of, checklist
from pedicle.care.crises import crises_scored, crisis_cards, shown
from pedicle.care.monitoring import monitoring
from pedicle.care.rows import Rows
from pedicle.care.scores import items_of, pain_points, pressure_points, saturation_points, scores_taken, taken
from pedicle.model.acts import (
    BLOCKS,
    CRISES,
    CrisisArose,
    CrisisTreated,
    Discharged,
    DrugGiven,
    Observed,
    Scored,
    Turned,
)
from pedicle.model.cure import CementClock
from pedicle.model.errors import InputError
from pedicle.model.patient import Patient
from tests.care.bare import WELL, make_plan, make_spine

ROWS = Rows()


def clock(turn_s: float | None, stand_s: float | None = None) -> CementClock:
    return CementClock(0.0, 300.0, 600.0, turn_s=turn_s, stand_s=stand_s)


def named(events=(), clocks=()):
    return {one.name: one for one in monitoring(events, clocks, ROWS)}


def test_without_clock_or_log_only_the_steps_are_known():
    found = named()
    assert found["vitals"].every_s == 300.0
    assert found["vitals, first hour"].every_s == 900.0
    assert found["vitals, second hour"].every_s == 1800.0
    assert found["vitals, first hour"].at_s == ()
    assert "not computed" in found["lying still"].since


def test_times_after_run_from_the_hardest_cement_and_its_margin():
    found = named((), (clock(1200.0, 1500.0), clock(1000.0, 9000.0)))
    assert found["vitals, first hour"].at_s == (2700.0, 3600.0, 4500.0, 5400.0)  # 1200 + 600, then every 15 min
    assert found["vitals, second hour"].at_s == (7200.0, 9000.0)
    assert found["flat in bed"].until_s == 9600.0  # later than an hour from turning
    assert named((), (clock(None),))["vitals, first hour"].from_s is None


def test_the_log_of_turning_comes_before_the_clock():
    found = named((Turned(2000.0),), (clock(1200.0, 1500.0),))
    assert found["vitals, first hour"].from_s == 2000.0
    assert found["flat in bed"].until_s == 5600.0


def test_boundaries_of_the_scores():
    assert [pressure_points("aldrete", 100, now, ROWS) for now in (100, 120, 80, 121, 150, 50, 151, 49)] == [
        2,
        2,
        2,
        1,
        1,
        1,
        0,
        0,
    ]
    assert [pressure_points("padss", 100, now, ROWS) for now in (120, 121, 140, 141)] == [2, 1, 1, 0]
    assert [
        saturation_points(s, o, ROWS)
        for s, o in ((93, False), (92, False), (93, True), (91, True), (90, True), (90, False))
    ] == [2, 1, 1, 1, 0, 0]
    assert [pain_points(p, ROWS) for p in (0, 3, 4, 6, 7)] == [2, 2, 1, 1, 0]


@pytest.mark.parametrize("score", ["aldrete", "padss"])
def test_leave_at_nine_of_ten(score):
    names = list(items_of(score, ROWS))
    assert len(names) == 5
    assert all(len(words) == 3 for words in items_of(score, ROWS).values())
    full = dict.fromkeys(names, 2)
    assert taken(Scored(0.0, score, {**full, names[0]: 1}), ROWS).leave == "yes"
    assert taken(Scored(0.0, score, {**full, names[0]: 0}), ROWS).leave == "no"
    part = taken(Scored(0.0, score, {names[0]: 2}), ROWS)
    assert (part.total, part.leave) == (None, "not stated")
    with pytest.raises(InputError, match="E785"):
        taken(Scored(0.0, score, {**full, names[0]: 3}), ROWS)
    with pytest.raises(InputError, match="E785"):
        taken(Scored(0.0, score, {"colour": 2}), ROWS)


def test_going_home_needs_scores_legs_and_someone():
    full = lambda score: Scored(9.0, score, dict.fromkeys(items_of(score, ROWS), 2))  # noqa: E731
    events = (full("aldrete"), full("padss"), Observed(9.0, {}, {"legs": "both move"}), Discharged(10.0, "home", "yes"))
    plan = care_plan(WELL, make_spine(), make_plan(), events=events)
    assert {one.verdict for one in plan.discharge.gates} == {"passed"}
    bare = care_plan(WELL, make_spine(), make_plan()).discharge
    assert {one.verdict for one in bare.gates} == {"unanswered"}
    assert ("Leaks seen on pictures", "no operation logged") in bare.letter
    alone = care_plan(WELL, make_spine(), make_plan(), events=(*events[:3], Discharged(10.0, "home", "no"))).discharge
    assert alone.gates[0].name == "escort"
    assert alone.gates[0].verdict == "refused"


def test_the_last_score_counts():
    low = Scored(1.0, "padss", {**dict.fromkeys(items_of("padss", ROWS), 2), "pain": 0})
    high = Scored(2.0, "padss", dict.fromkeys(items_of("padss", ROWS), 2))
    assert [one.leave for one in scores_taken((low, high), ROWS)] == ["no", "yes"]
    plan = care_plan(WELL, make_spine(), make_plan(), events=(low, high))
    assert next(one for one in plan.discharge.gates if one.name == "padss").verdict == "passed"


def test_prescriptions_name_classes_and_no_dose():
    home = care_plan(WELL, make_spine(), make_plan()).discharge
    assert all(one.check for one in home.prescriptions)
    assert not any(
        unit in one.drug_class + one.purpose for one in home.prescriptions for unit in (" mg", " g ", " ml", " ug")
    )
    assert [one.when for one in home.follow_up] == ["1 day", "1 week", "1 month", "3 months", "6 months", "12 months"]
    assert {one.name.split()[0].strip(","): one.change.value for one in home.measures} == {
        "NRS": 2.0,
        "RMDQ": 5.0,
        "ODI": 10.0,
        "EQ-5D": 0.08,
    }


def test_the_patients_page_is_plain():
    lines = [line for part in care_plan(WELL, make_spine(), make_plan()).discharge.sheet for line in part.lines]
    text = " ".join(lines).lower()
    assert "spinal cord" not in text
    assert "vertebra" in text
    assert "spine" in text
    sentences = [one.split() for line in lines for one in line.replace("?", ".").split(". ")]
    assert max(len(words) for words in sentences) <= 20
    assert sum(len(words) for words in sentences) / len(sentences) < 11


def test_eight_crises_each_with_signs_right_and_wrong():
    cards = crisis_cards(ROWS)
    assert tuple(card.crisis for card in cards) == CRISES
    for card in cards:
        assert card.signs
        assert card.right
        assert card.wrong
        keys = [action.key for action in (*card.right, *card.wrong)]
        assert len(keys) == len(set(keys))


def test_a_crisis_is_scored_by_what_was_done():
    cards = crisis_cards(ROWS)
    crisis = "anaesthetic toxicity"
    right = [one.key for one in next(card for card in cards if card.crisis == crisis).right]
    events = (CrisisArose(100.0, crisis), *(CrisisTreated(110.0 + n, crisis, key) for n, key in enumerate(right)))
    (full,) = crises_scored(events, cards)
    assert (full.score, full.first_s, full.left_out, full.wrong) == (1.0, 10.0, (), ())
    (none,) = crises_scored(events[:1], cards)
    assert (none.score, none.first_s) == (0.0, None)
    (bad,) = crises_scored((*events[:2], DrugGiven(120.0, "vasopressin", 1, "mg", "iv")), cards)
    assert bad.wrong == ("vasopressin",)
    assert bad.score == 0.0
    by_drug = crises_scored((events[0], DrugGiven(130.0, "lipid emulsion", 90, "ml", "iv")), cards)[0]
    assert by_drug.done == ("lipid",)


def test_what_is_not_verified_is_not_scored():
    cards = crisis_cards(ROWS)
    crisis = "pressure fall at cement"
    events = (
        CrisisArose(0.0, crisis),
        DrugGiven(9.0, "crystalloid", 250, "ml", "iv"),
        CrisisTreated(10.0, crisis, "dance"),
    )
    (found,) = crises_scored(events, cards)
    assert found.score is None
    assert found.not_scored == ("fluid", "dance")


def test_actions_of_another_crisis_do_not_count():
    cards = crisis_cards(ROWS)
    (found,) = crises_scored((CrisisArose(0.0, "allergy"), CrisisTreated(5.0, "pneumothorax", "adrenaline")), cards)
    assert found.done == ()


def test_the_checklist_answers_by_facts_alone():
    for block in BLOCKS:
        assert set(answers_of(Patient(), block).values()) == {"not stated"}
    found = answers_of(WELL, "before sedation")
    assert found["consent"] == found["allergies"] == found["infection"] == found["weight"] == "yes"
    assert found["identity"] == "not stated"
    assert answers_of(replace(WELL, consent=False), "before sedation")["consent"] == "no"
    assert answers_of(replace(WELL, infection=True), "before sedation")["infection"] == "no"
    assert answers_of(replace(WELL, inr=None), "before sedation")["blood"] == "not stated"
    keys = [(item.block, item.key) for item in checklist(WELL)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("card", crisis_cards(ROWS), ids=lambda card: card.crisis)
def test_a_crisis_goes_on_and_answers_by_its_table(card):
    """Every turn is named by an action of the card, and some turn of each crisis comes from a source that was read."""
    keys = {action.key for action in (*card.right, *card.wrong)}
    assert card.course
    assert card.answers
    assert {turn.to for turn in card.answers} | {key for turn in card.course for key in turn.until} <= keys
    assert any(turn.known.verified for turn in (*card.course, *card.answers))
    assert all(turn.after.value >= 0.0 and turn.after.unit == "s" for turn in (*card.course, *card.answers))


def test_what_shows_depends_on_what_was_done_and_when():
    """Hand-computed from the table: sedation is deepest at 3 min unless reversed before; flumazenil answers at 1.5 and 45 min."""
    arose = CrisisArose(1000.0, "over-sedation")
    (card,) = (card for card in crisis_cards(ROWS) if card.crisis == arose.crisis)
    later = CrisisTreated(5000.0, arose.crisis, "stop_sedative")
    assert [(one.t_s, one.to) for one in shown(arose, (later,), card)] == [(1180.0, "")]
    early, late = (DrugGiven(t_s, "flumazenil", 0.2, "mg", "iv") for t_s in (1100.0, 1300.0))
    assert [(one.t_s, one.to) for one in shown(arose, (early, later), card)] == [
        (1190.0, "flumazenil"), (3800.0, "flumazenil"),
    ]  # fmt: skip
    assert [one.t_s for one in shown(arose, (late, later), card)] == [1180.0, 1390.0, 4000.0]
    # Nothing of what is still to come.
    assert not shown(arose, (), card)
    assert [one.t_s for one in shown(arose, (late,), card)] == [1180.0]
