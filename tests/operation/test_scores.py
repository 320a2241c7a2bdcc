"""Scores: a single planted fault moves the score that counts it, and no other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pedicle.model.acts import NeedleRemoved
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    LeakSeen,
    NeedleMoved,
    Pushed,
    TipMeasured,
    ViewTaken,
)
from pedicle.model.finding import Finding
from pedicle.model.needle import Needle
from pedicle.model.shot import Dose
from pedicle.operation.scores import scores

NEEDLE = Needle(11, 125.0, 3.05, 2.39)
TARGET = np.array([0.0, -10.0, 0.0])
TRAJECTORY = SimpleNamespace(side="left", target_lps_mm=TARGET)
BRIEFING = SimpleNamespace(level=lambda name: SimpleNamespace(trajectories=(TRAJECTORY,)))
DOSE = Dose(0.01, 0.1, 0.13, 1)


def at(t_s: float, back_mm: float, aside_mm: float = 0.0, turn: float = 0.0, stylet: bool = True) -> NeedleMoved:
    # The stylet's point lies 3 mm beyond the cannula's rim, which is to lie at the target.
    tip = (aside_mm, -10.0 + back_mm - (3.0 if stylet else 0.0), 0.0)
    direction = (float(np.sin(turn)), -float(np.cos(turn)), 0.0)
    return NeedleMoved(t_s, "L1", "left", NEEDLE, tip, direction, stylet)


def view(t_s: float, name: str) -> ViewTaken:
    return ViewTaken(t_s, "L1", name, (0.0, 1.0, 0.0), (0.0, 0.0, 0.0), DOSE)


def push(t_s: float, ml: float) -> Pushed:
    return Pushed(t_s, "L1", "flow", 50.0, ml * 1e3 / 50.0)


def good() -> list[Event]:
    """A needle at three depths with both views after each, two portions with both views, a leak that is waited for."""
    return [
        at(10.0, 40.0), view(11.0, "true AP"), view(12.0, "true lateral"),
        at(20.0, 20.0), view(21.0, "true AP"), view(22.0, "true lateral"),
        at(30.0, 0.0), view(31.0, "true AP"), view(32.0, "true lateral"),
        InjectionStarted(40.0, "L1", "left", 0.0, {}),
        TipMeasured(50.0, "L1", "left", (0.0, -13.0, 0.0), tuple((0.01 * np.eye(3)).ravel()), 80.0),
        push(70.0, 0.5), view(71.0, "true AP"), view(72.0, "true lateral"),
        LeakSeen(72.0, "L1", "AP", "wall", "paravertebral"),
        push(150.0, 0.5), view(151.0, "true AP"), view(152.0, "true lateral"),
        InjectionEnded(153.0, "L1", "left", "done"), NeedleRemoved(400.0, "L1", "left"),
    ]  # fmt: skip


def found(gate: str, **changes) -> Finding:
    return Finding(1, gate, "L1", "x", "y", "z", "s", **changes)


def of(events: list[Event], findings: tuple[Finding, ...] = ()) -> dict[str, float]:
    return {row.name: row.value for row in scores(tuple(events), findings, BRIEFING, ())}


def without(index: int) -> list[Event]:
    events = good()
    del events[index]
    return events


def instead(index: int, event: Event) -> list[Event]:
    events = good()
    events[index] = event
    return events


EXPOSURE = {"pictures", "beam on", "dose"}
FAULTS = {
    "a lateral left out": (without(5), (), EXPOSURE | {"advanced without a lateral"}),
    "both views left out": (
        good()[:4] + good()[6:],
        (),
        EXPOSURE | {"advanced without a lateral", "advanced without a picture"},
    ),
    "a tip beside its target": (instead(6, at(30.0, 0.0, 4.0)), (), {"tip error", "tip reading error"}),
    "a needle aimed again": (instead(3, at(20.0, 20.0, turn=0.05)), (), {"aimed again"}),
    "a tip read wrong": (instead(10, replace(good()[10], tip_lps_mm=(3.0, -13.0, 0.0))), (), {"tip reading error"}),
    "a late picture": (instead(11, push(70.0, 1.5)), (), {"most between looks"}),
    "a leak pushed on at once": (instead(15, push(85.0, 0.5)), (), {"pushed on at once"}),
    "a slow hand": (instead(19, NeedleRemoved(900.0, "L1", "left")), (), {"time"}),
    "over the medial wall": (good(), (found("rule of advance"),), {"medial wall"}),
    "a rule broken": (good(), (found("two views"),), {"protocol"}),
    "a gate overridden": (good(), (found("two views", overridden="seen in three views"),), {"overridden"}),
    "an open question": (good(), (found("time-out", verdict="unanswered"),), set()),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_moves_its_own_score_and_no_other(fault):
    events, findings, moves = FAULTS[fault]
    before, after = of(good()), of(events, findings)
    assert {name for name in before if before[name] != after[name]} == moves


def test_a_good_run_scores_no_fault():
    clean = of(good())
    faults = (
        "advanced without a picture",
        "advanced without a lateral",
        "pushed on at once",
        "medial wall",
        "protocol",
    )
    assert {name: clean[name] for name in faults} == dict.fromkeys(faults, 0)
    assert clean["tip error"] == 0.0
    assert clean["most between looks"] == pytest.approx(0.5)
    assert clean["time"] == 390.0


def test_a_needle_drawn_back_with_its_stylet_out_is_no_advance_and_no_error():
    events = good()
    events.insert(9, at(35.0, 3.0, stylet=False))
    moved = {name for name, value in of(good()).items() if of(events)[name] != value}
    assert moved <= {"tip reading error"}
