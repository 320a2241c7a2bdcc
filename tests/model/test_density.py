"""The HU laws against attenuation tables that we did not write, and against their own inverse."""

import numpy as np
import pytest

from pedicle.model.density import (
    caha_from_k2hpo4,
    density_from_hu,
    density_law,
    hu_from_density,
    k2hpo4_from_caha,
    law_names,
    tissue_hu,
)

# Mass attenuation, cm2/g, at 60 and 80 keV (NIST tables of elements and liquid water).
CALCIUM, PHOSPHORUS, OXYGEN, HYDROGEN = (0.6578, 0.3656), (0.3494, 0.2324), (0.1907, 0.1678), (0.3260, 0.3091)
WATER = (0.2059, 0.1837)


def monochromatic_slope(energy: int) -> float:
    """HU per mg/cm3 of hydroxyapatite (3.16 g/cm3) displacing water at 60 (0) or 80 keV (1)."""
    shares = (0.3989, 0.1850, 0.4141, 0.0020)
    mineral = sum(s * mu[energy] for s, mu in zip(shares, (CALCIUM, PHOSPHORUS, OXYGEN, HYDROGEN), strict=True))
    return (mineral - WATER[energy] / 3.16) / WATER[energy]


def test_slopes_lie_between_the_monochromatic_ones_of_their_effective_energies() -> None:
    # Effective energies behind a body run from about 57 keV at 80 kVp to 78 keV at 140 kVp.
    slopes = {kvp: density_law(kvp).slope_hu_per_mg_cm3 for kvp in (80.0, 100.0, 120.0, 140.0)}
    assert monochromatic_slope(1) < slopes[120.0] < monochromatic_slope(0)
    assert slopes[80.0] > slopes[100.0] > slopes[120.0] > slopes[140.0] > monochromatic_slope(1)


@pytest.mark.parametrize("kvp", [None, 60.0, 80.0, 95.0, 120.0, 140.0])
def test_density_and_hu_are_inverse(kvp: float | None) -> None:
    density = np.linspace(-50.0, 1200.0, 7)
    assert np.allclose(density_from_hu(hu_from_density(density, kvp), kvp), density, atol=1e-9)


def test_an_unknown_voltage_widens_the_spread_and_beyond_the_table_too() -> None:
    assert density_law(None).slope_sd_fraction > density_law(120.0).slope_sd_fraction
    assert density_law(60.0).slope_sd_fraction > density_law(70.0).slope_sd_fraction


def test_spread_of_density_is_that_of_slope_and_zero_point() -> None:
    law = density_law(120.0)
    draws = np.random.default_rng(5).standard_normal((2, 200_000))
    slope = law.slope_hu_per_mg_cm3 * (1.0 + law.slope_sd_fraction * draws[0])
    hu = 3.0 * draws[1] + slope * 100.0
    # 1 % for the draws and the second-order term of a ratio
    assert law.density_sd(136.6) == pytest.approx(float(law.density_from_hu(hu).std()), rel=0.01)


def test_a_given_calibration_is_exact_and_a_scanner_is_the_scaled_mean() -> None:
    law = density_law(100.0).scaled(1.1, -4.0)
    assert law.density_from_hu(law.hu_from_density(80.0)) == pytest.approx(80.0)
    assert law.known().density_sd(200.0) == 0.0


def test_k2hpo4_ratio_is_the_published_one_at_both_voltages() -> None:
    assert k2hpo4_from_caha(100.0, 80.0) == pytest.approx(86.0)
    assert k2hpo4_from_caha(100.0, 140.0) == pytest.approx(81.0)
    assert caha_from_k2hpo4(k2hpo4_from_caha([30.0, 170.0], 113.0), 113.0) == pytest.approx([30.0, 170.0])


def test_fat_is_darker_and_muscle_brighter_in_a_softer_beam() -> None:
    soft, hard = density_law(80.0), density_law(140.0)
    # adipose tissue falls by about 24 HU from 140 to 80 kVp (ICRU 44 composition)
    assert tissue_hu("fat", soft) - tissue_hu("fat", hard) == pytest.approx(-24.0, abs=1.0)
    assert tissue_hu("muscle", soft) > tissue_hu("muscle", hard)
    assert tissue_hu("air", soft) == -1000.0


def test_laws_are_named() -> None:
    assert "spectrum" in law_names()
    with pytest.raises(KeyError):
        density_law(120.0, "no such law")
