"""The drawn ruler of a needle sheet: skin, bone, posterior wall and target along the needle, to scale."""

from __future__ import annotations

from markupsafe import Markup

from pedicle.report import svg
from pedicle.report.sheet import DepthSketch

_WIDE, _HIGH, _MARGIN = 180.0, 16.0, 4.0


def depth_ruler(sketch: DepthSketch) -> Markup:
    """An SVG strip to scale; marks are told apart by shape as well as by place."""
    scale = (_WIDE - 2 * _MARGIN) / max(sketch.needle_mm, sketch.target_mm)
    skin = _MARGIN
    bone, wall, tip = (_MARGIN + scale * depth for depth in (sketch.bone_mm, sketch.wall_mm, sketch.target_mm))
    middle = 6.0
    parts = [
        svg.element("title", "Depths along the needle, to scale"),
        svg.element("rect", x=skin, y=middle - 3.4, width=bone - skin, height=6.8, class_="soft"),
        svg.element("rect", x=bone, y=middle - 3.4, width=tip - bone + 6, height=6.8, class_="bone"),
        svg.polygon(
            [
                (skin - 3, middle - 1),
                (tip - 2.5, middle - 1),
                (tip, middle),
                (tip - 2.5, middle + 1),
                (skin - 3, middle + 1),
            ],
            "needle",
        ),
        *(
            svg.polyline([(x, middle - 4.6), (x, middle + 4.6)], style)
            for x, style in ((skin, "tick"), (bone, "tick"), (wall, "tick dash"))
        ),
        svg.words("skin", (skin - 3, 13.4), 3.6, "label", "start"),
        svg.words("bone", (bone, 13.4), 3.6, "label"),
        svg.words("posterior wall", ((bone + tip) / 2 if tip - wall < 16 else wall, 13.4), 3.6, "label"),
        svg.words("tip", (tip + 2, 13.4), 3.6, "label", "start"),
    ]
    return svg.element("svg", *parts, viewBox=f"0 0 {_WIDE:g} {_HIGH:g}", role="img", class_="ruler")
