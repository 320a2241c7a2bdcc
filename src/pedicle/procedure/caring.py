"""The step `care`: the operation from the last push to the way home, and the care plan of the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pedicle.care.care import care_plan
from pedicle.io.care import care_files
from pedicle.model.case import Case
from pedicle.model.events import log_text, whole_log
from pedicle.model.progress import Progress
from pedicle.operation.scores import scores
from pedicle.procedure.aftercare import aftercare
from pedicle.procedure.chosen import RunOptions
from pedicle.procedure.operate import begun

Cared = dict[str, Any]


def cared(case: Case, chosen: RunOptions, progress: Progress) -> tuple[Cared, dict[str, bytes]]:
    """The rest of the operation, and the whole log."""
    operated, cures = case.load("operate"), case.load("cure")
    operating = begun(case, chosen, ())
    operating.state, operating.events = operated["state"], []
    operating.briefing = replace(operating.briefing, clocks={one.level: one.clock for one in cures})
    if operated["injected"]:
        progress(0.1, "watching")
        aftercare(operating)
    events = tuple(operating.events)
    log, briefing = whole_log(operated["events"], events), operating.briefing
    clocks = [one.clock for one in cures]
    plan = care_plan(briefing.patient, briefing.spine, briefing.plan, briefing.purpose, log, clocks, chosen.care)
    found = (*operated["findings"], *operating.findings)
    kept = {
        "events": events,
        "state": operating.state,
        "findings": found,
        "plan": plan,
        "scores": scores(log, found, briefing, operated["injected"]),
    }
    return kept, {"operation.jsonl": log_text(log).encode(), **care_files(plan)}
