"""Ways of rays through solids of revolution about one axis, cut by planes: exact, in float64, only where the shadow falls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel

_PARALLEL = 1e-14


@kernel
def _chord(start: Any, x: float, y: float, z: float, radius: float, planes: Any) -> float:
    """Length of the line start + t (x, y, z), a unit vector, t > 0, in the cylinder about the z axis and under all planes.

    A plane (a, b, c, d) keeps a x + b y + c z <= d. The solid is convex, so what is left of t is one interval.
    """
    first, last = 0.0, np.inf
    square = x * x + y * y
    outside = start[0] * start[0] + start[1] * start[1] - radius * radius
    if square < _PARALLEL:
        if outside >= 0.0:
            return 0.0
    else:
        half = start[0] * x + start[1] * y
        root = half * half - square * outside
        if root <= 0.0:
            return 0.0
        root = np.sqrt(root)
        first, last = max(first, (-half - root) / square), (-half + root) / square
    for n in range(planes.shape[0]):
        slope = planes[n, 0] * x + planes[n, 1] * y + planes[n, 2] * z
        room = planes[n, 3] - planes[n, 0] * start[0] - planes[n, 1] * start[1] - planes[n, 2] * start[2]
        if abs(slope) < _PARALLEL:
            if room < 0.0:
                return 0.0
        elif slope > 0.0:
            last = min(last, room / slope)
        else:
            first = max(first, room / slope)
    return max(last - first, 0.0)


@kernel
def _shadow(
    start: Any,
    corner: Any,
    column: Any,
    row: Any,
    spans: Any,
    radii: Any,
    signs: Any,
    planes: Any,
    parts: int,
    per_mm: float,
    out: Any,
) -> None:
    for r in range(out.shape[0]):
        for c in range(spans[r, 0], spans[r, 1]):
            total = 0.0
            for part in range(parts * parts):
                u = c + (part % parts + 0.5) / parts - 0.5
                v = r + (part // parts + 0.5) / parts - 0.5
                x = corner[0] + u * column[0] + v * row[0] - start[0]
                y = corner[1] + u * column[1] + v * row[1] - start[1]
                z = corner[2] + u * column[2] + v * row[2] - start[2]
                size = np.sqrt(x * x + y * y + z * z)
                way = 0.0
                for n in range(radii.shape[0]):
                    way += signs[n] * _chord(start, x / size, y / size, z / size, radii[n], planes[n])
                total += np.exp(-per_mm * way) if per_mm > 0.0 else way
            total /= parts * parts
            out[r, c] = -np.log(total) / per_mm if per_mm > 0.0 else total


def shadow(
    detector_mm: NDArray[np.float64],
    spans: NDArray[np.int64],
    radii_mm: NDArray[np.float64],
    signs: NDArray[np.float64],
    planes: NDArray[np.float64],
    parts: int,
    per_mm: float,
    out: NDArray[np.float64],
) -> None:
    """Writes ways in mm through cylinders about z, each cut by its `planes` (solids, n, 4), to `out` (rows, columns).

    Solids with sign -1 are holes in the others. `detector_mm` (4, 3) holds source, first pixel's centre, column step and
    row step in the solids' frame. `spans` (rows, 2) are the first column of the shadow and the one after its last, within
    `out`. A pixel is `parts` x `parts` rays: their mean way, or, with `per_mm` above 0, the way whose light at this
    attenuation is the mean of their light.
    """
    start, corner, column, row = np.ascontiguousarray(detector_mm, dtype=np.float64)
    _shadow(start, corner, column, row, spans, radii_mm, signs, planes, parts, float(per_mm), out)
