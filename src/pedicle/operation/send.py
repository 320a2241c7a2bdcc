"""An event goes through the gates before it changes anything: refused, passed with a reason that was typed, or recorded.

Plan and rehearse hold back what a gate refuses, unless the event before it overrides that very gate. Train lets the body
allow what a body allows: findings are recorded, for the debriefing.
"""

from __future__ import annotations

from dataclasses import replace

from pedicle.model.events import Event, OperationState
from pedicle.model.finding import Finding
from pedicle.operation.briefing import Briefing
from pedicle.operation.gates import findings
from pedicle.operation.state import apply


def send(state: OperationState, event: Event, briefing: Briefing) -> tuple[OperationState, tuple[Finding, ...]]:
    """The state after an event, and what gates found against it; RefusedError when one holds it back.

    The error is the first finding that was not overridden; its number is the gate's.
    """
    found = tuple(_reasoned(state, replace(one, t_s=event.t_s)) for one in findings(state, event, briefing))
    held = [one for one in found if one.verdict == "refused" and not one.overridden]
    if held and briefing.purpose != "train":
        raise held[0].refusal()
    return apply(state, event, briefing.vertebrae), found


def judged(events: tuple[Event, ...], briefing: Briefing) -> tuple[OperationState, tuple[Finding, ...]]:
    """A whole log through the gates, none holding anything back: the state and every finding, from the log alone."""
    state, found = OperationState(), list[Finding]()
    free = replace(briefing, purpose="train")
    for event in events:
        state, more = send(state, event, free)
        found += more
    return state, tuple(found)


def _reasoned(state: OperationState, finding: Finding) -> Finding:
    """The finding with the reason by which the acts just before override its gate."""
    typed = next((act.reason for act in state.overrides if act.gate == finding.gate), "")
    return replace(finding, overridden=typed)
