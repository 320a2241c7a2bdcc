"""Gates: forty unsafe events are refused with their reason, forty good ones pass."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pedicle.model.acts import (
    AnaestheticInjected,
    CementMixed,
    Discharged,
    DrugGiven,
    LevelCounted,
    NeedleRemoved,
    NeedleSecured,
    Overridden,
    Scored,
    TimeOut,
    TipConfirmed,
    Turned,
)
from pedicle.model.cure import CementClock
from pedicle.model.errors import RefusedError
from pedicle.model.events import NeedleMoved, OperationState, Pushed, TipMeasured, ViewTaken
from pedicle.model.patient import Patient
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Dose
from pedicle.operation import replay
from pedicle.operation.briefing import Briefing
from pedicle.operation.gates import findings
from pedicle.operation.send import judged, send

FACTS = Patient(age_y=76, sex="F", weight_kg=58, height_cm=158, asa=3, allergies=(), invented=True)
YES = {"identity": "yes"}


@pytest.fixture(scope="module")
def briefing(planned) -> Briefing:
    spine, plan = planned
    return Briefing(spine, plan, "rehearse", FACTS)


@pytest.fixture(autouse=True)
def cement_that_works(monkeypatch):
    """Injections here are stubs without a syringe: the gate of the cement's age has its own tests beside the injection's events."""
    monkeypatch.setattr("pedicle.operation.gates.cementing._age", lambda *given: [])


@pytest.fixture(scope="module")
def way(briefing):
    """A planned needle through a pedicle."""
    return next(
        one
        for level in briefing.plan.levels
        for one in level.trajectories
        if one.side in level.recommended and one.approach == "transpedicular"
    )


def at_depth(way, depth_mm, t_s=500.0, aside=(0.0, 0.0, 0.0), **changes) -> NeedleMoved:
    tip = way.bone_entry_lps_mm + depth_mm * way.direction_lps + np.array(aside)
    event = NeedleMoved(t_s, way.level, way.side, way.needle, tuple(tip.tolist()), tuple(way.direction_lps.tolist()))
    return replace(event, **changes)


def ready(way) -> OperationState:
    """Checklist read, level counted, the patient prone."""
    return replay(
        (
            TimeOut(0.0, "before sedation", YES),
            TimeOut(10.0, "before skin", YES, ((way.level, way.side),)),
            LevelCounted(20.0, way.level, "sacrum"),
        )
    )


def refused(state, event, briefing) -> int:
    with pytest.raises(RefusedError) as held:
        send(state, event, briefing)
    return held.value.code


@pytest.mark.parametrize("depth", [0.0, 5.0, 10.0, None])
def test_a_needle_on_its_plan_passes_every_gate(briefing, way, depth):
    event = at_depth(way, way.bone_to_target_mm if depth is None else depth)
    _, found = send(ready(way), event, briefing)
    assert not found


def test_a_needle_before_the_checklist_is_refused(briefing, way):
    assert refused(OperationState(), at_depth(way, 0.0), briefing) == 722


def test_a_needle_in_a_level_that_was_not_counted_is_refused(briefing, way):
    state = replay((TimeOut(0.0, "before skin", YES, ((way.level, way.side),)),))
    assert refused(state, at_depth(way, 0.0), briefing) == 735


def test_a_needle_in_the_next_vertebra_is_the_wrong_level(briefing, way):
    up = briefing.spine[way.level].superior
    assert up is not None
    event = at_depth(way, way.bone_to_target_mm, aside=tuple(36.0 * up))
    assert refused(ready(way), event, briefing) == 720


def test_a_needle_on_the_other_side_is_the_wrong_side(briefing, way):
    """The plan mirrored on the body's middle plane, still said to be on this side."""
    vertebra = briefing.spine[way.level]
    into, mirror = vertebra.lps_from_vertebra, np.array([-1.0, 1.0, 1.0])
    tip = into @ (mirror * (into.inverse @ way.bone_entry_lps_mm))
    ahead = into @ (mirror * (into.inverse @ way.target_lps_mm))
    direction = (ahead - tip) / np.linalg.norm(ahead - tip)
    event = at_depth(way, 0.0, tip_lps_mm=tuple(tip.tolist()), direction_lps=tuple(direction.tolist()))
    assert refused(ready(way), event, briefing) == 721


