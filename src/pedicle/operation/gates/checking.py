"""Gates of the checklist: its blocks done before what they guard, levels and sides as planned, reasons for overriding."""

from __future__ import annotations

from pedicle.care.checklist import checklist
from pedicle.model.acts import AnaestheticInjected, Block, DrugGiven, LevelCounted, Overridden, TimeOut
from pedicle.model.events import NeedleMoved, OperationState
from pedicle.model.finding import Finding
from pedicle.operation.briefing import Briefing

CHECKLIST = "CIRSE checklist after WHO and RADPASS"
# Drugs that may be given before any time-out.
_SUPPORT = ("oxygen", "cefazolin", "cefuroxime", "clindamycin", "vancomycin")
_LEAST_REASON = 10


def before_skin(state: OperationState, event: NeedleMoved | AnaestheticInjected, briefing: Briefing) -> list[Finding]:
    """The block before the skin is done, and the level counted under the C-arm, before anything enters there."""
    where = f"{event.level} {event.side}"
    found = _block(state, "before skin", where)
    if not any(isinstance(act, LevelCounted) and act.level == event.level for act in state.acts):
        found.append(
            Finding(735, "level counted", where, "the level was not counted under the C-arm", "counted from a landmark", "count it", CHECKLIST)
        )  # fmt: skip
    if (event.level, event.side) not in planned(briefing):
        sides = ", ".join(side for level, side in planned(briefing) if level == event.level)
        limit = f"planned there: {sides}" if sides else f"planned levels: {_names(briefing)}"
        found.append(
            Finding(722, "planned needle", where, "no needle is planned here", limit, "plan it first", "the plan")
        )
    return found


def before_drugs(state: OperationState, event: DrugGiven, briefing: Briefing) -> list[Finding]:
    """The block before sedation is done before any drug that sedates."""
    del briefing
    return [] if event.drug in _SUPPORT else _block(state, "before sedation", event.drug)


def read_aloud(state: OperationState, event: TimeOut, briefing: Briefing) -> list[Finding]:
    """Levels and sides as said against the plan; an item answered no; an item without an answer."""
    del state
    found: list[Finding] = []
    if event.block == "before skin":
        found += _said(event, briefing)
    for item, answer in event.answers.items():
        if answer == "no":
            found.append(
                Finding(722, "time-out", event.block, f"{item}: no", "every item answered yes", "settle it first", CHECKLIST)
            )  # fmt: skip
    asked = [item.key for item in checklist(briefing.patient) if item.block == event.block]
    open_items = [item for item in asked if event.answers.get(item, "not stated") == "not stated"]
    if open_items:
        words = f"not stated: {', '.join(open_items)}"
        found.append(
            Finding(722, "time-out", event.block, words, "every item answered yes", "ask", CHECKLIST, "unanswered")
        )
    return found


def reasoned(state: OperationState, event: Overridden, briefing: Briefing) -> list[Finding]:
    """A reason that says something."""
    del state, briefing
    if len(event.reason.strip()) >= _LEAST_REASON:
        return []
    limit = f"a reason of {_LEAST_REASON} letters at least"
    return [Finding(736, "reason", event.gate, f"overridden for {event.reason.strip()!r}", limit, "say why", CHECKLIST)]


def planned(briefing: Briefing) -> list[tuple[str, str]]:
    """Levels and sides with a feasible planned needle."""
    return [(one.level, one.side) for level in briefing.plan.levels for one in level.trajectories if one.feasible]


def _said(event: TimeOut, briefing: Briefing) -> list[Finding]:
    """Against the needles that are recommended: a side that could be used is not the side that will be."""
    meant = [(level.level, side) for level in briefing.plan.levels for side in level.recommended]
    wrong = [f"{level} {side}" for level, side in event.levels if (level, side) not in meant]
    if event.levels and not wrong:
        return []
    found = f"said: {', '.join(wrong)}" if wrong else "no level and side was said"
    known = ", ".join(f"{level} {side}" for level, side in meant) or "none"
    return [Finding(722, "time-out", event.block, found, f"planned: {known}", "read the plan aloud again", CHECKLIST)]


def _block(state: OperationState, block: Block, where: str) -> list[Finding]:
    if any(isinstance(act, TimeOut) and act.block == block for act in state.acts):
        return []
    return [
        Finding(722, "time-out", where, f"the block {block} was not read", "read aloud before", "read it", CHECKLIST)
    ]


def _names(briefing: Briefing) -> str:
    return ", ".join(level.level for level in briefing.plan.levels) or "none"
