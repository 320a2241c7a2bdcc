"""What a cement is made of decides how much heat a volume of it gives off and takes up: radiopacifier and pores do not react."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.cement import cement
from pedicle.model.sourced import quantity

_HEAT = "curing/heat"


@dataclass(frozen=True)
class Paste:
    """A cement as delivered, its pores in it: `density_g_cm3` without pores, `radiopacifier` its share of the mass."""

    density_g_cm3: float
    radiopacifier: float

    @property
    def solid_share(self) -> float:
        """Volume without pores."""
        return 1.0 - quantity("curing/hardening", "porosity", "share").value

    @property
    def polymer_g_mm3(self) -> float:
        """Polymer and monomer in a volume.

        >>> round(paste("standard-krebs2005").polymer_g_mm3 * 1e3, 2)
        1.0
        """
        return self.density_g_cm3 * 1e-3 * (1.0 - self.radiopacifier) * self.solid_share

    @property
    def heat_j_mm3(self) -> float:
        """Heat of full conversion of a volume."""
        return self.released_by(quantity("curing/kinetics", "heat", "release").value)

    def released_by(self, release_kj_kg: float) -> float:
        """Heat of full conversion of a volume, J/mm3, for a heat of polymer and monomer."""
        return self.polymer_g_mm3 * release_kj_kg

    @property
    def capacity_j_mm3_k(self) -> float:
        """Heat that a volume takes up a kelvin."""
        polymer, opaque = (quantity(_HEAT, "cement", key).value for key in ("polymer", "radiopacifier"))
        mean = (1.0 - self.radiopacifier) * polymer + self.radiopacifier * opaque
        return self.density_g_cm3 * 1e-3 * self.solid_share * mean


def paste(name: str) -> Paste:
    """A cement of the catalogue."""
    found = cement(name)
    return Paste(found.density_g_cm3, found.radiopacifier[1])
