"""The laws between Hounsfield units and bone mineral density.

Density is calcium hydroxyapatite equivalent (CaHA), mg/cm3, everywhere; values in K2HPO4 are converted here. One law
object serves the phantom, which paints HU from density, and `anatomy`, which reads density from HU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.sourced import as_quantity, quantity, table

_FILE = "density/calibration"


@dataclass(frozen=True)
class DensityLaw:
    """HU = intercept + slope x density, for one beam quality.

    `slope_hu_per_mg_cm3` and `intercept_hu` describe the mean scanner of that tube voltage; `slope_sd_fraction` and
    `intercept_sd_hu` (1 SD) say how far one scanner lies from it. `beam_sd_fraction` is the part of the slope's spread
    that comes from beam quality, which soft tissue answers to as well. Slope and intercept may have been estimated from
    the same tissue: then they err together, by `slope_intercept_correlation` (-1 to 1). `kvp` is None when the tube
    voltage is not known. `remark` is what a reader must be told of this scan's scale, "" when nothing.
    """

    name: str
    kvp: float | None
    slope_hu_per_mg_cm3: float
    intercept_hu: float
    slope_sd_fraction: float
    intercept_sd_hu: float
    basis: str
    beam_sd_fraction: float = 0.0
    slope_intercept_correlation: float = 0.0
    remark: str = ""

    def hu_from_density(self, density_mg_cm3: ArrayLike) -> NDArray[np.float64]:
        """HU of bone with this mineral density (CaHA), any shape.

        >>> round(float(density_law(120.0).hu_from_density(100.0)), 3)
        136.6
        """
        return np.asarray(self.intercept_hu + self.slope_hu_per_mg_cm3 * np.asarray(density_mg_cm3, dtype=np.float64))

    def density_from_hu(self, hu: ArrayLike) -> NDArray[np.float64]:
        """Mineral density (CaHA, mg/cm3) of these HU, any shape; negative where the voxel holds more fat than bone.

        >>> round(float(density_law(120.0).density_from_hu(136.6)), 3)
        100.0
        """
        return np.asarray((np.asarray(hu, dtype=np.float64) - self.intercept_hu) / self.slope_hu_per_mg_cm3)

    def density_sd(self, hu: float) -> float:
        """1 SD of the density read from `hu`, mg/cm3, by what is not known of this scanner's slope and intercept alone."""
        slope = self.slope_hu_per_mg_cm3
        from_slope = self.slope_sd_fraction * (hu - self.intercept_hu) / slope
        from_intercept = self.intercept_sd_hu / slope
        together = 2.0 * self.slope_intercept_correlation * from_slope * from_intercept
        return float(np.sqrt(max(from_slope**2 + from_intercept**2 + together, 0.0)))

    def scaled(self, slope_factor: float, intercept_shift_hu: float = 0.0) -> DensityLaw:
        """The law of one particular scanner: slope times a factor, intercept shifted; the spreads stay."""
        return replace(
            self,
            slope_hu_per_mg_cm3=self.slope_hu_per_mg_cm3 * slope_factor,
            intercept_hu=self.intercept_hu + intercept_shift_hu,
        )

    def known(self) -> DensityLaw:
        """The same law taken as exact for this scanner (calibrated with a phantom of known density)."""
        return replace(
            self, slope_sd_fraction=0.0, beam_sd_fraction=0.0, intercept_sd_hu=0.0, basis="calibration given"
        )


def law_names() -> list[str]:
    """Names of the laws in data/density/calibration.toml."""
    return sorted(table(_FILE)["law"])


