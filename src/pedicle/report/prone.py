"""The small figure on a needle sheet: the prone patient seen from behind, with the side of each needle."""

from __future__ import annotations

from markupsafe import Markup

from pedicle.report import svg
from pedicle.report.words import listed

_WIDE, _HIGH, _MIDDLE, _ENTRY = 44.0, 40.0, 22.0, 24.0
_TORSO = "M14 38C13 31 15.5 27 15 22C14.6 18 11 17 11.5 13.5C12 11 17 11 19.5 9.5L24.5 9.5C27 11 32 11 32.5 13.5C33 17 29.4 18 29 22C28.5 27 31 31 30 38"
# Seen from behind, the patient's left is on the left of the drawing.
_PLACE = {"LEFT": _MIDDLE - 4.2, "RIGHT": _MIDDLE + 4.2}


def prone_figure(sides: list[str]) -> Markup:
    """A drawing of the back with a dot at each side named ("LEFT", "RIGHT")."""
    words = f"Prone patient from behind, needle {listed(side.lower() for side in sides)}"
    parts = [
        svg.element("title", words),
        svg.element("circle", cx=_MIDDLE, cy=5.0, r=4.0, class_="skin"),
        svg.element("path", d=_TORSO, class_="skin"),
        svg.polyline([(_MIDDLE, 10.5), (_MIDDLE, 37.0)], "midline"),
        *(svg.element("circle", cx=_PLACE[side], cy=_ENTRY, r=2.2, class_="entry") for side in sides),
        svg.words("L", (4.0, _ENTRY), 9.0, "label strong"),
        svg.words("R", (_WIDE - 4.0, _ENTRY), 9.0, "label strong"),
    ]
    return svg.element("svg", *parts, viewBox=f"0 0 {_WIDE:g} {_HIGH:g}", role="img", class_="prone")
