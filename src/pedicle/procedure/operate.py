"""The step `operate`: the scripted operation of a plan, its log, its fills and their files."""

from __future__ import annotations

from typing import Any

from pedicle.fluoroscopy.options import PictureOptions
from pedicle.injection.options import InjectOptions
from pedicle.io.injection import injection_files
from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.events import Event, log_text
from pedicle.model.fill import InjectedLevel
from pedicle.model.progress import Progress, part
from pedicle.operation import replay
from pedicle.procedure.operator import Operating, operate_level

Operated = dict[str, Any]


def by_hand(case: Case) -> tuple[Event, ...]:
    """What was done by hand before the scripted operation; a scripted one before it is done anew."""
    if case.step("operate") is None:
        return ()
    kept = case.load("operate")
    return tuple(kept.get("by_hand", kept["events"]))


def operate(case: Case, options: InjectOptions, progress: Progress) -> tuple[Operated, dict[str, bytes]]:
    """Every planned level injected in turn; the result for the case's record, and the named files."""
    if options.runs == 1:
        raise InputError(744, "command", "1 run", "0 for none, else at least 2", "ask for more runs")
    given, spine, plan = case.load("read"), case.load("measure"), case.load("plan")
    before = by_hand(case)
    vertebrae = {vertebra.level: vertebra for vertebra in spine.vertebrae}
    operating = Operating(spine, given["scan"], PictureOptions(), replay(before, vertebrae), list(before))
    done: list[InjectedLevel] = []
    for number, level in enumerate(plan.levels):
        here = part(progress, number / len(plan.levels), (number + 1) / len(plan.levels))
        here(0.0, f"injecting {level.level}")
        injected = operate_level(operating, level, options, here)
        done += [injected] if injected else []
    events = tuple(operating.events)
    files = {"operation.jsonl": log_text(events).encode()}
    for injected in done:
        files |= injection_files(injected, events)
    return {"events": events, "state": operating.state, "injected": tuple(done), "by_hand": before}, files
