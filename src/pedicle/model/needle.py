"""Needles of the catalogue (data/needles.toml)."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.sourced import as_quantity, remembered, table


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
