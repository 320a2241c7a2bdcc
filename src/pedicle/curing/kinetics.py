"""How far cement has converted: autocatalytic, as fast as its temperature lets it, up to what its glass lets through.

    da/dt = (k a^m (a_max - a)^n + slow (1 - a)) x age_rate(T),   a_max = T / T_glass (kelvin, at most 1)

The first term ends at a_max: cement below its glass transition is too stiff for its own monomer. age_rate is the clock of
the injection (`model.cement`), so that an equivalent age and a conversion say the same of a portion at 22 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from pedicle.curing.paste import paste
from pedicle.kernels.heat_reaction import react
from pedicle.model.cement import age_rate
from pedicle.model.errors import InputError
from pedicle.model.sourced import as_quantity, quantity, table

Array = NDArray[np.float64]
KELVIN, _FILE, _LAWS = 273.15, "curing/kinetics", "cement_laws"
# Knots of the table from age to conversion.
_KNOTS = 2000
_MANY = 1000


@dataclass(frozen=True)
class Kinetics:
    """Constants of one cement; rates belong to the reference temperature. `heat_j_mm3` is released by full conversion."""

    rate_per_s: float
    m: float
    n: float
    glass_k: float
    start: float
    slow_per_s: float
    set_part: float
    heat_j_mm3: float
    reference_k: float
    warm_j_mol: float
    cold_j_mol: float

    @property
    def constants(self) -> Array:
        """As the kernels take them."""
        return np.array([
            self.rate_per_s, self.m, self.n, self.glass_k, self.slow_per_s, self.reference_k, self.warm_j_mol, self.cold_j_mol
        ])  # fmt: skip

    @property
    def set_conversion(self) -> float:
        """Conversion at which the cement counts as set."""
        return self.set_part * self.reference_k / self.glass_k

    def most(self, celsius: ArrayLike) -> Array:
        """Conversion at which the fast reaction ends at a temperature.

        >>> round(float(kinetics("standard-krebs2005").most(37.0)), 2)
        0.82
        """
        return np.minimum((np.asarray(celsius, dtype=np.float64) + KELVIN) / self.glass_k, 1.0)

    def per_s(self, conversion: ArrayLike, celsius: ArrayLike) -> Array:
        """d conversion / dt, arrays broadcast."""
        a = np.asarray(conversion, dtype=np.float64)
        room = np.maximum(self.most(celsius) - a, 0.0)
        fast = self.rate_per_s * a**self.m * room**self.n
        return np.asarray((fast + self.slow_per_s * (1.0 - a)) * age_rate(celsius))

    def at_age(self, age_s: ArrayLike) -> Array:
        """Conversion of cement that was kept at the reference temperature to this equivalent age, any shape.

        >>> cement = kinetics("standard-krebs2005")
        >>> round(float(cement.at_age(936.0) / cement.set_conversion), 2)
        1.0
        """
        ages = np.asarray(age_s, dtype=np.float64)
        knots = np.linspace(0.0, max(float(ages.max(initial=0.0)), 1.0), _KNOTS)
        return np.interp(ages, knots, self._isothermal(knots, self.reference_k - KELVIN))

    def held_at(self, conversion: Array, celsius: float, seconds: float) -> Array:
        """Conversion (n,) after so long at one temperature; of many it is interpolated between a thousand."""
        found = np.array(conversion, dtype=np.float64)
        if found.size > _MANY:
            knots = np.linspace(float(found.min()), float(found.max()), _MANY)
            return np.interp(found, knots, self.held_at(knots, celsius, seconds))
        place = np.full(found.size, celsius)
        react(np.arange(found.size), found, np.zeros(found.size), place, KELVIN, seconds, self.constants)
        return found

    def time_to(self, conversion: float, celsius: float) -> float:
        """Seconds from mixing to a conversion at one temperature; inf when it does not get there within a day."""
        reached = float(self.most(celsius))
        last = conversion if conversion < reached else reached
        found = quad(
            lambda log: np.exp(log) / self.per_s(np.exp(log), celsius), np.log(self.start), np.log(last), limit=200
        )[0]
        if conversion >= reached:
            found += np.log((1.0 - reached) / (1.0 - conversion)) / (self.slow_per_s * float(age_rate(celsius)))
        return float(found) if found < 86400.0 else float("inf")

    def setting_s(self, celsius: float) -> float:
        """Time from mixing to setting at one temperature."""
        return self.time_to(self.set_conversion, celsius)

    def with_setting(self, age_s: float) -> Kinetics:
        """The same with the rate that makes it set at this equivalent age; the slow part hardly counts and is left in."""
        now = self
        for _ in range(4):
            now = replace(now, rate_per_s=now.rate_per_s * now.setting_s(now.reference_k - KELVIN) / age_s)
        return now

    def _isothermal(self, times: Array, celsius: float) -> Array:
        found = np.empty(times.size)
        now = np.array([self.start])
        found[0] = self.start
        for number, step in enumerate(np.diff(times), 1):
            now = self.held_at(now, celsius, float(step))
            found[number] = now[0]
        return found


def general_kinetics(rate_per_s: float = 0.01, heat_j_mm3: float = 0.12) -> Kinetics:
    """The constants that cements share, with some rate and heat."""
    order = {key: quantity(_FILE, "order", key).value for key in ("m", "n", "glass", "start", "slow", "set")}
    reference, warm, cold = (
        quantity(_LAWS, key).value
        for key in ("reference_temperature", "activation_energy_warm", "activation_energy_cold")
    )
    return Kinetics(
        rate_per_s=rate_per_s,
        m=order["m"],
        n=order["n"],
        glass_k=order["glass"] + KELVIN,
        start=order["start"],
        slow_per_s=order["slow"],
        set_part=order["set"],
        heat_j_mm3=heat_j_mm3,
        reference_k=reference + KELVIN,
        warm_j_mol=warm * 1e3,
        cold_j_mol=cold * 1e3,
    )


def kinetics(cement: str, heat_factor: float = 1.0) -> Kinetics:
    """The kinetics of a cement of the catalogue; InputError 760 when it has none."""
    rows = table(_FILE)["rate"]
    if cement not in rows:
        raise InputError(
            760, f"cement {cement!r}", "no rate of curing", ", ".join(rows), "fit one: benchmarks/cure_fit.py"
        )
    return general_kinetics(as_quantity(rows[cement]).value, paste(cement).heat_j_mm3 * heat_factor)
