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

from pedicle.injection.delivery import change_syringe, push, start_delivery, withdraw
from pedicle.injection.flow import advance_flow, start_flow
from pedicle.injection.gravity import LONGEST_REST_S
from pedicle.injection.run import LEAST_OPEN, SEALED
from pedicle.injection.site import Site, checked, unworkable
from pedicle.model.delivery import DeliveryState, Push, TipResponse
from pedicle.model.errors import InputError, NumericalError, RefusedError
from pedicle.model.fill import least_leak_ml
from pedicle.model.flow import FlowState, Source
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState, Portion
from pedicle.model.placed import PlacedNeedle

# Nobody holds one push for longer, s: cement has set by then.
LONGEST_S = 3600.0
# A needle that moved aside, or turned, by no more than this has not, mm and radians.
_STEADY_MM = 0.01
# What rounding leaves of a time.
_NO_TIME_S = 1e-6
# Cement is not pressed: the plunger is held.
REST, STYLET_REST = Push("travel", 0.0), Push("stylet", 0.0)


def start(
    site: Site,
    needle: PlacedNeedle,
    side: Side,
    t_s: float,
    mixed_s: float,
    asked_ml: float = 0.0,
    any_age: bool = False,
) -> InjectionState:
    """The first full syringe on a needle in an untouched body, at `t_s` of a clock on which the cement was mixed at `mixed_s`.

    Raises RefusedError: 422 tip outside the body, 423 in the canal, 424 more than fits, 425 and 426 cement past or before its
    working time unless `any_age`.
    """
    checked(site, needle, asked_ml)
    delivery = start_delivery(site.line(needle), t_s, mixed_s)
    _workable(site, delivery, any_age)
    flow = start_flow(site.medium, site.source(needle), site.fluids(delivery), t_s)
    onset = np.full(len(site.medium.outlets), np.inf)
    return InjectionState(
        site.level, needle, flow, delivery, (Portion(t_s, side, 0.0, mixed_s),), np.empty((0, 7)), onset
    )


def another(
    site: Site,
    state: InjectionState,
    needle: PlacedNeedle,
    side: Side,
    t_s: float,
    mixed_s: float,
    any_age: bool = False,
) -> InjectionState:
    """A second needle, or the same one elsewhere, with a fresh syringe; what is in the body stays and ages on until `t_s`.

    Raises RefusedError as `start` does, 428 while the injection through another needle goes on, 565 for a tip in set cement.
    """
    if state.going_on:
        side = state.portions[-1].side
        raise RefusedError(
            428, state.level, f"the injection through the {side} needle goes on", "one needle at a time", "end it first"
        )
    checked(site, needle, 0.0)
    delivery = start_delivery(site.line(needle), t_s, mixed_s)
    _workable(site, delivery, any_age)
    rested = until(site, state, t_s)
    _not_in_set_cement(site, rested, needle)
    began = Portion(t_s, side, rested.flow.injected_mm3, mixed_s)
    return replace(
        rested, needle=needle, delivery=delivery, used=(*state.used, state.delivery), portions=(*state.portions, began)
    )


def _workable(site: Site, delivery: DeliveryState, any_age: bool) -> None:
    refused = None if any_age else unworkable(site, delivery.hand_age_s)
    if refused:
        raise refused


def advance(site: Site, state: InjectionState, done: Push, dt_s: float) -> InjectionState:
    """The injection after `dt_s` of one push; RefusedError 427 when this needle's injection has ended, InputError 482 for a
    time that is none.

    NumericalError when the flow does not converge or its balance opens.
    """
    if not state.going_on:
        raise _over(state.level)
    if not 0.0 < dt_s <= LONGEST_S:
        limit = f"above 0, at most {LONGEST_S:g}"
        raise InputError(
            482, state.level, f"a push of {dt_s:g} s", limit, "give the time it is held, or end the injection"
        )
    return _pushed(site, state, done, dt_s)


def until(site: Site, state: InjectionState, t_s: float) -> InjectionState:
    """The injection at a later time with nothing done: while the needle is in use stored pressure presses on; cement ages."""
    gap = t_s - state.flow.t_s
    if gap <= 1e-9:
        return state
    if state.going_on:
        return advance(site, state, STYLET_REST if state.delivery.stylet_ml > 0.0 else REST, gap)
    source, fluids = site.source(state.needle), site.fluids(state.delivery)
    return replace(state, flow=advance_flow(site.medium, source, fluids, state.flow, 0.0, t_s, site.flow_options))


def syringe_changed(site: Site, state: InjectionState) -> InjectionState:
    """The next full syringe of the same batch; RefusedError 427 when this needle's injection has ended."""
    if not state.going_on:
        raise _over(state.level)
    return replace(state, delivery=change_syringe(state.delivery, site.line(state.needle)))


