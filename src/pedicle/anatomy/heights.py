"""Heights, width, depth and angles of a body in its own frame.

Definition: columns along the body's superior axis in the strip within 4 mm of the mid-line, median over the strip;
the depth reaches as far as a column is higher than half of the median column; anterior, middle and posterior heights
stand at 12, 50 and 88 % of it from the front. The width is the depth's definition turned by a right angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.endplates import Columns, Endplate
from pedicle.anatomy.frame import Anatomy

STRIP_MM = 4.0
STATIONS = (0.12, 0.50, 0.88)


@dataclass(frozen=True)
class Profile:
    """Height against place along one axis through the body's middle, and the ends where it falls to half."""

    place_mm: NDArray[np.float64]
    height_mm: NDArray[np.float64]
    low_mm: float
    high_mm: float

    @property
    def length_mm(self) -> float:
        """Distance between the ends."""
        return self.high_mm - self.low_mm

    def height_at(self, share: float) -> float:
        """Height at a share of the length from the low end: mean over 2 mm, so that one column does not decide."""
        middle = self.low_mm + share * self.length_mm
        places = middle + np.linspace(-1.0, 1.0, 9)
        return float(np.interp(places, self.place_mm, self.height_mm).mean())


def front_to_back(found: Columns) -> Profile | None:
    """Mid-sagittal profile: heights against y, front first; None when the strip holds no body."""
    return _profile(found.y_mm, found.height_mm[np.abs(found.x_mm) <= STRIP_MM + 1e-6, :])


def side_to_side(found: Columns, y_mm: float) -> Profile | None:
    """Mid-coronal profile about a depth: heights against x, right first; None when the strip holds no body."""
    return _profile(found.x_mm, found.height_mm[:, np.abs(found.y_mm - y_mm) <= STRIP_MM + 1e-6].T)


def _profile(place: NDArray[np.float64], strip: NDArray[np.float64]) -> Profile | None:
    there = np.isfinite(strip).any(axis=0)
    if there.sum() < 5:
        return None
    height = np.zeros(len(place))
    height[there] = np.nanmedian(strip[:, there], axis=0)
    half = 0.5 * float(np.median(height[there]))
    over = np.flatnonzero(height > half)
    first, last = int(over[0]), int(over[-1])
    ends = _crossing(place, height, first, first - 1, half), _crossing(place, height, last, last + 1, half)
    kept = slice(first, last + 1)
    return Profile(place[kept], height[kept], *ends)


def _crossing(place: NDArray[np.float64], height: NDArray[np.float64], inner: int, outer: int, level: float) -> float:
    """Place where the height falls through a level between two neighbouring columns; the inner one at the border."""
    if not 0 <= outer < len(place):
        return float(place[inner])
    share = (height[inner] - level) / (height[inner] - height[outer])
    return float(place[inner] + share * (place[outer] - place[inner]))


def sagittal_deg(plate: Endplate) -> float:
    """Tilt of an endplate in the sagittal plane of its frame: positive when it looks towards the front."""
    normal = plate.normal
    return float(np.degrees(np.arctan2(-normal[1], normal[2])))


def wedge_deg(found: Anatomy) -> float:
    """Angle between the endplates in the sagittal plane: positive when the body is lower in front."""
    return sagittal_deg(found.upper) - sagittal_deg(found.lower)
