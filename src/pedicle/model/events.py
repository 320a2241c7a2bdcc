"""What is done in an operation, one event a line of `operation.jsonl`, and how things then stand.

Numbers are written so that they read back as the same bits: replaying a log gives the same state.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import isfinite
from typing import Any, Literal

from pydantic import TypeAdapter

from pedicle.model.acts import ACTS, Act, Overridden
from pedicle.model.carm import View
from pedicle.model.delivery import PushKind
from pedicle.model.errors import InputError
from pedicle.model.fill import ViewKind
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.medium import Place
from pedicle.model.needle import Needle
from pedicle.model.placed import PlacedNeedle, TipShape
from pedicle.model.shot import Dose
from pedicle.model.table import First, Lying

Triple = tuple[float, float, float]
TipBasis = Literal["two pictures", "by eye"]
_NO_DOSE = Dose(0.0, 0.0, 0.0, 0)


@dataclass(frozen=True)
class Positioned:
    """The patient lies on the table."""

    t_s: float
    lying: Lying
    first: First


@dataclass(frozen=True)
class NeedleMoved:
    """A needle is where it is said to be: its tip and the direction it points, LPS."""

    t_s: float
    level: str
    side: Side
    needle: Needle
    tip_lps_mm: Triple
    direction_lps: Triple
    stylet: bool = True
    shape: TipShape = "diamond"
    roll_deg: float = 0.0


@dataclass(frozen=True)
class ViewTaken:
    """A picture was taken: where the detector was seen from the isocentre, where the isocentre was, and the dose."""

    t_s: float
    level: str
    view: str
    detector_lps: Triple
    isocentre_lps_mm: Triple
    dose: Dose


@dataclass(frozen=True)
class TipMeasured:
    """A needle's tip was found from two pictures, measured in them or read by eye; `covariance_mm2` row by row.

    `why` says why it was not measured.
    """

    t_s: float
    level: str
    side: Side
    tip_lps_mm: Triple
    covariance_mm2: tuple[float, ...]
    separation_deg: float
    basis: TipBasis = "two pictures"
    why: str = ""


@dataclass(frozen=True)
class InjectionStarted:
    """Cement is connected to a level's needle: from now the plunger can be pushed. `settings` are the options of `inject`.

    `mixed_s` is when the cement was mixed, on the operation's clock; it may lie before its zero.
    """

    t_s: float
    level: str
    side: Side
    mixed_s: float
    settings: dict[str, Any]


@dataclass(frozen=True)
class Pushed:
    """The hand held one push for `duration_s` until `t_s`: `kind` and `value` as `model.delivery.Push` has them.

    travel (plunger, mm/s), flow (out of the syringe, mm3/s), force (N), stylet (mm/s: delivers what lies in the cannula).
    """

    t_s: float
    level: str
    kind: PushKind
    value: float
    duration_s: float


@dataclass(frozen=True)
class SyringeChanged:
    """The next full syringe was connected."""

    t_s: float
    level: str


@dataclass(frozen=True)
class LeakSeen:
    """A picture showed cement outside the body for the first time."""

    t_s: float
    level: str
    view: ViewKind
    opening: str
    place: Place


@dataclass(frozen=True)
class InjectionEnded:
    """No more is pushed through this needle, and why."""

    t_s: float
    level: str
    side: Side
    reason: str


Event = (
    Act
    | Positioned
    | NeedleMoved
    | ViewTaken
    | TipMeasured
    | InjectionStarted
    | Pushed
    | SyringeChanged
    | LeakSeen
    | InjectionEnded
)
EVENTS: dict[str, type[Event]] = {
    "positioned": Positioned,
    "needle_moved": NeedleMoved,
    "view_taken": ViewTaken,
    "tip_measured": TipMeasured,
    "injection_started": InjectionStarted,
    "pushed": Pushed,
    "syringe_changed": SyringeChanged,
    "leak_seen": LeakSeen,
    "injection_ended": InjectionEnded,
    **ACTS,
}
_NAMES = {kind: name for name, kind in EVENTS.items()}


@dataclass(frozen=True, eq=False)
class OperationState:
    """How things stand: clock, how the patient lies, needles and measured tips by (level, side), the C-arm, the dose,
    the injections and their settings by level, the leaks that pictures showed, what else the team did, in order,
    the overrides that hold for the next event, every picture taken, and where each needle lay when its tip was last measured."""

    t_s: float = 0.0
    lying: Lying = "prone"
    first: First = "head"
    needles: tuple[tuple[str, Side, PlacedNeedle], ...] = ()
    tips: tuple[TipMeasured, ...] = ()
    view: View | None = None
    isocentre_lps_mm: Triple | None = None
    shots: int = 0
    dose: Dose = _NO_DOSE
    injections: tuple[tuple[str, InjectionState], ...] = ()
    settings: tuple[tuple[str, dict[str, Any]], ...] = ()
    leaks_seen: tuple[LeakSeen, ...] = ()
    acts: tuple[Act, ...] = ()
    overrides: tuple[Overridden, ...] = ()
    views: tuple[ViewTaken, ...] = ()
    lay: tuple[tuple[str, Side, Triple], ...] = ()

    def injection(self, level: str) -> InjectionState | None:
        """The injection of a level, or None."""
        return next((found for at, found in self.injections if at == level), None)

    def needle(self, level: str, side: Side) -> PlacedNeedle | None:
        """The needle at a level and side, or None."""
        return next((placed for at, on, placed in self.needles if (at, on) == (level, side)), None)


def plain_event(event: Event) -> dict[str, Any]:
    """An event as plain values: its time, its name, what it says."""
    values = asdict(event)
    return {"t_s": values.pop("t_s"), "event": _NAMES[type(event)], **values}


def line_of(event: Event) -> str:
    """One line of the log, without its end."""
    return json.dumps(plain_event(event), allow_nan=False)


def event_of(line: str) -> Event:
    """The event of a line; InputError 605 for anything that is not one, numbers that are none among it."""
    try:
        found = json.loads(line)
        name = found.pop("event")
        if set(found) != {field.name for field in fields(EVENTS[name])}:
            raise ValueError("other fields")
        _only_numbers(found)
        event: Event = _reader(name).validate_python(found)
        return event
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            605,
            "operation.jsonl",
            f"a line that is no event: {line[:60]!r}",
            "events as pedicle wrote them",
            "restore it",
        ) from error


def log_text(events: tuple[Event, ...]) -> str:
    """The whole log, a line an event."""
    return "".join(line_of(event) + "\n" for event in events)


def whole_log(operated: tuple[Event, ...], after: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events of an operation and of what followed it, as one log."""
    return (*operated, *after)


def events_of(text: str) -> tuple[Event, ...]:
    """The events of a log."""
    return tuple(event_of(line) for line in text.splitlines())


@cache
def _reader(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(EVENTS[name])


def _only_numbers(value: Any) -> None:
    """ValueError for a number that JSON does not have: NaN, or one beyond all bounds."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            _only_numbers(one)
    elif isinstance(value, float) and not isfinite(value):
        raise ValueError("not a finite number")
