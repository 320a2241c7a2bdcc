"""Events of an injection change its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pedicle.injection import session
from pedicle.injection.options import InjectOptions
from pedicle.injection.site import Site, site_of
from pedicle.model.delivery import Push
from pedicle.model.errors import InputError
from pedicle.model.events import (
    InjectionEnded,
    InjectionStarted,
    NeedleMoved,
    OperationState,
    Pushed,
    SyringeChanged,
)
from pedicle.model.injection import InjectionState
from pedicle.model.placed import PlacedNeedle
from pedicle.model.vertebra import Vertebra

InjectionEvent = InjectionStarted | Pushed | SyringeChanged | InjectionEnded
# Sites kept: a site is a few megabytes, and every event of an injection asks for the same one.
_KEPT = 8
# Options that make the site: no other portion of a level may change them.
SITE_OPTIONS = ("cement", "cell_mm", "permeability", "openings", "openings_seed", "room_c")
# Rounding of a clock that is the sum of many durations, s.
_OVERLAP_S = 1e-6


def injected(state: OperationState, event: InjectionEvent, vertebrae: Mapping[str, Vertebra]) -> OperationState:
    """The state after an event of an injection.

    InputError 741 for an event without an injection, 742 without the level, 743 without a needle, 746 for a push that begins
    before the last one ended, 747 for settings that are none or make another site, 748 for the end of another needle's injection.
    """
    now = state.injection(event.level)
    settings = event.settings if isinstance(event, InjectionStarted) else settings_of(state, event.level)
    site = site_for(vertebrae, event.level, settings)
    if isinstance(event, InjectionStarted):
        after = _started(state, site, event, now, vertebrae)
    else:
        assert now is not None
        after = _gone_on(site, event, now)
    return _with(state, event.level, after, settings)


def drawn_back(
    state: OperationState, event: NeedleMoved, needle: PlacedNeedle, vertebrae: Mapping[str, Vertebra]
) -> OperationState:
    """The state after a needle was moved through which cement is being pushed; as it is for any other needle."""
    now = state.injection(event.level)
    if now is None or not now.going_on or now.portions[-1].side != event.side:
        return state
    settings = settings_of(state, event.level)
    site = site_for(vertebrae, event.level, settings)
    after = session.needle_drawn_back(site, session.until(site, now, event.t_s), needle)
    return _with(state, event.level, after, settings)


def _with(state: OperationState, level: str, after: InjectionState, settings: dict[str, Any]) -> OperationState:
    others = tuple(row for row in state.injections if row[0] != level)
    known = tuple(row for row in state.settings if row[0] != level)
    return replace(state, injections=(*others, (level, after)), settings=(*known, (level, settings)))


def settings_of(state: OperationState, level: str) -> dict[str, Any]:
    """The options an injection was begun with; InputError 741 when none was."""
    found = next((settings for at, settings in state.settings if at == level), None)
    if found is None:
        raise InputError(741, level, "no injection has begun here", "a needle with cement", "begin one first")
    return found


def site_for(vertebrae: Mapping[str, Vertebra], level: str, settings: dict[str, Any]) -> Site:
    """The site of a level with these settings, made once; InputError 742 for a level that is not there."""
    if level not in vertebrae:
        known = ", ".join(vertebrae) or "none"
        raise InputError(742, level, "no such level to inject into", f"one of {known}", "name a level of the case")
    return _site(vertebrae[level], _options(level, settings))


def _options(level: str, settings: dict[str, Any]) -> InjectOptions:
    try:
        return TypeAdapter(InjectOptions).validate_python(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InputError(747, level, f"{name}: {first['msg']}", "options of inject", "mend the log") from error


@lru_cache(maxsize=_KEPT)
def _site(vertebra: Vertebra, options: InjectOptions) -> Site:
    return site_of(vertebra, options)


def _started(
    state: OperationState,
    site: Site,
    event: InjectionStarted,
    now: InjectionState | None,
    vertebrae: Mapping[str, Vertebra],
) -> InjectionState:
    needle = state.needle(event.level, event.side)
    if needle is None:
        raise InputError(
            743, f"{event.level} {event.side}", "no needle is placed here", "a placed needle", "move one there"
        )
    if needle.stylet:
        raise InputError(
            743, f"{event.level} {event.side}", "the stylet is in the needle", "a free cannula", "take the stylet out"
        )
    if now is None:
        # Age is for the gates: who overrides them may press what still flows.
        return session.start(
            site, needle, event.side, event.t_s, event.mixed_s, site.options.volume or 0.0, any_age=True
        )
    _same_site(site, site_for(vertebrae, event.level, settings_of(state, event.level)))
    return session.another(site, now, needle, event.side, event.t_s, event.mixed_s, any_age=True)


def _same_site(site: Site, before: Site) -> None:
    """InputError 747 when another portion would meet another bone, other cells or another cement than the first."""
    for name in SITE_OPTIONS:
        new, old = getattr(site.options, name), getattr(before.options, name)
        if new != old:
            raise InputError(
                747, site.level, f"{name} {new}", f"{old}, as this level was begun with", "keep it, or inject anew"
            )


def _gone_on(site: Site, event: Pushed | SyringeChanged | InjectionEnded, now: InjectionState) -> InjectionState:
    if isinstance(event, Pushed):
        begun = event.t_s - event.duration_s
        if begun < now.flow.t_s - _OVERLAP_S:
            limit = f"the last one ended at {now.flow.t_s:g} s"
            raise InputError(746, event.level, f"a push from {begun:g} s", limit, "mend the log")
        now = session.until(site, now, begun)
        return session.advance(site, now, Push(event.kind, event.value), event.duration_s)
    now = session.until(site, now, event.t_s)
    if isinstance(event, SyringeChanged):
        return session.syringe_changed(site, now)
    if event.side != now.portions[-1].side:
        raise InputError(
            748, event.level, f"the {event.side} needle's injection ended", f"the {now.portions[-1].side} one is in use", "mend the log"
        )  # fmt: skip
    return session.ended(now, event.reason)
