"""An injection on a level of simple shapes: refusals, balance, going on from a saved state, portions, the fill it leaves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pedicle.injection.batch import pushed_to
from pedicle.injection.finish import finish, portions
from pedicle.injection.options import InjectOptions
from pedicle.injection.session import advance, another, ended, mass_error, start, syringe_changed, until
from pedicle.injection.site import site_of
from pedicle.model.codec import decode, encode
from pedicle.model.delivery import Push
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.needle import Needle
from pedicle.model.placed import PlacedNeedle
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple

OPTIONS = InjectOptions(cell_mm=2.0)
NEEDLE = Needle(11, 125.0, 3.048, 2.388)
MIXED_S = -200.0


def needle(x: float = 6.0, y: float = -4.0, z: float = 0.0) -> PlacedNeedle:
    tip = simple.pose() @ np.array([x, y, z])
    return PlacedNeedle(NEEDLE, tip, np.array([-0.3 if x > 0 else 0.3, -1.0, 0.0]), stylet=False)


@pytest.fixture(scope="module")
def vertebra():
    return replace(simple_spine.vertebra(), bone=simple.bone())


@pytest.fixture(scope="module")
def site(vertebra):
    return site_of(vertebra, OPTIONS)


@pytest.fixture(scope="module")
def filled(site):
    """1.5 ml through the left needle."""
    return pushed_to(site, start(site, needle(), "left", 0.0, MIXED_S), 1.5, 0.05)


def test_what_left_the_needle_is_in_the_body_or_has_leaked(site, filled):
    fill = finish(site, filled)
    assert fill.injected_ml == pytest.approx(1.5, abs=0.002)
    assert fill.in_body_ml + sum(fill.leaked_ml.values()) == pytest.approx(fill.injected_ml, rel=1e-9)
    volume = float(fill.share.values.sum(dtype=float)) * fill.share.grid.voxel_ml
    assert volume == pytest.approx(fill.in_body_ml, rel=1e-5)
    assert mass_error(filled) < 1e-9
    # Two fluids that do not shrink: what went in pushed as much marrow out.
    assert sum(fill.marrow_out_ml.values()) == pytest.approx(fill.in_body_ml, rel=1e-3)


def test_syringe_cannula_and_body_hold_what_was_loaded(filled):
    held = filled.delivery
    assert held.syringe_ml + held.in_cannula_ml + held.injected_ml + held.set_aside_ml == pytest.approx(held.loaded_ml)
    assert held.in_cannula_ml == pytest.approx(0.676, abs=0.01)


def test_the_needle_takes_most_of_the_pressure(filled):
    record = filled.record[(filled.record[:, 1] > 40.0) & (filled.record[:, 2] > 1e5)]
    assert len(record) > 10
    share = record[:, 3] / record[:, 2]
    assert share.max() < 0.10
    # The bone answers too: in loose bone by some kPa of hundreds.
    assert np.median(share) > 0.003
    assert 0.5 < np.median(record[:, 3]) / 1e3 < 100.0


def test_the_bones_pressure_is_felt_in_the_syringe(site, filled):
    """What the bone answers is added to the cannula's drop: in bone a hundred times as tight the syringe needs more."""
    tight = replace(
        site,
        medium=replace(
            site.medium,
            permeability_mm2=site.medium.permeability_mm2 / 100.0,
            face_mm3=tuple(face / 100.0 for face in site.medium.face_mm3),
        ),
        _sources={},
    )
    here, there = (pushed_to(one, start(one, needle(), "left", 0.0, MIXED_S), 0.6, 0.05) for one in (site, tight))
    more = there.record[-1, 3] - here.record[-1, 3]
    assert more > 1e5
    assert there.record[-1, 2] - here.record[-1, 2] == pytest.approx(more, rel=0.1)


def test_left_stays_left(site, filled):
    fill = finish(site, filled)
    points = simple.pose().inverse @ fill.share.grid.lps_from_index(np.argwhere(fill.share.values > 0.4))
    assert points[:, 0].mean() > 3.0
    assert not fill.crossed_midline


def test_going_on_from_a_saved_state_gives_the_same_bytes(site, filled):
    blobs: dict[str, np.ndarray] = {}

    def put(array: np.ndarray) -> str:
        blobs[str(len(blobs))] = array.copy()
        return str(len(blobs) - 1)

    saved = json.loads(json.dumps(encode(filled, put)))
    again = decode(saved, blobs.__getitem__)
    one, other = (advance(site, state, Push("flow", 50.0), 4.0) for state in (filled, again))
    assert one.flow.saturation.tobytes() == other.flow.saturation.tobytes()
    assert one.record.tobytes() == other.record.tobytes()


