"""The cement's clock: from ages and conversions to what may be done when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.warming import ROOM_C
from pedicle.model.cement import Cement, age_rate, cement
from pedicle.model.cure import CementClock
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
_FILE = "curing/hardening"
# Ages at which a viscosity is looked up.
_AGES = 4000
ROOM = "cement kept at the room's temperature: its file's ages by the law of temperature"


@dataclass(frozen=True, eq=False)
class Track:
    """How the cement of one level went on, s since the end of the injection: equivalent age at the needle's tip by time, when
    each cell set (n,), inf = not, with its volume, and mean strength by time."""

    t_s: Array
    tip_age_s: Array
    set_at_s: Array
    cement_mm3: Array
    strength_mpa: Array


def batch_clock(name: str, mixed_s: float = 0.0, room_c: float = ROOM_C) -> CementClock:
    """The clock of a batch before anything is injected: when it is workable in a room.

    >>> clock = batch_clock("standard-krebs2005")
    >>> clock.workable_from_s, clock.workable_until_s
    (300.0, 600.0)
    """
    batch, rate = cement(name), float(age_rate(room_c))
    basis = dict.fromkeys(("workable_from_s", "workable_until_s"), ROOM)
    return CementClock(
        mixed_s, mixed_s + batch.working_from_s / rate, mixed_s + batch.working_until_s / rate, basis=basis
    )


def age_at_viscosity(batch: Cement, viscosity_pa_s: float) -> float:
    """First equivalent age at which the cement at rest is so thick; its setting age when it is not before.

    >>> batch = cement("standard-krebs2005")
    >>> age_at_viscosity(batch, 2000.0), age_at_viscosity(batch, 1e9)
    (500.0, 936.0)
    """
    ages = np.sort(np.append(np.linspace(0.0, batch.setting_s, _AGES + 1), batch.ages_s))
    thick = batch.viscosity_pa_s(ages, 0.0) >= viscosity_pa_s * (1.0 - 1e-9)
    return float(ages[np.argmax(thick)])


def clock_of(batch: CementClock, name: str, began_s: float, track: Track) -> CementClock:
    """The whole clock, once it is known how the cement went on in the bone from `began_s` on."""
    opens, closes = (quantity(_FILE, "needle", key).value for key in ("opens", "closes"))
    share, strength = (quantity(_FILE, "patient", key).value for key in ("turn_share", "stand_strength"))
    kept = cement(name)
    at = [_when(track.t_s, track.tip_age_s, age_at_viscosity(kept, pa_s)) for pa_s in (opens, closes)]
    basis = {
        "needle_from_s": f"cement at the needle's tip thicker than {opens:g} Pa s at rest: it tears off (assumed)",
        "needle_until_s": f"cement at the needle's tip thicker than {closes:g} Pa s at rest: it holds the needle (assumed)",
        "set_s": "half of the cement's volume has reached half of its final conversion",
        "turn_s": f"{100 * share:.0f} % of the cement's volume has set (assumed to be enough)",
        "stand_s": f"as for turning, and mean strength {strength:.0f} MPa, which the standard asks of cement; not of the bone",
    }
    turned, strong = set_time(track, share), _when(track.t_s, track.strength_mpa, strength)
    stand = None if turned is None or strong is None else max(turned, strong)
    times = (*at, set_time(track, 0.5), turned, stand)
    opened, closed, half, turned, stand = (None if time is None else began_s + time for time in times)
    return replace(
        batch, needle_from_s=opened, needle_until_s=closed, set_s=half, turn_s=turned, stand_s=stand,
        basis={**batch.basis, **basis},
    )  # fmt: skip


def set_time(track: Track, share: float) -> float | None:
    """When so much of the cement's volume had set; None when it did not."""
    order = np.argsort(track.set_at_s, kind="stable")
    volume = np.cumsum(track.cement_mm3[order])
    at = track.set_at_s[order][int(np.searchsorted(volume, share * volume[-1] * (1.0 - 1e-12)))]
    return float(at) if np.isfinite(at) else None


def _when(times: Array, values: Array, limit: float) -> float | None:
    """First time at which rising values reach a limit, linear between; None when they do not."""
    reached = np.flatnonzero(values >= limit)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return float(times[0])
    return float(np.interp(limit, values[at - 1 : at + 1], times[at - 1 : at + 1]))
