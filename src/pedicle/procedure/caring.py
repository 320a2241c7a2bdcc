"""The step `care`: the operation from the last push to the way home, and the care plan of the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pedicle.model.case import Case
from pedicle.model.events import Event, log_text
from pedicle.model.progress import Progress
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
    kept = {"events": events, "state": operating.state, "findings": tuple(operating.findings)}
    return kept, {"operation.jsonl": log_text(whole_log(operated["events"], events)).encode()}


def whole_log(operated: tuple[Event, ...], after: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events of an operation and of what followed, as one log."""
    return (*operated, *after)