def ended(state: InjectionState, reason: str) -> InjectionState:
    """No more is pushed through this needle; RefusedError 427 when that was so already, InputError 745 without a reason."""
    if not state.going_on:
        raise _over(state.level)
    if not reason.strip():
        raise InputError(745, state.level, "an injection ended for no reason", "a reason in words", "say why")
    return replace(state, portions=(*state.portions[:-1], replace(state.portions[-1], ended=reason)))


def needle_drawn_back(site: Site, state: InjectionState, needle: PlacedNeedle) -> InjectionState:
    """The needle in use drawn back along its axis, to where `needle` lies; its cannula stays as full as it is.

    RefusedError 429 for any other way of moving it, 422 and 423 as for a start: a tip out of the body would leave its track
    open to cement, 565 for a tip in set cement.
    """
    if not state.going_on:
        raise _over(state.level)
    back = state.needle.tip_lps_mm - needle.tip_lps_mm
    by_mm = float(back @ state.needle.direction_lps)
    aside = float(np.linalg.norm(back - by_mm * state.needle.direction_lps))
    turned = float(np.linalg.norm(needle.direction_lps - state.needle.direction_lps))
    if needle.stylet or needle.needle != state.needle.needle or by_mm < -_STEADY_MM or aside + turned > _STEADY_MM:
        found = f"the needle moved on by {-by_mm:.2f} mm, aside by {aside:.2f} mm" + ", its stylet in" * needle.stylet
        raise RefusedError(429, state.level, found, "drawn back along its axis only", "end this injection first")
    checked(site, needle, 0.0)
    _not_in_set_cement(site, state, needle)
    return replace(state, needle=needle, delivery=withdraw(state.delivery, site.line(needle), max(0.0, by_mm)))


def _not_in_set_cement(site: Site, state: InjectionState, needle: PlacedNeedle) -> None:
    flow, cells = state.flow, site.source(needle).cells
    total, held, age = (field.ravel()[cells] for field in (flow.saturation, flow.set_saturation, flow.scalars[0]))
    hard = np.where(age >= site.cement.setting_s, total, held)
    if (hard > 1.0 - LEAST_OPEN).any():
        raise _in_set_cement(state.level)


def _in_set_cement(level: str) -> RefusedError:
    return RefusedError(
        565, level, "the needle's opening lies in set cement", "mobile cement or marrow", "move the needle"
    )


def _over(level: str) -> RefusedError:
    return RefusedError(427, level, "this needle's injection has ended", "a needle in use", "start another injection")


def _pushed(site: Site, state: InjectionState, done: Push, dt_s: float) -> InjectionState:
    line, source = site.line(state.needle), site.source(state.needle)
    flow, delivery, onset = state.flow, state.delivery, state.onset_s.copy()
    rows: list[list[float]] = []
    end_s = flow.t_s + dt_s
    # At least once: the shortest push has its row and its time too.
    while not rows or flow.t_s < end_s:
        at = _answered_at_s(site, delivery, done, flow.t_s, end_s)
        response = TipResponse(flow.tip_pressure_pa, flow.rate_mm3_s, max(flow.tip_slope_pa_s_mm3, 0.0))
        delivery = push(delivery, line, done, at - flow.t_s, response)
        flow = _flowed(site, source, delivery, flow, at)
        onset[(flow.outflow_cement_mm3 >= least_leak_ml() * 1e3) & np.isinf(onset)] = at
        rows.append(_row(flow, delivery))
    record = np.concatenate([state.record, np.array(rows)])
    return replace(state, flow=flow, delivery=delivery, record=record, onset_s=onset)


def _answered_at_s(site: Site, delivery: DeliveryState, done: Push, now_s: float, end_s: float) -> float:
    """When syringe and bone next answer each other: soon while anything presses, late where the plunger surely rests."""
    presses_from_s = min(end_s, delivery.ready_at_s)
    if done.value == 0.0 and delivery.stored_mm3 == 0.0 and delivery.flow_mm3_s == 0.0:
        presses_from_s = end_s
    rests = presses_from_s > now_s + _NO_TIME_S
    until_s, most_s = (presses_from_s, LONGEST_REST_S) if rests else (end_s, site.coupling_s)
    parts = np.ceil((until_s - now_s) / most_s - 1e-9)
    at = until_s if parts <= 1.0 else float(now_s + (until_s - now_s) / parts)
    return end_s if end_s - at <= _NO_TIME_S else at


def _flowed(site: Site, source: Source, delivery: DeliveryState, flow: FlowState, until_s: float) -> FlowState:
    """The flow with what the needle gave; an opening that set cement shuts in has no way on, and that is no numerical matter."""
    try:
        return advance_flow(
            site.medium, source, site.fluids(delivery), flow, delivery.rate_mm3_s, until_s, site.flow_options
        )
    except NumericalError as error:
        if error.code != SEALED or not flow.set_saturation.any():
            raise
        raise _in_set_cement(site.level) from error


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
