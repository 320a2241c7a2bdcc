"""The steps in order: what each stands on, and how it is computed from the case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pedicle.model.case import Case
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress
from pedicle.procedure.chosen import RunOptions


@dataclass(frozen=True)
class Made:
    """What a step made: its noun, the named files for people, its warnings."""

    result: Any
    files: dict[str, bytes] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: what it stands on, how it is computed from the case, and whose options it takes beside its own."""

    name: str
    needs: tuple[str, ...]
    compute: Callable[[Case, RunOptions, Progress], Made]
    also: tuple[str, ...] = ()

    def options(self, chosen: RunOptions) -> list[Any]:
        """The options it depends on: its own, and those of `also`."""
        return [getattr(chosen, name) for name in (self.name, *self.also) if hasattr(chosen, name)]


def _measure(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.io.documents import spine_document, to_bytes

    given = case.load("read")
    chosen = options.measure
    if chosen.sex is None and given["patient"] is not None:
        chosen = replace(chosen, sex=given["patient"].sex)
    spine = find_vertebrae(given["scan"], given["labels"], chosen, progress)
    return Made(spine, {"spine.json": to_bytes(spine_document(spine))}, spine.warnings)


def _plan(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.care.care import care_plan
    from pedicle.io.documents import plan_document, to_bytes
    from pedicle.planning.plan import plan

    given = case.load("read")
    spine = case.load("measure")
    made = plan(spine, given["scan"], options.plan, given["patient"], progress)
    if options.plan.purpose == "plan":
        # A plan for a person stands on facts: refused here in words, before anything of it is kept.
        care_plan(given["patient"], spine, made, "plan", options=options.care)
    return Made(made, {"plan.json": to_bytes(plan_document(made))}, made.warnings)


def _fluoroscopy(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.fluoroscopy.expected import expected_views

    scan = case.load("read")["scan"]
    made = expected_views(scan, case.load("measure"), case.load("plan"), options.fluoroscopy, progress)
    return Made(made, {}, made.warnings)


def _report(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.report.write import write_report

    files = write_report(case, options.report, progress)
    return Made({name: hashlib.sha256(content).hexdigest() for name, content in files.items()}, files)


def _operate(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.procedure.operate import operate

    result, files = operate(case, options, progress)
    told = tuple(notice for level in result["injected"] for notice in level.fill.warnings)
    left_out = tuple(Notice("not-injected", level, why, "note") for level, why in result["left_out"].items())
    return Made(result, files, (*told, *left_out))


def _cure(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.procedure.hardening import cured

    made, files = cured(case, options, progress)
    return Made(made, files, tuple(notice for one in made for notice in one.warnings))


def _strength(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.procedure.hardening import strengths

    made, files = strengths(case, options, progress)
    return Made(made, files, tuple(notice for one in made for notice in one.warnings))


def _care(case: Case, options: RunOptions, progress: Progress) -> Made:
    from pedicle.procedure.caring import cared

    made, files = cared(case, options, progress)
    return Made(made, files, made["plan"].warnings)


STEPS = (
    Step("measure", ("read",), _measure),
    Step("plan", ("read", "measure"), _plan),
    Step("fluoroscopy", ("read", "measure", "plan"), _fluoroscopy),
    Step("operate", ("read", "measure", "plan"), _operate, ("operator", "care")),
    Step("cure", ("measure", "operate"), _cure),
    Step("strength", ("measure", "operate", "cure"), _strength),
    Step("care", ("read", "measure", "plan", "operate", "cure"), _care),
    Step("report", ("read", "measure", "plan", "fluoroscopy", "operate", "cure", "strength", "care"), _report),
)
