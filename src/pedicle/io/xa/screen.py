"""A picture as PNG, with the letters that its beam gives it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pedicle.model.conebeam import ConeBeam
from pedicle.model.orientation import edge_words, seen_from, side_letters

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 6


def png_bytes(picture: NDArray[np.uint8], beam: ConeBeam, words: str = "") -> bytes:
    """The picture (rows, columns) with L and R, the words at its edges, and `words` at its foot, as PNG."""
    buffer = io.BytesIO()
    lettered(picture, beam, words).save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def lettered(picture: NDArray[np.uint8], beam: ConeBeam, words: str = "") -> Image:
    """The picture as a grey image with its letters and words drawn in."""
    from PIL import Image as Pictures

    shown = Pictures.fromarray(np.ascontiguousarray(picture)).convert("L")
    _letter(shown, beam)
    _edges(shown, beam, words)
    return shown


def _letter(shown: Image, beam: ConeBeam) -> None:
    sides = side_letters(beam)
    high = max(18, shown.height // 14)
    if sides is None:
        _write(shown, (shown.width // 2, _GAP), f"seen from the {seen_from(beam).upper()}", high // 2, "ma")
        return
    for letter, x, anchor in ((sides[0], _GAP, "lm"), (sides[1], shown.width - _GAP, "rm")):
        _write(shown, (x, shown.height // 4), letter, high, anchor)


def _edges(shown: Image, beam: ConeBeam, words: str) -> None:
    found, size = edge_words(beam), max(11, shown.height // 32)
    middle = shown.height // 2
    _write(shown, (_GAP, middle), found["left"].upper(), size, "lm")
    _write(shown, (shown.width - _GAP, middle), found["right"].upper(), size, "rm")
    _write(
        shown, (shown.width // 2, shown.height - _GAP - (2 * size if words else 0)), found["bottom"].upper(), size, "md"
    )
    _write(shown, (_GAP, _GAP), found["top"].upper() + " at the top", size, "la")
    if words:
        _write(shown, (_GAP, shown.height - _GAP), words, size, "ld")


def _write(shown: Image, at: tuple[int, int], text: str, size: int, anchor: str) -> None:
    """White letters with a dark edge, so that they read on bone and on air."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(shown)
    draw.text(
        at,
        text,
        fill=255,
        font=ImageFont.load_default(size),
        anchor=anchor,
        stroke_width=max(1, size // 8),
        stroke_fill=0,
    )