def density_law(kvp: float | None = 120.0, name: str = "spectrum") -> DensityLaw:
    """The mean scanner's law at a tube voltage.

    Between the tabulated voltages the slope is interpolated linearly; outside them the nearest row is used and the
    spread grows by 1 % a kV. With `kvp` None the slope is the 120 kVp one and its spread also covers 100 and 140 kVp,
    which together are taken to be as frequent as 120. KeyError for an unknown law.

    >>> density_law(120.0).slope_hu_per_mg_cm3 > density_law(140.0).slope_hu_per_mg_cm3
    True
    """
    rows = table(_FILE)["law"][name]["row"]
    voltages = np.array([row["kvp"] for row in rows])
    slopes = np.array([as_quantity(row["slope"]).value for row in rows])
    asked = 120.0 if kvp is None else float(kvp)
    whole, beam = (quantity(_FILE, "spread", key).value / 100.0 for key in ("asynchronous", "beam"))
    unknown = 0.0
    if kvp is None:
        ends = np.interp([100.0, 140.0], voltages, slopes) / np.interp(120.0, voltages, slopes) - 1.0
        unknown = float(np.sqrt(0.25 * np.square(ends).sum()))
    beyond = max(float(voltages[0] - asked), float(asked - voltages[-1]), 0.0)
    more = np.hypot(unknown, 0.01 * beyond)
    return DensityLaw(
        name=name,
        kvp=kvp,
        slope_hu_per_mg_cm3=round(float(np.interp(asked, voltages, slopes)), 6),
        intercept_hu=0.0,
        slope_sd_fraction=float(np.hypot(whole, more)),
        intercept_sd_hu=quantity(_FILE, "spread", "intercept").value,
        basis="asynchronous" if kvp is not None else "asynchronous, tube voltage not known",
        beam_sd_fraction=float(np.hypot(beam, more)),
    )


def hu_from_density(density_mg_cm3: ArrayLike, kvp: float | None = 120.0) -> NDArray[np.float64]:
    """HU of bone by the default law; see `DensityLaw.hu_from_density`."""
    return density_law(kvp).hu_from_density(density_mg_cm3)


def density_from_hu(hu: ArrayLike, kvp: float | None = 120.0) -> NDArray[np.float64]:
    """CaHA density by the default law; see `DensityLaw.density_from_hu`."""
    return density_law(kvp).density_from_hu(hu)


def k2hpo4_from_caha(density_mg_cm3: ArrayLike, kvp: float = 120.0) -> NDArray[np.float64]:
    """Dipotassium phosphate equivalent of a hydroxyapatite density, mg/cm3.

    The ratio is interpolated between the two published voltages, 80 and 140 kVp, and held beyond them.

    >>> float(k2hpo4_from_caha(100.0, 80.0))
    86.0
    """
    return np.asarray(np.asarray(density_mg_cm3, dtype=np.float64) * _k2hpo4_ratio(kvp))


def caha_from_k2hpo4(density_mg_cm3: ArrayLike, kvp: float = 120.0) -> NDArray[np.float64]:
    """Hydroxyapatite equivalent of a dipotassium phosphate density, mg/cm3; the inverse of `k2hpo4_from_caha`."""
    return np.asarray(np.asarray(density_mg_cm3, dtype=np.float64) / _k2hpo4_ratio(kvp))


def tissue_hu(tissue: str, law: DensityLaw) -> float:
    """HU of a reference tissue ("fat", "muscle", "air") under the beam a law describes.

    Fat and muscle move with beam quality as the mineral's slope does: one effective energy drives all of them.

    >>> tissue_hu("fat", density_law(80.0)) < tissue_hu("fat", density_law(120.0))
    True
    """
    mean = quantity(_FILE, "tissue", tissue).value
    if tissue == "air":
        return mean
    change = law.slope_hu_per_mg_cm3 - density_law(120.0, law.name).slope_hu_per_mg_cm3
    return mean + quantity(_FILE, "tissue", f"{tissue}_per_slope").value * change + law.intercept_hu


def _k2hpo4_ratio(kvp: float) -> float:
    low, high = (quantity(_FILE, "conversion", f"k2hpo4_per_caha_{n}").value for n in (80, 140))
    return float(np.interp(kvp, [80.0, 140.0], [low, high]))
