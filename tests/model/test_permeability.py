"""The laws of porous bone against the published values they are made of."""

import numpy as np
import pytest

from pedicle.injection.options import LawName
from pedicle.model import permeability as laws
from pedicle.model.sourced import quantity


@pytest.mark.parametrize(
    ("name", "level_m2", "transverse_m2"),
    [
        # geometric mean of Baroud's 4.45e-8 and Nauman's 8.1e-9
        ("kozeny", 1.9e-8, 0.78 * 1.9e-8),
        ("baroud", 4.45e-8, 3.44e-8),
        ("nauman", 8.1e-9, 3.6e-9),
    ],
)
def test_levels_and_directions_are_the_published_ones(name, level_m2, transverse_m2):
    k = laws.permeability_mm2(0.85, laws.permeability_law(name)) * 1e-6
    assert k[2] == pytest.approx(level_m2, rel=1e-9)
    # 3.44 / 4.45 is 0.773, published as "approximately 78 %"
    assert k[0] == k[1] == pytest.approx(transverse_m2, rel=0.012)


def test_the_default_is_the_geometric_mean_of_both_data_sets():
    both = np.sqrt(laws.PERMEABILITY_LAWS["baroud"](np.array(0.85)) * laws.PERMEABILITY_LAWS["nauman"](np.array(0.85)))
    assert float(laws.PERMEABILITY_LAWS["kozeny"](np.array(0.85))) == pytest.approx(float(both), rel=0.002)


def test_kozeny_by_hand():
    """p^3/(1-p)^2 at 0.9 over that at 0.85: 72.9 / 27.294."""
    law = laws.permeability_law("kozeny").along_mm2
    assert float(law(np.array(0.9)) / law(np.array(0.85))) == pytest.approx(72.9 / 27.2944, rel=1e-4)


def test_kohles_and_roberts_by_hand():
    """Martin's surface at porosity 0.9 is 1.4366 mm2/mm3, so 0.022 x 0.729 / 1.4366^2 mm2."""
    surface = 32.3 * 0.9 - 93.9 * 0.9**2 + 134 * 0.9**3 - 101 * 0.9**4 + 28.8 * 0.9**5
    k = float(laws.permeability_law("kohles_roberts").along_mm2(np.array(0.9)))
    assert k == pytest.approx(0.022 * 0.9**3 / surface**2, rel=1e-9)
    # between the two sets of vertebral measurements
    assert 2.7e-11 < k * 1e-6 < 4.45e-8 * 3


def test_the_options_offer_every_law_and_no_other():
    assert set(LawName.__args__) == set(laws.PERMEABILITY_LAWS)


def test_permeability_grows_with_porosity_and_never_beyond_an_open_gap():
    share = np.linspace(0.05, 0.9999, 200)
    for name in laws.PERMEABILITY_LAWS:
        k = laws.permeability_mm2(share, laws.permeability_law(name))
        assert (np.diff(k[2]) >= 0).all(), name
        assert k.max() <= laws.most_mm2()


def test_porosity_of_an_osteoporotic_body():
    """Trabecular BV/TV of old vertebrae is 5 to 15 percent: 60 to 120 mg/cm3 must lie there."""
    share = laws.bone_volume_fraction([60.0, 90.0, 120.0])
    assert (share > 0.05).all()
    assert (share < 0.15).all()
    assert (np.diff(laws.porosity(np.linspace(0, 1000, 50))) < 0).all()


def test_gap_is_plane_poiseuille():
    assert laws.gap_mm2([0.6, 1.2]) == pytest.approx([0.03, 0.12])
    assert float(laws.gap_mm2(50.0)) == 1.0


def test_whole_marrow_resists_more_than_sheared_and_its_spread_is_the_stated_range():
    row = quantity("bone/flow", "marrow", "in_place")
    assert laws.marrow_viscosity_pa_s() == row.value > 10.0 * quantity("bone/flow", "marrow", "sheared").high
    spread = np.exp(2 * laws.marrow_sigma_ln())
    assert row.value * spread == pytest.approx(row.high, rel=0.05)
    assert row.value / spread == pytest.approx(row.low, rel=0.05)
