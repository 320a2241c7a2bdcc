"""What a picture costs: kerma-area product, kerma at the reference point, time, pulses; and what staff were found to get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.fluoroscopy.machine import FILE, STATED_AT_MM, number, tube_spectrum
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import field
from pedicle.model.beam import air_kerma_ugy
from pedicle.model.conebeam import ConeBeam
from pedicle.model.shot import Dose, Technique
from pedicle.model.sourced import quantity

BASIS = "computed from the tube's spectrum; no table, no backscatter, no heel effect"


def field_mm2(beam: ConeBeam, options: PictureOptions) -> float:
    """Area of the collimated field on the detector, mm2."""
    column, row = beam.pixel_mm
    opened = float(np.mean(field(beam, options), dtype=np.float64))
    return opened * beam.columns * beam.rows * column * row


def dose_of(
    technique: Technique, beam: ConeBeam, source_to_isocentre_mm: float, options: PictureOptions, pulses: int = 1
) -> Dose:
    """Radiation of some pulses of one technique and field.

    The kerma-area product is the same at every distance: kerma at 1 m times the field's area there. Kerma is taken as
    even over the field. Table and mattress, which patients lie on, are not subtracted.
    """
    at_1_m_ugy = air_kerma_ugy(tube_spectrum(technique)) * technique.mas_per_pulse * pulses
    area_cm2 = field_mm2(beam, options) * (STATED_AT_MM / beam.source_to_detector_mm) ** 2 / 100.0
    reference_mm = source_to_isocentre_mm - number("dose", "reference_point")
    return Dose(
        kap_gy_cm2=at_1_m_ugy * 1e-6 * area_cm2,
        reference_kerma_mgy=at_1_m_ugy * 1e-3 * (STATED_AT_MM / reference_mm) ** 2,
        seconds=pulses / technique.pulses_per_s,
        pulses=pulses,
        basis=BASIS,
    )


@dataclass(frozen=True)
class StaffEstimate:
    """What an operator's badge might show for this time, uSv, with the spread of what was published. Not a measurement."""

    usv: float
    low_usv: float
    high_usv: float
    sentence: str


def staff_estimate(dose: Dose) -> StaffEstimate:
    """Published operator rates times this fluoroscopy time: a footnote, never a claim about one room.

    One operator's exposure at 7.5 pulses/s; shielding and place at the table change it by more than ten times.
    """
    rate = quantity(FILE, "published", "operator_rate")
    finger, eye = (quantity(FILE, "published", key) for key in ("operator_finger", "operator_eye"))
    hand = quantity(FILE, "published", "operator_hand_level")
    pulses = quantity(FILE, "technique", "pulses_per_second")
    minutes = dose.seconds / 60.0
    low, high = (rate.low or 0.0) * minutes, (rate.high or rate.value) * minutes
    sentence = (
        f"Staff (not computed): {rate.low:g} to {rate.high:g} uSv/min were measured on one operator at {pulses.value:g} pulses/s "
        f"({rate.source}), for {minutes:.1f} min {low:.1f} to {high:.1f} uSv. In four hospitals a procedure gave the left "
        f"finger a median of {finger.value:g} (at most {finger.high:g}) and the left eye {eye.value:g} (at most "
        f"{eye.high:g}) uSv ({eye.source}); a meta-analysis found a mean of {hand.value:g} uSv a level at an unprotected "
        f"hand ({hand.source})."
    )
    return StaffEstimate(rate.value * minutes, low, high, sentence)


def beside_published(dose: Dose) -> str:
    """A procedure's total beside what was published for vertebroplasty, in one sentence."""
    whole, part, minutes = (
        quantity(FILE, "published", key) for key in ("kap", "kap_fluoroscopy", "fluoroscopy_minutes")
    )
    return (
        f"{dose.kap_gy_cm2:.2f} Gy cm2 in {dose.seconds / 60.0:.1f} min and {dose.pulses} pulses; published: median "
        f"{part.value:g} ({part.low:g} to {part.high:g}) Gy cm2 of fluoroscopy, {whole.value:g} ({whole.low:g} to "
        f"{whole.high:g}) with rotational runs ({whole.source}); {minutes.value:g} min a level ({minutes.source})"
    )
