"""An injection, second by second: start, advance, finish; the same calls live and in batch.

    site = site_of(vertebra, options)
    state = start(site, needle, side, t_s)
    state = advance(site, state, Push("flow", 50.0), 10.0)
    fill = finish(site, state)

State in, state out: what the site is and what is done to it stand beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedicle.injection.delivery import change_syringe, push, start_delivery
from pedicle.injection.flow import advance_flow, start_flow
from pedicle.injection.site import Site, checked, workable
from pedicle.model.delivery import DeliveryState, Push, TipResponse
from pedicle.model.errors import RefusedError
from pedicle.model.fill import LEAST_LEAK_ML
from pedicle.model.flow import FlowState
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState, Portion
from pedicle.model.placed import PlacedNeedle

# Syringe and bone answer each other at least this often, s.
COUPLING_S = 0.5
# Cement is not pressed: the plunger is held.
REST = Push("travel", 0.0)


def start(
    site: Site, needle: PlacedNeedle, side: Side, t_s: float, mixed_s: float, asked_ml: float = 0.0
) -> InjectionState:
    """The first full syringe on a needle in an untouched body, at `t_s` of a clock on which the cement was mixed at `mixed_s`.

    Raises RefusedError: 422 tip outside the body, 423 in the canal, 424 more than fits, 425 and 426 cement past or before its
    working time.
    """
    checked(site, needle, asked_ml)
    delivery = start_delivery(site.line(needle), t_s, mixed_s)
    workable(site, delivery.hand_age_s)
    flow = start_flow(site.medium, site.source(needle), site.fluids(delivery), t_s)
    onset = np.full(len(site.medium.outlets), np.inf)
    return InjectionState(
        site.level, needle, flow, delivery, (Portion(t_s, side, 0.0, mixed_s),), np.empty((0, 7)), onset
    )


def another(
    site: Site, state: InjectionState, needle: PlacedNeedle, side: Side, t_s: float, mixed_s: float
) -> InjectionState:
    """A second needle, or the same one elsewhere, with a fresh syringe; what is in the body stays and ages on until `t_s`."""
    checked(site, needle, 0.0)
    delivery = start_delivery(site.line(needle), t_s, mixed_s)
    workable(site, delivery.hand_age_s)
    rested = until(site, state, t_s)
    began = Portion(t_s, side, rested.flow.injected_mm3, mixed_s)
    return replace(
        rested, needle=needle, delivery=delivery, used=(*state.used, state.delivery), portions=(*state.portions, began)
    )


def advance(site: Site, state: InjectionState, done: Push, dt_s: float) -> InjectionState:
    """The injection after `dt_s` of one push; RefusedError 427 when this needle's injection has ended.

    NumericalError when the flow does not converge or its balance opens.
    """
    if not state.going_on:
        raise RefusedError(
            427, state.level, "this needle's injection has ended", "a needle in use", "start another injection"
        )
    return _pushed(site, state, done, dt_s)


def until(site: Site, state: InjectionState, t_s: float) -> InjectionState:
    """The injection at a later time with nothing done: while the needle is in use stored pressure presses on; cement ages."""
    gap = t_s - state.flow.t_s
    if gap <= 1e-9:
        return state
    if state.going_on:
        return _pushed(site, state, REST, gap)
    source, fluids = site.source(state.needle), site.fluids(state.delivery)
    return replace(state, flow=advance_flow(site.medium, source, fluids, state.flow, 0.0, t_s, site.flow_options))


def syringe_changed(site: Site, state: InjectionState) -> InjectionState:
    """The next full syringe of the same batch."""
    return replace(state, delivery=change_syringe(state.delivery, site.line(state.needle)))


def ended(state: InjectionState, reason: str) -> InjectionState:
    """No more is pushed through this needle."""
    return replace(state, portions=(*state.portions[:-1], replace(state.portions[-1], ended=reason)))


def _pushed(site: Site, state: InjectionState, done: Push, dt_s: float) -> InjectionState:
    line, source = site.line(state.needle), site.source(state.needle)
    flow, delivery, onset = state.flow, state.delivery, state.onset_s.copy()
    rows = []
    steps = max(1, int(np.ceil(dt_s / COUPLING_S - 1e-9)))
    begin = flow.t_s
    for n in range(1, steps + 1):
        at = begin + dt_s * n / steps
        response = TipResponse(flow.tip_pressure_pa, flow.rate_mm3_s, max(flow.tip_slope_pa_s_mm3, 0.0))
        delivery = push(delivery, line, done, at - flow.t_s, response)
        flow = advance_flow(
            site.medium, source, site.fluids(delivery), flow, delivery.rate_mm3_s, at, site.flow_options
        )
        onset[(flow.outflow_cement_mm3 >= LEAST_LEAK_ML * 1e3) & np.isinf(onset)] = at
        rows.append(_row(flow, delivery))
    record = np.concatenate([state.record, np.array(rows)])
    return replace(state, flow=flow, delivery=delivery, record=record, onset_s=onset)


def _row(flow: FlowState, delivery: DeliveryState) -> list[float]:
    """One row of the record, as `model.injection.RECORD` names it."""
    leaked = float(flow.outflow_cement_mm3.sum())
    return [
        flow.t_s,
        flow.rate_mm3_s,
        delivery.pressure_pa,
        flow.tip_pressure_pa,
        flow.injected_mm3,
        leaked,
        delivery.force_n,
    ]


def mass_error(state: InjectionState) -> float:
    """The worst of the flow's balance and of what the needles gave against what the bone took, of the injected volume."""
    given = state.delivery.injected_ml + sum(one.injected_ml for one in state.used)
    injected = max(state.injected_ml, 1e-12)
    return max(state.flow.balance_error, abs(given - state.injected_ml) / injected if given else 0.0)
