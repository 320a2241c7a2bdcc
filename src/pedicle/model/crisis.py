"""What goes wrong with a patient, as the crisis tables tell it, and how what was done compares."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.acts import Crisis
from pedicle.model.sourced import Quantity, Statement


@dataclass(frozen=True)
class CrisisAction:
    """An action by its key. `drug` is the drug that does it, or ""."""

    key: str
    known: Statement
    drug: str = ""


@dataclass(frozen=True)
class CrisisTurn:
    """What shows `after` a crisis arose unless one of `until` was done before or, with `to`, after that action."""

    after: Quantity
    known: Statement
    until: tuple[str, ...] = ()
    to: str = ""


@dataclass(frozen=True)
class Shown:
    """What a patient or monitor showed in a crisis, at a time of the operation; `to` is the action it answers, "" for its course."""

    t_s: float
    known: Statement
    to: str = ""


@dataclass(frozen=True)
class CrisisCard:
    """A crisis: its signs, what is right first, what is wrong, how it goes on and answers. Trends in words: no kinetics are claimed."""

    crisis: Crisis
    signs: tuple[Statement, ...]
    right: tuple[CrisisAction, ...]
    wrong: tuple[CrisisAction, ...]
    course: tuple[CrisisTurn, ...] = ()
    answers: tuple[CrisisTurn, ...] = ()


@dataclass(frozen=True)
class CrisisScore:
    """What was done in a crisis. `score` is the share of right, verified actions done, less the same share for each wrong one, not below 0; None
    where no verified action is known. `first_s` is the time from its beginning to the first right action, `shown` what showed until
    the log ended."""

    t_s: float
    crisis: Crisis
    done: tuple[str, ...]
    left_out: tuple[str, ...]
    wrong: tuple[str, ...]
    not_scored: tuple[str, ...]
    first_s: float | None
    score: float | None
    shown: tuple[Shown, ...] = ()
