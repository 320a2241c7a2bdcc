"""Drawings as inline SVG: text is escaped, numbers are rounded to 0.01 mm, so the same input gives the same bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike, NDArray

STEADY = "non-scaling-stroke"
"""Value of ``vector-effect`` for lines whose width does not grow with the picture."""


def number(value: float) -> str:
    """A coordinate with two decimals at most and never "-0".

    >>> number(1.5), number(-0.001), number(12.0)
    ('1.5', '0', '12')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(name: str, *children: Markup | str, **attributes: str | float | None) -> Markup:
    """One element; attribute names use ``_`` for ``-`` and a trailing ``_`` for Python's own words.

    >>> print(element("text", "a < b", x=1.0, class_="word"))
    <text x="1" class="word">a &lt; b</text>
    """
    pairs = []
    for key, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else number(float(value))
            pairs.append(f' {key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("".join(pairs)), inside)


def group(parts: Iterable[Markup], class_: str | None = None) -> Markup:
    """Elements under one ``<g>``."""
    return element("g", *parts, class_=class_)


def path_of(lines: Iterable[NDArray[np.float64]]) -> str:
    """Path data of polylines, each (n, 2) in mm; a line that ends where it began is closed."""
    pieces = []
    for line in lines:
        closed = bool(np.allclose(line[0], line[-1])) and len(line) > 2
        points = line[:-1] if closed else line
        text = "L".join(f"{_tenth(x)} {_tenth(y)}" for x, y in points)
        pieces.append(f"M{text}{'Z' if closed else ''}")
    return "".join(pieces)


def _tenth(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def polyline(points: ArrayLike, class_: str) -> Markup:
    """An open line through points (n, 2)."""
    return element("path", d=path_of([np.asarray(points, dtype=np.float64)]), class_=class_, vector_effect=STEADY)


def polygon(points: ArrayLike, class_: str) -> Markup:
    """A closed area through points (n, 2)."""
    text = " ".join(f"{number(float(x))},{number(float(y))}" for x, y in np.asarray(points, dtype=np.float64))
    return element("polygon", points=text, class_=class_, vector_effect=STEADY)


def words(text: str, at: Sequence[float], size: float, class_: str = "label", anchor: str = "middle") -> Markup:
    """Text in a drawing, centred on `at` in height."""
    x, y = at
    return element("text", text, x=x, y=y + 0.36 * size, font_size=size, class_=class_, text_anchor=anchor)


def cased(text: str, at: Sequence[float], size: float, class_: str = "tag", anchor: str = "middle") -> Markup:
    """Text on a picture: a dark edge behind white letters, so that it reads on bone and on air."""
    x, y = at[0], at[1] + 0.36 * size
    edge = element("text", text, x=x, y=y, font_size=size, class_="casing", text_anchor=anchor, aria_hidden="true")
    return edge + words(text, at, size, class_, anchor)


def jpeg(grey: NDArray[np.uint8], quality: int) -> str:
    """A grey picture as a data URI; no metadata."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(grey)).save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
