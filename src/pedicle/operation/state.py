"""Events change the state: a log replays to the same state, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from pedicle.model.acts import Act, NeedleRemoved, Overridden, Turned
from pedicle.model.carm import View
from pedicle.model.errors import InputError
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    LeakSeen,
    NeedleMoved,
    OperationState,
    Positioned,
    Pushed,
    SyringeChanged,
    TipMeasured,
    Triple,
    ViewTaken,
)
from pedicle.model.frames import Side
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import TipEstimate
from pedicle.model.vertebra import Vertebra

NO_VERTEBRAE: Mapping[str, Vertebra] = MappingProxyType({})


def apply(state: OperationState, event: Event, vertebrae: Mapping[str, Vertebra] = NO_VERTEBRAE) -> OperationState:
    """The state after an event; cement that was injected flows on and ages until then.

    Injections need the `vertebrae` they are in, by level. InputError 710 when the event lies before the clock or has no time.
    """
    if not state.t_s <= event.t_s < float("inf"):
        raise InputError(
            710,
            f"event at {event.t_s} s",
            f"the clock stands at {state.t_s} s",
            "time does not run back",
            "mend the log",
        )
    overrides = (*state.overrides, event) if isinstance(event, Overridden) else ()
    state = replace(state, overrides=overrides)
    match event:
        case InjectionStarted() | Pushed() | SyringeChanged() | InjectionEnded():
            from pedicle.operation.injecting import injected

            return replace(injected(state, event, vertebrae), t_s=event.t_s)
        case NeedleMoved():
            state = _moved(state, event, vertebrae)
        case Positioned():
            state = replace(state, lying=event.lying, first=event.first)
        case ViewTaken():
            state = _taken(state, event)
        case TipMeasured():
            state = _measured(state, event)
        case LeakSeen():
            state = replace(state, leaks_seen=(*state.leaks_seen, event))
        case _:
            state = _acted(state, event)
    return replace(state, t_s=event.t_s)


def replay(events: Iterable[Event], vertebrae: Mapping[str, Vertebra] = NO_VERTEBRAE) -> OperationState:
    """The state after all events of a log."""
    state = OperationState()
    for event in events:
        state = apply(state, event, vertebrae)
    return state


def moved(state: OperationState, level: str, held: tuple[Side, PlacedNeedle]) -> NeedleMoved:
    """The event that puts a needle somewhere now."""
    side, placed = held
    return NeedleMoved(
        state.t_s, level, side, placed.needle, triple(placed.tip_lps_mm), triple(placed.direction_lps),
        placed.stylet, placed.shape, placed.roll_deg,
    )  # fmt: skip


def measured(state: OperationState, level: str, side: Side, tip: TipEstimate) -> TipMeasured:
    """The event of a tip found in two pictures. It says "measured": that it is right a person confirms."""
    covariance = tuple(float(value) for value in tip.covariance_mm2.ravel())
    return TipMeasured(state.t_s, level, side, triple(tip.tip_lps_mm), covariance, tip.separation_deg)


def triple(vector: Iterable[float]) -> Triple:
    """Three floats of a vector."""
    x, y, z = (float(value) for value in vector)
    return x, y, z


def _measured(state: OperationState, event: TipMeasured) -> OperationState:
    """The tip as it was told, and beside it where the needle lay then."""
    needle = state.needle(event.level, event.side)
    others = tuple(row for row in state.lay if row[:2] != (event.level, event.side))
    here = () if needle is None else ((event.level, event.side, triple(needle.tip_lps_mm)),)
    return replace(state, tips=(*state.tips, event), lay=(*others, *here))


def _moved(state: OperationState, event: NeedleMoved, vertebrae: Mapping[str, Vertebra]) -> OperationState:
    tip, direction = np.array(event.tip_lps_mm), np.array(event.direction_lps)
    placed = PlacedNeedle(event.needle, tip, direction, event.stylet, event.shape, event.roll_deg)
    if state.injection(event.level) is not None:
        from pedicle.operation.injecting import drawn_back

        state = drawn_back(state, event, placed, vertebrae)
    others = tuple(row for row in state.needles if row[:2] != (event.level, event.side))
    return replace(state, needles=(*others, (event.level, event.side, placed)))


def _acted(state: OperationState, event: Act) -> OperationState:
    """What an act changes beside being remembered: a needle taken out is no longer there, a turned patient lies on the back."""
    if isinstance(event, NeedleRemoved):
        left = tuple(row for row in state.needles if row[:2] != (event.level, event.side))
        if len(left) == len(state.needles):
            raise InputError(
                716, f"{event.level} {event.side}", "no needle is here", "a needle that was placed", "mend the log"
            )
        state = replace(state, needles=left)
    if isinstance(event, Turned):
        state = replace(state, lying="supine")
    return replace(state, acts=(*state.acts, event))


def _taken(state: OperationState, event: ViewTaken) -> OperationState:
    view = View.towards(event.view, event.detector_lps)
    return replace(
        state,
        view=view,
        isocentre_lps_mm=event.isocentre_lps_mm,
        shots=state.shots + 1,
        dose=state.dose + event.dose,
        views=(*state.views, event),
    )
