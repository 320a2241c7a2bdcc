"""Dose: kerma from SpekPy times an area, the same at every distance; sums; what was published beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pedicle.fluoroscopy.dose import beside_published, dose_of, staff_estimate
from pedicle.fluoroscopy.machine import mobile_arm
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.model.conebeam import ConeBeam
from pedicle.model.shot import Technique

# kVp, mm Al, mm Cu with the tube's own 3 mm of aluminium, uGy/mAs at 1 m by SpekPy (benchmarks/peers/beam.py).
SPEKPY = [
    (60, 3.0, 0.0, 40.3145),
    (60, 3.0, 0.1, 16.6947),
    (70, 3.0, 0.1, 25.3699),
    (75, 3.0, 0.0, 62.2238),
    (75, 3.0, 0.1, 30.3178),
    (75, 3.0, 0.3, 13.1247),
    (80, 3.0, 0.2, 23.0687),
    (90, 5.0, 0.1, 35.4877),
    (110, 3.0, 0.2, 55.7118),
    (120, 3.0, 0.1, 91.2019),
]
TECHNIQUE = Technique(75.0, 0.0, 0.1, 0.2, 7.5)


def beam_of(detector_mm: float, isocentre_mm: float = 700.0) -> ConeBeam:
    arm = replace(mobile_arm(2), source_to_detector_mm=detector_mm, source_to_isocentre_mm=isocentre_mm)
    return ConeBeam.aimed(arm, [0, 0, 0], [0, 1, 0], [0, 0, 1])


@pytest.mark.parametrize("setting", SPEKPY, ids=lambda s: f"{s[0]}kV-{s[1]}Al-{s[2]}Cu")
def test_kerma_area_product_is_kerma_times_area(setting):
    """On the detector, 1100 mm away, by hand: SpekPy's kerma there times 150 mm x 200 mm; reference point at 550 mm."""
    kvp, aluminium, copper, kerma = setting
    technique = Technique(kvp, aluminium - 3.0, copper, 0.2, 7.5)
    options = PictureOptions(field_width_mm=150.0, field_height_mm=200.0)
    found = dose_of(technique, beam_of(1100.0), 700.0, options)
    assert found.kap_gy_cm2 == pytest.approx(kerma * 0.2e-6 / 1.1**2 * 15.0 * 20.0, rel=0.02)
    assert found.reference_kerma_mgy == pytest.approx(kerma * 0.2e-3 / 0.55**2, rel=0.02)


def test_kerma_area_product_does_not_depend_on_distance():
    """The same opening of the beam, caught nearer and farther."""
    products = [
        dose_of(
            TECHNIQUE, beam_of(mm), 700.0, PictureOptions(field_width_mm=0.15 * mm, field_height_mm=0.15 * mm)
        ).kap_gy_cm2
        for mm in (800.0, 1000.0, 1300.0)
    ]
    assert products == pytest.approx([products[0]] * 3, rel=0.005)


def test_doses_add_and_pulses_take_their_time():
    one = dose_of(TECHNIQUE, beam_of(1100.0), 700.0, PictureOptions())
    ten = dose_of(TECHNIQUE, beam_of(1100.0), 700.0, PictureOptions(), pulses=10)
    total = one + ten
    assert total.pulses == 11
    assert total.seconds == pytest.approx(11 / 7.5)
    assert total.kap_gy_cm2 == pytest.approx(11 * one.kap_gy_cm2)
    assert total.reference_kerma_mgy == pytest.approx(11 * one.reference_kerma_mgy)
    assert "spectrum" in total.basis


def test_a_procedures_total_stands_beside_what_was_published():
    """Pulses of 0.2 mAs on 150 mm x 200 mm for the published 4.9 minutes: between half the fluoroscopy of one series (0.9 to
    2.2 Gy cm2) and twice its whole with rotational runs (to 5.73). A check of size.
    """
    options = PictureOptions(field_width_mm=150.0, field_height_mm=200.0)
    found = dose_of(TECHNIQUE, beam_of(1100.0), 700.0, options, pulses=round(4.9 * 60 * 7.5))
    assert 0.45 < found.kap_gy_cm2 < 11.5
    assert "3.47" in beside_published(found)
    assert "1.3 (0.9 to 2.2)" in beside_published(found)


def test_the_staff_footnote_names_its_source_and_spread():
    found = staff_estimate(dose_of(TECHNIQUE, beam_of(1100.0), 700.0, PictureOptions(), pulses=round(4.3 * 60 * 7.5)))
    assert found.low_usv < found.usv < found.high_usv
    assert found.usv == pytest.approx(1.1 * 4.3, rel=0.01)
    assert "Ortiz2006" in found.sentence
    assert "not computed" in found.sentence
