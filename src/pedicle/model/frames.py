"""Poses between named frames. Points are LPS millimetres unless a frame name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

LEFT = np.array([1.0, 0.0, 0.0])
POSTERIOR = np.array([0.0, 1.0, 0.0])
SUPERIOR = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Pose:
    """A rigid transform that says from where to where.

    ``pose @ points`` maps points of `source` (shape (..., 3), mm) into `target`. Two poses compose only when the inner
    names meet: ``lps_from_carm @ carm_from_needle``. The matrix is 4 x 4, float64.

    Raises ValueError when the rotation is not proper and orthonormal to 1e-6, or inner names differ.
    """

    target: str
    source: str
    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        rotation = matrix[:3, :3]
        if matrix.shape != (4, 4) or not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-6):
            raise ValueError(f"{self.target}_from_{self.source} is not a rigid transform")
        if np.linalg.det(rotation) < 0:
            raise ValueError(f"{self.target}_from_{self.source} mirrors")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def from_axes(cls, target: str, source: str, axes: ArrayLike, origin_mm: ArrayLike) -> Pose:
        """Pose whose columns are the source frame's unit axes, seen in the target frame; `axes` is (3, 3), rows = axes."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(axes, dtype=np.float64).T
        matrix[:3, 3] = origin_mm
        return cls(target, source, matrix)

    @property
    def inverse(self) -> Pose:
        """The same relation read backwards."""
        rotation = self.matrix[:3, :3]
        matrix = np.eye(4)
        matrix[:3, :3] = rotation.T
        matrix[:3, 3] = -rotation.T @ self.matrix[:3, 3]
        return Pose(self.source, self.target, matrix)

    @property
    def origin_mm(self) -> NDArray[np.float64]:
        """Origin of the source frame in the target frame, shape (3,)."""
        return self.matrix[:3, 3]

    def axis(self, index: int) -> NDArray[np.float64]:
        """Unit axis `index` of the source frame in the target frame, shape (3,)."""
        return self.matrix[:3, index]

    def compose(self, other: Pose) -> Pose:
        """`a_from_b.compose(b_from_c)` is `a_from_c`; inner names must meet."""
        if self.source != other.target:
            raise ValueError(f"{self.target}_from_{self.source} does not meet {other.target}_from_{other.source}")
        return Pose(self.target, other.source, self.matrix @ other.matrix)

    def turn(self, directions: ArrayLike) -> NDArray[np.float64]:
        """Rotate directions (..., 3) from the source into the target frame; lengths stay."""
        return np.asarray(np.asarray(directions, dtype=np.float64) @ self.matrix[:3, :3].T)

    def __matmul__(self, points: ArrayLike) -> NDArray[np.float64]:
        return self.turn(points) + self.matrix[:3, 3]


def unit(vector: ArrayLike) -> NDArray[np.float64]:
    """Vectors (..., 3) scaled to length one.

    >>> unit([0.0, 3.0, 4.0])
    array([0. , 0.6, 0.8])
    """
    array = np.asarray(vector, dtype=np.float64)
    return np.asarray(array / np.linalg.norm(array, axis=-1, keepdims=True))


def angle_deg(first: ArrayLike, second: ArrayLike) -> float:
    """Angle between two directions in degrees, 0 to 180; stable near both ends.

    >>> angle_deg([1, 0, 0], [0, 2, 0])
    90.0
    """
    a, b = unit(first), unit(second)
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
