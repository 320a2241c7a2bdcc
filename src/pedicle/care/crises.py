"""Eight crises by their tables: what is seen, what is right first, what is wrong, and how what was done compares."""

from __future__ import annotations

from typing import Any

from pedicle.care.rows import Rows
from pedicle.model.acts import CRISES, Crisis, CrisisArose, CrisisTreated, DrugGiven
from pedicle.model.crisis import CrisisAction, CrisisCard, CrisisScore, CrisisTurn, Shown
from pedicle.model.events import Event
from pedicle.model.sourced import as_quantity, as_statement


def crisis_cards(rows: Rows | None = None) -> tuple[CrisisCard, ...]:
    """A card a crisis."""
    found = (rows or Rows()).raw("crises")
    return tuple(_card(crisis, found[crisis]) for crisis in CRISES)


def _card(crisis: Crisis, found: dict[str, Any]) -> CrisisCard:
    def actions(kind: str) -> tuple[CrisisAction, ...]:
        return tuple(CrisisAction(one["key"], as_statement(one["what"]), one.get("drug", "")) for one in found[kind])

    def turns(kind: str) -> tuple[CrisisTurn, ...]:
        return tuple(
            CrisisTurn(
                as_quantity(one["after"]), as_statement(one["what"]), tuple(one.get("until", ())), one.get("to", "")
            )
            for one in found[kind]
        )

    signs = tuple(as_statement(one["what"]) for one in found["sign"])
    return CrisisCard(crisis, signs, actions("right"), actions("wrong"), turns("course"), turns("answer"))


def crises_scored(events: tuple[Event, ...], cards: tuple[CrisisCard, ...]) -> tuple[CrisisScore, ...]:
    """Each crisis of a log: from when it arose until it arises again, or the log ends."""
    by_name = {card.crisis: card for card in cards}
    starts = [number for number, event in enumerate(events) if isinstance(event, CrisisArose)]
    scores = []
    for start in starts:
        arose = events[start]
        assert isinstance(arose, CrisisArose)
        again = [n for n in starts if n > start and events[n].crisis == arose.crisis]  # type: ignore[union-attr]
        after = events[start + 1 : again[0] if again else None]
        scores.append(_scored(arose, after, by_name[arose.crisis]))
    return tuple(scores)


def _scored(arose: CrisisArose, after: tuple[Event, ...], card: CrisisCard) -> CrisisScore:
    done = _done(after, card)
    right = [action for action in card.right if action.known.verified]
    met = [action.key for action in right if action.key in done]
    wrong = [action for action in card.wrong if action.key in done]
    counted = [action for action in wrong if action.known.verified]
    known = {action.key for action in (*card.right, *card.wrong)}
    doubtful = {action.key for action in (*card.right, *card.wrong) if not action.known.verified}
    times = [done[key] for key in met]
    return CrisisScore(
        arose.t_s,
        arose.crisis,
        tuple(met),
        tuple(action.key for action in right if action.key not in done),
        tuple(action.key for action in wrong),
        tuple(key for key in done if key in doubtful or key not in known),
        min(times) - arose.t_s if times else None,
        max(0.0, (len(met) - len(counted)) / len(right)) if right else None,
        shown(arose, after, card),
    )


def shown(arose: CrisisArose, after: tuple[Event, ...], card: CrisisCard) -> tuple[Shown, ...]:
    """What a crisis showed until the last of the events after it, in order: its course as far as no action ended it, and answers."""
    done, until_s = _done(after, card), max((event.t_s for event in after), default=arose.t_s)
    found = []
    for turn in card.course:
        at = arose.t_s + turn.after.value
        if not any(key in done and done[key] <= at for key in turn.until):
            found.append(Shown(at, turn.known))
    for turn in card.answers:
        if turn.to in done:
            found.append(Shown(done[turn.to] + turn.after.value, turn.known, turn.to))
    return tuple(sorted((one for one in found if one.t_s <= until_s), key=lambda one: one.t_s))


def _done(after: tuple[Event, ...], card: CrisisCard) -> dict[str, float]:
    """When each action was first done, by its key: said in the log, or by the drug that does it."""
    by_drug = {action.drug: action.key for action in (*card.wrong, *card.right) if action.drug}
    found: dict[str, float] = {}
    for event in after:
        key = ""
        if isinstance(event, CrisisTreated) and event.crisis == card.crisis:
            key = event.action
        elif isinstance(event, DrugGiven):
            key = by_drug.get(event.drug, "")
        if key:
            found.setdefault(key, event.t_s)
    return found
