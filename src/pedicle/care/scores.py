"""Scores of recovery: points by item, their boundaries, and whether the patient may leave."""

from __future__ import annotations

from collections.abc import Iterable

from pedicle.care.rows import Rows
from pedicle.model.acts import Answer, Score, Scored
from pedicle.model.care import ScoreTaken
from pedicle.model.errors import InputError
from pedicle.model.events import Event


def items_of(score: Score, rows: Rows) -> dict[str, list[str]]:
    """The items of a score, each with the words of 0, 1 and 2 points."""
    found: dict[str, list[str]] = rows.raw(f"scores.{score}.items")
    return found


def taken(event: Scored, rows: Rows) -> ScoreTaken:
    """A score as taken; InputError 785 for an item or points that its table does not have. A missing item leaves it open."""
    items = items_of(event.score, rows)
    strange = [
        f"{name} = {points}" for name, points in event.points.items() if name not in items or points not in (0, 1, 2)
    ]
    if strange:
        raise InputError(
            785, f"score {event.score}", strange[0], f"0 to 2 of {', '.join(items)}", "take the score by its table"
        )
    absent = tuple(name for name in items if name not in event.points)
    threshold = rows.number(f"scores.{event.score}.leave_at")
    total = None if absent else sum(event.points.values())
    leave: Answer = "not stated"
    if total is not None and threshold.verified:
        leave = "yes" if total >= threshold.value else "no"
    return ScoreTaken(event.t_s, event.score, dict(event.points), total, absent, threshold, leave)


def scores_taken(events: Iterable[Event], rows: Rows) -> tuple[ScoreTaken, ...]:
    """All scores of a log."""
    return tuple(taken(event, rows) for event in events if isinstance(event, Scored))


def pressure_points(score: Score, before_mmhg: float, now_mmhg: float, rows: Rows) -> int:
    """Points of the circulation, or of the vital signs: by how many percent a pressure differs from before; a boundary gets the higher."""
    numbers = rows.numbers(f"scores.{score}")
    change = 100.0 * abs(now_mmhg - before_mmhg) / before_mmhg
    return 2 if change <= numbers["near"].value else 1 if change <= numbers["far"].value else 0


def saturation_points(spo2_percent: float, oxygen: bool, rows: Rows) -> int:
    """Points of the saturation: above 92 % on air 2, above 90 % with oxygen 1, else 0. On air at 92 % or less it is 1 at most."""
    numbers = rows.numbers("scores.aldrete")
    if not oxygen and spo2_percent > numbers["saturation_air"].value:
        return 2
    return 1 if spo2_percent > numbers["saturation_oxygen"].value else 0


def pain_points(pain_nrs: float, rows: Rows) -> int:
    """Points of the pain: mild 2, moderate 1, severe 0."""
    numbers = rows.numbers("scores.padss")
    return 2 if pain_nrs <= numbers["pain_low"].value else 1 if pain_nrs <= numbers["pain_high"].value else 0
