"""The laws of bone as a porous body: from mineral density to porosity, from porosity to permeability.

Permeability is in mm2 (1 m2 = 1e6 mm2). Published levels for vertebral bone differ by ten; a law is chosen by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.density import density_law, tissue_hu
from pedicle.model.sourced import as_quantity, quantity, table

_FILE = "bone/flow"
MM2_PER_M2 = 1.0e6
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PermeabilityLaw:
    """Permeability of spongy bone by porosity.

    `along_mm2` maps porosity (any shape, 0 to 1) to mm2 from head to feet; front to back and side to side are
    `transverse_ratio` of it. `sigma_ln` is the standard deviation of ln k between bones of one porosity.
    """

    name: str
    along_mm2: Callable[[Array], Array]
    transverse_ratio: float
    sigma_ln: float


def bone_volume_fraction(density_mg_cm3: ArrayLike) -> Array:
    """BV/TV of bone with this mineral density (CaHA), any shape: a mixture of solid bone and half-fatty marrow.

    Held between 0.05 and 0.95; gas and noise below give the lower bound.

    >>> round(float(bone_volume_fraction(1083.0)), 2), round(float(bone_volume_fraction(-900.0)), 2)
    (0.95, 0.05)
    """
    solid, low, high = (quantity(_FILE, "porosity", key).value for key in ("solid", "least_bone", "most_bone"))
    marrow = marrow_density_mg_cm3()
    share = (np.asarray(density_mg_cm3, dtype=np.float64) - marrow) / (solid - marrow)
    return np.clip(share, low, high)


def porosity(density_mg_cm3: ArrayLike) -> Array:
    """Share of a volume that marrow fills, 1 - BV/TV, any shape."""
    return np.asarray(1.0 - bone_volume_fraction(density_mg_cm3))


def marrow_density_mg_cm3() -> float:
    """What marrow without bone reads as mineral at 120 kVp: negative, for half of it is fat."""
    law = density_law(120.0)
    return quantity(_FILE, "porosity", "marrow_fat").value * float(law.density_from_hu(tissue_hu("fat", law)))


def kozeny_shape(share: Array) -> Array:
    """p^3/(1-p)^2 of porosity p."""
    return np.asarray(share**3 / np.square(1.0 - share))


def _levelled(name: str) -> Callable[[Array], Array]:
    """Kozeny's shape through a published level at one porosity."""

    def along(share: Array) -> Array:
        level, at = (quantity(_FILE, "law", name, key).value for key in ("level", "at"))
        return np.asarray(level * MM2_PER_M2 / kozeny_shape(np.array(at)) * kozeny_shape(share))

    return along


def _by_surface(share: Array) -> Array:
    """Kozeny's equation with the specific surface of bone by Martin's polynomial."""
    rows = table(_FILE)["law"]["kohles_roberts"]["surface"]
    surface = sum(as_quantity(row).value * share ** (power + 1) for power, row in enumerate(rows))
    return np.asarray(quantity(_FILE, "law", "kohles_roberts", "constant").value * share**3 / np.square(surface))


# A law: one function of porosity and a table in data/bone/flow.toml.
PERMEABILITY_LAWS: dict[str, Callable[[Array], Array]] = {
    "kozeny": _levelled("kozeny"),
    "baroud": _levelled("baroud"),
    "nauman": _levelled("nauman"),
    "kohles_roberts": _by_surface,
}


def permeability_law(name: str = "kozeny") -> PermeabilityLaw:
    """The law of that name; KeyError for an unknown one.

    >>> round(float(permeability_law("kozeny").along_mm2(np.array(0.85))), 6)
    0.019
    """
    transverse, sigma = (quantity(_FILE, "law", name, key).value for key in ("transverse", "sigma_ln"))
    return PermeabilityLaw(name, PERMEABILITY_LAWS[name], transverse, sigma)


def permeability_mm2(share: ArrayLike, law: PermeabilityLaw) -> Array:
    """Permeability (3, ...) to the left, back and head at these porosities; never over the bound of an open gap."""
    along = np.minimum(law.along_mm2(np.asarray(share, dtype=np.float64)), most_mm2())
    return np.stack([law.transverse_ratio * along, law.transverse_ratio * along, along])


def most_mm2() -> float:
    """Upper bound of any permeability, mm2."""
    return quantity(_FILE, "cleft", "most").value * MM2_PER_M2


def gap_mm2(width_mm: ArrayLike) -> Array:
    """Permeability w^2/12 of an open gap between two walls, any shape, up to the bound.

    >>> gap_mm2([1.2, 9.0]).tolist()
    [0.12, 1.0]
    """
    return np.asarray(np.minimum(np.square(np.asarray(width_mm, dtype=np.float64)) / 12.0, most_mm2()))


def marrow_viscosity_pa_s() -> float:
    """Resistance of whole marrow to being displaced from among trabeculae, as a viscosity; Newtonian, fitted.

    In a rheometer sheared marrow has a sixtieth of it. With that, the pattern of a fill would not depend on the cement at all.
    """
    return quantity(_FILE, "marrow", "in_place").value


def marrow_ease() -> float:
    """How much more easily marrow's own fluid passes vessels that hold whole marrow back: by what sheared marrow is thinner."""
    return quantity(_FILE, "marrow", "in_place").value / quantity(_FILE, "marrow", "sheared").value


def marrow_density_g_cm3() -> float:
    """Density of marrow."""
    return quantity(_FILE, "marrow", "density").value


def marrow_sigma_ln() -> float:
    """Standard deviation of ln viscosity between people."""
    return quantity(_FILE, "marrow", "sigma_ln").value


def shell_resistance_per_mm() -> float:
    """Thickness over permeability (mm/mm2) of intact cortex: divided by a face's area (mm2), its resistance."""
    thickness, k = (quantity(_FILE, "shell", key).value for key in ("thickness", "permeability"))
    return thickness / (k * MM2_PER_M2)
