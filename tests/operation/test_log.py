"""The log of an operation: every event changes what it says and nothing else, and a log replays bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.fluoroscopy.options import PictureOptions, ShotOptions
from pedicle.fluoroscopy.setup import choose, depth_mm, stage
from pedicle.model.carm import View
from pedicle.model.codec import encode
from pedicle.model.errors import InputError
from pedicle.model.events import OperationState, Positioned, TipMeasured, event_of, events_of, line_of, log_text
from pedicle.model.frames import angle_deg
from pedicle.operation import apply, expose, measured, moved, prepared, replay, triple
from tests.fluoroscopy import simple_spine as simple

SPINE, PLAN = simple.spine(simple.vertebra()), simple.plan(simple.trajectory("left"), simple.trajectory("right"))


def everything(state: OperationState) -> object:
    """A state down to the last bit: floats as Python prints them, which reads back as the same number."""
    return encode(state, lambda array: repr(array.tolist()))


@pytest.fixture(scope="module")
def taken():
    """Two pictures of one operation, by the same calls that the command makes."""
    events, shots, state = [], [], OperationState()
    for view, side, at in (("bulls-eye", "left", "docking"), ("true-lateral", "right", "17.3")):
        asked = ShotOptions(view=view, side=side, at=at)
        setting = choose(SPINE, PLAN, asked)
        state, done = prepared(state, setting, asked)
        exposure = expose(state, stage(simple.scan(), setting), setting)
        state = apply(state, exposure.event)
        events += [*done, exposure.event]
        shots.append(exposure.shot)
    tip = TipMeasured(state.t_s + 1.0, "L3", "left", triple(np.pi * np.ones(3)), tuple(np.eye(3).ravel() / 3.0), 84.1)
    return [*events, tip], shots, apply(state, tip)


def test_the_log_replays_to_the_same_state_bit_for_bit(taken):
    events, _, state = taken
    text = log_text(tuple(events))
    assert events_of(text) == tuple(events)
    assert everything(replay(events_of(text))) == everything(state)
    assert log_text(events_of(text)) == text


def test_both_needles_stand_where_they_were_put(taken):
    _, _, state = taken
    left, right = simple.trajectory("left"), simple.trajectory("right")
    np.testing.assert_allclose(state.needle("L3", "left").tip_lps_mm, left.bone_entry_lps_mm, atol=1e-9)
    tip = right.bone_entry_lps_mm + 17.3 * right.direction_lps
    np.testing.assert_allclose(state.needle("L3", "right").tip_lps_mm, tip, atol=1e-9)
    assert state.needle("L2", "left") is None
    assert (state.shots, state.lying, len(state.tips)) == (2, "prone", 1)


def test_the_dose_of_the_log_is_the_sum_of_its_pictures(taken):
    _, shots, state = taken
    assert state.dose.kap_gy_cm2 == pytest.approx(sum(shot.dose.kap_gy_cm2 for shot in shots))
    assert state.dose.pulses == sum(shot.dose.pulses for shot in shots)


def test_the_view_of_the_state_is_the_one_taken_last(taken):
    _, shots, state = taken
    assert isinstance(state.view, View)
    assert angle_deg(state.view.detector_lps, shots[-1].view.detector_lps) < 1e-6


def test_moving_a_needle_again_replaces_it_and_leaves_the_other(taken):
    _, _, state = taken
    placed = state.needle("L3", "right")
    again = apply(state, moved(state, "L3", ("left", placed)))
    np.testing.assert_array_equal(again.needle("L3", "left").tip_lps_mm, placed.tip_lps_mm)
    assert len(again.needles) == 2


def test_the_needle_darkens_the_picture_where_its_tip_is_projected(taken):
    """Steel 2 to 3 mm thick takes most of the primary; scatter fills the shadow, so three quarters of the rest is the bound."""
    _, shots, _ = taken
    right = simple.trajectory("right")
    shot = shots[-1]
    tip = right.bone_entry_lps_mm + 14.0 * right.direction_lps
    column, row = np.rint(shot.beam.project(tip)).astype(int)
    assert shot.signal[row, column] < 0.75 * min(shot.signal[row + 25, column], shot.signal[row - 25, column])


def test_time_does_not_run_back():
    state = apply(OperationState(), Positioned(5.0, "prone", "head"))
    with pytest.raises(InputError, match="E710"):
        apply(state, Positioned(4.0, "prone", "head"))


@pytest.mark.parametrize(
    "line",
    ["", "{}", "[1]", '{"t_s": 1, "event": "wave"}', '{"t_s": 1, "event": "positioned", "lying": "prone"}', "not json"],
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(InputError, match="E605"):
        event_of(line)


def test_a_line_names_its_time_and_event_first():
    assert line_of(Positioned(0.0, "prone", "head")).startswith('{"t_s": 0.0, "event": "positioned", ')


def test_level_and_side_default_to_what_is_recommended():
    setting = choose(SPINE, PLAN, ShotOptions())
    assert (setting.level, setting.view.name) == ("L3", "bull's-eye left")
    np.testing.assert_allclose(setting.placed[1].tip_lps_mm, simple.trajectory("left").target_lps_mm, atol=1e-9)


def test_depths_by_word_and_number():
    path = simple.trajectory("left")
    found = [depth_mm(at, path, "L3") for at in (None, "target", "docking", "posterior-wall", "12.5", "-5", "stay")]
    assert found == [
        path.bone_to_target_mm,
        path.bone_to_target_mm,
        0.0,
        path.posterior_wall_depth_mm,
        12.5,
        -5.0,
        None,
    ]
    for at in ("deep", "nan", "inf", "400"):
        with pytest.raises(InputError, match="E703"):
            depth_mm(at, path, "L3")


def test_a_level_that_is_not_there_and_a_needle_that_is_not_planned_are_refused():
    with pytest.raises(InputError, match="E702"):
        choose(SPINE, PLAN, ShotOptions(level="T3"))
    with pytest.raises(InputError, match="E703"):
        choose(
            SPINE, simple.plan(simple.trajectory("left")), ShotOptions(view="ap", side="right", level="L3", at="target")
        )


def test_a_tip_is_located_in_two_shots_and_goes_into_the_log():
    """The whole chain with scatter and noise: 0.7 mm, about two pixels at the isocentre."""
    from pedicle.fluoroscopy.scene import Scene
    from pedicle.fluoroscopy.shoot import shoot
    from pedicle.fluoroscopy.tip import locate
    from pedicle.fluoroscopy.views import Aim, set_up
    from pedicle.model.placed import PlacedNeedle

    path = simple.trajectory("left")
    placed = PlacedNeedle.on(path, 20.0)
    height = float(simple.CENTRE[2])
    scene = Scene.of(simple.scan(), (height, height))
    aim = Aim(SPINE, SPINE["L3"], "prone", "left", path)
    first, second = (
        shoot(scene, *set_up(name, aim), (placed,), "L3", options=PictureOptions(seed=n))
        for n, name in enumerate(("true-ap", "true-lateral"))
    )
    found = locate(first, second, PlacedNeedle.on(path, 15.0))
    assert found.tip is not None, found.reason
    assert np.linalg.norm(found.tip.tip_lps_mm - placed.tip_lps_mm) < 0.7
    state = apply(OperationState(), measured(OperationState(), "L3", "left", found.tip))
    # The cone: rays to a tip 20 mm beside the central rays, 700 mm from the source, lean by up to 2 degrees each.
    assert state.tips[0].separation_deg == pytest.approx(90.0, abs=4.0)
