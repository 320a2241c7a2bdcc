"""A needle's angles in the patient, and what to say of a view that a C-arm may not reach."""

from __future__ import annotations

import numpy as np

from pedicle.model.carm import View
from pedicle.model.frames import Side
from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.standard_views import TRUE_LATERAL, true_ap, true_lateral
from pedicle.model.vertebra import Vertebra
from pedicle.planning.fields import Floats


def needle_angles(direction_lps: Floats, side: Side) -> tuple[float, float]:
    """(axial, sagittal) in degrees in the patient's frame: positive towards the midline; positive when the tip is caudal.

    They equal the bull's-eye view's tilt and its angle towards the head.
    """
    towards_midline = -direction_lps[0] if side == "left" else direction_lps[0]
    axial = np.degrees(np.arctan2(towards_midline, -direction_lps[1]))
    return float(axial), float(np.degrees(np.arcsin(np.clip(-direction_lps[2], -1.0, 1.0))))


def reach_words(view: View) -> str:
    """A sentence where the view lies beyond the usual reach of a C-arm, else ""; machines differ, so it only informs.

    Near a side (a lateral view) the arm's turn about the patient is what a lateral needs: only the angle towards head or
    feet counts there.
    """
    cranial, tilt = quantity("planning/limits", "carm_cranial_caudal"), quantity("planning/limits", "carm_tilt")
    lateral = view.name == TRUE_LATERAL
    turned = not lateral and (view.tilt_deg > tilt.value or view.detector_over != "back")
    if abs(view.dicom_secondary_deg) <= cranial.value and not turned:
        return ""
    name = "bull's-eye" if view.name.startswith("bull's-eye") else view.name
    return (
        f"{name} view ({view.sentence}) may be beyond the reach of the C-arm: usual limits not verified, try it first"
    )


def out_of_reach(vertebra: Vertebra) -> list[Notice]:
    """Which of the two true views may be beyond the reach of a C-arm; each needle's own view says so itself."""
    words = [reach_words(view) for view in (true_ap(vertebra), true_lateral(vertebra))]
    return [Notice("carm-reach", vertebra.level, text) for text in words if text]