def test_a_needle_through_the_canal_is_refused(briefing, way):
    vertebra = briefing.spine[way.level]
    inward = vertebra.right if way.side == "left" else -vertebra.right
    event = at_depth(way, way.posterior_wall_depth_mm - 2.0, aside=tuple(9.0 * inward))
    assert refused(ready(way), event, briefing) in (721, 723)
    events = at_depth(way, way.posterior_wall_depth_mm - 2.0, aside=tuple(4.5 * inward))
    assert refused(ready(way), events, briefing) in (723, 724)


def test_the_rule_of_advance_holds_a_medial_tip_back_only_behind_the_wall(briefing, way):
    """As far medial as the pedicle's wall: refused behind the posterior wall; in the body a needle that came lateral of it passes."""
    inward = briefing.spine[way.level].right * (1.0 if way.side == "left" else -1.0)
    behind = at_depth(way, way.posterior_wall_depth_mm - 1.5, aside=tuple(3.0 * inward))
    assert {one.gate for one in findings(ready(way), behind, briefing)} & {"rule of advance", "canal"}
    wall = way.bone_entry_lps_mm + way.posterior_wall_depth_mm * way.direction_lps
    tip = way.target_lps_mm + 5.0 * inward
    direction = (tip - wall) / np.linalg.norm(tip - wall)
    inside = at_depth(way, 0.0, tip_lps_mm=tuple(tip.tolist()), direction_lps=tuple(direction.tolist()))
    assert findings(ready(way), inside, briefing) == ()


def test_a_needle_nobody_planned_is_refused(briefing, way):
    other = next(
        one.level for one in briefing.spine.vertebrae if one.level not in [p.level for p in briefing.plan.levels]
    )
    state = replay((TimeOut(0.0, "before skin", YES, ()), LevelCounted(1.0, other, "sacrum")))
    assert refused(state, at_depth(way, 0.0, level=other), briefing) in (720, 722)


def test_a_side_that_could_be_used_but_is_not_the_plans_is_refused_when_read_aloud(briefing, way):
    other = "right" if way.side == "left" else "left"
    assert (
        refused(OperationState(), TimeOut(0.0, "before skin", YES, ((way.level, other),)), one_sided(briefing)) == 722
    )


def one_sided(briefing: Briefing) -> Briefing:
    """The plan with the first recommended side of each level only."""
    levels = tuple(replace(level, recommended=level.recommended[:1]) for level in briefing.plan.levels)
    return replace(briefing, plan=replace(briefing.plan, levels=levels))


@pytest.mark.parametrize("depth_mm", [20.0, 26.0])
def test_a_tip_through_the_front_of_the_body_is_refused(briefing, way, depth_mm):
    event = at_depth(way, way.bone_to_target_mm + depth_mm)
    assert refused(ready(way), event, briefing) == 725


@pytest.mark.parametrize("said", [(("L5", "left"),), ()])
def test_a_level_read_aloud_that_is_not_the_plans_is_refused(briefing, said):
    assert refused(OperationState(), TimeOut(0.0, "before skin", YES, said), briefing) == 722


def test_a_no_in_the_checklist_holds_and_a_missing_answer_stays_open(briefing, way):
    said = ((way.level, way.side),)
    assert refused(OperationState(), TimeOut(0.0, "before skin", {"consent": "no"}, said), briefing) == 722
    _, found = send(OperationState(), TimeOut(0.0, "before skin", {"consent": "not stated"}, said), briefing)
    assert [one.verdict for one in found] == ["unanswered"]


def test_an_override_needs_a_reason_and_holds_for_the_next_event_only(briefing, way):
    inward = briefing.spine[way.level].right * (1.0 if way.side == "left" else -1.0)
    event = at_depth(way, way.posterior_wall_depth_mm - 1.5, aside=tuple(3.0 * inward))
    gates = [one.gate for one in findings(ready(way), event, briefing)]
    assert refused(ready(way), Overridden(100.0, gates[0], "ok"), briefing) == 736
    passed = ready(way)
    for gate in gates:
        passed, _ = send(passed, Overridden(100.0, gate, "seen on three views, wall intact"), briefing)
    after, found = send(passed, event, briefing)
    assert found[0].overridden == "seen on three views, wall intact"
    assert refused(after, replace(event, t_s=600.0), briefing) in (723, 724)


