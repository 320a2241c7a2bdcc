"""Heat, reaction, blood and damage against closed forms; no flow solver takes part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import erf

from pedicle.curing.heat import Body, HeatState, Pace, advance, body_of, started, step
from pedicle.curing.kinetics import KELVIN, Kinetics, general_kinetics
from pedicle.kernels.heat_reaction import GAS, keep
from pedicle.verify.problem import Answer, Problem

Array = NDArray[np.float64]
# Like spongy bone: W/(mm K), J/(mm3 K), and blood W/(mm3 K).
K, C, BLOOD = 3.0e-4, 2.5e-3, 6.0e-6
ALPHA = K / C
OUTSIDE_C = 37.0
CLOSED = (False, False, False)
LENGTH_MM, RADIUS_MM = 20.0, 8.0


def inert(
    spacing: tuple[float, float, float], shape: tuple[int, ...], blood: float, sides: tuple[bool, bool, bool]
) -> Body:
    """One material without cement."""
    fill = partial(np.full, shape)
    return body_of(fill(K), fill(C), fill(blood), spacing, OUTSIDE_C, np.zeros(shape), sides)


def run(body: Body, start: Array, seconds: float, dt: float, law: Kinetics | None = None) -> HeatState:
    """Steps of one length; `start` above the outside."""
    law = law or general_kinetics()
    now = started(body, start + OUTSIDE_C, np.full(body.cells.size, law.start))
    for _ in range(round(seconds / dt)):
        step(body, law, now, dt)
    return now


def logistic(heat_j_mm3: float, warm_j_mol: float = 0.0) -> Kinetics:
    """da/dt = k a (1 - a) at any temperature: m = n = 1, no glass, no slow part, no activation."""
    return replace(
        general_kinetics(0.02), m=1.0, n=1.0, glass_k=1.0, slow_per_s=0.0, start=0.01, heat_j_mm3=heat_j_mm3,
        warm_j_mol=warm_j_mol, cold_j_mol=warm_j_mol,
    )  # fmt: skip


def _logistic_at(t: float, law: Kinetics) -> float:
    grown = law.start * np.exp(law.rate_per_s * t)
    return float(grown / (1.0 - law.start + grown))


def _adiabatic(seconds: float) -> float:
    """Rise over the closed form Q a(t) / C in a closed cell full of cement."""
    law = logistic(0.12)
    one = np.ones((1, 1, 1))
    body = body_of(one * K, one * C, one * 0.0, (1.0, 1.0, 1.0), OUTSIDE_C, one, CLOSED)
    now = run(body, one * 0.0, seconds, 5.0, law)
    return float(now.temperature[0, 0, 0]) / ((_logistic_at(seconds, law) - law.start) * law.heat_j_mm3 / C)


def _mode(cells: int, blood: float = 0.0, dt: float = 2.0, seconds: float = 64.0, exact: bool = True) -> float:
    """Amplitude of half a sine between two sides at the outside's temperature, over the closed form (or that of the grid)."""
    h = LENGTH_MM / cells
    x = (np.arange(cells) + 0.5) * h
    body = inert((1.0, 1.0, h), (1, 1, cells), blood, (False, False, True))
    now = run(body, np.sin(np.pi * x / LENGTH_MM)[None, None, :], seconds, dt)
    wave = np.pi / LENGTH_MM if exact else 2.0 / h * np.sin(0.5 * np.pi * h / LENGTH_MM)
    middle = float(now.temperature[0, 0] @ np.sin(np.pi * x / LENGTH_MM)) / (0.5 * cells)
    return middle / float(np.exp(-(ALPHA * wave**2 + blood / C) * seconds))


def _order_in_h() -> float:
    coarse, fine = (abs(_mode(cells, dt=0.25) - 1.0) for cells in (8, 16))
    return float(np.log2(coarse / fine))


def _order_in_t() -> float:
    """On a grid whose own decay is known, so that the step alone errs."""
    coarse, fine = (abs(_mode(10, 0.0, dt, 256.0, exact=False) - 1.0) for dt in (16.0, 8.0))
    return float(np.log2(coarse / fine))


def _two_materials() -> float:
    """Worst difference from two half-spaces brought together, over the jump: T = Ti + (T0 - Ti) erf(x / 2 sqrt(a t))."""
    h, cells, seconds = 0.25, 320, 30.0
    other_k, other_c = 1.7e-4, 1.5e-3
    x = (np.arange(cells) + 0.5) * h - 0.5 * cells * h
    left = x < 0.0
    k, c = (np.where(left, a, b)[None, None, :] for a, b in ((other_k, K), (other_c, C)))
    body = body_of(k, c, np.zeros(k.shape), (1.0, 1.0, h), OUTSIDE_C, np.zeros(k.shape), CLOSED)
    now = run(body, np.where(left, 1.0, 0.0)[None, None, :], seconds, 0.25)
    e1, e2 = np.sqrt(other_k * other_c), np.sqrt(K * C)
    contact = e1 / (e1 + e2)
    spread = 2.0 * np.sqrt(np.where(left, other_k / other_c, ALPHA) * seconds)
    exact = contact + np.where(left, 1.0 - contact, -contact) * erf(np.abs(x) / spread)
    return float(np.abs(now.temperature[0, 0] - exact).max())


