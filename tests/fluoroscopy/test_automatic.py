"""The automatic brightness control: kerma at the detector, voltage along its curve, limits of the tube."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.fluoroscopy.automatic import curve_kvp, set_technique, with_charge
from pedicle.fluoroscopy.bins import whole_signal
from pedicle.fluoroscopy.machine import mobile_arm, number, open_kerma_ugy, usual_technique
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.model.beam import air_kerma_ugy, spectrum
from pedicle.model.conebeam import ConeBeam

BEAM = ConeBeam.aimed(mobile_arm(binning=4), [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
WATER = ("water",)
OPTIONS = PictureOptions()


def slab(mm: float) -> np.ndarray:
    return np.full((1, BEAM.rows, BEAM.columns), mm, np.float32)


@pytest.mark.parametrize("mm", [150.0, 250.0, 350.0])
def test_the_voltage_is_the_curve_s_and_the_detector_gets_its_kerma(mm):
    """Kerma by the sum over every keV of what the water leaves, against what was asked for, in the signal's own measure."""
    found = set_technique(slab(mm), WATER, BEAM, OPTIONS)
    assert found.kvp == pytest.approx(curve_kvp(mm), abs=1.0)
    behind = 1000.0 * open_kerma_ugy(found, BEAM) * float(whole_signal(np.array([[mm]]), WATER, found)[0])
    assert behind == pytest.approx(number("automatic", "detector_kerma"), rel=0.01)


def test_voltage_rises_with_thickness_and_saves_dose_behind_a_thick_patient():
    """At the curve's voltage the skin gets less for the same detector kerma than at the usual 80 kV: more of a harder beam passes.
    Air kerma at 1 m by the spectrum itself.
    """
    found = [set_technique(slab(mm), WATER, BEAM, OPTIONS) for mm in (50.0, 100.0, 200.0, 300.0, 400.0)]
    assert (np.diff([each.kvp for each in found]) > 0).all()
    thick = found[3]
    fixed = with_charge(usual_technique(), slab(300.0), WATER, BEAM)
    kerma = [each.mas_per_pulse * air_kerma_ugy(spectrum(each.kvp, 3.0, 0.1)) for each in (thick, fixed)]
    assert kerma[0] < 0.8 * kerma[1]


def test_beyond_the_largest_charge_the_voltage_goes_on_to_the_largest():
    """Behind 45 cm of water the curve ends at 112 kV, the tube at its largest voltage and charge; nothing is exceeded."""
    found = set_technique(slab(450.0), WATER, BEAM, OPTIONS)
    assert found.kvp > curve_kvp(450.0)
    assert found.mas_per_pulse <= number("automatic", "mas_most")
    lead = set_technique(slab(2000.0), WATER, BEAM, OPTIONS)
    assert (lead.kvp, lead.mas_per_pulse) == (number("automatic", "kvp_most"), number("automatic", "mas_most"))


def test_the_voltage_of_a_run_stays_while_little_changes_and_the_charge_follows():
    """10 mm of water more ask for 1 or 2 kV; 50 mm for 8."""
    first = set_technique(slab(200.0), WATER, BEAM, OPTIONS)
    near = set_technique(slab(210.0), WATER, BEAM, OPTIONS, first)
    assert near.kvp == first.kvp
    assert near.mas_per_pulse > first.mas_per_pulse
    assert set_technique(slab(250.0), WATER, BEAM, OPTIONS, first) == set_technique(slab(250.0), WATER, BEAM, OPTIONS)


def test_nothing_in_the_way_asks_for_the_least():
    found = set_technique(slab(0.0), WATER, BEAM, OPTIONS)
    assert found.kvp == curve_kvp(0.0)
    assert found.mas_per_pulse == number("automatic", "mas_least")


def test_only_the_open_middle_is_measured():
    """Air at the rim, and lead that the collimator covers, change nothing; a field closed to a slit in the rim is measured as a whole."""
    plain = set_technique(slab(200.0), WATER, BEAM, OPTIONS)
    rim = slab(200.0)
    rim[0, :, :30], rim[0, :, -30:] = 0.0, 0.0
    assert set_technique(rim, WATER, BEAM, OPTIONS) == plain
    covered = slab(1000.0)
    covered[0, 44:84, 44:84] = 200.0
    assert set_technique(covered, WATER, BEAM, replace(OPTIONS, iris_mm=80.0)) == plain
    assert set_technique(covered, WATER, BEAM, OPTIONS).kvp > plain.kvp


def test_higher_voltage_costs_some_of_the_bone_s_contrast():
    """3 mm of mineral behind 30 instead of 20 cm of water, by the sum over every keV: less contrast, by less than a quarter."""
    contrast = []
    for mm in (200.0, 300.0):
        technique = set_technique(slab(mm), WATER, BEAM, OPTIONS)
        paths = np.array([[mm, mm], [0.0, 3.0]])
        lit = whole_signal(paths, ("water", "hydroxyapatite"), technique)
        contrast.append(1.0 - lit[1] / lit[0])
    assert 0.75 < contrast[1] / contrast[0] < 1.0
