"""Syringe, cannula and tip: from what the hand does to what leaves the needle.

Pressure in the syringe is drop(Q) + tip(Q) with Q the flow out of it; barrel and trapped air give way, so that
d stored(p)/dt = area * speed - Q. Implicit in time: stored volume, plunger travel and flow balance exactly at any step, and
what is stored keeps cement flowing after the plunger stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from pedicle.model.cannula import Plug, from_tip_mm, pieces, pushed
from pedicle.model.cement import age_rate, aged
from pedicle.model.delivery import DeliveryState, Line, Push, TipResponse
from pedicle.model.errors import InputError, NumericalError
from pedicle.model.pipe import power_law_gradient_pa_mm, yielding_gradient_pa_mm
from pedicle.model.sourced import quantity

# The line's own step; shorter, down to the second number, where a soft syringe relaxes faster than ten of them.
_STEP_S, _SHORTEST_S = 0.1, 0.01
# What rounding leaves of a time.
_NO_TIME_S = 1e-9
# Less than this flows nowhere.
_AT_REST_MM3_S = 1e-12
# Flow within this part of what the plunger sweeps: nothing relaxes.
_STEADY = 0.05
FREE_AIR = TipResponse()


def start_delivery(line: Line, t_s: float, mixed_at_s: float) -> DeliveryState:
    """The first full syringe on an empty cannula, at `t_s`, of a batch mixed at `mixed_at_s` (both on the caller's clock).

    InputError when the batch is mixed later than `t_s`.
    """
    age, celsius = _waited(line, t_s, mixed_at_s)
    full = line.syringe.capacity_mm3 / 1e3
    empty = Plug(np.empty(0), np.empty(0))
    return DeliveryState(
        t_s=t_s,
        mixed_at_s=mixed_at_s,
        hand_age_s=age,
        hand_c=celsius,
        syringe_ml=full,
        plug=empty,
        ready_at_s=t_s,
        loaded_ml=full,
    )


def change_syringe(state: DeliveryState, line: Line, mixed_at_s: float | None = None) -> DeliveryState:
    """The next full syringe, of the same batch or of one mixed at `mixed_at_s`; nothing is pressed until `ready_at_s`.

    What the old syringe still held is set aside; its pressure is let off.
    """
    mixed = state.mixed_at_s if mixed_at_s is None else mixed_at_s
    age, celsius = _waited(line, state.t_s, mixed)
    full = line.syringe.capacity_mm3 / 1e3
    return replace(
        _let_off(state, line),
        mixed_at_s=mixed,
        hand_age_s=age,
        hand_c=celsius,
        syringe_ml=full,
        set_aside_ml=state.set_aside_ml + state.syringe_ml,
        loaded_ml=state.loaded_ml + full,
        ready_at_s=state.t_s + quantity("syringes", "change").value,
        syringes=state.syringes + 1,
        plunger_mm=0.0,
    )


def withdraw(state: DeliveryState, line: Line, by_mm: float) -> DeliveryState:
    """The needle drawn back by so much; what no longer lies in the body takes the room's temperature."""
    withdrawn = state.withdrawn_mm + by_mm
    if not 0.0 <= withdrawn <= line.inserted_mm:
        found = f"withdrawn by {withdrawn:g} mm"
        raise InputError(482, "needle", found, f"{line.inserted_mm:g} mm lie in the body", "withdraw by less")
    return replace(state, withdrawn_mm=withdrawn)


def remove_stylet(state: DeliveryState) -> DeliveryState:
    """The stylet out again: the cannula beyond the hub is empty and must be filled before more cement leaves the tip."""
    return replace(state, stylet_ml=0.0)


def push(state: DeliveryState, line: Line, done: Push, dt_s: float, response: TipResponse = FREE_AIR) -> DeliveryState:
    """The line after `dt_s` of one push against the bone's answer at the tip, held over `dt_s`.

    Never more than the syringe's force limit: a travel or flow that would need more goes on at the limit, and `limits`
    says so. Cement does not flow back: where the tip's pressure is higher than the syringe's it rests.
    InputError for a syringe pushed while the stylet is in.
    """
    if not dt_s > 0.0:
        raise InputError(482, "push", f"dt_s {dt_s:g}", "more than 0", "give a time to go on for")
    if done.kind != "stylet" and state.stylet_ml > 0.0:
        raise InputError(482, "push", "the stylet is in the cannula", "the syringe needs it free", "remove the stylet")
    now = replace(state, limits=(), rate_mm3_s=0.0, tip_age_s=None)
    idle = min(dt_s, max(0.0, state.ready_at_s - state.t_s))
    if idle > 0.0:
        now = replace(_rested(now, line, idle), limits=("changing the syringe",))
    tally, left = _Tally(), dt_s - idle
    while left > _NO_TIME_S:
        step = _step_s(now, line, done, response, left)
        now, left = _step(now, line, done, step, response, tally), left - step
    return replace(now, t_s=state.t_s + dt_s, rate_mm3_s=tally.out_mm3 / dt_s, tip_age_s=tally.age_s)


@dataclass
class _Tally:
    """What left the tip during one push."""

    out_mm3: float = 0.0
    age_mm3_s: float = 0.0

    def add(self, out_mm3: float, age_s: float | None) -> None:
        if age_s is not None:
            self.out_mm3 += out_mm3
            self.age_mm3_s += out_mm3 * age_s

    @property
    def age_s(self) -> float | None:
        return self.age_mm3_s / self.out_mm3 if self.out_mm3 > 0.0 else None


def _step_s(state: DeliveryState, line: Line, done: Push, response: TipResponse, left_s: float) -> float:
    """How far one step may go: while barrel and air give way, a tenth of the time they take for it."""
    step, flow = _STEP_S, state.flow_mm3_s
    changing = done.kind == "travel" and abs(done.value * line.syringe.area_mm2 - flow) > _STEADY * flow
    if changing and flow > _AT_REST_MM3_S and state.stored_mm3 > 0.0:
        pressure = pressure_of_flow(state, line, response)
        here, there = pressure(flow), pressure(flow * (1.0 + 1e-4))
        if np.isfinite(here):
            stretch = line.syringe.stored_mm3(there) - line.syringe.stored_mm3(here)
            step = min(_STEP_S, max(_SHORTEST_S, stretch / (1e-4 * flow) / 10.0))
    return float(left_s / np.ceil(left_s / step - 1e-9))


def _waited(line: Line, t_s: float, mixed_at_s: float) -> tuple[float, float]:
    if mixed_at_s > t_s:
        raise InputError(482, "batch", f"mixed at {mixed_at_s:g} s", f"now is {t_s:g} s", "give the time of mixing")
    return aged(0.0, t_s - mixed_at_s, line.batch_c, line.store_c)


def _let_off(state: DeliveryState, line: Line) -> DeliveryState:
    """Without pressure: the plunger gives back what was stored."""
    back = state.stored_mm3 / line.syringe.area_mm2
    return replace(
        state, stored_mm3=0.0, pressure_pa=0.0, force_n=0.0, flow_mm3_s=0.0, plunger_mm=state.plunger_mm - back
    )


def _rested(state: DeliveryState, line: Line, dt_s: float) -> DeliveryState:
    """Everything older by `dt_s`, nothing moved."""
    age, celsius = aged(state.hand_age_s, dt_s, state.hand_c, line.room_c)
    inside = from_tip_mm(line.cannula, state.plug) < line.inserted_mm - state.withdrawn_mm
    rates = np.where(inside, float(age_rate(line.body_c)), float(age_rate(line.room_c)))
    older = Plug(state.plug.volumes_mm3, state.plug.ages_s + rates * dt_s)
    return replace(state, t_s=state.t_s + dt_s, hand_age_s=age, hand_c=celsius, plug=older)


def _step(
    state: DeliveryState, line: Line, done: Push, dt_s: float, response: TipResponse, tally: _Tally
) -> DeliveryState:
    now = _rested(state, line, dt_s)
    if done.kind == "stylet":
        return _stylet_step(now, line, done.value * dt_s, tally)
    moved = _moved(now, line, done, dt_s, pressure_of_flow(now, line, response))
    into = moved.flow_mm3_s * dt_s
    out = max(0.0, now.plug.volume_mm3 + into - line.cannula.volume_mm3) if into > 0.0 else 0.0
    plug, age = pushed(now.plug, into, now.hand_age_s, out)
    tally.add(out, age)
    return replace(
        now,
        syringe_ml=max(0.0, now.syringe_ml - into / 1e3),
        plug=plug,
        injected_ml=now.injected_ml + out / 1e3,
        pressure_pa=moved.pressure_pa,
        force_n=moved.pressure_pa * line.syringe.area_mm2 / 1e6,
        flow_mm3_s=moved.flow_mm3_s,
        stored_mm3=moved.stored_mm3,
        plunger_mm=now.plunger_mm + (into + moved.stored_mm3 - now.stored_mm3) / line.syringe.area_mm2,
        limits=_words(now, line, moved.limit),
    )


def _words(state: DeliveryState, line: Line, limit: str) -> tuple[str, ...]:
    late = "cement past its working time" if state.hand_age_s > line.cement.working_until_s else ""
    return state.limits + tuple(word for word in (limit, late) if word and word not in state.limits)


def _stylet_step(state: DeliveryState, line: Line, travel_mm: float, tally: _Tally) -> DeliveryState:
    now = _let_off(state, line)
    hub = line.cannula.volume_mm3 - line.cannula.stylet_mm3
    there = max(0.0, now.plug.volume_mm3 - hub)
    if np.isinf(line.cement.power_law(now.plug.ages_s)[0]).any():
        return replace(now, limits=_words(now, line, "cement set in the cannula"))
    out = min(travel_mm * line.cannula.bores[-1].area_mm2, there)
    plug, age = pushed(now.plug, 0.0, 0.0, out)
    tally.add(out, age)
    return replace(now, plug=plug, injected_ml=now.injected_ml + out / 1e3, stylet_ml=now.stylet_ml + out / 1e3)


def pressure_of_flow(state: DeliveryState, line: Line, response: TipResponse = FREE_AIR) -> Callable[[float], float]:
    """Pressure in the syringe in Pa as a function of the flow out of it in mm3/s: strictly rising from its value at rest.

    Barrel, nozzle, then what lies in the cannula, each at its own age; the bone's answer once the cannula is full. inf when
    any of the cement has set.
    """
    cut, syringe = pieces(line.cannula, state.plug), line.syringe
    radius = np.concatenate([[syringe.bore_mm / 2.0, syringe.nozzle_bore_mm / 2.0], cut.radius_mm])
    length = np.concatenate([[state.syringe_ml * 1e3 / syringe.area_mm2, syringe.nozzle_length_mm], cut.length_mm])
    age = np.concatenate([[state.hand_age_s, state.hand_age_s], cut.age_s])
    consistency, index = line.cement.power_law(age)
    yields = line.cement.yield_pa(age)
    full = state.plug.volume_mm3 >= line.cannula.volume_mm3 * (1.0 - 1e-12)
    at_rest, slope = (response.at_rest_pa, response.slope_pa_s_mm3) if full else (0.0, 0.0)
    if yields.any():
        return lambda q: float(
            (yielding_gradient_pa_mm(q, radius, consistency, index, yields) * length).sum() + at_rest + slope * q
        )
    if np.isinf(consistency).any():
        return lambda q: float("inf") if q > 0.0 else at_rest
    weight = power_law_gradient_pa_mm(1.0, radius, consistency, index) * length
    if np.ptp(index) == 0.0:
        coefficient, exponent = float(weight.sum()), float(index[0])
        return lambda q: coefficient * q**exponent + at_rest + slope * q
    return lambda q: float((weight * q**index).sum()) + at_rest + slope * q


@dataclass(frozen=True)
class _Moved:
    flow_mm3_s: float
    pressure_pa: float
    stored_mm3: float
    limit: str = ""


def _moved(state: DeliveryState, line: Line, done: Push, dt_s: float, pressure: Callable[[float], float]) -> _Moved:
    """Flow, pressure and stored volume at the end of one step; the force limit and the empty syringe are kept."""
    syringe, limit = line.syringe, line.syringe.pressure_limit_pa
    if done.kind == "travel":
        moved = _by_travel(state, line, done.value * syringe.area_mm2 * dt_s, dt_s, pressure)
    elif done.kind == "flow":
        at = pressure(done.value) if done.value > 0.0 else min(state.pressure_pa, max(0.0, pressure(0.0)))
        moved = _Moved(done.value, at, syringe.stored_mm3(at) if np.isfinite(at) else np.inf)
    else:
        moved = _at_pressure(line, min(done.value / syringe.area_mm2 * 1e6, limit), pressure)
        moved = replace(moved, limit="force limit" if done.value > syringe.force_limit_n else "")
    if moved.pressure_pa > limit:
        moved = replace(_at_pressure(line, limit, pressure), limit="force limit")
    left = state.syringe_ml * 1e3 / dt_s
    if moved.flow_mm3_s >= left:
        # Nothing more to press: the last of it leaves within the step, the plunger stands on the bottom.
        return _Moved(left, 0.0, 0.0, "syringe empty")
    return moved


def _at_pressure(line: Line, pressure_pa: float, pressure: Callable[[float], float]) -> _Moved:
    """What flows at a given pressure in the syringe."""
    stored = line.syringe.stored_mm3(pressure_pa)
    if pressure(0.0) >= pressure_pa or not np.isfinite(pressure(1e-9)):
        return _Moved(0.0, pressure_pa, stored)
    flow = _root(lambda q: pressure(q) - pressure_pa)
    return _Moved(flow, pressure_pa, stored)


def _by_travel(
    state: DeliveryState, line: Line, swept_mm3: float, dt_s: float, pressure: Callable[[float], float]
) -> _Moved:
    """The plunger sweeps a volume: part leaves, the rest is stored."""
    have, stored = state.stored_mm3 + swept_mm3, line.syringe.stored_mm3
    blocked = line.syringe.pressure_pa(have)
    if blocked <= pressure(0.0) or not np.isfinite(pressure(1e-9)):
        return _Moved(0.0, blocked, have)
    flow = _root(lambda q: stored(max(0.0, pressure(q))) + q * dt_s - have)
    at = max(0.0, pressure(flow))
    return _Moved(flow, at, have - flow * dt_s)


def _root(balance: Callable[[float], float]) -> float:
    """The flow at which a rising balance is zero; it is negative at rest."""
    high = 1.0
    while balance(high) < 0.0:
        high *= 4.0
        if high > 1e12:
            raise NumericalError(
                483, "delivery", "no flow balances the pressure", "one is needed", "check line and bone"
            )
    found, report = brentq(balance, 0.0, high, xtol=1e-15 * high, rtol=1e-15, full_output=True, disp=False)
    if not report.converged:
        raise NumericalError(483, "delivery", "flow not found", "a root in 100 steps", "check line and bone")
    return float(found)
