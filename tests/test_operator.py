"""What the scripted operator makes of what it sees."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pedicle.injection.options import InjectOptions
from pedicle.operation.film import Reading
from pedicle.procedure import pushing


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