def test_training_records_what_rehearsal_refuses(briefing, way):
    state, found = send(OperationState(), at_depth(way, 0.0), replace(briefing, purpose="train"))
    assert {one.gate for one in found} >= {"time-out", "level counted"}
    assert state.needle(way.level, way.side) is not None


def test_findings_can_be_derived_from_the_log_alone(briefing, way):
    events = (TimeOut(0.0, "before skin", YES, ((way.level, way.side),)), at_depth(way, 0.0))
    state, found = judged(events, briefing)
    assert [one.code for one in found if one.verdict == "refused"] == [735]
    assert state.needle(way.level, way.side) is not None


@pytest.mark.parametrize(("ml", "passes"), [(5.0, True), (20.0, True), (27.0, False)])
def test_local_anaesthetic_adds_up_to_the_limit_of_this_patient(briefing, way, ml, passes):
    """58 kg, 158 cm: 50.2 kg ideal weight; 4.5 mg/kg of plain lidocaine are 226 mg, 22.6 ml of 1 percent."""
    state, _ = send(
        ready(way), AnaestheticInjected(30.0, way.level, way.side, "skin", "lidocaine", 1.0, ml / 2), briefing
    )
    event = AnaestheticInjected(60.0, way.level, way.side, "bone", "lidocaine", 1.0, ml / 2)
    if passes:
        send(state, event, briefing)
    else:
        assert refused(state, event, briefing) == 733


def test_without_a_weight_a_dose_is_neither_refused_nor_cleared(briefing, way):
    nobody = replace(briefing, patient=Patient())
    event = AnaestheticInjected(60.0, way.level, way.side, "skin", "lidocaine", 1.0, 100.0)
    _, found = send(ready(way), event, nobody)
    assert [one.verdict for one in found if one.gate == "anaesthetic"] == ["unanswered"]


def test_a_drug_before_its_checklist_too_much_or_against_an_allergy_is_refused(briefing, way):
    assert refused(OperationState(), DrugGiven(5.0, "midazolam", 1.0, "mg", "iv"), briefing) == 722
    assert refused(ready(way), DrugGiven(100.0, "midazolam", 8.0, "mg", "iv"), briefing) == 739
    allergic = replace(briefing, patient=replace(FACTS, allergies=("lidocaine",)))
    event = AnaestheticInjected(60.0, way.level, way.side, "skin", "lidocaine", 1.0, 1.0)
    assert refused(ready(way), event, allergic) == 739


CLOCK = CementClock(0.0, 100.0, 600.0, 700.0, 900.0, 1000.0, 1200.0, 1300.0)


def needle_in(way, injected: bool = True) -> OperationState:
    state = replay((at_depth(way, way.bone_to_target_mm, t_s=10.0),))
    return replace(state, injections=((way.level, None),)) if injected else state


@pytest.mark.parametrize(("t_s", "says"), [(650.0, "before"), (800.0, ""), (950.0, "after")])
def test_a_needle_out_of_its_window_is_warned_on_either_side(briefing, way, t_s, says, monkeypatch):
    state = needle_in(way, injected=False)
    monkeypatch.setattr(OperationState, "injection", lambda self, level: object())
    told = findings(state, NeedleRemoved(t_s, way.level, way.side), replace(briefing, clocks={way.level: CLOCK}))
    assert [one.verdict for one in told] == (["warning"] if says else [])
    assert all(says in one.found for one in told)


@pytest.mark.parametrize(("t_s", "verdicts"), [(900.0, ["refused"]), (1100.0, ["warning"]), (1250.0, [])])
def test_nobody_is_turned_before_the_cement_is_hard(briefing, way, t_s, verdicts):
    state = replace(replay((TimeOut(0.0, "before leaving", YES),)), injections=((way.level, None),))
    told = findings(state, Turned(t_s), replace(briefing, clocks={way.level: CLOCK}))
    assert [one.verdict for one in told] == verdicts


def test_nobody_is_turned_with_a_needle_in(briefing, way):
    told = findings(needle_in(way, injected=False), Turned(2000.0), briefing)
    assert "a needle is still in" in told[0].found


FULL = dict.fromkeys(("activity", "respiration", "circulation", "consciousness", "saturation"), 2)
HOME = dict.fromkeys(("vital_signs", "activity", "nausea", "pain", "bleeding"), 2)