def test_what_a_held_plunger_has_stored_presses_on_against_the_bones_answer_all_the_while(site, filled):
    """One long hold is many short ones: no late answer while anything flows."""
    once = often = advance(site, filled, Push("travel", 8.0), 2.0)
    assert once.delivery.stored_mm3 > 0.0
    once = advance(site, once, Push("travel", 0.0), 4.0)
    for _ in range(8):
        often = advance(site, often, Push("travel", 0.0), 0.5)
    assert once.injected_ml > filled.injected_ml
    assert once.injected_ml == pytest.approx(often.injected_ml, rel=1e-9)
    assert once.delivery.pressure_pa == pytest.approx(often.delivery.pressure_pa, rel=1e-6)
    assert len(once.record) == len(often.record)


@pytest.mark.parametrize("dt_s", [1e-7, 2e-6, 0.5, 0.5 + 1e-7])
@pytest.mark.parametrize("done", [Push("flow", 40.0), Push("force", 0.0)])
def test_a_push_takes_its_time_and_leaves_a_row_however_short(site, filled, done, dt_s):
    after = advance(site, filled, done, dt_s)
    assert after.flow.t_s == filled.flow.t_s + dt_s
    assert len(after.record) > len(filled.record)


def test_slices_and_one_long_push_agree(site, filled):
    """Live against batch: tenths of a second against one push of ten seconds."""
    live = batch = filled
    for _ in range(80):
        live = advance(site, live, Push("flow", 40.0), 0.1)
    batch = advance(site, batch, Push("flow", 40.0), 8.0)
    volume = site.medium.pore_volume_mm3
    difference = np.abs(live.flow.saturation - batch.flow.saturation) * volume
    assert difference.sum() / (batch.flow.saturation * volume).sum() < 0.015
    assert live.injected_ml == pytest.approx(batch.injected_ml, rel=1e-9)


def test_a_later_portion_does_not_move_or_mix_with_one_that_has_set(site, filled):
    """Once the first portion has set nothing in it moves; the second lies beside it, with its own number."""
    stopped = ended(filled, "enough")
    late = until(site, stopped, 4000.0)
    before = late.flow.saturation.copy()
    fresh = another(site, late, needle(-8.0, -2.0, 0.0), "right", 4000.0, 4000.0 - 200.0)
    after = pushed_to(site, fresh, late.injected_ml + 0.8, 0.05)
    # Cells that were partly full may take more; none gives any of the first back.
    assert (after.flow.saturation >= before - 1e-9).all()
    there = before > 0.95
    np.testing.assert_allclose(after.flow.saturation[there], before[there], atol=0.05)
    assert (after.flow.set_saturation >= late.flow.set_saturation - 1e-12).all()
    numbers = portions(after)
    assert set(np.unique(numbers[there])) == {1}
    assert (numbers == 2).sum() > 20
    assert [one.side for one in after.portions] == ["left", "right"]


def test_cement_is_pushed_by_force_and_rests_when_let_go(site, filled):
    pressed = advance(site, filled, Push("force", 20.0), 2.0)
    assert pressed.injected_ml > filled.injected_ml
    let_go = advance(site, pressed, Push("force", 0.0), 5.0)
    assert let_go.injected_ml == pytest.approx(pressed.injected_ml, abs=1e-6)


def test_the_stylet_delivers_what_lies_in_the_cannula(site, filled):
    inside = filled.delivery.in_cannula_ml
    done = advance(site, filled, Push("stylet", 10.0), 12.5)
    assert done.injected_ml - filled.injected_ml == pytest.approx(inside - done.delivery.in_cannula_ml, abs=1e-9)
    assert done.injected_ml - filled.injected_ml > 0.5


@pytest.mark.parametrize(("tip", "code"), [((0.0, 30.0, 0.0), 423), ((0.0, -30.0, 0.0), 422), ((14.0, 24.0, 4.0), 422)])
def test_a_tip_outside_the_body_or_in_the_canal_is_refused(site, tip, code):
    with pytest.raises(RefusedError) as refused:
        start(site, needle(*tip), "left", 0.0, MIXED_S)
    assert refused.value.code == code


def test_more_than_fits_old_cement_and_a_cemented_body_are_refused(site, vertebra):
    with pytest.raises(RefusedError, match="E424"):
        start(site, needle(), "left", 0.0, MIXED_S, asked_ml=40.0)
    with pytest.raises(RefusedError, match="E425"):
        start(site, needle(), "left", 0.0, -2000.0)
    with pytest.raises(RefusedError, match="E426"):
        start(site, needle(), "left", 0.0, -20.0)
    with pytest.raises(RefusedError, match="E421"):
        site_of(replace(vertebra, cemented=True), OPTIONS)


