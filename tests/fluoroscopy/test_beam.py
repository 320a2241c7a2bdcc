"""Spectra and attenuation against SpekPy 2.5.4 and xraylib 4.3; eight energies against the sum over every keV.

The literal tables are printed by benchmarks/peers/beam.py.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pedicle.fluoroscopy.bins import energy_bins, whole_signal
from pedicle.fluoroscopy.machine import detected, tube_spectrum
from pedicle.model.beam import (
    BARIUM_EDGE_KEV,
    air_kerma_ugy,
    attenuation,
    density_g_cm3,
    effective_kev,
    energies_kev,
    half_value_layer_mm,
    material_names,
    spectrum,
)
from pedicle.model.density import density_law
from pedicle.model.shot import Technique

# kVp, mm Al, mm Cu, first and second half-value layer in mm Al, uGy/mAs at 1 m; physics "casim", 12 deg.
SPEKPY = [
    (60, 3.0, 0.0, 2.3055, 3.1177, 40.3145),
    (60, 3.0, 0.1, 3.4548, 4.1928, 16.6947),
    (70, 3.0, 0.1, 4.0113, 4.9989, 25.3699),
    (75, 3.0, 0.0, 2.8377, 4.0466, 62.2238),
    (75, 3.0, 0.1, 4.2944, 5.4141, 30.3178),
    (75, 3.0, 0.3, 5.9849, 6.8075, 13.1247),
    (80, 3.0, 0.2, 5.6225, 6.6895, 23.0687),
    (90, 5.0, 0.1, 5.8142, 7.1529, 35.4877),
    (110, 3.0, 0.2, 7.3890, 8.8519, 55.7118),
    (120, 3.0, 0.1, 6.6334, 8.5698, 91.2019),
]
# cm2/g with coherent scatter at these energies.
KEV = (25.5, 40.5, 60.5, 80.5, 110.5)
XRAYLIB = {
    "water": (0.49008, 0.26530, 0.20508, 0.18326, 0.16551),
    "soft_tissue": (0.46780, 0.25905, 0.20229, 0.18136, 0.16406),
    "adipose": (0.36940, 0.23677, 0.19711, 0.18029, 0.16476),
    "hydroxyapatite": (3.29342, 0.95770, 0.40056, 0.25685, 0.18487),
    "cortical_bone": (1.96167, 0.62801, 0.30661, 0.22077, 0.17459),
    "cement_barium": (3.13734, 4.42324, 1.63595, 0.83487, 0.43013),
    "cement_zirconia": (8.82532, 2.62749, 0.96185, 0.51142, 0.29088),
    "steel_316l": (13.50857, 3.67835, 1.23867, 0.61397, 0.32050),
    "caesium_iodide": (13.95261, 22.24139, 7.74726, 3.61657, 1.56850),
    "aluminium": (1.73868, 0.55344, 0.27470, 0.20067, 0.16040),
    "copper": (17.22318, 4.69497, 1.55773, 0.75159, 0.37366),
}
MATERIALS = ("water", "adipose", "hydroxyapatite", "steel_316l", "cement_barium", "cement_zirconia")


@pytest.mark.parametrize("setting", SPEKPY, ids=lambda s: f"{s[0]}kV-{s[1]}Al-{s[2]}Cu")
def test_half_value_layers_are_spekpys(setting):
    """0.5 %: what two tables of attenuation (xraylib's here, PENELOPE's in SpekPy) leave of each other."""
    kvp, aluminium, copper, first, second, _ = setting
    beam = spectrum(kvp, aluminium, copper)
    half, quarter = half_value_layer_mm(beam), half_value_layer_mm(beam, part=0.25)
    assert half == pytest.approx(first, rel=0.005)
    assert quarter - half == pytest.approx(second, rel=0.005)


@pytest.mark.parametrize("setting", SPEKPY, ids=lambda s: f"{s[0]}kV-{s[1]}Al-{s[2]}Cu")
def test_air_kerma_is_spekpys(setting):
    kvp, aluminium, copper, _, _, kerma = setting
    assert air_kerma_ugy(spectrum(kvp, aluminium, copper)) == pytest.approx(kerma, rel=0.01)


@pytest.mark.parametrize("name", XRAYLIB)
def test_attenuation_is_xraylibs(name):
    """0.1 %: the table holds means over 1 keV, which a convex curve lifts by up to 0.08 % at 25 keV."""
    mass = 10.0 * attenuation(name) / density_g_cm3(name)
    assert np.interp(KEV, energies_kev(), mass) == pytest.approx(XRAYLIB[name], rel=1e-3)


def test_every_material_has_a_density_and_an_attenuation():
    for name in material_names():
        assert density_g_cm3(name) > 0
        assert (attenuation(name) > 0).all()
    with pytest.raises(KeyError):
        attenuation("unobtainium")


def test_cement_steps_up_at_the_barium_edge_and_its_density_is_that_of_its_parts():
    """The ratio across the edge is 4.7 for barium (falling mass attenuation elsewhere), 30 % by mass of sulphate."""
    mu, kev = attenuation("cement_barium"), energies_kev()
    assert mu[kev > BARIUM_EDGE_KEV + 0.5][0] > 3.5 * mu[kev < BARIUM_EDGE_KEV - 0.5][-1]
    assert density_g_cm3("cement_barium") == pytest.approx(1.0 / (0.7 / 1.19 + 0.3 / 4.5))


def test_a_voltage_between_two_is_between_them_and_one_outside_is_refused():
    kerma = [air_kerma_ugy(spectrum(kvp, 3.0)) for kvp in (74, 74.5, 75)]
    assert kerma[1] == pytest.approx(0.5 * (kerma[0] + kerma[2]))
    with pytest.raises(ValueError, match="outside"):
        spectrum(130.0)


def test_the_density_laws_effective_energies_rise_with_voltage_as_a_hardened_ct_beams():
    """A CT beam of 120 kV behind 22 cm of water has a mean near 68 keV; 60 to 80 keV is what its users quote."""
    found = [effective_kev(density_law(kvp).slope_hu_per_mg_cm3) for kvp in (80, 100, 120, 140)]
    assert (np.diff(found) > 3.0).all()
    assert 60.0 < found[2] < 72.0


@pytest.mark.parametrize(
    ("kvp", "aluminium", "copper", "limit"),
    [
        (60, 0, 0.1, 0.01),
        (75, 0, 0.1, 0.01),
        (75, 0, 0.3, 0.01),
        (90, 2, 0.3, 0.01),
        (120, 0, 0.2, 0.01),
        (75, 0, 0, 0.014),
    ],
)
def test_eight_energies_are_as_good_as_every_kev(kvp, aluminium, copper, limit):
    """Other slabs than those the energies are fitted behind, but the way to fit was chosen on these; where 1e-5 is left."""
    slabs = product([0, 10, 30, 80, 150, 250, 350], [0, 50], [0, 6, 12], [0, 0.5, 2], [0, 5, 20], [0, 7])
    paths = np.array(list(slabs), dtype=np.float64).T
    technique = Technique(kvp, aluminium, copper, 1.0, 7.5)
    bins = energy_bins(technique, MATERIALS)
    assert len(bins.kev) == 8
    assert bins.share.sum() == pytest.approx(1.0)
    true = whole_signal(paths, MATERIALS, technique)
    found = np.exp(-bins.mu @ paths).T @ bins.weights
    seen = true > 1e-5
    assert np.abs(found[:, 0] / true - 1.0)[seen].max() <= limit
    energy = detected(technique) / detected(technique).sum() * energies_kev()
    second = np.exp(-np.stack([attenuation(name) for name in MATERIALS]).T @ paths).T @ energy
    assert np.abs(found[:, 1] / second - 1.0)[seen].max() <= 0.06


@pytest.mark.parametrize(
    ("kvp", "aluminium", "photons"), [(50, 10.0, 20_673), (70, 21.0, 29_653), (90, 30.0, 32_490), (120, 40.0, 31_007)]
)
def test_photons_for_each_ugy_are_those_of_the_standards_beams(kvp, aluminium, photons):
    """Squared signal-to-noise a mm2 and uGy quoted for RQA 3, 5, 7, 9 of IEC 62220-1-1:2015 (the standard was not read; the
    edition of 2003 has 21 759 at RQA 3, which fails by 4.5 %); the tube itself with 2.5 mm of aluminium.

    1 %: the standard trims filters until a half-value layer is met.
    """
    beam = spectrum(kvp, 2.5 + aluminium)
    assert beam.sum() / air_kerma_ugy(beam) == pytest.approx(photons, rel=0.01)


def test_the_tubes_own_filter_is_in_every_technique():
    technique = Technique(75.0, 1.0, 0.1, 1.0, 7.5)
    assert tube_spectrum(technique) == pytest.approx(spectrum(75.0, 4.0, 0.1))
