"""The see-through canal: look along a vertebra and the canal is the largest hole light falls through.

No single slice must be a closed ring, so pedicle gaps, oblique slices and 5 mm slices do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Pose
from pedicle.model.volume import Volume

TILTS_DEG = np.arange(-30.0, 30.1, 3.0)
LEAST_AREA_MM2, MOST_AREA_MM2 = 50.0, 700.0
# Gaps to bridge, left to right (a lamina lost) and front to back (a slab of a pedicle lost), mm.
CLOSINGS_MM = ((0.0, 0.0), (0.0, 4.0), (5.0, 0.0), (5.0, 7.0), (12.0, 0.0), (12.0, 7.0), (20.0, 0.0))


@dataclass(frozen=True, eq=False)
class Canal:
    """A straight tube through a vertebra, in the frame it was looked at.

    `hole` (bool, x by y) is its section on nodes `low_mm + n spacing_mm`; at height z it is shifted by `slope * z`
    towards the back. `closed_mm` is the gap in the arch that had to be bridged, 0 for a closed arch; `carried` when
    the tube was taken over from neighbours.
    """

    hole: NDArray[np.bool_]
    low_mm: NDArray[np.float64]
    spacing_mm: float
    slope: float
    closed_mm: float = 0.0
    carried: bool = False

    @property
    def area_mm2(self) -> float:
        """Area of the hole."""
        return float(self.hole.sum()) * self.spacing_mm**2

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of the hole at height 0: x, y."""
        return np.asarray(np.argwhere(self.hole).mean(axis=0) * self.spacing_mm + self.low_mm)

    @property
    def extent_mm(self) -> NDArray[np.float64]:
        """Lowest and highest x, then y, of the hole at height 0; shape (2, 2)."""
        cells = np.argwhere(self.hole)
        half = 0.5
        ends = np.stack([cells.min(axis=0) - half, cells.max(axis=0) + half], axis=1)
        return np.asarray(ends * self.spacing_mm + self.low_mm[:, None])

    def centre_at(self, z_mm: float) -> tuple[float, float]:
        """x and y of the tube's centre at a height."""
        x, y = self.centre_mm
        return float(x), float(y + self.slope * z_mm)


def see_through(view: Volume, low_mm: NDArray[np.float64]) -> Canal | None:
    """The canal in a view of a vertebra's signed distance (x left, y back, z head), or None where no hole is found.

    `low_mm` is the frame position of the view's first node. The tilts about the left-right axis that reach 97 % of
    the largest hole are taken together; their middle is the canal's direction. Where the arch is open, gaps are bridged
    in turn, small ones first.
    """
    for closing in CLOSINGS_MM:
        found = _best_tilt(view, low_mm, closing)
        if found is not None and LEAST_AREA_MM2 <= found.area_mm2 <= MOST_AREA_MM2:
            return found
    return None


def _best_tilt(view: Volume, low_mm: NDArray[np.float64], closing_mm: tuple[float, float]) -> Canal | None:
    slopes = np.tan(np.radians(TILTS_DEG))
    holes = [_hole(view, low_mm, float(slope), closing_mm) for slope in slopes]
    areas = np.array([hole.area_mm2 for hole in holes])
    if areas.max() == 0:
        return None
    good = np.flatnonzero(areas >= 0.97 * areas.max())
    middle = float(np.tan(np.radians(TILTS_DEG[good].mean())))
    return _hole(view, low_mm, middle, closing_mm)


def _hole(view: Volume, low_mm: NDArray[np.float64], slope: float, closing_mm: tuple[float, float]) -> Canal:
    from pedicle.kernels.shadow import largest_hole, shadow

    spacing = float(view.grid.spacing_mm[0])
    level = round(-float(low_mm[2]) / spacing)
    margin = int(np.ceil(abs(slope) * view.grid.shape[2])) + 2
    image = shadow(view.values, slope, level, margin)
    if any(closing_mm):
        image = _closed(image, round(closing_mm[0] / spacing), round(closing_mm[1] / spacing))
    low = np.array([low_mm[0], low_mm[1] - margin * spacing])
    return Canal(largest_hole(image), low, spacing, slope, max(closing_mm))


def _closed(image: NDArray[np.bool_], across: int, along: int) -> NDArray[np.bool_]:
    """The shadow with gaps of so many cells bridged, from left to right, then from front to back."""
    from scipy.ndimage import binary_closing

    wide = np.pad(image, ((across, across), (along, along)))
    for shape in ((across + 1, 1), (1, along + 1)):
        wide = binary_closing(wide, np.ones(shape, bool))
    return np.asarray(wide[across : across + image.shape[0], along : along + image.shape[1]])


@dataclass(frozen=True, eq=False)
class Loan:
    """A neighbour's canal laid along a straight line (LPS) through a vertebra whose own cannot be seen."""

    point_lps_mm: NDArray[np.float64]
    direction_lps: NDArray[np.float64]
    section: Canal

    def seen_in(self, lps_from_frame: Pose) -> Canal:
        """The tube in a frame."""
        point = lps_from_frame.inverse @ self.point_lps_mm
        along = lps_from_frame.inverse.turn(self.direction_lps)
        foot = point[:2] - along[:2] / along[2] * point[2]
        low = self.section.low_mm + foot - self.section.centre_mm
        return replace(self.section, low_mm=low, slope=float(along[1] / along[2]), carried=True)
