"""Needles of the catalogue (data/needles.toml)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.sourced import as_quantity, quantity, remembered, table


@dataclass(frozen=True)
class Needle:
    """A bone needle: gauge, usable length from hub to tip, outer and inner diameter in mm."""

    gauge: int
    length_mm: float
    outer_diameter_mm: float
    inner_diameter_mm: float

    @property
    def radius_mm(self) -> float:
        """Outer radius in mm."""
        return self.outer_diameter_mm / 2.0

    @property
    def name(self) -> str:
        """Words for a person, e.g. "11 G x 125 mm"."""
        return f"{self.gauge} G x {self.length_mm:.0f} mm"


@remembered
def catalogue() -> tuple[Needle, ...]:
    """All needles, thickest first, shorter before longer."""
    rows = table("needles")
    lengths = [as_quantity(row).value for row in rows["length"]]
    found = [
        Needle(row["gauge"], length, as_quantity(row["outer_diameter"]).value, as_quantity(row["inner_diameter"]).value)
        for row in rows["needle"]
        for length in lengths
    ]
    return tuple(sorted(found, key=lambda needle: (needle.gauge, needle.length_mm)))


def tip_curvature(needle: Needle, bending: float) -> float:
    """Curvature in 1/mm, 1 SD per axis, of the way a needle's tip cuts; `bending` is 1 as measured in gel, 0 for none.

    A beam held at the hub that rests in the hole of its entry and is pressed sideways at the tip lies F s^2 L / (3 E I) off
    the straight line at depth s (Euler and Bernoulli; L hub to tip): a parabola. With the stylet in its bore the section is
    solid, I = pi D^4 / 64, and the force grows with the section, F = p pi D^2 / 4: the curvature goes with L / D^2. Bevelled
    needles in gel (data/needles.toml) give p / E; nobody says which way a bevel looks, so an axis gets it over root two.
    """
    deflection, depth = quantity("needles", "gel_deflection").value, quantity("needles", "gel_depth").value
    diameter, length = quantity("needles", "gel_diameter").value, quantity("needles", "gel_length").value
    measured = 2.0 * deflection / depth**2
    slimmer, longer = diameter / needle.outer_diameter_mm, needle.length_mm / length
    return float(bending * measured * slimmer**2 * longer / np.sqrt(2.0))
