"""The step `operate`: the scripted operation of a plan, its log, its fills and their files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pedicle.curing.options import CureOptions
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.io.injection import injection_files
from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.events import Event, log_text
from pedicle.model.fill import InjectedLevel
from pedicle.model.patient import Patient
from pedicle.model.progress import Progress, part
from pedicle.model.trajectory import LevelPlan, Plan
from pedicle.model.vertebra import Spine
from pedicle.operation import replay
from pedicle.operation.briefing import Briefing
from pedicle.planning.choice import chosen_levels
from pedicle.planning.options import PlanOptions
from pedicle.procedure.arriving import arrive
from pedicle.procedure.chosen import RunOptions
from pedicle.procedure.hardening import cured_level
from pedicle.procedure.operating import Operating
from pedicle.procedure.operator import is_ready, operate_level
from pedicle.procedure.script import script

Operated = dict[str, Any]
# Stream of random numbers of the operator's hand.
_HAND_STREAM = 11
# A needle's window has closed by then, s after the injection.
_WINDOW_S = 1800.0


def by_hand(case: Case) -> tuple[Event, ...]:
    """What was done by hand before the scripted operation; a scripted one before it is done anew."""
    if case.step("operate") is None:
        return ()
    kept = case.load("operate")
    return tuple(kept.get("by_hand", kept["events"]))


def operate(case: Case, chosen: RunOptions, progress: Progress) -> tuple[Operated, dict[str, bytes]]:
    """The chosen levels of the plan injected in turn; the result for the case's record, and the named files."""
    options = chosen.operate
    if options.runs == 1:
        raise InputError(744, "command", "1 run", "0 for none, else at least 2", "ask for more runs")
    plan, before = case.load("plan"), by_hand(case)
    operating = begun(case, chosen, before)
    names, left_out = levels_to_inject(plan, operating.spine, chosen)
    ready = [name for name in names if is_ready(plan_of(plan, name), options)]
    if ready:
        arrive(operating, [plan_of(plan, name) for name in ready])
    done: list[InjectedLevel] = []
    for number, name in enumerate(names):
        here = part(progress, number / len(names), (number + 1) / len(names))
        here(0.0, f"injecting {name}")
        injected = operate_level(operating, plan_of(plan, name), options, here) if name in ready else None
        if isinstance(injected, str):
            left_out[name] = injected
        elif injected is None:
            left_out[name] = "no needle is recommended here"
        else:
            done.append(injected)
            _watch_needle(operating, injected, chosen, last=name == names[-1])
    events = tuple(operating.events)
    files = {"operation.jsonl": log_text(events).encode()}
    for injected in done:
        files |= injection_files(injected, events)
    kept = {"events": events, "state": operating.state, "injected": tuple(done), "by_hand": before}
    return {**kept, "left_out": left_out, "findings": tuple(operating.findings)}, files


def _watch_needle(operating: Operating, done: InjectedLevel, chosen: RunOptions, last: bool) -> None:
    """The clock of a level's cement, for its needle's window while the next level is worked on."""
    if last:
        return
    options = CureOptions(room_c=chosen.operate.room_c, duration=_WINDOW_S)
    clock = cured_level(operating.state, operating.spine[done.level], done, options).clock
    operating.briefing = replace(operating.briefing, clocks={**operating.briefing.clocks, done.level: clock})


def begun(case: Case, chosen: RunOptions, events: tuple[Event, ...]) -> Operating:
    """The operation of a case after these events."""
    given, spine, plan = case.load("read"), case.load("measure"), case.load("plan")
    briefing = Briefing(spine, plan, chosen.plan.purpose, given["patient"] or Patient(), chosen.care)
    chance = np.random.Generator(np.random.Philox(key=(chosen.operator.hand_seed, _HAND_STREAM)))
    state = replay(events, briefing.vertebrae)
    operating = Operating(
        briefing, given["scan"], PictureOptions(), script(chosen.operator), chance, state, list(events)
    )
    return replace(operating, typed_reasons=chosen.operator.typed_reasons)


def levels_to_inject(plan: Plan, spine: Spine, chosen: RunOptions) -> tuple[list[str], dict[str, str]]:
    """Names of the planned levels to inject, and of the others why not; InputError 749 for a level that is not planned.

    Without `only`: the levels the plan was asked for by name; of a plan of all levels the fractured ones.
    """
    planned, only = [level.level for level in plan.levels], chosen.operate.only
    if only is None and chosen.plan.levels.strip().lower() != "all":
        return planned, {}
    if only is None:
        wanted = chosen_levels(spine, PlanOptions(levels="fractured"))
    else:
        wanted = planned if only.strip().lower() == "all" else _named(only, planned)
    why = "not fractured and not asked for by name: pedicle inject --only LEVEL" if only is None else "not asked for"
    return [name for name in planned if name in wanted], {name: why for name in planned if name not in wanted}


def _named(only: str, planned: list[str]) -> list[str]:
    names = [name.strip().upper() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in planned]
    if unknown or not names:
        known = ", ".join(planned) or "none"
        raise InputError(
            749,
            "--only",
            f"{', '.join(unknown) or 'no name'} is not planned",
            f"planned: {known}",
            "plan it, or name another",
        )
    return names


def plan_of(plan: Plan, name: str) -> LevelPlan:
    """The plan of a level."""
    return next(level for level in plan.levels if level.level == name)
