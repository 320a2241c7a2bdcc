"""Which planned levels the scripted operation injects, and what it says of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.injection.options import InjectOptions
from pedicle.model.errors import InputError
from pedicle.model.trajectory import LevelPlan, Plan
from pedicle.model.vertebra import Fracture
from pedicle.planning.options import PlanOptions
from pedicle.procedure.chosen import RunOptions
from pedicle.procedure.operate import levels_to_inject
from tests.fluoroscopy import simple_spine as simple


def broken(grade: int) -> Fracture:
    chances = (0.0, 0.0, 1.0, 0.0)
    return Fracture(
        (30.0, 20.0, 5.0), "norm F", 30.0, 3.0, grade, chances, "wedge", True, True, "", None, None, None, "fracture by shape"
    )  # fmt: skip


LEVELS = ("L1", "L2", "L3")
SPINE = simple.spine(*(replace(simple.vertebra(level), fracture=broken(2 if level == "L2" else 0)) for level in LEVELS))
PLAN = Plan(tuple(LevelPlan(level, (), (), (), None, None, None) for level in LEVELS), "rehearse", "supine")


def asked(levels: str, only: str | None = None):
    return levels_to_inject(PLAN, SPINE, RunOptions(plan=PlanOptions(levels=levels), operate=InjectOptions(only=only)))


def test_of_a_plan_of_all_levels_the_fractured_are_injected_and_the_others_told():
    names, left_out = asked("all")
    assert names == ["L2"]
    assert set(left_out) == {"L1", "L3"}
    assert all("not fractured" in why for why in left_out.values())


def test_levels_asked_for_by_name_are_injected_fractured_or_not():
    assert asked("L1,L2,L3") == (list(LEVELS), {})


def test_only_names_levels_of_the_plan_or_all():
    assert asked("all", "all") == (list(LEVELS), {})
    assert asked("all", "l3")[0] == ["L3"]
    for wrong in ("T12", " , "):
        with pytest.raises(InputError, match="E749"):
            asked("all", wrong)
