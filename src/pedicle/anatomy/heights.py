"""Heights, width, depth and angles of a body in its own frame.

Definition: columns along the body's superior axis in the strip within 4 mm of the mid-line, median over the strip;
the depth reaches as far as a column is higher than half of the median column; anterior, middle and posterior heights
stand at 12, 50 and 88 % of it from the front. The width is the depth's definition turned by a right angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.endplates import Endplate
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


def front_to_back(found: Anatomy) -> Profile | None:
    """Mid-sagittal profile: heights against y, front first; None when the strip holds no body."""
    near = np.abs(found.columns.x_mm) <= STRIP_MM + 1e-6
    return _profile(found.columns.y_mm, found.columns.height_mm[near].T, _mid_height(found)[near].swapaxes(0, 1))


def side_to_side(found: Anatomy, y_mm: float) -> Profile | None:
    """Mid-coronal profile about a depth: heights against x, right first; None when the strip holds no body."""
    near = np.abs(found.columns.y_mm - y_mm) <= STRIP_MM + 1e-6
    return _profile(found.columns.x_mm, found.columns.height_mm[:, near], _mid_height(found)[:, near])


def _mid_height(found: Anatomy) -> NDArray[np.float32]:
    """The signed distance within 3 mm of the body's mid-height, where its walls are looked for."""
    z = found.low_mm[2] + np.arange(found.view.values.shape[2]) * found.spacing_mm
    return np.asarray(found.view.values[:, :, np.abs(z) <= 3.0])


def _profile(place: NDArray[np.float64], strip: NDArray[np.float64], distance: NDArray[np.float32]) -> Profile | None:
    """Median height over a strip (place, across), and its ends; `distance` is (place, across, height)."""
    there = np.isfinite(strip).any(axis=1)
    if there.sum() < 5:
        return None
    height = np.zeros(len(place))
    height[there] = np.nanmedian(strip[there], axis=1)
    half = 0.5 * float(np.median(height[there]))
    over = np.flatnonzero(height > half)
    first, last = int(over[0]), int(over[-1])
    step = float(place[1] - place[0])
    low = place[first] - step * _beyond(height, distance, half, first, first - 1)
    high = place[last] + step * _beyond(height, distance, half, last, last + 1)
    kept = slice(first, last + 1)
    return Profile(place[kept], height[kept], float(low), float(high))


def _beyond(height: NDArray[np.float64], distance: NDArray[np.float32], half: float, inner: int, outer: int) -> float:
    """How far, in steps, the body goes on beyond its last column: to half height, or to its wall where that is steep."""
    if not 0 <= outer < len(height):
        return 0.0
    if height[outer] > 0.2 * half:
        return float((height[inner] - half) / (height[inner] - height[outer]))
    inside, outside = distance[inner], distance[outer]
    met = (inside < 0) & (outside > 0)
    if not met.any():
        return 0.5
    return float(np.median(inside[met] / (inside[met] - outside[met])))


def sagittal_deg(plate: Endplate) -> float:
    """Tilt of an endplate in the sagittal plane of its frame: positive when it looks towards the front."""
    normal = plate.normal
    return float(np.degrees(np.arctan2(-normal[1], normal[2])))


def wedge_deg(found: Anatomy) -> float:
    """Angle between the endplates in the sagittal plane: positive when the body is lower in front."""
    return sagittal_deg(found.upper) - sagittal_deg(found.lower)