def ball_share(h: float, cells: int, radius: float = RADIUS_MM) -> tuple[Array, Array]:
    """An octant: share of each cell inside a ball about the corner, by points, and distances of the centres."""
    fine = (np.arange(4 * cells) + 0.5) * h / 4.0
    inside = fine[:, None, None] ** 2 + fine[:, None] ** 2 + fine**2 < radius**2
    share = inside.reshape(cells, 4, cells, 4, cells, 4).mean(axis=(1, 3, 5))
    x = (np.arange(cells) + 0.5) * h
    return share, np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)


def _ball_exact(r: Array, seconds: float) -> Array:
    """A hot ball in an endless body: Carslaw and Jaeger."""
    w = 2.0 * np.sqrt(ALPHA * seconds)
    inner, outer = (RADIUS_MM - r) / w, (RADIUS_MM + r) / w
    tail = w / (2.0 * np.sqrt(np.pi) * r) * (np.exp(-(inner**2)) - np.exp(-(outer**2)))
    return np.asarray(0.5 * (erf(inner) + erf(outer)) - tail)


@cache
def _ball(h: float) -> float:
    """Largest difference from a hot ball's temperature after two minutes, over its first temperature."""
    cells, seconds = round(36.0 / h), 120.0
    share, r = ball_share(h, cells)
    now = run(inert((h, h, h), share.shape, 0.0, CLOSED), share, seconds, 2.0)
    return float(np.abs(now.temperature - _ball_exact(r, seconds)).max())


def _ball_order() -> float:
    return float(np.log2(_ball(2.0) / _ball(1.0)))


def _evenly() -> Kinetics:
    """A constant rate: m = n = 0."""
    return replace(logistic(1.0), m=0.0, n=0.0, rate_per_s=1e-4, start=1e-9)


def _steady_ball(h: float = 4.0 / 3.0) -> float:
    """A ball that gives off heat evenly in perfused bone, after an hour: largest difference over the highest temperature."""
    cells = round(40.0 / h)
    share, r = ball_share(h, cells)
    fill = partial(np.full, share.shape)
    body = body_of(fill(K), fill(C), fill(BLOOD), (h, h, h), OUTSIDE_C, share, CLOSED)
    law = _evenly()
    now = run(body, np.zeros(share.shape), 3600.0, 3.0, law)
    exact = _pennes(r, law.rate_per_s * law.heat_j_mm3)
    return float(np.abs(now.temperature - exact).max() / exact.max())


def _pennes(r: Array, q: float) -> Array:
    a = np.sqrt(BLOOD / K)
    level = q / BLOOD
    inside = level * (1.0 - (1.0 + a * RADIUS_MM) * np.exp(-a * RADIUS_MM) * np.sinh(a * r) / (a * r))
    out = level * (a * RADIUS_MM * np.cosh(a * RADIUS_MM) - np.sinh(a * RADIUS_MM)) * np.exp(-a * r) / (a * r)
    return np.asarray(np.where(r < RADIUS_MM, inside, out))


def _steady_line(cells: int) -> float:
    """The same of a line between two sides at the outside's temperature: root mean square over the middle's temperature."""
    h = LENGTH_MM / cells
    fill = partial(np.full, (1, 1, cells))
    body = body_of(fill(K), fill(C), fill(BLOOD), (1.0, 1.0, h), OUTSIDE_C, fill(1.0), (False, False, True))
    law = _evenly()
    now = run(body, fill(0.0), 3000.0, 1.0, law)
    a, x = np.sqrt(BLOOD / K), (np.arange(cells) + 0.5) * h - 0.5 * LENGTH_MM
    level = law.rate_per_s * law.heat_j_mm3 / BLOOD
    exact = level * (1.0 - np.cosh(a * x) / np.cosh(0.5 * a * LENGTH_MM))
    return float(np.sqrt(np.mean(np.square(now.temperature[0, 0] - exact))) / exact.max())


def _steady_order() -> float:
    return float(np.log2(_steady_line(6) / _steady_line(12)))


