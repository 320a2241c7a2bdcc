"""Gates: what speaks against an event before it is done. Each says what it found, its limit and where the limit is from.

A gate looks at the state before the event and at what the team knows. It never changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pedicle.model.acts import (
    AnaestheticInjected,
    Discharged,
    DrugGiven,
    NeedleRemoved,
    Overridden,
    TimeOut,
    Turned,
)
from pedicle.model.events import Event, InjectionStarted, NeedleMoved, OperationState, Pushed
from pedicle.model.finding import Finding
from pedicle.operation.briefing import Briefing
from pedicle.operation.gates import cementing, checking, closing, drugs, needle

__all__ = ["GATES", "findings"]


Gate = Callable[[OperationState, Any, Briefing], list[Finding]]
_ORDER = {"refused": 0, "unanswered": 1, "warning": 2}
GATES: dict[type[Event], tuple[Gate, ...]] = {
    NeedleMoved: (checking.before_skin, needle.moved),
    AnaestheticInjected: (checking.before_skin, drugs.anaesthetic),
    DrugGiven: (checking.before_drugs, drugs.given),
    TimeOut: (checking.read_aloud,),
    InjectionStarted: (cementing.started,),
    Pushed: (cementing.pushed,),
    NeedleRemoved: (closing.needle_out,),
    Turned: (closing.turned,),
    Discharged: (closing.discharged,),
    Overridden: (checking.reasoned,),
}


def findings(state: OperationState, event: Event, briefing: Briefing) -> tuple[Finding, ...]:
    """Everything that speaks against an event now, gravest first; none when all is well."""
    found = [one for gate in GATES.get(type(event), ()) for one in gate(state, event, briefing)]
    return tuple(sorted(found, key=lambda one: _ORDER[one.verdict]))
