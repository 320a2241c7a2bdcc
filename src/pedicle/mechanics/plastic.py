"""An elastic-plastic push: the plates approach step by step, and bone yields, flows and softens.

Equilibrium in each step is found by a quasi-Newton method (L-BFGS) whose first guess of the inverse is one multigrid cycle of
the elastic solid; plates free to tilt add two unknowns, made independent of the others by the elastic answers to a tilt.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import elastic_vectors as vectors
from pedicle.kernels.elastic_apply import CHUNK
from pedicle.kernels.elastic_plastic import take_plastic_force
from pedicle.kernels.jit import threads_for
from pedicle.mechanics.loads import Pressed
from pedicle.mechanics.multigrid import THREADS_FROM
from pedicle.mechanics.options import PushOptions
from pedicle.mechanics.stiffness import body_shortening
from pedicle.model.errors import NumericalError
from pedicle.model.sourced import quantity
from pedicle.model.strength import PushCurve

Floats = NDArray[np.float64]
# A move is cut where the slope behind it is against it by more than this share, to no less than this share of it.
_OVERSHOOT, _LEAST = 0.5, 0.1
# Small steps around the greatest load, in one step.
_FINER = 4
# Forces asked for in a step after which the cycle is made anew for the bone as it flows, and least stiffness left in it.
_RENEWED, _SOFTEST = (5, 15, 40), 0.02


@dataclass(frozen=True)
class PlasticLaw:
    """Yield surface and softening, over Young's modulus: see `kernels.elastic_plastic`."""

    poisson: float
    ellipse: float
    softening: float
    residual: float

    @classmethod
    def of_bone(cls) -> PlasticLaw:
        """The law in the data; its ellipse follows from the plastic Poisson's ratio."""
        row = {
            key: quantity("mechanics/materials", "plastic", key).value for key in ("poisson", "softening", "residual")
        }
        ellipse = 4.5 * (1.0 - 2.0 * row["poisson"]) / (1.0 + row["poisson"])
        return cls(quantity("mechanics/laws", "bone", "poisson").value, ellipse, row["softening"], row["residual"])

    @property
    def numbers(self) -> tuple[float, float, float, float, float]:
        """As the kernel takes them."""
        shear, bulk = 0.5 / (1.0 + self.poisson), 1.0 / (3.0 * (1.0 - 2.0 * self.poisson))
        return shear, bulk, self.ellipse, self.softening, self.residual