def _closure() -> float:
    """Worst balance of a reaction in uneven materials with blood and open sides, long steps included."""
    rng = np.random.default_rng(3)
    shape = (17, 14, 12)

    def uneven(low: float, high: float) -> Array:
        return rng.uniform(low, high, shape)

    share = np.where(uneven(0, 1) > 0.5, uneven(0, 0.9), 0.0)
    body = body_of(K * uneven(0.3, 40), C * uneven(0.5, 2), BLOOD * uneven(0, 3), (1.0, 0.8, 1.3), OUTSIDE_C, share)
    law = general_kinetics(0.01)
    now = started(body, OUTSIDE_C - 10.0 * share, law.at_age(np.full(body.cells.size, 400.0)), None)
    while now.t_s < 3600.0:
        advance(body, law, now, Pace(3600.0, 3.0, 60.0))
    return now.balance_error


def _damaged(celsius: tuple[float, float], seconds: float, pieces: int) -> tuple[float, float]:
    """Damage integral and CEM43 that a straight way from one temperature to another leaves, with A 3.1e98, E 628 kJ/mol."""
    records = tuple(np.zeros(1) for _ in range(5))
    constants = np.array([3.1e98, 6.28e5, 0.5, 0.25, 0.5, 50.0, 45.0])
    ends = np.linspace(*celsius, pieces + 1)
    for low, high in pairwise(ends.tolist()):
        keep(np.array([low - 37.0]), np.array([high - 37.0]), records, 37.0, seconds / pieces, constants)
    return float(records[1][0]), float(records[2][0])


def _henriques(celsius: tuple[float, float], seconds: float) -> float:
    """The integral by quadrature."""

    def rate(t: float) -> float:
        kelvin = celsius[0] + (celsius[1] - celsius[0]) * t / seconds + KELVIN
        return float(np.exp(np.log(3.1e98) - 6.28e5 / (GAS * kelvin)))

    return float(quad(rate, 0.0, seconds, epsabs=0.0)[0])


HELD, RAMP = (50.0, 50.0), (44.0, 62.0)


def heat_problems() -> list[Problem]:
    """Everything, in the order it is printed."""
    exact = {"held": _henriques(HELD, 300.0), "ramp": _henriques(RAMP, 60.0)}
    rows = [
        ("adiabatic rise, half way", partial(_adiabatic, 230.0), 1.0, 0.01, "Q a(t) / C, logistic a(t)"),
        ("adiabatic rise, end", partial(_adiabatic, 1500.0), 1.0, 1e-9, "Q / C"),
        ("line of bone, amplitude", partial(_mode, 20), 1.0, 0.01, "exp(-alpha pi^2 t / L^2)"),
        ("line of bone, order in h", _order_in_h, 2.0, 0.2, "central differences"),
        ("line of perfused bone, amplitude", partial(_mode, 20, BLOOD), 1.0, 0.01, "exp(-(alpha pi^2 / L^2 + w / C) t)"),
        ("line of bone, order in t", _order_in_t, 2.0, 0.2, "Crank and Nicolson"),
        ("cement against bone, worst", _two_materials, 0.0, 0.01, "two half-spaces, Carslaw and Jaeger 2.16"),
        ("hot ball, worst", partial(_ball, 1.0), 0.0, 0.01, "Carslaw and Jaeger 10.3"),
        ("hot ball, order in h", _ball_order, 2.0, 0.2, "Carslaw and Jaeger 10.3"),
        ("warm ball in perfused bone, worst", _steady_ball, 0.0, 0.01, "Pennes, steady, in and about a ball"),
        ("warm line of perfused bone, mean", partial(_steady_line, 12), 0.0, 0.01, "Pennes, steady, cosh"),
        ("warm line of perfused bone, order in h", _steady_order, 2.0, 0.2, "Pennes, steady, cosh"),
        ("heat's balance, worst of all steps", _closure, 0.0, 1e-10, "first law"),
        ("damage at 50 degC, 5 min", lambda: _damaged(HELD, 300.0, 20)[0] / exact["held"], 1.0, 1e-6, "A exp(-E / RT) t"),
        ("damage on the way from 44 to 62 degC", lambda: _damaged(RAMP, 60.0, 18)[0] / exact["ramp"], 1.0, 0.01, "quadrature"),
        ("CEM43 at 50 degC, 5 min", lambda: _damaged(HELD, 300.0, 20)[1], 640.0, 1e-6, "5 min 2^7"),
    ]  # fmt: skip
    return [
        Problem(name, lambda _solver, _step, ask=ask: ask(), value, tolerance, "1", source)  # type: ignore[misc]
        for name, ask, value, tolerance, source in rows
    ]


def heat_answers() -> Iterator[Answer]:
    """Each problem, computed."""
    for problem in heat_problems():
        yield problem.run("heat", 1.0)
