"""The line from syringe to tip: balances, limits, order of events, exact relaxation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pedicle.injection.delivery import (
    change_syringe,
    pressure_of_flow,
    push,
    remove_stylet,
    start_delivery,
    withdraw,
)
from pedicle.model.cannula import Bore, Cannula, Plug, cannula_of, pieces, pushed
from pedicle.model.cement import age_rate, cement, cements
from pedicle.model.codec import decode, encode
from pedicle.model.delivery import DeliveryState, Line, Push, TipResponse
from pedicle.model.errors import InputError
from pedicle.model.needle import catalogue
from pedicle.model.syringe import syringe, syringes
from pedicle.verify.needle_drop import PROBLEMS, relaxation

ELEVEN = next(needle for needle in catalogue() if needle.gauge == 11)
LINE = Line(
    syringe=syringe("syringe-1ml"), cannula=cannula_of(ELEVEN), cement=cement("standard-krebs2005"), inserted_mm=70.0
)
BONE = TipResponse(1e5, 60.0, 1.5e3)

kinds = st.one_of(
    st.tuples(st.just("travel"), st.floats(0, 8)),
    st.tuples(st.just("flow"), st.floats(0, 150)),
    st.tuples(st.just("force"), st.floats(0, 60)),
)


def begun(line: Line = LINE, at_s: float = 320.0) -> DeliveryState:
    return start_delivery(line, at_s, 0.0)


def filled(line: Line = LINE) -> DeliveryState:
    """After the dead space is full, with a fresh syringe."""
    state = push(begun(line), line, Push("flow", 100.0), 8.0)
    state = push(change_syringe(state, line), line, Push("flow", 20.0), 15.0)
    assert state.in_cannula_ml == pytest.approx(line.cannula.volume_mm3 / 1e3)
    return state


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
def test_exact_answers(problem):
    compared = problem()
    assert compared.holds, compared


def test_relaxation_converges_with_first_order():
    errors = [abs(c.computed / c.exact - 1.0) for c in map(relaxation, (0.02, 0.01, 0.005))]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx([1.0, 1.0], abs=0.1)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(syringes())),
    st.sampled_from(cements()),
    st.lists(st.tuples(kinds, st.floats(0.05, 6.0), st.sampled_from(["", "change", "withdraw"])), max_size=8),
)
@example("filler-1.5ml", "high-habib2010", [(("flow", 5e-324), 1.0, ""), (("travel", 0.0), 1.0, "")])
def test_volumes_close_and_no_limit_is_broken_whatever_is_done(pushed_by: str, of: str, events):
    line = replace(LINE, syringe=syringe(pushed_by), cement=cement(of))
    state = begun(line)
    for (kind, value), seconds, then in events:
        before, state = state, push(state, line, Push(kind, value), seconds, BONE)
        assert state.injected_ml >= before.injected_ml
        assert state.force_n <= line.syringe.force_limit_n * (1 + 1e-9)
        assert state.t_s == pytest.approx(before.t_s + seconds)
        if then == "change":
            state = change_syringe(state, line)
        elif then == "withdraw":
            state = withdraw(state, line, 1.0)
    state = push(state, line, Push("stylet", 40.0), 1.0, BONE)
    assert abs(state.closure) <= 1e-12
    assert min(state.syringe_ml, state.in_cannula_ml, state.injected_ml, state.set_aside_ml) >= 0.0
    assert state.in_cannula_ml <= line.cannula.volume_mm3 / 1e3 * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 33), st.floats(0, 33), st.floats(0.1, 10.0))
def test_more_force_never_gives_less_cement(one: float, other: float, seconds: float):
    low, high = sorted((one, other))
    weak, strong = (push(filled(), LINE, Push("force", force), seconds, BONE) for force in (low, high))
    assert weak.injected_ml <= strong.injected_ml * (1 + 1e-12)
    assert weak.flow_mm3_s <= strong.flow_mm3_s * (1 + 1e-9) or "syringe empty" in strong.limits


def test_pressure_rises_with_flow():
    pressure = pressure_of_flow(filled(), LINE, BONE)
    assert (np.diff([pressure(q) for q in np.concatenate([[0.0], np.geomspace(1e-9, 1e4, 200)])]) > 0.0).all()


@given(st.sampled_from(sorted(syringes())), st.floats(0, 2e7))
def test_what_is_stored_gives_its_pressure_back(name: str, pressure: float):
    found = syringe(name)
    assert found.pressure_pa(found.stored_mm3(pressure)) == pytest.approx(pressure, rel=1e-6, abs=1e-3)


def test_nothing_leaves_the_tip_before_the_dead_space_is_full():
    state = push(begun(), LINE, Push("flow", 50.0), 11.0)
    assert state.injected_ml == 0.0
    assert state.rate_mm3_s == 0.0
    assert state.tip_age_s is None
    assert state.in_cannula_ml == pytest.approx(0.55)
    state = push(state, LINE, Push("flow", 50.0), 2.0)
    assert state.injected_ml == pytest.approx(0.65 - LINE.cannula.volume_mm3 / 1e3)


def test_the_stylet_delivers_what_lay_in_the_cannula_but_not_in_the_hub():
    before = filled()
    after = push(before, LINE, Push("stylet", 50.0), 5.0)
    given_ml = after.injected_ml - before.injected_ml
    assert given_ml == pytest.approx(np.pi * ELEVEN.inner_diameter_mm**2 / 4 * ELEVEN.length_mm / 1e3)
    assert after.rate_mm3_s * 5.0 / 1e3 == pytest.approx(given_ml)
    with pytest.raises(InputError, match="stylet"):
        push(after, LINE, Push("flow", 10.0), 1.0)
    again = push(remove_stylet(after), LINE, Push("flow", 30.0), 1.0)
    assert again.injected_ml == after.injected_ml


def test_at_the_force_limit_the_flow_falls_and_the_state_says_so():
    thick = replace(LINE, cement=cement("high-habib2010"))
    state = push(begun(thick), thick, Push("flow", 100.0), 10.0)
    assert state.force_n == pytest.approx(thick.syringe.force_limit_n)
    assert 0.0 < state.flow_mm3_s < 100.0
    assert "force limit" in state.limits
    pump = replace(thick, syringe=syringe("pump-10ml"))
    assert push(start_delivery(pump, 320.0, 0.0), pump, Push("flow", 100.0), 8.0).limits == ()


def test_travel_flow_and_force_of_one_push_give_each_other():
    state = filled()
    by_force = state
    for _ in range(20):  # until the barrel has stretched
        by_force = push(by_force, LINE, Push("force", 20.0), 0.1, BONE)
    by_flow = push(by_force, LINE, Push("flow", by_force.flow_mm3_s), 0.1, BONE)
    speed = by_force.flow_mm3_s / LINE.syringe.area_mm2
    by_travel = push(by_force, LINE, Push("travel", speed), 0.1, BONE)
    assert by_flow.force_n == pytest.approx(20.0, rel=0.01)
    assert by_travel.force_n == pytest.approx(20.0, rel=0.01)


def test_cement_oozes_on_after_the_plunger_stops_and_less_and_less():
    state = push(filled(), LINE, Push("force", 33.0), 3.0)
    rates = []
    for _ in range(8):
        state = push(state, LINE, Push("travel", 0.0), 1.0)
        rates.append(state.rate_mm3_s)
    assert rates[0] > 0.0
    assert (np.diff(rates) < 0.0).all()
    assert rates[-1] < 0.05 * rates[0]


def test_letting_go_stops_it_at_once():
    state = push(filled(), LINE, Push("force", 33.0), 3.0)
    free = push(state, LINE, Push("force", 0.0), 1.0)
    assert free.injected_ml == state.injected_ml
    assert free.pressure_pa == 0.0
    assert free.plunger_mm == pytest.approx(state.plunger_mm - state.stored_mm3 / LINE.syringe.area_mm2)


def test_bone_that_presses_back_holds_the_flow():
    state = push(filled(), LINE, Push("force", 0.0), 0.5)
    held = push(state, LINE, Push("force", 1.0), 1.0, TipResponse(5e5, 0.0, 0.0))
    assert held.flow_mm3_s == 0.0


def test_a_change_takes_its_time_and_sets_the_rest_aside():
    state = push(begun(), LINE, Push("flow", 50.0), 10.0)
    changed = change_syringe(state, LINE)
    assert (changed.syringe_ml, changed.set_aside_ml, changed.loaded_ml) == (1.0, state.syringe_ml, 2.0)
    assert state.stored_mm3 > 0.0
    assert (changed.pressure_pa, changed.stored_mm3, changed.plunger_mm) == (0.0, 0.0, 0.0)
    idle = push(changed, LINE, Push("flow", 50.0), changed.ready_at_s - changed.t_s)
    assert idle.in_cannula_ml == changed.in_cannula_ml
    assert idle.limits == ("changing the syringe",)
    assert push(idle, LINE, Push("flow", 50.0), 1.0).in_cannula_ml > idle.in_cannula_ml


def test_an_empty_syringe_says_so_and_gives_no_more():
    state = push(begun(), LINE, Push("flow", 100.0), 30.0)
    assert state.syringe_ml == 0.0
    assert "syringe empty" in state.limits
    assert state.in_cannula_ml + state.injected_ml == pytest.approx(1.0, rel=1e-12)


def test_a_second_batch_is_younger_in_the_hand_and_older_cement_leaves_first():
    state = filled()
    second = change_syringe(state, LINE, mixed_at_s=state.t_s - 150.0)
    assert second.hand_age_s == pytest.approx(150.0)
    out = push(second, LINE, Push("flow", 20.0), 12.0)
    assert out.tip_age_s > 320.0
    ages = [out.tip_age_s]
    for _ in range(8):
        out = push(out, LINE, Push("flow", 20.0), 5.0)
        ages.append(out.tip_age_s)
    assert min(ages) < 320.0


def test_cement_ages_in_the_part_of_the_cannula_that_lies_in_the_body_at_its_temperature():
    state = filled()
    later = push(state, LINE, Push("travel", 0.0), 60.0)
    gained = later.plug.ages_s[-1] - state.plug.ages_s[-1]
    assert gained == pytest.approx(60.0 * float(age_rate(37.0)), rel=0.05)
    outside = withdraw(state, LINE, LINE.inserted_mm)
    gained = push(outside, LINE, Push("travel", 0.0), 60.0).plug.ages_s[-1] - state.plug.ages_s[-1]
    assert gained == pytest.approx(60.0, rel=0.05)


def test_left_too_long_it_sets_in_the_cannula_and_blocks():
    state = push(filled(), LINE, Push("force", 0.0), 400.0)
    for done in (Push("flow", 20.0), Push("travel", 1.0), Push("force", 30.0)):
        blocked = push(state, LINE, done, 20.0)
        assert blocked.injected_ml == state.injected_ml
        assert blocked.force_n <= LINE.syringe.force_limit_n * (1 + 1e-12)
    assert push(state, LINE, Push("stylet", 10.0), 1.0).limits[0] == "cement set in the cannula"


def test_slices_are_the_long_push():
    long = push(filled(), LINE, Push("flow", 30.0), 3.0, BONE)
    short = filled()
    for _ in range(30):
        short = push(short, LINE, Push("flow", 30.0), 0.1, BONE)
    assert short.injected_ml == pytest.approx(long.injected_ml, rel=1e-9)
    assert short.pressure_pa == pytest.approx(long.pressure_pa, rel=1e-6)


def test_a_state_is_saved_and_read_back_and_goes_on_the_same():
    kept: dict[str, np.ndarray] = {}

    def put(values: np.ndarray) -> str:
        kept[str(len(kept))] = values
        return str(len(kept) - 1)

    state = push(filled(), LINE, Push("travel", 2.0), 3.3, BONE)
    again = decode(json.loads(json.dumps(encode(state, put), allow_nan=False)), kept.__getitem__)
    one, other = (push(start, LINE, Push("travel", 0.0), 2.0, BONE) for start in (state, again))
    assert one.injected_ml == other.injected_ml
    assert (one.plug.ages_s == other.plug.ages_s).all()
    assert one.pressure_pa == other.pressure_pa


def test_an_ice_bath_keeps_the_waiting_syringes_young():
    cold = replace(LINE, store_c=0.0)
    assert start_delivery(cold, 1800.0, 0.0).hand_age_s < 0.4 * start_delivery(LINE, 1800.0, 0.0).hand_age_s


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: Push("force", -1.0), "force"),
        (lambda: Push("flow", float("nan")), "flow"),
        (lambda: TipResponse(0.0, 0.0, -1.0), "slope"),
        (lambda: start_delivery(LINE, 10.0, 20.0), "mixed"),
        (lambda: push(begun(), LINE, Push("flow", 1.0), 0.0), "dt_s"),
        (lambda: withdraw(begun(), LINE, 200.0), "withdrawn"),
        (lambda: syringe("bucket"), "syringe-1ml"),
    ],
)
def test_bad_input_gets_one_line(wrong, word: str):
    with pytest.raises(InputError, match=word):
        wrong()


@given(st.lists(st.floats(0.1, 300.0), min_size=1, max_size=80), st.floats(0, 400))
def test_the_plug_keeps_every_cubic_millimetre(portions: list[float], out: float):
    cannula = Cannula((Bore(4.0, 10.0), Bore(2.4, 8000.0)))
    plug = Plug(np.empty(0), np.empty(0))
    for age, volume in enumerate(portions):
        plug, _ = pushed(plug, volume, float(age), 0.0)
    assert plug.volume_mm3 == pytest.approx(sum(portions))
    left, age = pushed(plug, 0.0, 0.0, out)
    assert left.volume_mm3 == pytest.approx(max(0.0, sum(portions) - out), abs=1e-9)
    assert age is None if out == 0.0 else 0.0 <= age <= len(portions)
    cut = pieces(cannula, plug)
    assert (np.pi * cut.radius_mm**2 * cut.length_mm).sum() == pytest.approx(sum(portions))
    # The first in lies nearest to the tip.
    assert (np.diff(plug.ages_s) < 0.0).all()
