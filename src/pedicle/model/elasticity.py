"""Laws from bone density to stiffness and strength."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.density import k2hpo4_from_caha
from pedicle.model.sourced import as_quantity, quantity, remembered, table

_FILE = "mechanics/laws"
Kind = Literal["k2hpo4", "apparent", "ash"]


@dataclass(frozen=True)
class Compact:
    """Compact bone: Young's modulus MPa, strain at which it yields, hydroxyapatite density mg/cm3."""

    modulus_mpa: float
    yield_strain: float
    density_mg_cm3: float


@dataclass(frozen=True)
class ElasticLaw:
    """Young's modulus and yield stress, MPa, of bone by its density; `other` names the law that says how far laws differ.

    Yield is `yield_mpa` x density^`yield_exponent`, or `yield_strain` x modulus where that is given. `shell` is what the mineral of
    a body's outermost cells above that of its core is taken for; None = for bone as in the core.
    """

    name: str
    density: Kind
    modulus_mpa: float
    modulus_exponent: float
    yield_mpa: float | None
    yield_exponent: float | None
    yield_strain: float | None
    other: str
    shell: Compact | None = None

    def modulus(self, caha_mg_cm3: ArrayLike) -> NDArray[np.float64]:
        """Young's modulus of bone with this hydroxyapatite density, any shape; at least that of marrow.

        >>> round(float(elastic_law("kopperdahl2002").modulus(100.0)))
        217
        """
        found = self.modulus_mpa * self._density(caha_mg_cm3) ** self.modulus_exponent
        return np.maximum(found, quantity(_FILE, "bone", "least_modulus").value)

    def yield_stress(self, caha_mg_cm3: ArrayLike) -> NDArray[np.float64]:
        """Stress at which it yields, any shape; at least 1 % of marrow's modulus."""
        least = 0.01 * quantity(_FILE, "bone", "least_modulus").value
        if self.yield_strain is not None:
            return np.maximum(self.yield_strain * self.modulus(caha_mg_cm3), least)
        assert self.yield_mpa is not None
        assert self.yield_exponent is not None
        return np.maximum(self.yield_mpa * self._density(caha_mg_cm3) ** self.yield_exponent, least)

    def _density(self, caha_mg_cm3: ArrayLike) -> NDArray[np.float64]:
        """The law's own density, g/cm3, between 0 and the greatest of bone."""
        most = quantity(_FILE, "bone", "most_density").value
        phosphate = np.clip(k2hpo4_from_caha(caha_mg_cm3) / 1000.0, 0.0, most)
        if self.density == "k2hpo4":
            return np.asarray(phosphate)
        slope, offset = (quantity(_FILE, "density", key).value for key in ("ash_slope", "ash_offset"))
        ash = slope * phosphate + offset
        return ash if self.density == "ash" else ash / quantity(_FILE, "density", "ash_per_apparent").value


def elastic_law_names() -> list[str]:
    """Names of the laws in data/mechanics/laws.toml."""
    return sorted(table(_FILE)["law"])


@remembered
def elastic_law(name: str) -> ElasticLaw:
    """A law by name; KeyError when there is none."""
    row = table(_FILE)["law"][name]
    if "like" in row:
        shell = Compact(*(quantity(_FILE, row["shell"], key).value for key in ("modulus", "yield_strain", "density")))
        return replace(elastic_law(row["like"]), name=name, other=row["other"], shell=shell)
    number = {key: as_quantity(row[key]).value for key in row if isinstance(row[key], dict)}
    return ElasticLaw(
        name,
        row["density"],
        number["modulus"],
        number["modulus_exponent"],
        number.get("yield"),
        number.get("yield_exponent"),
        number.get("yield_strain"),
        row["other"],
    )
