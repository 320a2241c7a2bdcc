"""A fracture's finding as a sentence for a person. A grade is a shape, not an age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.expected import Expected
from pedicle.model.vertebra import Cleft

NOT_KNOWN = "recent or old, painful or not: not known from CT"
SURE = 0.9
DOUBTFUL = 0.1
LOW_EVERYWHERE_PERCENT = (5.0, 10.0)


def verdict(
    loss_percent: NDArray[np.float64],
    grade: int,
    probability: tuple[float, float, float, float],
    expected: Expected,
    cleft: Cleft | None,
) -> str:
    """One line: no fracture by height, possible fracture or small level, or fracture with its grade."""
    fractured = 1.0 - probability[0]
    least, most = float(loss_percent.min()), float(loss_percent.max())
    low_everywhere = least >= LOW_EVERYWHERE_PERCENT[0] and most >= LOW_EVERYWHERE_PERCENT[1]
    if fractured < DOUBTFUL and grade == 0 and not low_everywhere:
        return "no fracture by height; OF1 needs MRI"
    if fractured < SURE or (low_everywhere and most < 30.0 and not expected.both_sides):
        found = f"possible fracture or small level ({100.0 * fractured:.0f} % for grade 1 or more)"
        return f"{found}; {NOT_KNOWN}"
    found = f"fracture by shape, Genant grade {grade}"
    if cleft in ("gas", "fluid"):
        found += f", {cleft} cleft"
    return f"{found}; {NOT_KNOWN}"
