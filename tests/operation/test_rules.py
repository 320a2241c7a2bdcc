"""When the rules say stop, wait or go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.operation.rules import Looked, judge

FINE = Looked((), False, 1.0, 3.0, stalled=False, workable=True, waited=False)


def test_without_a_sign_it_goes_on():
    assert judge(FINE).action == "push"


@pytest.mark.parametrize("place", ["canal", "foramen", "cava_or_azygos"])
def test_where_cement_harms_the_first_sign_stops(place):
    found = judge(replace(FINE, new_signs=("disc", place)))
    assert found.action == "stop"
    assert found.reason.endswith({"canal": "spinal canal", "foramen": "foramen"}.get(place, "azygos"))


@pytest.mark.parametrize("place", ["disc", "paravertebral", "prevertebral_vein"])
def test_elsewhere_the_first_sign_waits_and_the_second_stops(place):
    assert judge(replace(FINE, new_signs=(place,))).action == "wait"
    assert judge(replace(FINE, new_signs=(place,), waited=True)).action == "stop"
    assert judge(replace(FINE, waited=True)).action == "push"


@pytest.mark.parametrize(
    "change", [{"in_posterior_quarter": True}, {"injected_ml": 3.0}, {"stalled": True}, {"workable": False}]
)
def test_each_other_reason_stops(change):
    found = judge(replace(FINE, **change))
    assert found.action == "stop"
    assert found.reason
