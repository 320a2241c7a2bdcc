"""Heights, pedicles and density measured on the composed shapes, never copied from what was asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRIP_MM = 4.0
STATIONS = (0.12, 0.50, 0.88)


def body_heights(row: NDArray[np.float64]) -> tuple[float, float, float]:
    """Front, middle and back height of a body, mm.

    Columns along the superior axis in the strip |u| <= 4 mm, median over the strip; the depth is where the column is
    above half of the median column; stations at 12, 50 and 88 % of it from the front.
    """
    from pedicle.kernels.phantom_truth import body_columns

    across = np.linspace(-STRIP_MM, STRIP_MM, 5)
    back = np.arange(-27.0, 27.0, 0.5)
    found = np.median(body_columns(row, across, back), axis=0)
    level = 0.5 * np.median(found[found > 0.0])
    low, high = _extent(back, found, float(level))
    return tuple(float(np.interp(low + s * (high - low), back, found)) for s in STATIONS)  # type: ignore[return-value]


def body_depth(row: NDArray[np.float64]) -> tuple[float, float]:
    """Front and back end of the body along v in the strip, mm: where the columns are above half of the median."""
    from pedicle.kernels.phantom_truth import body_columns

    back = np.arange(-27.0, 27.0, 0.5)
    found = np.median(body_columns(row, np.linspace(-STRIP_MM, STRIP_MM, 5), back), axis=0)
    return _extent(back, found, float(0.5 * np.median(found[found > 0.0])))


def _extent(place: NDArray[np.float64], found: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Interpolated first and last place where `found` is above `level`."""
    above = np.flatnonzero(found > level)
    first, last = int(above[0]), int(above[-1])
    low = np.interp(level, found[first - 1 : first + 1], place[first - 1 : first + 1])
    high = np.interp(-level, -found[last : last + 2], place[last : last + 2])
    return float(low), float(high)
