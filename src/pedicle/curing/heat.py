"""Heat in a body of cells with reacting cement, and its balance: what was released is stored, has left, or was carried off.

A step is a reaction and an exchange with blood, and conduction along each axis; every second step takes them in the other
order, which makes a pair of second order in time. Units: mm, s, J, W, kelvin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.kinetics import KELVIN, Kinetics
from pedicle.kernels.heat_conduction import conduct_across, conduct_along
from pedicle.kernels.heat_reaction import carry_off, keep, react, stored
from pedicle.model.errors import NumericalError
from pedicle.model.medium import Faces
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
OPEN_BALANCE = 1e-3
_FIRST_S, _GROWTH, _SHRINK, _DAMAGE = 0.5, 1.3, 0.5, "curing/damage"
# Heat below this part of what the cement can release is rounding.
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Body:
    """What heat flows through, arrays (nx, ny, nz).

    `capacity_j_k` of each cell; `faces_w_k` conductances of all faces along each axis, sides included: (nx + 1, ny, nz) and
    so on, 0 where closed; `exchange_w_k` with blood or a bath. Outside, blood and bath have `outside_c`. `cells` (n,) are the
    linear indices, C order, of cells with cement, `cement_mm3` (n,) how much is in them.
    """

    capacity_j_k: Array
    faces_w_k: Faces
    exchange_w_k: Array
    outside_c: float
    cells: NDArray[np.int64]
    cement_mm3: Array


@dataclass(frozen=True, eq=False)
class Records:
    """What each cell went through, flat: peak and times in seconds above two limits, damage integral, minutes at 43 degrees."""

    peak: Array
    omega: Array
    minutes: Array
    above_50_s: Array
    above_nerve_s: Array

    @classmethod
    def none(cls, cells: int) -> Records:
        """Nothing yet."""
        return cls(*(np.zeros(cells) for _ in range(5)))


@dataclass(eq=False)
class HeatState:
    """How a body stands at `t_s`: `temperature` (nx, ny, nz) above the outside, `conversion` and `age_s` (n,) of its cement, and the books.

    J: `start_j` was there at the beginning, `released_j` came from the reaction, `lost_j` left through the sides, `carried_j`
    with blood. `balance_error` is the worst of all steps, as a part of what was there and released.
    """

    temperature: Array
    conversion: Array
    age_s: Array
    records: Records
    t_s: float = 0.0
    step_s: float = _FIRST_S
    steps: int = 0
    start_j: float = 0.0
    released_j: float = 0.0
    lost_j: float = 0.0
    carried_j: float = 0.0
    balance_error: float = 0.0
    change_k: float = 0.0
    _before: Array = field(default_factory=lambda: np.zeros(0), repr=False)


@dataclass(frozen=True)
class Pace:
    """How long a step may be: the change of the temperature it aims at, a longest one, and where the run ends."""

    until_s: float
    change_k: float = 1.0
    longest_s: float = 30.0


def body_of(
    conductivity_w_mm_k: Array, capacity_j_mm3_k: Array, exchange_w_mm3_k: Array, spacing_mm: tuple[float, float, float],
    outside_c: float, cement_share: Array, open_sides: tuple[bool, bool, bool] = (True, True, True),
) -> Body:  # fmt: skip
    """A body from the properties of its cells, (nx, ny, nz). Sides along an axis stand at the outside's temperature, or are closed."""
    volume = float(np.prod(spacing_mm))
    faces = tuple(
        _faces(conductivity_w_mm_k, axis, step, volume / step, open_sides[axis]) for axis, step in enumerate(spacing_mm)
    )
    cells = np.flatnonzero(cement_share.ravel() > 0.0).astype(np.int64)
    return Body(
        capacity_j_k=np.ascontiguousarray(capacity_j_mm3_k * volume),
        faces_w_k=(faces[0], faces[1], faces[2]),
        exchange_w_k=np.ascontiguousarray(exchange_w_mm3_k * volume),
        outside_c=outside_c,
        cells=cells,
        cement_mm3=cement_share.ravel()[cells] * volume,
    )


def _faces(conductivity: Array, axis: int, step_mm: float, area_mm2: float, is_open: bool) -> Array:
    """k A / d of all faces square to an axis: harmonic between cells, the half cell at the sides."""
    k = np.moveaxis(conductivity, axis, 0)
    found = np.zeros((k.shape[0] + 1, *k.shape[1:]))
    found[1:-1] = area_mm2 / step_mm * 2.0 * k[:-1] * k[1:] / (k[:-1] + k[1:])
    if is_open:
        found[0], found[-1] = (area_mm2 / step_mm * 2.0 * k[side] for side in (0, -1))
    return np.ascontiguousarray(np.moveaxis(found, 0, axis))


