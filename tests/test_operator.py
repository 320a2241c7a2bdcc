"""What the scripted operator makes of what it sees."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pedicle.fluoroscopy.options import PictureOptions
from pedicle.injection.options import InjectOptions
from pedicle.model.acts import Overridden, TimeOut
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.events import OperationState
from pedicle.model.operator import ScriptOptions
from pedicle.operation.briefing import Briefing
from pedicle.operation.film import Reading
from pedicle.procedure import pushing
from pedicle.procedure.operating import Operating
from pedicle.procedure.script import script


@pytest.mark.parametrize(
    ("before_ml", "now_ml", "stops"),
    [(0.0, 0.03, True), (0.4, 0.4, False), (0.4, 0.45, False), (0.4, 0.52, True)],
)
def test_cement_that_an_earlier_needle_left_behind_is_no_sign_until_more_comes(monkeypatch, before_ml, now_ml, stops):
    here = SimpleNamespace(
        posterior_ml=before_ml, posterior_before_ml=before_ml, waited=False, options=InjectOptions(), level="L1"
    )
    now = SimpleNamespace(injected_ml=1.0, delivery=SimpleNamespace(hand_age_s=200.0, limits=(), flow_mm3_s=50.0))
    monkeypatch.setattr(pushing, "_view", lambda *_: (Reading((), True, now_ml, ()), []))
    monkeypatch.setattr(pushing, "standing", lambda *_: now)
    monkeypatch.setattr(pushing, "place", lambda *_: SimpleNamespace(cement=SimpleNamespace(working_until_s=600.0)))
    assert pushing._look(None, here, 3.0).in_posterior_quarter is stops
    assert here.posterior_ml == now_ml


@pytest.mark.parametrize(
    "words", ["volume", "volume:", ": why", "no such gate: because it is so", "reason: none needed"]
)
def test_an_override_that_is_no_gate_with_a_reason_is_refused(words):
    with pytest.raises(InputError) as told:
        ScriptOptions(override=words).typed_reasons  # noqa: B018
    assert told.value.code == 751


def test_a_typed_reason_goes_into_the_log_before_the_event_it_lets_through(planned):
    spine, plan = planned
    briefing = Briefing(spine, plan)
    said = tuple((level.level, side) for level in plan.levels for side in level.recommended)
    event = TimeOut(5.0, "before skin", {"consent": "no"}, said)
    made = Operating(briefing, None, PictureOptions(), script(ScriptOptions()), None, OperationState())
    with pytest.raises(RefusedError):
        made.do(event)
    typed = ScriptOptions(override="time-out: signed paper is in the file").typed_reasons
    made = replace(made, events=[], findings=[], typed_reasons=typed)
    made.do(event)
    assert made.events == [Overridden(5.0, "time-out", "signed paper is in the file"), event]
    assert [one.overridden for one in made.findings if one.verdict == "refused"] == ["signed paper is in the file"]


def test_a_reason_that_says_nothing_lets_nothing_through(planned):
    spine, plan = planned
    made = Operating(Briefing(spine, plan), None, PictureOptions(), script(ScriptOptions()), None, OperationState())
    made.typed_reasons = ScriptOptions(override="time-out: ok").typed_reasons
    with pytest.raises(RefusedError) as held:
        made.do(TimeOut(5.0, "before skin", {"consent": "no"}, ()))
    assert held.value.code == 736
    assert made.events == []
