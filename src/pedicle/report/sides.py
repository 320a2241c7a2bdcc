"""Left and right of the patient, read from coordinates and never from names."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pedicle.model.frames import LEFT
from pedicle.model.trajectory import Trajectory
from pedicle.model.vertebra import Vertebra
from pedicle.report.words import figure, with_unit


def left_of_midline_mm(vertebra: Vertebra, point_mm: ArrayLike) -> float:
    """How far a point lies to the patient's left of this vertebra's midline; negative to the right.

    In the vertebra's own frame; along the patient's axis through the body's centre where it has no frame.
    """
    pose = vertebra.lps_from_vertebra
    origin = vertebra.centroid_lps_mm if pose is None else pose.origin_mm
    left = LEFT if pose is None else pose.axis(0)
    return float((np.asarray(point_mm, dtype=np.float64) - origin) @ left)


def side_of(vertebra: Vertebra, point_mm: ArrayLike) -> str:
    """The side of this vertebra's midline a point lies on."""
    return "left" if left_of_midline_mm(vertebra, point_mm) > 0 else "right"


def side_conflict(vertebra: Vertebra, trajectory: Trajectory) -> str:
    """Why a needle's named side cannot be right, or "": its bone entry must lie on that side of the midline."""
    side = side_of(vertebra, trajectory.bone_entry_lps_mm)
    if side == trajectory.side:
        return ""
    return f"named {trajectory.side}, but its bone entry lies {side} of this vertebra's midline"


def midline_words(vertebra: Vertebra, point_mm: ArrayLike) -> str:
    """How far a point lies to which side of this vertebra's midline."""
    offset = left_of_midline_mm(vertebra, point_mm)
    if abs(offset) < 0.5:
        return "on the midline"
    return f"{with_unit(figure(abs(offset)), 'mm')} {'LEFT' if offset > 0 else 'RIGHT'} of the midline"
