"""Events of an injection: a log replays to the same bytes, and one that cannot have happened is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import TypeAdapter

from pedicle.injection.finish import finish
from pedicle.injection.options import InjectOptions
from pedicle.injection.session import mass_error, start
from pedicle.model.codec import encode
from pedicle.model.errors import InputError, PedicleError, RefusedError
from pedicle.model.events import (
    InjectionEnded,
    InjectionStarted,
    NeedleMoved,
    OperationState,
    Positioned,
    Pushed,
    SyringeChanged,
    event_of,
    events_of,
    line_of,
    log_text,
)
from pedicle.operation import apply, replay, triple
from pedicle.operation.cement import site_in
from pedicle.operation.gates import cementing
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple
from tests.injection.test_session import needle

SETTINGS = TypeAdapter(InjectOptions).dump_python(InjectOptions(cell_mm=2.0), mode="json")
VERTEBRAE = {
    "L3": replace(simple_spine.vertebra(), bone=simple.bone()),
    "L2": replace(simple_spine.vertebra(), level="L2", bone=None),
    "L4": replace(simple_spine.vertebra(), level="L4", bone=replace(simple.bone(500.0), level="L4")),
}
AT = needle(7.0)


def move(t_s: float, placed=AT, side="left", level="L3") -> NeedleMoved:
    return NeedleMoved(
        t_s, level, side, placed.needle, triple(placed.tip_lps_mm), triple(placed.direction_lps), placed.stylet
    )


def back(by_mm: float):
    return replace(AT, tip_lps_mm=AT.tip_lps_mm - by_mm * AT.direction_lps)


START = InjectionStarted(0.0, "L3", "left", -200.0, SETTINGS)
BEGUN = (Positioned(0.0, "prone", "head"), move(0.0), START)
PUSHED = Pushed(24.0, "L3", "flow", 50.0, 24.0)
END = InjectionEnded(1.0, "L3", "left", "enough")
# A whole operation: pushed, drawn back while pressing, syringe changed, stylet in, a second needle.
WHOLE = (
    *BEGUN, PUSHED, move(25.0, back(3.0)), SyringeChanged(25.0, "L3"), Pushed(50.0, "L3", "flow", 40.0, 25.0),
    Pushed(55.0, "L3", "stylet", 8.0, 5.0), InjectionEnded(55.0, "L3", "left", "enough"), move(60.0, needle(-8.0), "right"),
    InjectionStarted(60.0, "L3", "right", -200.0, SETTINGS), Pushed(85.0, "L3", "flow", 50.0, 25.0),
    InjectionEnded(86.0, "L3", "right", "enough"),
)  # fmt: skip


def everything(state: OperationState) -> object:
    return encode(state, lambda array: array.tobytes().hex())


@pytest.fixture(scope="module")
def going_on() -> OperationState:
    return replay((*BEGUN, PUSHED), VERTEBRAE)


@pytest.fixture(scope="module")
def whole() -> OperationState:
    return replay(WHOLE, VERTEBRAE)


def test_the_log_replays_to_identical_bytes(whole):
    text = log_text(WHOLE)
    assert events_of(text) == WHOLE
    assert everything(replay(events_of(text), VERTEBRAE)) == everything(whole)


def test_volumes_close_over_both_needles(whole):
    state = whole.injection("L3")
    fill = finish(site_in(whole, VERTEBRAE, "L3"), state)
    assert fill.in_body_ml + sum(fill.leaked_ml.values()) == pytest.approx(fill.injected_ml, rel=1e-9)
    syringes = (*state.used, state.delivery)
    loaded = sum(one.loaded_ml for one in syringes)
    assert fill.syringe_ml + fill.in_cannula_ml + fill.injected_ml == pytest.approx(loaded, rel=1e-9)
    assert mass_error(state) < 1e-9


def test_a_needle_drawn_back_while_pressing_takes_its_opening_along(going_on):
    """The cannula is shorter in the body by that much; what follows enters further back."""
    drawn = apply(going_on, move(25.0, back(5.0)), VERTEBRAE)
    now = drawn.injection("L3")
    assert now.delivery.withdrawn_mm == pytest.approx(5.0)
    assert now.delivery.in_cannula_ml == pytest.approx(going_on.injection("L3").delivery.in_cannula_ml, abs=1e-9)
    np.testing.assert_allclose(now.needle.tip_lps_mm, back(5.0).tip_lps_mm)
    more_pushed = (SyringeChanged(25.0, "L3"), Pushed(50.0, "L3", "flow", 50.0, 24.0))
    site = site_in(drawn, VERTEBRAE, "L3")
    places = []
    for state in (drawn, going_on):
        for event in more_pushed:
            state = apply(state, event, VERTEBRAE)
        after = state.injection("L3").flow.saturation * site.medium.pore_volume_mm3
        more = after - going_on.injection("L3").flow.saturation * site.medium.pore_volume_mm3
        index = np.argwhere(more > 0.0)
        places.append(site.grid.lps_from_index(np.average(index, axis=0, weights=more[more > 0.0])))
    assert (places[0] - places[1]) @ AT.direction_lps < -1.0
    again = apply(drawn, move(26.0, back(7.0)), VERTEBRAE)
    assert again.injection("L3").delivery.withdrawn_mm == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("placed", "code"),
    [
        (back(-4.0), 429),
        (replace(AT, tip_lps_mm=AT.tip_lps_mm + [2.0, 0.0, 0.0]), 429),
        (replace(AT, direction_lps=AT.direction_lps + [0.1, 0.0, 0.0]), 429),
        (replace(AT, stylet=True), 429),
        (back(40.0), 422),
    ],
)
def test_any_other_way_of_moving_a_needle_in_use_is_refused(going_on, placed, code):
    with pytest.raises(RefusedError, match=f"E{code}"):
        apply(going_on, move(25.0, placed), VERTEBRAE)


def test_the_other_needle_moves_freely_meanwhile(going_on):
    moved = apply(going_on, move(25.0, needle(-7.0), "right"), VERTEBRAE)
    assert moved.injection("L3") is going_on.injection("L3")


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((PUSHED,), 741),
        ((SyringeChanged(1.0, "L3"),), 741),
        ((END,), 741),
        ((START,), 743),
        ((move(0.0, replace(AT, stylet=True)), START), 743),
        ((move(0.0, level="L9"), replace(START, level="L9")), 742),
        ((move(0.0, level="L2"), replace(START, level="L2")), 740),
        ((move(0.0, needle(14.0, 24.0, 4.0)), START), 422),
        ((move(0.0, needle(0.0, -30.0)), START), 422),
        ((move(0.0, needle(0.0, 30.0)), START), 423),
        ((move(0.0), replace(START, mixed_s=10.0)), 482),
        ((move(0.0, level="L4"), replace(START, level="L4", settings={**SETTINGS, "volume": 20.0})), 424),
        ((move(0.0), replace(START, settings={**SETTINGS, "cement": "chalk"})), 480),
        ((move(0.0), replace(START, settings={**SETTINGS, "syringe": "bucket"})), 481),
        ((move(0.0), replace(START, settings={**SETTINGS, "cell_mm": 0.1})), 747),
        ((move(0.0), replace(START, settings={**SETTINGS, "flow": float("nan")})), 747),
        ((move(0.0), replace(START, settings={**SETTINGS, "colour": "red"})), 747),
        ((*BEGUN, replace(START, side="right")), 743),
        ((*BEGUN, START), 428),
        ((*BEGUN, Pushed(5.0, "L3", "flow", 50.0, 10.0)), 746),
        ((*BEGUN, Pushed(4.0, "L3", "flow", 50.0, 4.0), Pushed(5.0, "L3", "flow", 50.0, 4.0)), 746),
        ((*BEGUN, Pushed(4.0, "L3", "flow", 50.0, -4.0)), 482),
        ((*BEGUN, Pushed(4.0, "L3", "flow", 50.0, 0.0)), 482),
        ((*BEGUN, Pushed(4.0, "L3", "flow", 50.0, float("nan"))), 482),
        ((*BEGUN, Pushed(9e9, "L3", "flow", 50.0, 9e9)), 482),
        ((*BEGUN, Pushed(9e9, "L3", "flow", 50.0, 1.0)), 482),
        ((*BEGUN, Pushed(4.0, "L3", "flow", -50.0, 4.0)), 482),
        ((*BEGUN, Pushed(4.0, "L3", "flow", float("nan"), 4.0)), 482),
        ((*BEGUN, Pushed(float("nan"), "L3", "flow", 50.0, 4.0)), 710),
        ((*BEGUN, Pushed(float("inf"), "L3", "flow", 50.0, 4.0)), 710),
        (
            (
                *BEGUN,
                Pushed(4.0, "L3", "stylet", 5.0, 2.0),
                Pushed(6.0, "L3", "stylet", 5.0, 2.0),
                replace(END, t_s=6.0),
                replace(END, t_s=7.0),
            ),
            427,
        ),
        ((*BEGUN, END, Pushed(5.0, "L3", "flow", 50.0, 4.0)), 427),
        ((*BEGUN, END, SyringeChanged(4.0, "L3")), 427),
        ((*BEGUN, replace(END, side="right")), 748),
        ((*BEGUN, replace(END, reason="")), 745),
        ((*BEGUN, END, replace(START, t_s=4.0, settings={**SETTINGS, "cell_mm": 1.5})), 747),
        ((*BEGUN, END, replace(START, t_s=4.0, settings={**SETTINGS, "cement": "low-habib2010"})), 747),
    ],
)
def test_what_cannot_have_happened_is_refused_with_its_code_and_changes_nothing(events, code):
    state = replay(events[:-1], VERTEBRAE)
    before = everything(state)
    with pytest.raises(PedicleError) as refused:
        apply(state, events[-1], VERTEBRAE)
    assert refused.value.code == code
    assert "\n" not in str(refused.value)
    assert everything(state) == before


@pytest.mark.parametrize("missing", range(1, 4))
def test_a_log_with_a_line_cut_out_is_refused_not_replayed_to_something_else(missing):
    events = (*BEGUN, END, replace(START, t_s=2.0), Pushed(4.0, "L3", "flow", 50.0, 2.0))
    with pytest.raises(PedicleError):
        replay((*events[:missing], *events[missing + 1 :]), VERTEBRAE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("t_s", float("nan")),
        ("t_s", "soon"),
        ("duration_s", float("inf")),
        ("duration_s", None),
        ("kind", "shove"),
        ("value", [1]),
        ("level", 3),
    ],
)
def test_an_edited_line_is_no_event(key, value):
    line = json.dumps({**json.loads(line_of(PUSHED)), key: value})
    with pytest.raises(InputError, match="E605"):
        event_of(line)


def test_a_place_that_is_none_is_no_event():
    line = '{"t_s": 1.0, "event": "leak_seen", "level": "L3", "view": "AP", "opening": "a", "place": "Canal"}'
    with pytest.raises(InputError, match="E605"):
        event_of(line)
    assert event_of(line.replace("Canal", "canal")).place == "canal"


TEAM = SimpleNamespace(vertebrae=VERTEBRAE, level=lambda name: None)


def of_age(state, event):
    """What the gate of the cement's age finds."""
    gate = cementing.started if isinstance(event, InjectionStarted) else cementing.pushed
    return [one for one in gate(state, event, TEAM) if one.gate == "cement age"]


@pytest.mark.parametrize(("mixed_s", "code"), [(-5000.0, 425), (-5.0, 426)])
def test_cement_past_or_before_its_working_time_is_held_by_its_gate(mixed_s, code):
    """Connected or pressed. Who overrides it presses what still flows; from the API without an operation it is refused."""
    state = replay((move(0.0),), VERTEBRAE)
    event = replace(START, mixed_s=mixed_s)
    assert [one.code for one in of_age(state, event)] == [code]
    assert not of_age(state, START)
    begun = apply(state, event, VERTEBRAE)
    assert [one.code for one in of_age(begun, PUSHED)] == [code]
    with pytest.raises(RefusedError, match=f"E{code}"):
        start(site_in(begun, VERTEBRAE, "L3"), AT, "left", 0.0, mixed_s)


def test_cement_that_ages_on_the_needle_is_held_at_the_push():
    """Connected in time, pressed twenty minutes later."""
    begun = replay(BEGUN, VERTEBRAE)
    assert not of_age(begun, PUSHED)
    late = replace(PUSHED, t_s=2400.0)
    assert [one.code for one in of_age(begun, late)] == [425]
    # The stylet empties the cannula whatever its age.
    assert not of_age(begun, replace(late, kind="stylet", value=5.0))
