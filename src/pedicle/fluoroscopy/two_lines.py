"""A direction in space from lines seen in pictures, with what was known before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import SUPERIOR, unit

Array = NDArray[np.float64]
_STEPS = 10
# A needle is straight, and a picture undistorted, to this, degrees.
_STRAIGHT_DEG = 0.2


@dataclass(frozen=True, eq=False)
class SeenLine:
    """A line in a picture: a pixel on it, its unit direction there, and 1 SD of that in degrees."""

    beam: ConeBeam
    pixel: Array
    forward: Array
    turn_sd_deg: float

    @property
    def plane(self) -> tuple[Array, float]:
        """Unit normal of the plane through the source and the line, and 1 SD of the normal's turn about the ray, radians."""
        ray = self.beam.rays(self.pixel)
        beside = self.beam.rays(self.pixel + self.forward)
        return unit(np.cross(ray, beside)), float(np.radians(np.hypot(self.turn_sd_deg, _STRAIGHT_DEG)))


def direction_near(known_lps: Array, known_sd_deg: float, lines: list[SeenLine]) -> tuple[Array, float]:
    """The direction that lies in the planes of the lines and near a known one, least squares; 1 SD of its worst turn, degrees.

    Each line's error is its turn in the picture, which moves the direction out of its plane by the sine of the angle to the
    ray; where the planes are nearly one, what was known decides.
    """
    found = unit(known_lps)
    for _ in range(_STEPS):
        basis = _across(found)
        rows, left = [basis / np.radians(known_sd_deg)], [basis @ (unit(known_lps) - found) / np.radians(known_sd_deg)]
        for line in lines:
            normal, sd = line.plane
            sine = float(np.linalg.norm(np.cross(line.beam.rays(line.pixel), found)))
            weight = 1.0 / max(sd * sine, 1e-6)
            rows.append(weight * normal[None])
            left.append(np.array([-weight * float(normal @ found)]))
        matrix = np.concatenate(rows) @ basis.T
        step = np.linalg.lstsq(matrix, np.concatenate(left), rcond=None)[0]
        found = unit(found + step @ basis)
    worst = float(np.linalg.eigvalsh(np.linalg.inv(matrix.T @ matrix))[-1])
    return found, float(np.degrees(np.sqrt(worst)))


def _across(direction: Array) -> Array:
    """Two unit vectors across a direction and each other, (2, 3)."""
    aid = SUPERIOR if abs(direction @ SUPERIOR) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = unit(np.cross(direction, aid))
    return np.stack([first, np.cross(direction, first)])
