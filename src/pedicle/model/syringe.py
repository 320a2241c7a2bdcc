"""Syringes and pumps of the catalogue (data/syringes.toml): what the hand moves, and how much of it the cement feels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.errors import InputError
from pedicle.model.sourced import as_quantity, quantity, remembered, table

_PA_PER_KPA = 1e3


@dataclass(frozen=True)
class Syringe:
    """A barrel with a plunger, thumb, hand gun or pump behind it.

    `capacity_mm3` of cement in a bore of `bore_mm`; a nozzle of `nozzle_bore_mm` x `nozzle_length_mm`; what gives way under
    pressure: `elastic_mm3_pa` (barrel, seal, hose) and `trapped_air_mm3` at `ambient_pa`; and the most the hand or the
    pump presses with.
    """

    name: str
    title: str
    capacity_mm3: float
    bore_mm: float
    nozzle_bore_mm: float
    nozzle_length_mm: float
    elastic_mm3_pa: float
    trapped_air_mm3: float
    force_limit_n: float
    ambient_pa: float

    @property
    def area_mm2(self) -> float:
        """Area of the plunger."""
        return float(np.pi * self.bore_mm**2 / 4.0)

    @property
    def pressure_limit_pa(self) -> float:
        """Highest pressure the force reaches: force over area."""
        return self.force_limit_n / self.area_mm2 * 1e6

    def stored_mm3(self, pressure_pa: float) -> float:
        """What barrel and trapped air take up at a pressure over ambient (isothermal); 0 at none.

        >>> soft = Syringe("soft", "", 1e3, 5.0, 2.0, 0.0, 1e-6, 50.0, 30.0, 1e5)
        >>> soft.stored_mm3(1e5)
        25.1
        """
        return self.elastic_mm3_pa * pressure_pa + self.trapped_air_mm3 * pressure_pa / (self.ambient_pa + pressure_pa)

    def pressure_pa(self, stored_mm3: float) -> float:
        """The pressure at which so much is taken up, the inverse of `stored_mm3`; inf where nothing can take it up.

        >>> soft = Syringe("soft", "", 1e3, 5.0, 2.0, 0.0, 1e-6, 50.0, 30.0, 1e5)
        >>> round(soft.pressure_pa(25.1), 6)
        100000.0
        """
        if stored_mm3 <= 0.0:
            return 0.0
        elastic, air = self.elastic_mm3_pa, self.trapped_air_mm3
        if elastic == 0.0:
            return stored_mm3 * self.ambient_pa / (air - stored_mm3) if stored_mm3 < air else float("inf")
        half = (elastic * self.ambient_pa + air - stored_mm3) / 2.0
        root = np.sqrt(half**2 + elastic * stored_mm3 * self.ambient_pa)
        # The form without cancellation, by the sign of half.
        return float((root - half) / elastic if half < 0.0 else stored_mm3 * self.ambient_pa / (half + root))


@remembered
def syringes() -> dict[str, Syringe]:
    """All syringes and pumps by name.

    >>> sorted(syringes())
    ['filler-1.5ml', 'pump-10ml', 'syringe-1ml', 'syringe-1ml-wide']
    """
    ambient = quantity("syringes", "ambient_pressure").value * _PA_PER_KPA
    found = {}
    for row in table("syringes")["syringe"]:
        value = {key: as_quantity(number).value for key, number in row.items() if isinstance(number, dict)}
        found[row["name"]] = Syringe(
            name=row["name"],
            title=row["title"],
            capacity_mm3=value["capacity"] * 1e3,
            bore_mm=value["bore"],
            nozzle_bore_mm=value["nozzle_bore"],
            nozzle_length_mm=value["nozzle_length"],
            elastic_mm3_pa=value["elastic"] * 1e-6,
            trapped_air_mm3=value["trapped_air"] * 1e3,
            force_limit_n=value["force_limit"],
            ambient_pa=ambient,
        )
    return found


def syringe(name: str) -> Syringe:
    """The syringe of that name; InputError that lists the names when there is none."""
    known = syringes()
    if name not in known:
        raise InputError(
            481, f"syringe {name!r}", "not in the catalogue", ", ".join(sorted(known)), "use one of these names"
        )
    return known[name]
