"""Small rigid motions of a body about its own centre: six numbers, in mm and radians."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.frames import Pose

Array = NDArray[np.float64]


def cross_matrix(vector: ArrayLike) -> Array:
    """The matrix (3, 3) that takes x to vector x x."""
    a, b, c = np.asarray(vector, dtype=np.float64)
    return np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])


def rotation_of(turn_rad: ArrayLike) -> Array:
    """Rotation matrix (3, 3) about the direction of `turn_rad` by its length (Rodrigues).

    >>> rotation_of([0.0, 0.0, np.pi / 2]).round(6) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    turn = np.asarray(turn_rad, dtype=np.float64)
    k, angle = cross_matrix(turn), float(np.linalg.norm(turn))
    # sin(a) / a and (1 - cos a) / a2, written so that they stay exact at zero.
    first, second = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2
    return np.asarray(np.eye(3) + first * k + second * (k @ k))


def turn_of(rotation: ArrayLike) -> Array:
    """The turn (3,) in rad of a rotation matrix, 0 to pi long."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(np.asarray(rotation)).as_rotvec())


def moved(pose: Pose, centre_source_mm: ArrayLike, motion: ArrayLike) -> Pose:
    """The pose after a motion (6,): shift (mm) and turn (rad) about the body's centre, both along the target's axes.

    `centre_source_mm` is the centre in the source frame; it moves by the shift alone.
    """
    motion = np.asarray(motion, dtype=np.float64)
    turn = rotation_of(motion[3:])
    centre = pose @ centre_source_mm
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ pose.matrix[:3, :3]
    matrix[:3, 3] = centre + motion[:3] + turn @ (pose.matrix[:3, 3] - centre)
    return Pose(pose.target, pose.source, matrix)


def motion_between(first: Pose, second: Pose, centre_source_mm: ArrayLike) -> Array:
    """The motion (6,) with ``moved(first, centre, motion) == second``."""
    shift = second @ centre_source_mm - first @ centre_source_mm
    return np.concatenate([shift, turn_of(second.matrix[:3, :3] @ first.matrix[:3, :3].T)])