@pytest.mark.parametrize(
    ("acts", "escort", "codes"),
    [
        ((Turned(1.0), Scored(2.0, "aldrete", FULL), Scored(3.0, "padss", HOME)), "yes", []),
        ((Turned(1.0), Scored(2.0, "aldrete", FULL), Scored(3.0, "padss", HOME)), "no", [732]),
        ((Turned(1.0), Scored(2.0, "aldrete", FULL)), "yes", [732]),
        ((Turned(1.0), Scored(2.0, "aldrete", {**FULL, "activity": 0}), Scored(3.0, "padss", HOME)), "yes", [732]),
        ((Scored(0.5, "aldrete", FULL), Scored(0.6, "padss", HOME), Turned(1.0)), "yes", [732, 732]),
        ((), "yes", [732]),
    ],
)
def test_nobody_goes_home_before_both_scores_and_an_escort(briefing, acts, escort, codes):
    told = findings(replay(acts), Discharged(10.0, "home", escort), briefing)
    assert [one.code for one in told if one.verdict == "refused"] == codes


def test_an_unsecured_needle_and_unmixed_cement_are_told(briefing, way):
    from pedicle.model.events import InjectionStarted

    state = needle_in(way, injected=False)
    told = findings(state, InjectionStarted(200.0, way.level, way.side, 50.0, {}), briefing)
    assert {one.gate for one in told} == {"batch", "secured"}
    good = replay(
        (
            at_depth(way, way.bone_to_target_mm, t_s=10.0),
            NeedleSecured(11.0, way.level, way.side),
            CementMixed(50.0, 1, "x", 22.0),
        )
    )
    assert not findings(good, InjectionStarted(200.0, way.level, way.side, 50.0, {}), briefing)


@pytest.mark.parametrize(("over_ml", "codes"), [(-0.1, []), (0.1, [424])])
def test_more_than_the_plans_cap_is_refused_when_it_is_asked_for(briefing, way, over_ml, codes):
    from pedicle.model.events import InjectionStarted

    cap_ml = briefing.level(way.level).cement.cap_ml
    state = needle_in(way, injected=False)
    event = InjectionStarted(200.0, way.level, way.side, 50.0, {"volume": cap_ml + over_ml})
    assert [one.code for one in findings(state, event, briefing) if one.gate == "volume"] == codes


def test_a_tip_outside_the_body_takes_no_cement(briefing, way):
    from pedicle.model.events import InjectionStarted

    state = replay((at_depth(way, -5.0, t_s=10.0),))
    told = findings(state, InjectionStarted(200.0, way.level, way.side, 50.0, {}), briefing)
    assert 725 in [one.code for one in told if one.verdict == "refused"]


def picture(t_s: float, level: str, detector: tuple[float, float, float]) -> ViewTaken:
    return ViewTaken(t_s, level, "true AP", detector, (0.0, 0.0, 0.0), Dose(0.0, 0.0, 0.1, 1))


@pytest.fixture
def confirmation(briefing, way, monkeypatch):
    """What the gate of the tip says of a push after these events; the syringe was connected at 100 s."""
    portion = SimpleNamespace(began_s=100.0, side=way.side)
    now = SimpleNamespace(portions=(portion,), injected_ml=0.0, needle=None, delivery=SimpleNamespace(mixed_at_s=0.0))
    monkeypatch.setattr(OperationState, "injection", lambda self, level: now)
    monkeypatch.setattr("pedicle.operation.state._moved", lambda state, event, _: with_needle(state, event))

    def codes(*events) -> list[int]:
        needle = at_depth(way, way.bone_to_target_mm, t_s=10.0)
        state = replay(sorted((needle, *events), key=lambda one: one.t_s), briefing.vertebrae)
        push = Pushed(200.0, way.level, "flow", 50.0, 1.0)
        return [one.code for one in findings(state, push, briefing)]

    return codes


def with_needle(state: OperationState, event: NeedleMoved) -> OperationState:
    placed = PlacedNeedle(event.needle, np.array(event.tip_lps_mm), np.array(event.direction_lps))
    return replace(state, needles=((event.level, event.side, placed),))


BACK, LEFT, NEARLY_BACK = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.17, 0.985, 0.0)


def seen_tip(way, t_s: float, aside=(0.0, 0.0, 0.0)) -> TipMeasured:
    tip = way.target_lps_mm + np.array(aside)
    return TipMeasured(t_s, way.level, way.side, tuple(tip.tolist()), tuple((0.01 * np.eye(3)).ravel()), 80.0)


