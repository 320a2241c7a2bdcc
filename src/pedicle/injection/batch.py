"""A volume pushed in without looking: what the hand does next, and a whole injection of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.injection.session import advance, syringe_changed
from pedicle.injection.site import Site
from pedicle.model.delivery import Push
from pedicle.model.injection import InjectionState
from pedicle.model.sourced import quantity

# Less than this is nothing to push for; a syringe with less is empty, mm3.
ENOUGH_MM3, EMPTY_MM3 = 1.0, 1e-3


@dataclass(frozen=True)
class Move:
    """What the hand does next: a push of so many seconds, a new syringe, or nothing and why."""

    kind: Literal["push", "change", "done", "stalled"]
    duration_s: float = 0.0


def next_move(site: Site, state: InjectionState, until_ml: float, flow_ml_s: float) -> Move:
    """The move towards `until_ml` out of the needles; the cannula is filled first, an empty syringe changed."""
    cannula = site.line(state.needle).cannula
    dead_mm3 = max(0.0, cannula.volume_mm3 - state.delivery.plug.volume_mm3)
    lacking_mm3 = (until_ml - state.injected_ml) * 1e3 + dead_mm3
    if lacking_mm3 <= ENOUGH_MM3:
        return Move("done")
    if stalled(state, flow_ml_s):
        return Move("stalled")
    left_mm3 = state.delivery.syringe_ml * 1e3
    if left_mm3 <= EMPTY_MM3:
        return Move("change")
    idle = max(0.0, state.delivery.ready_at_s - state.delivery.t_s)
    return Move("push", idle + min(lacking_mm3, left_mm3) / (flow_ml_s * 1e3))


def stalled(state: InjectionState, flow_ml_s: float) -> bool:
    """Whether the force no longer moves what it should."""
    least = quantity("injection/operator", "stall").value * flow_ml_s * 1e3
    return "force limit" in state.delivery.limits and state.delivery.flow_mm3_s < least


def pushed_to(
    site: Site, state: InjectionState, until_ml: float, flow_ml_s: float, longest_s: float = 1e3
) -> InjectionState:
    """The injection after `until_ml` went out of the needles in all, or when it stalls or `longest_s` are over."""
    end_s = state.flow.t_s + longest_s
    while state.flow.t_s < end_s - 1e-9:
        move = next_move(site, state, until_ml, flow_ml_s)
        if move.kind in ("done", "stalled"):
            break
        if move.kind == "change":
            state = syringe_changed(site, state)
            continue
        state = advance(site, state, Push("flow", flow_ml_s * 1e3), min(move.duration_s, end_s - state.flow.t_s))
    return state
