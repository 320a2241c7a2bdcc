"""What the C-arm gives: a picture with its geometry and dose, and where a tip was found in two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.notices import Notice


@dataclass(frozen=True)
class Technique:
    """How a picture is taken: tube voltage, added filters, charge a pulse, pulses a second."""

    kvp: float
    aluminium_mm: float
    copper_mm: float
    mas_per_pulse: float
    pulses_per_s: float


@dataclass(frozen=True)
class Dose:
    """Radiation of a picture or of a run; doses add.

    `reference_kerma_mgy` is air kerma free in air 15 cm from the isocentre towards the source. `basis` says what it was
    computed from.
    """

    kap_gy_cm2: float
    reference_kerma_mgy: float
    seconds: float
    pulses: int
    basis: str = ""

    def __add__(self, other: Dose) -> Dose:
        return Dose(
            self.kap_gy_cm2 + other.kap_gy_cm2,
            self.reference_kerma_mgy + other.reference_kerma_mgy,
            self.seconds + other.seconds,
            self.pulses + other.pulses,
            self.basis or other.basis,
        )


@dataclass(frozen=True, eq=False)
class Shot:
    """One X-ray picture.

    `signal` (rows, columns) float32 is what the detector read, in units of its reading without a patient: 1 in open beam,
    falling with what is in the way. `picture` (rows, columns) uint8 is what the screen shows. Row 0 is at the top;
    the picture is seen from the detector (see `ConeBeam`).
    """

    view: View
    beam: ConeBeam
    technique: Technique
    signal: NDArray[np.float32]
    picture: NDArray[np.uint8]
    dose: Dose
    level: str = ""
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, eq=False)
class TipEstimate:
    """A needle's tip measured from two pictures: LPS mm, covariance (3, 3) mm2, and how far the two rays miss each other.

    `separation_deg` is the angle between both views at the tip. Movement of the patient between the pictures is in the
    covariance only as far as it was stated.
    """

    tip_lps_mm: NDArray[np.float64]
    covariance_mm2: NDArray[np.float64]
    separation_deg: float
    miss_mm: float
    warnings: tuple[Notice, ...] = ()

    @property
    def sigma_mm(self) -> float:
        """1 SD along the worst direction."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance_mm2)[-1]))