class Points:
    """The Gauss points of the cubes that may yield: plastic strain and its equivalent, at the step's start and now."""

    def __init__(self, modulus: Floats, yield_stress: Floats, law: PlasticLaw) -> None:
        shape = modulus.shape
        places = np.argwhere((modulus > 0.0) & np.isfinite(yield_stress))
        nodes = np.array(shape) + 1
        self.cells = np.ravel_multi_index(tuple(places.T), tuple(nodes))
        chunks = -(-shape[0] // CHUNK)
        self.bounds = np.searchsorted(places[:, 0], np.arange(chunks + 1) * CHUNK)
        self.first = (yield_stress / np.where(modulus > 0.0, modulus, 1.0))[tuple(places.T)]
        self.law, self.shape = law.numbers, np.array(shape)
        self.start, self.start_kappa = np.zeros((len(places), 8, 6)), np.zeros((len(places), 8))
        self.now, self.kappa = self.start.copy(), self.start_kappa.copy()

    def take_force(self, out: Floats, u: Floats, modulus: Floats, side: float) -> None:
        """out -= forces of plastic strain at u; the state now is that at u."""
        take_plastic_force(
            out, u, self.cells, self.bounds, modulus, self.first, self.shape, modulus.size, side, self.law,
            self.start, self.start_kappa, self.now, self.kappa,
        )  # fmt: skip

    def stiffness_left(self) -> Floats:
        """Share of a cube's shear stiffness left by the flow of this step, its points averaged."""
        shear, _, ellipse, softening, residual = self.law
        now = self.first[:, None] * np.maximum(1.0 - softening * self.kappa, residual)
        flow = (self.kappa - self.start_kappa) / (2.0 * (1.0 + ellipse / 9.0) * now)
        return np.asarray((1.0 / (1.0 + 6.0 * shear * flow)).mean(axis=1))

    def saved(self) -> tuple[Floats, Floats]:
        """The state at the step's start, to go back to."""
        return self.start.copy(), self.start_kappa.copy()

    def restore(self, saved: tuple[Floats, Floats]) -> None:
        """Go back to a saved state."""
        self.start[:], self.start_kappa[:] = saved
        self.now[:], self.kappa[:] = saved

    def accept(self) -> None:
        """What is now becomes the start of the next step."""
        self.start[:], self.start_kappa[:] = self.now, self.kappa


class Balance:
    """Forces of a pressed solid at x: free displacements and, for a plate free to tilt, two slopes behind them."""

    def __init__(self, pressed: Pressed, law: PlasticLaw) -> None:
        self.pressed, self.system = pressed, pressed.system
        self.points = Points(pressed.solid.modulus_mpa, pressed.solid.yield_mpa, law)
        moves = [self.system.flat(answer.displacement_mm) for answer in pressed.answers]
        self.approach, self.tilts = -moves[0], moves[1:] if pressed.plates.plate == "ball" else []
        self.unknown = self.system.unknown != 0.0
        self.size = self.unknown.size
        scale = self.system.greatest * self.system.spacing_mm
        self.tilt_stiffness = pressed.stiffness[1:, 1:] / scale
        # Slopes are made comparable with displacements, so that norms mean something.
        self.arm = float(np.sqrt(self.tilt_stiffness.diagonal().mean())) if self.tilts else 1.0
        self.forces = np.zeros(self.size)
        self.grids = self.system.grids

    def displacement(self, x: Floats, approach_mm: float) -> Floats:
        """All displacements, flat."""
        u = x[: self.size] + approach_mm * self.approach
        for slope, field in zip(x[self.size :], self.tilts, strict=True):
            u += slope / self.arm * field
        return np.asarray(u)

    def residual(self, x: Floats, approach_mm: float) -> Floats:
        """What is out of balance: minus the inner forces on each unknown."""
        u = self.displacement(x, approach_mm)
        self.system.product(u, self.forces)
        self.points.take_force(self.forces, u, self.system.modulus, self.system.spacing_mm)
        tilting = [-vectors.dot(field, self.forces) / self.arm for field in self.tilts]
        return np.concatenate([np.where(self.unknown, -self.forces, 0.0), tilting])

    def renew(self) -> None:
        """Make the cycle anew for cubes as soft as they answer in this step."""
        left = np.ones(self.system.modulus.size)
        left[self.points.cells] = np.maximum(self.points.stiffness_left(), _SOFTEST)
        nodes = self.system.nodes
        modulus = (self.system.modulus * left)[: int(np.prod(nodes))].reshape(nodes)[:-1, :-1, :-1]
        self.grids = self.system.grids_for(modulus)

    def plate_norm(self) -> float:
        """Norm of the forces at prescribed displacements."""
        return _norm(np.where(self.unknown, 0.0, self.forces))

    def precondition(self, r: Floats) -> Floats:
        """About the elastic answer to r."""
        norm = _norm(r[: self.size]) or 1.0
        found = self.grids.cycle(r[: self.size], 1.0 / norm).astype(np.float64) * norm
        if not self.tilts:
            return found
        slopes = np.linalg.solve(self.tilt_stiffness, r[self.size :]) * self.arm**2
        return np.concatenate([found, slopes])


def push(
    pressed: Pressed, options: PushOptions | None = None, law: PlasticLaw | None = None, end_mm: float | None = None
) -> PushCurve:
    """Load against the body's apparent strain up to that of the data, or up to the plates' approach `end_mm`.

    NumericalError 773 when a step finds no balance.
    """
    options, law = options or PushOptions(), law or PlasticLaw.of_bone()
    most = np.inf
    if end_mm is None:
        most = quantity("mechanics/materials", "plastic", "end").value
        shortening = body_shortening(pressed.solid, pressed.field(pressed.move))
        # While all is elastic, soft layers take their part of the approach.
        end_mm = most * pressed.solid.height_mm / shortening
    with threads_for(pressed.system.stride, THREADS_FROM):
        return _pushed(Balance(pressed, law), options, end_mm, most)


@dataclass(frozen=True, eq=False)
class _Stop:
    """How a push stands after a step."""

    approach_mm: float
    x: Floats
    strain: float
    load_n: float
    points: tuple[Floats, Floats]


def _pushed(balance: Balance, options: PushOptions, end_mm: float, most: float) -> PushCurve:
    """Equal steps; where the load first falls, the last two are taken back and done again in small ones."""
    ahead = deque(end_mm * (n + 1) / options.steps for n in range(options.steps))
    rest = np.zeros(balance.size + len(balance.tilts))
    stops, asked, fallen = [_Stop(0.0, rest, 0.0, 0.0, balance.points.saved())], 0, False
    while ahead and stops[-1].strain < most:
        stop, count = _next_stop(balance, stops, ahead.popleft(), options)
        asked += count
        if stop.load_n >= stops[-1].load_n or fallen:
            stops.append(stop)
            continue
        fallen = True
        stops = stops[: max(len(stops) - 1, 1)]
        start = stops[-1].approach_mm
        parts = round((stop.approach_mm - start) / end_mm * options.steps) * _FINER
        ahead.extendleft(start + (stop.approach_mm - start) * n / parts for n in range(parts, 0, -1))
        balance.points.restore(stops[-1].points)
    strain, load = np.array([(stop.strain, stop.load_n) for stop in stops]).T
    return PushCurve(strain, load, asked, float((balance.points.kappa > 0.0).mean()))


def _next_stop(balance: Balance, stops: list[_Stop], approach: float, options: PushOptions) -> tuple[_Stop, int]:
    """Rest at an approach, from a guess that goes on as the last step went."""
    last = stops[-1]
    guess = last.x
    if len(stops) > 1:
        before = stops[-2]
        guess = last.x + (last.x - before.x) * (approach - last.approach_mm) / (last.approach_mm - before.approach_mm)
    x, asked = _balanced(balance, guess, approach, options)
    balance.points.accept()
    # A fall takes two steps back, and the guess one more.
    for n in range(len(stops) - 3):
        stops[n] = replace(stops[n], x=last.x[:0], points=(last.x[:0], last.x[:0]))
    return _Stop(approach, x, *_strain_and_load(balance, x, approach), balance.points.saved()), asked


def _strain_and_load(balance: Balance, x: Floats, approach_mm: float) -> tuple[float, float]:
    pressed, system = balance.pressed, balance.system
    field = system.by_node(balance.displacement(x, approach_mm))
    force = system.by_node(balance.forces) * (system.greatest * system.spacing_mm)
    load = -float(pressed.plates.resultant(force, system.spacing_mm)[0])
    return body_shortening(pressed.solid, field) / pressed.solid.height_mm, load


def _balanced(balance: Balance, x: Floats, approach_mm: float, options: PushOptions) -> tuple[Floats, int]:
    """Unknowns at rest from a guess, and how often forces were asked for."""
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=options.memory)
    r, asked = balance.residual(x, approach_mm), 1
    renewals = iter(_RENEWED)
    renew = next(renewals)
    while asked < options.most_iterations:
        if _norm(r) <= options.tolerance * balance.plate_norm():
            return x, asked
        if asked >= renew:
            balance.renew()
            renew = next(renewals, asked + _RENEWED[-1])
        move = _direction(balance, r, pairs)
        downhill = vectors.dot(move, r)
        following = balance.residual(x + move, approach_mm)
        asked += 1
        uphill = -vectors.dot(move, following)
        if uphill > _OVERSHOOT * downhill:
            # Too far: go where the line from the old slope to the new one crosses 0.
            move = move * max(downhill / (downhill + uphill), _LEAST)
            following = balance.residual(x + move, approach_mm)
            asked += 1
        change = r - following
        curvature = vectors.dot(change, move)
        if curvature > 0.0:
            pairs.append((move, change, curvature))
        x, r = x + move, following
    raise NumericalError(
        773, "elastic-plastic push",
        f"out of balance by {_norm(r) / balance.plate_norm():.1e} at {approach_mm:.3f} mm",
        f"at most {options.tolerance:.0e}", "take more steps or a stronger law",
    )  # fmt: skip


def _direction(balance: Balance, r: Floats, pairs: deque[tuple[Floats, Floats, float]]) -> Floats:
    """L-BFGS: the two loops over earlier moves around one elastic cycle."""
    q, weights = r.copy(), []
    for move, change, curvature in reversed(pairs):
        weights.append(vectors.dot(move, q) / curvature)
        vectors.add_scaled(q, -weights[-1], change)
    found = balance.precondition(q)
    for (move, change, curvature), weight in zip(pairs, reversed(weights), strict=True):
        vectors.add_scaled(found, weight - vectors.dot(change, found) / curvature, move)
    return found


def _norm(a: Floats) -> float:
    """Length of a vector, summed alike on any number of threads."""
    return float(np.sqrt(vectors.dot(a, a)))
