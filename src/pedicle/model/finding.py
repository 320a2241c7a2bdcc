"""What a gate finds against an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.errors import RefusedError

# Short names of the gates, by which a person may override one; of the reason itself nobody may.
GATE_NAMES = (
    "allergy", "anaesthetic", "batch", "canal", "cement age", "discharge", "dose", "leak", "level", "level counted", "planned needle",
    "rule of advance", "side", "time-out", "tip", "turning", "two views", "volume",
)  # fmt: skip
GateVerdict = Literal["refused", "warning", "unanswered"]


@dataclass(frozen=True)
class Finding:
    """One finding of a gate about one event: `refused` holds an event back, `warning` does not, `unanswered` lacks a fact.

    `code` is the number of the refusal, `gate` the short name by which a person may override it. `overridden` is the reason
    that was typed, "" where none was.
    """

    code: int
    gate: str
    where: str
    found: str
    limit: str
    fix: str
    source: str
    verdict: GateVerdict = "refused"
    t_s: float = 0.0
    overridden: str = ""

    def refusal(self) -> RefusedError:
        """The error that holds the event back."""
        return RefusedError(self.code, self.where, self.found, self.limit, self.fix)


@dataclass(frozen=True)
class ScoreRow:
    """One score: what it counts, in words, with its unit."""

    name: str
    value: float
    unit: str
    counts: str
