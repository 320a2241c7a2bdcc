"""The C-arm in the patient's frame: one direction, named in words and as DICOM angles.

DICOM positioner angles name the detector's place about the patient: primary 0 = detector at the chest, +90 = at the
patient's left; secondary positive towards the head. Bare "LAO/RAO" is never printed for a prone patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import unit

# A view this close to straight sideways is a lateral one.
LATERAL_WITHIN_DEG = 15.0


@dataclass(frozen=True, eq=False)
class View:
    """A direction of view: unit vector from the isocentre to the detector, LPS; `name` for people."""

    name: str
    detector_lps: NDArray[np.float64]

    @classmethod
    def towards(cls, name: str, detector_lps: ArrayLike) -> View:
        """View whose detector lies in this direction (LPS, any length)."""
        return cls(name, unit(detector_lps))

    @classmethod
    def from_dicom_angles(cls, name: str, primary_deg: float, secondary_deg: float) -> View:
        """View from DICOM positioner angles in the patient's frame.

        >>> View.from_dicom_angles("AP", 0, 0).detector_lps.round(6) + 0.0
        array([ 0., -1.,  0.])
        """
        a, b = np.radians(primary_deg), np.radians(secondary_deg)
        return cls(name, np.array([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)]))

    @property
    def dicom_primary_deg(self) -> float:
        """DICOM positioner primary angle, -180 to 180: 0 chest, +90 patient's left, 180 back."""
        left, posterior, _ = self.detector_lps
        return float(np.degrees(np.arctan2(left, -posterior)))

    @property
    def dicom_secondary_deg(self) -> float:
        """DICOM positioner secondary angle: positive when the detector is turned towards the head."""
        return float(np.degrees(np.arcsin(np.clip(self.detector_lps[2], -1.0, 1.0))))

    @property
    def detector_over(self) -> str:
        """The surface the detector lies over: back or chest, or left side or right side within 15 deg of a lateral view."""
        left, posterior, _ = self.detector_lps
        if self.tilt_deg <= 90.0 - LATERAL_WITHIN_DEG:
            return "back" if posterior > 0 else "chest"
        return "left side" if left > 0 else "right side"

    @property
    def tilt_deg(self) -> float:
        """Angle from straight back (or chest) towards a side, 0 to 90, in the axial plane."""
        left, posterior, _ = self.detector_lps
        return float(np.degrees(np.arctan2(abs(left), abs(posterior))))

    @property
    def tilt_toward(self) -> str:
        """The patient's side the detector is turned to: left or right."""
        return "left" if self.detector_lps[0] >= 0 else "right"

    @property
    def sentence(self) -> str:
        """The pose in words: turned from the surface it names, over a side towards back or chest.

        >>> View.from_dicom_angles("bull's-eye", 158.0, 8.0).sentence
        "detector over the back, 22 deg toward the patient's left, 8 deg toward the head"
        """
        head = "head" if self.dicom_secondary_deg >= 0 else "feet"
        turned = f"{self.tilt_deg:.0f} deg toward the patient's {self.tilt_toward}"
        if self.detector_over.endswith("side"):
            turned = f"{90.0 - self.tilt_deg:.0f} deg toward the {'back' if self.detector_lps[1] >= 0 else 'chest'}"
        return f"detector over the {self.detector_over}, {turned}, {abs(self.dicom_secondary_deg):.0f} deg toward the {head}"