def test_a_tip_is_confirmed_only_by_two_views_since_the_syringe_and_while_the_needle_stays(confirmation, way):
    ap, lateral = picture(110.0, way.level, BACK), picture(115.0, way.level, LEFT)
    seen, said = seen_tip(way, 120.0), TipConfirmed(130.0, way.level, way.side)
    assert confirmation(ap, lateral, seen, said) == []
    assert confirmation(ap, lateral, seen) == [726]
    assert confirmation(ap, lateral, said) == [726]
    assert confirmation(ap, lateral, replace(seen, t_s=90.0), said) == [726]
    assert confirmation(ap, lateral, seen, said, at_depth(way, way.bone_to_target_mm - 6.0, t_s=140.0)) == [726]


def test_a_tip_read_wrong_is_no_needle_that_moved(confirmation, way):
    ap, lateral = picture(110.0, way.level, BACK), picture(115.0, way.level, LEFT)
    aside = tuple(2.5 * way.direction_lps)
    assert confirmation(ap, lateral, seen_tip(way, 120.0, aside), TipConfirmed(130.0, way.level, way.side)) == []


def test_one_view_or_two_alike_or_old_ones_or_of_another_level_are_no_two_views(confirmation, way):
    ap, lateral = picture(110.0, way.level, BACK), picture(115.0, way.level, LEFT)
    seen, said = seen_tip(way, 120.0), TipConfirmed(130.0, way.level, way.side)
    assert confirmation(ap, seen, said) == [726]
    assert confirmation(ap, picture(115.0, way.level, NEARLY_BACK), seen, said) == [726]
    assert confirmation(ap, picture(115.0, way.level, (0.0, -1.0, 0.0)), seen, said) == [726]
    assert confirmation(replace(ap, t_s=50.0), lateral, seen, said) == [726]
    assert confirmation(replace(ap, level="L5"), lateral, seen, said) == [726]


def test_a_tip_seen_outside_the_body_takes_no_cement(confirmation, way):
    """The needle and the pictures agree on a place 60 mm in front: the bone is not there."""
    ap, lateral = picture(110.0, way.level, BACK), picture(115.0, way.level, LEFT)
    ahead = tuple(60.0 * way.direction_lps)
    needle = at_depth(way, way.bone_to_target_mm, t_s=20.0, aside=ahead)
    said = TipConfirmed(130.0, way.level, way.side)
    assert confirmation(needle, ap, lateral, seen_tip(way, 120.0, ahead), said) == [725]


@pytest.mark.parametrize(("seconds", "passes"), [(10.0, True), (400.0, False)])
def test_a_push_that_would_pass_the_plans_cap_is_refused_before_it(briefing, way, monkeypatch, seconds, passes):
    cap_ml = briefing.level(way.level).cement.cap_ml
    portion = SimpleNamespace(began_s=0.0, side=way.side)
    line = SimpleNamespace(mixed_at_s=0.0)
    now = SimpleNamespace(portions=(portion,), injected_ml=cap_ml - 0.6, needle=None, delivery=line)
    monkeypatch.setattr(OperationState, "injection", lambda self, level: now)
    told = findings(OperationState(), Pushed(500.0, way.level, "flow", 50.0, seconds), briefing)
    assert [one.code for one in told if one.code == 728] == ([] if passes else [728])


def test_a_block_read_without_its_items_leaves_them_open(briefing, way):
    _, found = send(OperationState(), TimeOut(0.0, "before skin", {}, ((way.level, way.side),)), briefing)
    assert [one.verdict for one in found] == ["unanswered"]
    assert "level_side" in found[0].found


def test_a_needle_pushed_through_in_one_go_does_not_hide_the_wall_it_crossed(briefing, way):
    """Turned inwards about its target: the tip lies well in the body, the shaft crossed the medial wall behind it."""
    inward = briefing.spine[way.level].right * (1.0 if way.side == "left" else -1.0)
    behind = way.bone_entry_lps_mm + 5.0 * inward
    direction = (way.target_lps_mm - behind) / np.linalg.norm(way.target_lps_mm - behind)
    event = at_depth(way, way.bone_to_target_mm, direction_lps=tuple(direction.tolist()))
    assert refused(ready(way), event, briefing) in (723, 724)
