"""One level's cement from the end of the injection on: heat for as long as asked, conversion to 24 hours."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.hardening import modulus_mpa, strength_mpa
from pedicle.curing.heat import HeatState, Pace, advance, started
from pedicle.curing.kinetics import Kinetics
from pedicle.curing.options import CureOptions
from pedicle.curing.tissue import Tissue
from pedicle.kernels.heat_reaction import stored
from pedicle.model.cement import age_rate
from pedicle.model.cure import CureCurve, Hardening
from pedicle.model.progress import Progress, silent

Array = NDArray[np.float64]
HOUR_S, DAY_S = 3600.0, 86400.0
# Times from the end of the heat to a day.
_TIMES = 12
_PLACES = ("bone", "canal", "nerve_root")


@dataclass(frozen=True, eq=False)
class Delivered:
    """Temperature with which cement left the needle, degC, and the positions in the body's list of cement cells at its tip."""

    celsius: float
    tip: NDArray[np.int64]


@dataclass(eq=False)
class History:
    """What was seen on the way: a row a step (columns of `CureCurve`), the age at the tip, when cells set."""

    set_at_s: Array
    rows: list[list[float]] = field(default_factory=list)
    tip_age_s: list[float] = field(default_factory=list)

    def curve(self) -> CureCurve:
        """The rows as a curve."""
        return CureCurve(*np.array(self.rows).T)

    @property
    def t_s(self) -> Array:
        """Times of the rows."""
        return np.array([row[0] for row in self.rows])


@dataclass(frozen=True, eq=False)
class Cured:
    """How a level stands at the end of the heat, its history, how it hardens on, and the conversion (n,) after one hour and after 24."""

    now: HeatState
    history: History
    hardening: Hardening
    at_1h: Array
    at_24h: Array


def cured(
    tissue: Tissue, kinetics: Kinetics, options: CureOptions, delivered: Delivered, progress: Progress = silent
) -> Cured:
    """The run, from cement just delivered on."""
    body, now, tip_cells = tissue.body, _begun(tissue, kinetics, delivered.celsius), delivered.tip
    history = History(np.where(now.conversion >= kinetics.set_conversion, 0.0, np.inf))
    _seen(tissue, kinetics, now, history, tip_cells)
    at_1h = now.conversion
    for until in sorted({min(options.duration, HOUR_S), options.duration}):
        pace = Pace(until, options.change_k, options.longest_s)
        while now.t_s < until:
            _onward(tissue, kinetics, now, history, pace)
            _seen(tissue, kinetics, now, history, tip_cells)
            progress(min(now.t_s / options.duration, 1.0), "cement cures")
        if until <= HOUR_S:
            at_1h = kinetics.held_at(now.conversion, body.outside_c, HOUR_S - until)
    hardening, at_24h = _to_a_day(tissue, kinetics, now)
    return Cured(now, history, hardening, at_1h, at_24h)


def _to_a_day(tissue: Tissue, kinetics: Kinetics, now: HeatState) -> tuple[Hardening, Array]:
    """On at the body's temperature, at times that lie ever further apart; and the conversion at their end."""
    times = np.geomspace(now.t_s, max(DAY_S, now.t_s), _TIMES)
    conversion, rows = now.conversion, []
    for number, t_s in enumerate(times):
        if number:
            conversion = kinetics.held_at(conversion, tissue.body.outside_c, float(t_s - times[number - 1]))
        rows.append([float(t_s), *_hardness(tissue, kinetics, conversion)])
    return Hardening(*np.array(rows).T), conversion


def _hardness(tissue: Tissue, kinetics: Kinetics, conversion: Array) -> list[float]:
    """Conversion, modulus and strength, means over the cement."""
    weight = tissue.body.cement_mm3 / tissue.body.cement_mm3.sum()
    values = (conversion, modulus_mpa(conversion, kinetics), strength_mpa(conversion, kinetics))
    return [float((weight * one).sum()) for one in values]


def _begun(tissue: Tissue, kinetics: Kinetics, cement_c: float) -> HeatState:
    """Everything at the body's temperature, cement at its own: a cell takes the mean by the heat that each holds."""
    body = tissue.body
    part = tissue.paste.capacity_j_mm3_k * body.cement_mm3 / body.capacity_j_k.reshape(-1)[body.cells]
    temperature = np.full(tissue.grid.shape, body.outside_c)
    temperature.reshape(-1)[body.cells] += part * (cement_c - body.outside_c)
    return started(body, temperature, kinetics.at_age(tissue.age_s), tissue.age_s)


def _onward(tissue: Tissue, kinetics: Kinetics, now: HeatState, history: History, pace: Pace) -> None:
    """One step, and what it did to ages and to cells that set within it."""
    body, flat = tissue.body, now.temperature.reshape(-1)
    before, warm, began = now.conversion.copy(), flat[body.cells].copy(), now.t_s
    advance(body, kinetics, now, pace)
    dt = now.t_s - began
    now.age_s += dt * age_rate(0.5 * (warm + flat[body.cells]) + body.outside_c)
    fresh = np.isinf(history.set_at_s) & (now.conversion >= kinetics.set_conversion)
    part = (kinetics.set_conversion - before[fresh]) / (now.conversion[fresh] - before[fresh])
    history.set_at_s[fresh] = began + dt * part


def _seen(tissue: Tissue, kinetics: Kinetics, now: HeatState, history: History, tip: NDArray[np.int64]) -> None:
    """A row of the history."""
    body, flat = tissue.body, now.temperature.reshape(-1)
    highest = [float(flat[body.cells].max())]
    highest += [float(flat[tissue.regions[name]].max(initial=-np.inf)) for name in _PLACES]
    seen = [body.outside_c + one if np.isfinite(one) else float("nan") for one in highest]
    set_mm3 = float((body.cement_mm3 * (now.conversion >= kinetics.set_conversion)).sum())
    means = [*_hardness(tissue, kinetics, now.conversion), set_mm3 / float(body.cement_mm3.sum())]
    held = float(stored(flat, body.capacity_j_k.reshape(-1))) - now.start_j
    history.rows.append([now.t_s, *seen, *means, now.released_j, held, now.lost_j, now.carried_j])
    history.tip_age_s.append(float(now.age_s[tip].mean()))
