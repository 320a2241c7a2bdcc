"""The views that have a name for one vertebra or one needle: what the plan states and what the C-arm is set to.

The detector lies over the back, as for a prone patient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pedicle.model.carm import View
from pedicle.model.frames import Side
from pedicle.model.vertebra import Vertebra

TRUE_LATERAL = "true lateral"


def bulls_eye(direction_lps: ArrayLike, side: Side) -> View:
    """The view along the needle: the detector lies behind the skin entry, so that the needle is seen end-on."""
    return View.towards(f"bull's-eye {side}", -np.asarray(direction_lps, dtype=np.float64))


def true_ap(vertebra: Vertebra) -> View:
    """Endplates edge-on and the spinous process midway: the detector straight behind this vertebra."""
    return View.towards("true AP", -vertebra.anterior)


def true_lateral(vertebra: Vertebra) -> View:
    """Endplates and both pedicles in line: the detector straight to the patient's left of this vertebra."""
    return View.towards(TRUE_LATERAL, -vertebra.right)
