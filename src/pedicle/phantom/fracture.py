"""What a fracture does to the three heights of a body."""

from __future__ import annotations

from dataclasses import replace

from pedicle.phantom.morphometry import VertebraShape
from pedicle.phantom.options import FractureOptions

# Share of the greatest loss at the front, middle and back, and where the crater lies (share in the upper endplate).
PATTERN = {
    "wedge": (1.0, 0.70, 0.06, 0.78),
    "biconcave": (0.25, 1.0, 0.10, 0.55),
    "crush": (1.0, 1.0, 0.86, 0.60),
}


def target_heights(heights: tuple[float, float, float], fracture: FractureOptions | None) -> tuple[float, float, float]:
    """Front, middle and back heights after the fracture, from those before; the pattern's losses are exact."""
    if fracture is None:
        return heights
    front, middle, back, _top = PATTERN[fracture.shape]
    loss = fracture.loss_percent / 100.0
    return heights[0] * (1.0 - front * loss), heights[1] * (1.0 - middle * loss), heights[2] * (1.0 - back * loss)


def with_heights(shape: VertebraShape, front: float, middle: float, back: float) -> VertebraShape:
    """The shape with other heights (mm); a middle above the line through front and back bulges."""
    return replace(shape, height_front=front, height_back=back, crater_mm=0.5 * (front + back) - middle)


def fractured(shape: VertebraShape, fracture: FractureOptions | None) -> VertebraShape:
    """The shape after the fracture."""
    if fracture is None:
        return shape
    broken = with_heights(shape, *target_heights((shape.height_front, shape.middle, shape.height_back), fracture))
    return replace(broken, crater_top=PATTERN[fracture.shape][3])
