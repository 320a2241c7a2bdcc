"""The drawn ruler of a needle sheet: skin, bone, posterior wall and target along the needle, to scale."""

from __future__ import annotations

from markupsafe import Markup

from pedicle.report import svg
from pedicle.report.sheet import DepthSketch

_WIDE, _HIGH, _MARGIN, _TYPE = 96.0, 14.0, 3.0, 3.7


def depth_ruler(sketch: DepthSketch) -> Markup:
    """An SVG strip to scale: soft tissue and bone as boxes of different height, marks as ticks, names below them."""
    scale = (_WIDE - 3 * _MARGIN) / max(sketch.needle_mm, sketch.target_mm)
    skin = 2 * _MARGIN
    bone, wall, tip = (skin + scale * depth for depth in (sketch.bone_mm, sketch.wall_mm, sketch.target_mm))
    middle, names = 4.4, 11.6
    shaft = [
        (skin - 3, middle - 0.7),
        (tip - 2, middle - 0.7),
        (tip, middle),
        (tip - 2, middle + 0.7),
        (skin - 3, middle + 0.7),
    ]
    parts = [
        svg.element("title", "Depths along the needle, to scale"),
        _box(skin, bone, middle, 2.4, "soft"),
        _box(bone, tip + 5, middle, 3.6, "bone"),
        svg.polygon(shaft, "needle"),
        _tick(skin, middle, "tick"),
        _tick(bone, middle, "tick"),
        _tick(wall, middle, "tick dash"),
        svg.words("skin", (skin - 3, names), _TYPE, "label", "start"),
        svg.words("bone", (bone, names), _TYPE, "label"),
        svg.words("wall", (wall, names), _TYPE, "label"),
        svg.words("tip", (tip, names), _TYPE, "label"),
    ]
    return svg.element("svg", *parts, viewBox=f"0 0 {_WIDE:g} {_HIGH:g}", role="img", class_="ruler")


def _box(start: float, end: float, middle: float, half: float, class_: str) -> Markup:
    return svg.element("rect", x=start, y=middle - half, width=end - start, height=2 * half, class_=class_)


def _tick(x: float, middle: float, class_: str) -> Markup:
    return svg.polyline([(x, middle - 4.2), (x, middle + 4.2)], class_)