def started(body: Body, temperature_c: Array, conversion: Array, age_s: Array | None = None) -> HeatState:
    """A body at the beginning: `temperature_c` (nx, ny, nz), conversion and equivalent age (n,) of its cement."""
    above = np.ascontiguousarray(temperature_c - body.outside_c, dtype=np.float64)
    age = np.zeros(body.cells.size) if age_s is None else np.array(age_s, dtype=np.float64)
    now = HeatState(above, np.array(conversion, dtype=np.float64), age, Records.none(above.size))
    now.start_j = float(stored(above.ravel(), body.capacity_j_k.ravel()))
    now._before = above.copy()
    now.records.peak[:] = above.ravel().clip(0.0)
    return now


def step(body: Body, kinetics: Kinetics, now: HeatState, dt_s: float) -> None:
    """One step in place; NumericalError 762 when the balance opens beyond a thousandth, 763 when conversion falls."""
    before = now.conversion.copy()
    order = (_reacted, _left_right, _front_back, _down_up)
    for part in order if now.steps % 2 == 0 else order[::-1]:
        part(body, kinetics, now, dt_s)
    now.steps += 1
    now.t_s += dt_s
    _booked(body, kinetics, now, before)
    _kept(body, now, dt_s)


def advance(body: Body, kinetics: Kinetics, now: HeatState, pace: Pace) -> None:
    """One step in place, as long as the pace lets it be."""
    dt = min(now.step_s, pace.longest_s, pace.until_s - now.t_s)
    step(body, kinetics, now, dt)
    wanted = pace.change_k / max(now.change_k, 1e-12)
    now.step_s = max(dt * min(max(wanted, _SHRINK), _GROWTH), _FIRST_S / 16.0)


def _reacted(body: Body, kinetics: Kinetics, now: HeatState, dt: float) -> None:
    flat, capacity = now.temperature.reshape(-1), body.capacity_j_k.reshape(-1)
    warming = kinetics.heat_j_mm3 * body.cement_mm3 / capacity[body.cells]
    react(
        body.cells, now.conversion, warming, flat, body.outside_c + KELVIN, dt, kinetics.constants
    )  # fmt: skip
    now.carried_j += float(carry_off(flat, capacity, body.exchange_w_k.reshape(-1), dt))


def _left_right(body: Body, kinetics: Kinetics, now: HeatState, dt: float) -> None:
    nx, ny, nz = now.temperature.shape
    one, faces = (1, nx, ny * nz), body.faces_w_k[0].reshape(1, nx + 1, ny * nz)
    now.lost_j += float(conduct_across(now.temperature.reshape(one), body.capacity_j_k.reshape(one), faces, dt))


def _front_back(body: Body, kinetics: Kinetics, now: HeatState, dt: float) -> None:
    now.lost_j += float(conduct_across(now.temperature, body.capacity_j_k, body.faces_w_k[1], dt))


def _down_up(body: Body, kinetics: Kinetics, now: HeatState, dt: float) -> None:
    nx, ny, nz = now.temperature.shape
    lines, faces = (nx * ny, nz), body.faces_w_k[2].reshape(nx * ny, nz + 1)
    now.lost_j += float(conduct_along(now.temperature.reshape(lines), body.capacity_j_k.reshape(lines), faces, dt))


def _booked(body: Body, kinetics: Kinetics, now: HeatState, before: Array) -> None:
    """The balance after a step."""
    if (now.conversion < before).any() or not np.isfinite(now.conversion).all():
        raise NumericalError(763, "cement", "conversion fell", "conversion never falls", "report it with the case")
    now.released_j += kinetics.heat_j_mm3 * float(((now.conversion - before) * body.cement_mm3).sum())
    held = float(stored(now.temperature.reshape(-1), body.capacity_j_k.reshape(-1)))
    is_open = abs(now.start_j + now.released_j - held - now.lost_j - now.carried_j)
    least = _NOTHING * kinetics.heat_j_mm3 * float(body.cement_mm3.sum())
    now.balance_error = max(now.balance_error, is_open / max(now.released_j + abs(now.start_j), least, 1e-300))
    if not now.balance_error <= OPEN_BALANCE:
        raise NumericalError(
            762,
            "heat",
            f"balance open by {now.balance_error:.1e}",
            f"at most {OPEN_BALANCE:g}",
            "report it with the case",
        )


def _kept(body: Body, now: HeatState, dt: float) -> None:
    """Peaks and damage over a step."""
    records = now.records
    now.change_k = float(
        keep(
            now._before.reshape(-1), now.temperature.reshape(-1),
            (records.peak, records.omega, records.minutes, records.above_50_s, records.above_nerve_s),
            body.outside_c, dt, damage_constants(),
        )
    )  # fmt: skip


def damage_constants() -> Array:
    """As the kernel takes them; temperatures up to half a kelvin above the outside are not counted."""
    rows = (("henriques", "factor", 1.0), ("henriques", "energy", 1e3), ("cem43", "warm", 1.0), ("cem43", "cool", 1.0))
    laws = [quantity(_DAMAGE, table, key).value * unit for table, key, unit in rows]
    return np.array([*laws, 0.5, 50.0, quantity(_DAMAGE, "nerve", "celsius").value])
