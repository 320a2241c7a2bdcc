"""The PNG of a shot: its L and R are where the beam says, also after a flip."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pedicle.io.xa.screen import png_bytes
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR
from pedicle.model.orientation import mirrored

ARM = CArm(1100.0, 700.0, 0.6, 512, 512)


def shown(beam: ConeBeam) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png_bytes(np.full((512, 512), 100, np.uint8), beam))))


def letter_at(picture: np.ndarray, edge: str) -> str:
    """The letter a quarter down at an edge, told by its ink: an R has a bow at the upper right of its box, an L has none."""
    part = picture[90:166, :60] if edge == "left" else picture[90:166, -60:]
    rows, columns = np.nonzero(part == 255)
    box = part[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == 255
    upper_right = box[: box.shape[0] // 2, box.shape[1] // 2 :]
    return "R" if upper_right.mean() > 0.2 else "L"


@pytest.mark.parametrize(
    ("primary", "left", "right"), [(180.0, "L", "R"), (155.0, "L", "R"), (0.0, "R", "L"), (-30.0, "R", "L")]
)
def test_letters_and_their_flip(primary, left, right):
    beam = ConeBeam.aimed(ARM, [0.0, 0.0, 0.0], View.from_dicom_angles("v", primary, 5.0).detector_lps, SUPERIOR)
    straight, flipped = shown(beam), shown(mirrored(beam))
    assert (letter_at(straight, "left"), letter_at(straight, "right")) == (left, right)
    assert (letter_at(flipped, "left"), letter_at(flipped, "right")) == (right, left)


def test_the_same_picture_gives_the_same_bytes():
    beam = ConeBeam.aimed(ARM, [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], SUPERIOR)
    grey = np.full((512, 512), 7, np.uint8)
    assert png_bytes(grey, beam, "L1 AP") == png_bytes(grey, beam, "L1 AP")
