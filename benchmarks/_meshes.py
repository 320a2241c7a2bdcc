"""Closed triangle meshes of what needle and cement are, built from their drawings: for programs that draw surfaces.

A mesh is (vertices (n, 3) in mm, triangles (m, 3)), its triangles turned outwards. Round things have so many sides that
their volume is right to 1e-4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]
Point = tuple[float, float, float]
SIDES = 256
FACES = np.radians([0.0, 120.0, 240.0])


def box(low: Point, high: Point) -> Mesh:
    """A box between two corners."""
    points = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    return hull(points)


def hull(points: NDArray[np.float64]) -> Mesh:
    """The convex hull of points."""
    from scipy.spatial import ConvexHull

    found = ConvexHull(points)
    corners = points[found.simplices]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inwards = (normal * found.equations[:, :3]).sum(axis=1) < 0
    triangles = found.simplices.astype(np.int64)
    triangles[inwards] = triangles[inwards][:, ::-1]
    return points, triangles


def circle(radius: float, z: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (SIDES, 3) of a polygon with the circle's area, at heights z."""
    angle = 2.0 * np.pi * np.arange(SIDES) / SIDES
    even = radius * np.sqrt(2.0 * np.pi / SIDES / np.sin(2.0 * np.pi / SIDES))
    return np.stack([even * np.cos(angle), even * np.sin(angle), np.broadcast_to(z, SIDES)], axis=1)


def rod(radius: float, low: float, high: float) -> Mesh:
    """A cylinder about z."""
    return hull(np.concatenate([circle(radius, low), circle(radius, high)]))


def diamond(radius: float, length: float, face_deg: float) -> Mesh:
    """A rod about z from its apex at 0 backwards, ground by three faces at an angle to the axis."""
    rim = circle(radius, 0.0)
    across = np.max([rim[:, 0] * np.cos(a) + rim[:, 1] * np.sin(a) for a in FACES], axis=0)
    rim[:, 2] = across / np.tan(np.radians(face_deg))
    return hull(np.concatenate([np.zeros((1, 3)), rim, circle(radius, length)]))


def tube(outer: float, inner: float, low: float, high: float) -> Mesh:
    """A tube about z with flat ends: one closed surface."""
    rings = [circle(outer, low), circle(outer, high), circle(inner, high), circle(inner, low)]
    here, after = np.arange(SIDES), (np.arange(SIDES) + 1) % SIDES
    triangles = []
    for n in range(4):
        one, other = n * SIDES, (n + 1) % 4 * SIDES
        triangles += [np.stack([one + here, one + after, other + after], axis=1)]
        triangles += [np.stack([one + here, other + after, other + here], axis=1)]
    return np.concatenate(rings), np.concatenate(triangles)


def ball(centre: Point, radius: float) -> Mesh:
    """A sphere of evenly strewn points, with the sphere's volume."""
    n = np.arange(8000)
    z = 1.0 - (2.0 * n + 1.0) / len(n)
    turn = np.pi * (1.0 + np.sqrt(5.0)) * n
    ring = np.sqrt(1.0 - z * z)
    points, triangles = hull(np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1))
    points = points * (4.0 / 3.0 * np.pi / volume((points, triangles))) ** (1.0 / 3.0)
    return np.asarray(centre) + radius * points, triangles


def volume(mesh: Mesh) -> float:
    """What the surface holds, mm3."""
    a, b, c = mesh[0][mesh[1]].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6.0)
