"""The curve of the spine: first directions to the head, and angles between vertebrae."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import unit

HEAD = np.array([0.0, 0.0, 1.0])


def superior_directions(centres_mm: NDArray[np.float64], trusted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Direction to the head at each centroid, from the curve through the trusted ones; shape (n, 3).

    Centroids run from the head down. Cut vertebrae are not to be trusted: their centroids bend the curve. With fewer
    than two trusted ones the direction is the patient's own.
    """
    use = np.flatnonzero(trusted)
    if len(use) < 2:
        return np.tile(HEAD, (len(centres_mm), 1))
    points = centres_mm[use]
    slopes = np.gradient(points, axis=0)
    nearest = [int(np.abs(use - n).argmin()) for n in range(len(centres_mm))]
    directions = -unit(slopes)[nearest]
    return np.asarray(directions)


def lean_deg(normal: NDArray[np.float64], anterior: NDArray[np.float64], superior: NDArray[np.float64]) -> float:
    """How far a direction leans from the head towards the front, in the plane of both, degrees."""
    return float(np.degrees(np.arctan2(normal @ anterior, normal @ superior)))


def kyphosis_deg(
    upper_plate: NDArray[np.float64], lower_plate: NDArray[np.float64], axes: NDArray[np.float64]
) -> float:
    """Cobb angle between an upper endplate and a lower one further down, positive for kyphosis, negative for lordosis.

    Normals point to the head (LPS); `axes` rows are the mean anterior and superior direction of the vertebrae between.
    """
    anterior, superior = unit(axes)
    return lean_deg(upper_plate, anterior, superior) - lean_deg(lower_plate, anterior, superior)
