"""A needle's angles in the patient, and what to say of a view that a C-arm may not reach."""

from __future__ import annotations

import numpy as np

from pedicle.model.carm import View
from pedicle.model.frames import Side
from pedicle.model.sourced import quantity
from pedicle.planning.fields import Floats


def needle_angles(direction_lps: Floats, side: Side) -> tuple[float, float]:
    """(axial, sagittal) in degrees in the patient's frame: positive towards the midline; positive when the tip is caudal.

    They equal the bull's-eye view's tilt and its angle towards the head.
    """
    towards_midline = -direction_lps[0] if side == "left" else direction_lps[0]
    axial = np.degrees(np.arctan2(towards_midline, -direction_lps[1]))
    return float(axial), float(np.degrees(np.arcsin(np.clip(-direction_lps[2], -1.0, 1.0))))


def reach_words(view: View) -> str:
    """A sentence where the view lies beyond the usual reach of a C-arm, else ""; machines differ, so it only informs."""
    cranial, tilt = quantity("planning/limits", "carm_cranial_caudal"), quantity("planning/limits", "carm_tilt")
    if abs(view.dicom_secondary_deg) <= cranial.value and view.tilt_deg <= tilt.value and view.detector_over == "back":
        return ""
    return f"bull's-eye view ({view.sentence}) may be beyond the reach of the C-arm: usual limits not verified, try it first"
