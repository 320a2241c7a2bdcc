"""Which way a picture looks: the letters at its edges, read from the beam's own directions and never from a file.

Letters are DICOM's: L left, R right, A front, P back, H head, F feet; several when a direction lies between axes, the
largest part first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import unit

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_WORDS = {"L": "left", "R": "right", "P": "back", "A": "front", "H": "head", "F": "feet"}
# A part of a direction below this share (14 degrees) is not worth a letter.
_WORTH = 0.25
# A side letter stands in the picture when the patient's left runs along its rows by more than this share: the detector stands
# within 60 degrees of front or back. Nearer to a side the edges are front and back, and large letters of sides would mislead.
_SIDE = 0.5


def letters(direction_lps: ArrayLike) -> str:
    """The letters of a direction, largest part first.

    >>> letters([0.9, 0.4, 0.1]), letters([0.0, 0.0, -1.0])
    ('LP', 'F')
    """
    vector = unit(direction_lps)
    order = np.argsort(-np.abs(vector), kind="stable")
    return "".join(_LETTERS[n][0 if vector[n] > 0 else 1] for n in order if abs(vector[n]) >= _WORTH)


def word(direction_lps: ArrayLike) -> str:
    """The word of a direction's largest part: left, right, back, front, head or feet."""
    return _WORDS[letters(direction_lps)[0]]


def edge_letters(beam: ConeBeam) -> dict[str, str]:
    """Letters at the left, right, top and bottom edge of a picture."""
    right, down = beam.column_step_lps_mm, beam.row_step_lps_mm
    return {"left": letters(-right), "right": letters(right), "top": letters(-down), "bottom": letters(down)}


def edge_words(beam: ConeBeam) -> dict[str, str]:
    """The anatomical word at each edge of a picture."""
    return {edge: _WORDS[found[0]] for edge, found in edge_letters(beam).items()}


def side_letters(beam: ConeBeam) -> tuple[str, str] | None:
    """L and R for the left and right edge of a picture; None when it is a view from the side, which shows neither."""
    share = float(unit(beam.column_step_lps_mm)[0])
    if abs(share) < _SIDE:
        return None
    return ("R", "L") if share > 0 else ("L", "R")


def seen_from(beam: ConeBeam) -> str:
    """The side of the patient that the detector's eye is on; a mirrored picture is seen from the other side."""
    towards_eye = np.cross(beam.column_step_lps_mm, -beam.row_step_lps_mm)
    return word(towards_eye)


def mirrored(beam: ConeBeam) -> ConeBeam:
    """The geometry of the same picture with its columns in the opposite order; turn the pixels with ``[:, ::-1]``."""
    far = beam.pixel_lps_mm([beam.columns - 1, 0])
    return replace(beam, corner_lps_mm=far, column_step_lps_mm=-beam.column_step_lps_mm)


def is_mirrored(beam: ConeBeam) -> bool:
    """Whether the picture is what an eye at the source would see, not at the detector."""
    facing = np.cross(beam.column_step_lps_mm, -beam.row_step_lps_mm)
    return bool(facing @ beam.normal_lps < 0)


def row_and_column(beam: ConeBeam) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions along a row and down a column, LPS."""
    return unit(beam.column_step_lps_mm), unit(beam.row_step_lps_mm)
