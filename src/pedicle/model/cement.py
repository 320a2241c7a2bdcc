"""Bone cements of the catalogue (data/cements, one file each) and the laws of how they age and flow.

Age is reaction-equivalent: seconds since mixing at the reference temperature. A portion carries its own age, and all else
follows from it. Laws are plain NumPy on arrays of any shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.beam import density_g_cm3, parts
from pedicle.model.errors import InputError
from pedicle.model.sourced import Quantity, as_quantity, quantity, remembered, table, table_names

Array = NDArray[np.float64]
_FOLDER, _LAWS = "cements", "cement_laws"
_GAS_CONSTANT = 8.314462618e-3
_ZERO_CELSIUS_K = 273.15
# Nodes of the quadrature over a warming batch: an exponential of an exponential over one time constant, exact to 1e-9.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, eq=False)
class Cement:
    """A bone cement.

    Attributes
    ----------
    name, title : str
        Key in the catalogue, and words for a person.
    viscosity : "low" | "medium" | "high"
        The class it is sold in.
    working_from_s, working_until_s, setting_s : float
        Equivalent ages at which its liquid (sticky) phase ends and it can be injected, until when it can, and at which it
        is hard and moves no more.
    ages_s, consistencies, indices, yields_pa : ndarray, shape (k,)
        Knots of the flow curve: consistency in Pa s^n, shear index n and yield stress (0 where a file states none); between
        knots ln(consistency), n and yield are linear.
    xray_material : str
        Its material in the beam (`model.beam`), which holds radiopacifier, its share by mass, and density.
    evidence : dict
        Every constant as read from its file, by name, with source and evidence.
    """

    name: str
    title: str
    viscosity: Literal["low", "medium", "high"]
    working_from_s: float
    working_until_s: float
    setting_s: float
    ages_s: Array
    consistencies: Array
    indices: Array
    yields_pa: Array
    xray_material: str
    evidence: dict[str, Quantity] = field(repr=False)

    @property
    def density_g_cm3(self) -> float:
        """Density of the cement, pores left out."""
        return density_g_cm3(self.xray_material)

    @property
    def radiopacifier(self) -> tuple[str, float]:
        """What makes it visible, and its share of the cement's mass.

        >>> cement("low-habib2010").radiopacifier
        ('barium_sulfate', 0.3)
        """
        return next((part, share) for part, share in parts(self.xray_material).items() if part != "pmma")

    def power_law(self, age_s: ArrayLike) -> tuple[Array, Array]:
        """Consistency in Pa s^n and index at an equivalent age: viscosity = consistency * shear_rate^(index - 1).

        What a pipe's pressure drop asks for. Consistency is inf from setting on; before the first knot it is the first's.

        >>> consistency, index = cement("high-habib2010").power_law([210.0, 5000.0])
        >>> consistency.round(6).tolist(), index.tolist()
        ([2000.0, inf], [0.5, 0.5])
        """
        age = np.asarray(age_s, dtype=np.float64)
        consistency = np.exp(np.interp(age, self.ages_s, np.log(self.consistencies)))
        return np.where(age >= self.setting_s, np.inf, consistency), np.interp(age, self.ages_s, self.indices)

    def thicker(self, factor: float) -> Cement:
        """The same cement with its consistency and yield stress times `factor`: another batch, for the spread of results.

        >>> batch = cement("standard-krebs2005").thicker(2.0)
        >>> float(batch.power_law(500.0)[0].round(6))
        4000.0
        """
        return replace(self, consistencies=self.consistencies * factor, yields_pa=self.yields_pa * factor)

    def yield_pa(self, age_s: ArrayLike) -> Array:
        """Yield stress in Pa at an equivalent age; no cement of the catalogue has one: none was read."""
        return np.interp(np.asarray(age_s, dtype=np.float64), self.ages_s, self.yields_pa)

    def viscosity_pa_s(self, age_s: ArrayLike, shear_rate_per_s: ArrayLike) -> Array:
        """Viscosity in Pa s after Carreau: constant at rest, the power law at high shear; inf from setting on.

        The plateau begins at the shear rate 1 / carreau_time (data/cement_laws). Arrays are broadcast.

        >>> slow, fast = cement("standard-krebs2005").viscosity_pa_s(500.0, [0.0, 50.0])
        >>> round(float(slow)), round(float(fast))
        (2000, 283)
        """
        consistency, index = self.power_law(age_s)
        time = quantity(_LAWS, "carreau_time").value
        at_rest = consistency * time ** (1.0 - index)
        shear = np.asarray(shear_rate_per_s, dtype=np.float64)
        return np.asarray(at_rest * (1.0 + (time * shear) ** 2) ** ((index - 1.0) / 2.0), dtype=np.float64)


def batch_factor(normal: float) -> float:
    """Factor on the consistency of one batch, for a standard normal number: lognormal, median 1.

    Spread consistency_spread of data/cement_laws, from forces measured at constant rate.

    >>> batch_factor(0.0)
    1.0
    """
    return float(np.exp(quantity(_LAWS, "consistency_spread").value * normal))


def body_temperature_c() -> float:
    """Temperature that cement takes in the body, Celsius."""
    return quantity(_LAWS, "body_temperature").value


def age_rate(temperature_c: ArrayLike) -> Array:
    """Equivalent seconds per second at a temperature in Celsius: Arrhenius, 1 at the reference temperature.

    One energy does not hold over the range: 44.4 kJ/mol (curing of Nicholas 2007, 25 to 37 degC) is used above the reference
    temperature, 78.7 kJ/mol (ice bath of Lai 2012) below.

    >>> [round(float(rate), 3) for rate in age_rate([0.0, 22.0, 37.0])]
    [0.076, 1.0, 2.399]
    """
    kelvin = np.asarray(temperature_c, dtype=np.float64) + _ZERO_CELSIUS_K
    reference = quantity(_LAWS, "reference_temperature").value + _ZERO_CELSIUS_K
    warm, cold = (quantity(_LAWS, f"activation_energy_{side}").value for side in ("warm", "cold"))
    energy = np.where(kelvin >= reference, warm, cold)
    return np.asarray(np.exp(energy / _GAS_CONSTANT * (1.0 / reference - 1.0 / kelvin)), dtype=np.float64)


def aged(age_s: float, elapsed_s: float, start_c: float, around_c: float) -> tuple[float, float]:
    """Equivalent age and temperature of a batch `elapsed_s` later that takes the temperature around it.

    Newton's law with the time constant warming_time of data/cement_laws (fitted to pre-cooled handling times).

    >>> age, celsius = aged(0.0, 510.0, 22.0, 22.0)
    >>> round(age, 6), celsius
    (510.0, 22.0)
    """
    time = quantity(_LAWS, "warming_time").value
    pieces = max(1, int(np.ceil(elapsed_s / time)))
    width = elapsed_s / pieces
    at = (np.arange(pieces)[:, None] + (_NODES + 1.0) / 2.0) * width
    rates = age_rate(around_c + (start_c - around_c) * np.exp(-at / time))
    return age_s + float((rates * _WEIGHTS).sum()) * width / 2.0, float(
        around_c + (start_c - around_c) * np.exp(-elapsed_s / time)
    )


def cements() -> tuple[str, ...]:
    """Names of the catalogue, one for each file of data/cements.

    >>> cements()
    ('high-habib2010', 'low-habib2010', 'medium-isrn2011', 'standard-krebs2005')
    """
    return tuple(name.removeprefix(f"{_FOLDER}/") for name in table_names() if name.startswith(f"{_FOLDER}/"))


def cement(name: str) -> Cement:
    """The cement of that name; InputError that lists the names when there is none."""
    if name not in cements():
        raise InputError(
            480, f"cement {name!r}", "not in the catalogue", ", ".join(cements()), "use one of these names"
        )
    return _read(name)


@remembered
def _read(name: str) -> Cement:
    rows = table(f"{_FOLDER}/{name}")
    evidence = {key: as_quantity(rows[key]) for key in ("working_from", "working_until", "setting")}
    for number, knot in enumerate(rows["flow_curve"]):
        evidence |= {f"{key}_{number}": as_quantity(value) for key, value in knot.items()}
    return Cement(
        name=name,
        title=rows["title"],
        viscosity=rows["viscosity"],
        working_from_s=evidence["working_from"].value,
        working_until_s=evidence["working_until"].value,
        setting_s=evidence["setting"].value,
        ages_s=_column(rows, "age"),
        consistencies=_column(rows, "consistency"),
        indices=_column(rows, "index"),
        yields_pa=_column(rows, "yield_stress"),
        xray_material=rows["xray_material"],
        evidence=evidence,
    )


def _column(rows: dict[str, Any], key: str) -> Array:
    found = np.array([knot.get(key, {"value": 0.0})["value"] for knot in rows["flow_curve"]], dtype=np.float64)
    found.setflags(write=False)
    return found