def test_a_needle_whose_injection_has_ended_is_not_pushed_through(site, filled):
    with pytest.raises(RefusedError, match="E427"):
        advance(site, ended(filled, "enough"), Push("flow", 50.0), 1.0)


def test_an_opening_that_set_cement_shuts_in_is_refused(site, filled):
    """The bone is warmer than the hand: what lies around the tip sets while the syringe can still be pressed."""
    aged = until(site, ended(filled, "enough"), 4000.0).flow
    shut_in = replace(filled, flow=aged, delivery=replace(filled.delivery, t_s=4000.0, ready_at_s=4000.0))
    with pytest.raises(RefusedError, match="E565"):
        advance(site, shut_in, Push("flow", 50.0), 4.0)


@pytest.mark.parametrize("dt_s", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_time_that_is_none_is_refused(site, filled, dt_s):
    with pytest.raises(InputError, match="E482"):
        advance(site, filled, Push("flow", 50.0), dt_s)


def test_a_stylet_pushed_in_rests_there(site, filled):
    done = advance(site, filled, Push("stylet", 10.0), 12.5)
    rested = until(site, done, done.flow.t_s + 20.0)
    assert rested.injected_ml == pytest.approx(done.injected_ml, abs=1e-6)


def test_the_rim_of_the_body_is_body_or_refused(site):
    """Every tip along a line out of the body: an injection begins or is refused in words, nothing else."""
    begun, codes = [], set()
    for x in np.arange(18.0, 24.0, 0.25):
        try:
            start(site, needle(float(x), 0.0), "left", 0.0, MIXED_S)
        except RefusedError as refused:
            codes.add(refused.code)
        else:
            begun.append(x)
    assert codes == {422}
    assert max(begun) < simple.HALF[0]


def test_an_empty_syringe_gives_no_more_until_it_is_changed(site, filled):
    state = filled
    for _ in range(12):
        state = advance(site, state, Push("flow", 50.0), 4.0)
    stuck = advance(site, state, Push("flow", 50.0), 4.0)
    assert stuck.injected_ml == pytest.approx(state.injected_ml, abs=1e-6)
    changed = advance(site, syringe_changed(site, stuck), Push("flow", 50.0), 14.0)
    assert changed.injected_ml > stuck.injected_ml + 0.1


def test_a_leak_begins_when_the_least_volume_has_gone_through(vertebra):
    """Every opening there: the first onset is the time at which so much had left at last through one of them."""
    leaky = site_of(vertebra, replace(OPTIONS, openings="expected"))
    state = start(leaky, needle(), "left", 0.0, MIXED_S)
    known = np.full(len(leaky.medium.outlets), np.inf)
    for _ in range(150):
        state = (
            advance(leaky, state, Push("flow", 50.0), 0.5)
            if state.delivery.syringe_ml > 0.03
            else syringe_changed(leaky, state)
        )
        known[(state.flow.outflow_cement_mm3 >= 10.0) & np.isinf(known)] = state.flow.t_s
    assert np.isfinite(known).any()
    np.testing.assert_array_equal(state.onset_s, known)
    fill = finish(leaky, state, {})
    assert sorted(leak.onset_s for leak in fill.leaks) == sorted(known[np.isfinite(known)])
    assert all(leak.ml >= 0.01 for leak in fill.leaks)


def test_a_syringe_at_its_greatest_force_says_what_the_needle_asks_for(site, filled):
    """15 G by 150 mm: by Hagen and Poiseuille's fourth power a hand's force is short of it; through 11 G it is not."""
    assert not any(one.code == "syringe-limit" for one in finish(site, filled).warnings)
    thin = replace(needle(), needle=Needle(15, 150.0, 1.829, 1.372))
    state = pushed_to(site, start(site, thin, "left", 0.0, MIXED_S), 1.5, 0.05)
    (notice,) = (one for one in finish(site, state).warnings if one.code == "syringe-limit")
    asked = float(notice.text.split(" asks for ")[1].split(" kPa")[0])
    limit = float(notice.text.split("its most, ")[1].split(" kPa")[0])
    assert "15 G x 150 mm" in notice.text
    assert asked > limit == pytest.approx(site.line(thin).syringe.pressure_limit_pa / 1e3, abs=0.5)
    assert state.injected_ml < 1.4
