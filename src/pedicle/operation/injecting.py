"""Events of an injection change its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from pedicle.injection import session
from pedicle.injection.options import InjectOptions
from pedicle.injection.site import Site, site_of
from pedicle.model.delivery import Push
from pedicle.model.errors import InputError
from pedicle.model.events import (
    InjectionEnded,
    InjectionStarted,
    OperationState,
    Pushed,
    SyringeChanged,
)
from pedicle.model.injection import InjectionState
from pedicle.model.vertebra import Vertebra

InjectionEvent = InjectionStarted | Pushed | SyringeChanged | InjectionEnded
# Sites kept: a site is a few megabytes, and every event of an injection asks for the same one.
_KEPT = 8


def injected(state: OperationState, event: InjectionEvent, vertebrae: Mapping[str, Vertebra]) -> OperationState:
    """The state after an event of an injection; InputError 721 for a push without an injection, 722 without the level."""
    now = state.injection(event.level)
    if isinstance(event, InjectionStarted):
        settings = event.settings
    elif now is None:
        raise InputError(721, event.level, "no injection has begun here", "a needle with cement", "begin one first")
    else:
        settings = settings_of(state, event.level)
    site = site_for(vertebrae, event.level, settings)
    after = _after(state, site, event, now)
    others = tuple(row for row in state.injections if row[0] != event.level)
    known = tuple(row for row in state.settings if row[0] != event.level)
    return replace(state, injections=(*others, (event.level, after)), settings=(*known, (event.level, settings)))


def settings_of(state: OperationState, level: str) -> dict[str, Any]:
    """The options an injection was begun with; InputError 721 when none was."""
    found = next((settings for at, settings in state.settings if at == level), None)
    if found is None:
        raise InputError(721, level, "no injection has begun here", "a needle with cement", "begin one first")
    return found


def site_for(vertebrae: Mapping[str, Vertebra], level: str, settings: dict[str, Any]) -> Site:
    """The site of a level with these settings, made once; InputError 722 for a level that is not there."""
    if level not in vertebrae:
        known = ", ".join(vertebrae) or "none"
        raise InputError(722, level, "no such level to inject into", f"one of {known}", "name a level of the case")
    options = TypeAdapter(InjectOptions).validate_python(settings)
    return _site(vertebrae[level], options)


@lru_cache(maxsize=_KEPT)
def _site(vertebra: Vertebra, options: InjectOptions) -> Site:
    return site_of(vertebra, options)


def _after(state: OperationState, site: Site, event: InjectionEvent, now: InjectionState | None) -> InjectionState:
    if isinstance(event, InjectionStarted):
        needle = state.needle(event.level, event.side)
        if needle is None:
            raise InputError(
                723, f"{event.level} {event.side}", "no needle is placed here", "a placed needle", "move one there"
            )
        if now is None:
            return session.start(site, needle, event.side, event.t_s, event.mixed_s)
        return session.another(site, now, needle, event.side, event.t_s, event.mixed_s)
    assert now is not None
    if isinstance(event, Pushed):
        now = session.until(site, now, event.t_s - event.duration_s)
        return session.advance(site, now, Push(event.kind, event.value), event.duration_s)
    now = session.until(site, now, event.t_s)
    if isinstance(event, SyringeChanged):
        return session.syringe_changed(site, now)
    return session.ended(now, event.reason)
