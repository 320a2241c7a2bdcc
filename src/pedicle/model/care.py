"""What care leaves: gates, who is treated, doses, budgets, times of watching, scores, going home, crises.

None = not stated or not to be computed, with the reason in words. Sentences and numbers carry their source and evidence mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.acts import Answer, Block, Score
from pedicle.model.crisis import CrisisCard, CrisisScore
from pedicle.model.frames import Side
from pedicle.model.notices import Notice
from pedicle.model.sourced import Evidence, Quantity, Statement

Verdict = Literal["refused", "unanswered", "warning", "passed"]
VERDICTS: tuple[Verdict, ...] = ("refused", "unanswered", "warning", "passed")
Purpose = Literal["plan", "rehearse", "train"]
Phase = Literal["before", "during", "after"]


@dataclass(frozen=True)
class Gate:
    """One question that must be answered before a person is treated.

    `missing` are keys of the patient file that were not stated. `holds` says whether the gate, refused or unanswered, keeps a
    plan from being made; gates of the day itself and of drugs already given do not.
    """

    name: str
    verdict: Verdict
    found: str
    limit: str
    source: str
    evidence: Evidence
    missing: tuple[str, ...] = ()
    holds: bool = True


@dataclass(frozen=True)
class Criterion:
    """One condition of an indication: what is asked, what was found, whether it is met."""

    name: str
    asked: str
    found: str
    met: Answer
    source: str
    evidence: Evidence


@dataclass(frozen=True)
class Trial:
    """A trial of the panel. `fits`: of fractures as old as this one; None where the age is not stated."""

    name: str
    patients: Quantity
    against: str
    acute: bool
    differs: Answer
    result: Statement
    fits: bool | None


@dataclass(frozen=True)
class Risk:
    """A risk of this patient: why it is named, and what is known of it."""

    name: str
    why: str
    known: Statement


@dataclass(frozen=True)
class Selection:
    """The indication, criterion by criterion, what speaks against it, the trials and the risks."""

    levels: tuple[str, ...]
    indication: str
    asked: tuple[Statement, ...]
    criteria: tuple[Criterion, ...]
    absolute: tuple[Risk, ...]
    relative: tuple[Risk, ...]
    trials: tuple[Trial, ...]
    plainly: tuple[Statement, ...]
    risks: tuple[Risk, ...]


@dataclass(frozen=True)
class CheckItem:
    """One line of the checklist with the answer that facts give."""

    block: Block
    key: str
    text: str
    answer: Answer
    source: str


@dataclass(frozen=True)
class DrugPlan:
    """A drug's doses in `unit`; all None where nothing is proposed, with `why`.

    `step` is given no sooner than `interval_s` after the dose before; `most` is the total. `over_s` is the time one dose is
    given over. `rows` are the rows behind it, by name.
    """

    drug: str
    role: str
    group: str
    unit: str
    route: str
    first: float | None
    first_most: float | None
    step: float | None
    most: float | None
    interval_s: float | None
    over_s: float | None
    why: tuple[str, ...]
    words: Statement
    rows: dict[str, Quantity]

    @property
    def proposed(self) -> bool:
        """Whether there is a dose."""
        return self.first is not None


@dataclass(frozen=True)
class DrugLogged:
    """A drug that was given, its total so far, and what was wrong about it, if anything."""

    t_s: float
    drug: str
    amount: float
    unit: str
    total: float
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnaestheticSite:
    """One needle's site: the most to inject, and how deep bone lies; None with a reason."""

    level: str
    side: Side
    most_ml: float | None
    most_mg: float | None
    skin_to_periosteum_mm: float | None
    skin_to_fascia_mm: float | None
    reason: str


@dataclass(frozen=True)
class AnaestheticBudget:
    """The local anaesthetic of the whole session. `limit_mg` is the lower of the dose by weight and the cap.

    `total_mg` is what all sites at their most come to. `given_mg` is by drug what was injected, `used_fraction` the sum over all drugs of
    given over its own limit: over 1 is an overdose.
    """

    drug: str
    percent: float
    adrenaline: bool
    weight_kg: float | None
    weight_words: str
    limit_mg: float | None
    per_kg: Quantity
    cap: Quantity
    sites: tuple[AnaestheticSite, ...]
    total_mg: float | None
    given_mg: dict[str, float]
    used_fraction: float | None
    why: tuple[str, ...]
    words: tuple[Statement, ...]


@dataclass(frozen=True)
class Watch:
    """Something watched in a phase: from when until when, s on the operation's clock, how often, or at which times.

    None = not known yet, said in `since`.
    """

    phase: Phase
    name: str
    since: str
    from_s: float | None
    until_s: float | None
    every_s: float | None
    words: Statement
    rows: dict[str, Quantity]

    @property
    def at_s(self) -> tuple[float, ...]:
        """The times of a series that has a begin, an end and a step; the first is one step after its begin."""
        if self.from_s is None or self.until_s is None or not self.every_s:
            return ()
        count = int((self.until_s - self.from_s) / self.every_s + 1e-9)
        return tuple(self.from_s + self.every_s * (number + 1) for number in range(count))


@dataclass(frozen=True)
class ScoreTaken:
    """A score: None where an item is missing; `leave` says whether its threshold is reached."""

    t_s: float
    score: Score
    points: dict[str, int]
    total: int | None
    missing: tuple[str, ...]
    threshold: Quantity
    leave: Answer


@dataclass(frozen=True)
class Prescription:
    """A proposal by class, never a dose: what for, and what to check against."""

    drug_class: str
    purpose: str
    check: tuple[str, ...]
    known: Statement


@dataclass(frozen=True)
class FollowUp:
    """A visit, and what is measured there."""

    when: str
    after: Quantity
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Measure:
    """An outcome score, and the change that matters to a patient."""

    name: str
    change: Quantity


@dataclass(frozen=True)
class SheetPart:
    """A heading and short sentences for the patient."""

    title: str
    lines: tuple[str, ...]
    source: str
    evidence: Evidence


@dataclass(frozen=True)
class Discharge:
    """Going home: the gates, the letter, proposals, what is told."""

    gates: tuple[Gate, ...]
    letter: tuple[tuple[str, str], ...]
    prescriptions: tuple[Prescription, ...]
    osteoporosis: tuple[Statement, ...]
    activity: tuple[Statement, ...]
    warning_signs: tuple[Statement, ...]
    follow_up: tuple[FollowUp, ...]
    measures: tuple[Measure, ...]
    sheet: tuple[SheetPart, ...]


@dataclass(frozen=True, eq=False)
class CarePlan:
    """Care for one patient and plan. `replaced` names the rows that a local file replaced, with its own source."""

    purpose: Purpose
    selection: Selection
    gates: tuple[Gate, ...]
    checklist: tuple[CheckItem, ...]
    sedation: tuple[DrugPlan, ...]
    sedation_log: tuple[DrugLogged, ...]
    anaesthetic: AnaestheticBudget
    monitoring: tuple[Watch, ...]
    scores: tuple[ScoreTaken, ...]
    discharge: Discharge
    evidence: tuple[Trial, ...]
    crises: tuple[CrisisCard, ...]
    crises_scored: tuple[CrisisScore, ...]
    warnings: tuple[Notice, ...]
    replaced: dict[str, str]
    invented: bool = False
