"""Ribs as chains of flat rods: head beside the body, neck past the transverse process, shaft around the chest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.phantom.chain import Link
from pedicle.phantom.options import PhantomOptions
from pedicle.phantom.soft import back_of, slice_table

RADIUS, FLATNESS = 3.3, 0.52
NECK_RADIUS = 3.4
# Joint space between two bones, and what a pedicle's wall flares by towards body and arch.
JOINT_MM, FLARE_MM = 1.8, 1.2


def rib_rods(links: list[Link], options: PhantomOptions) -> NDArray[np.float64]:
    """Rods (n, 11): two ends LPS, two radii, scales of y and z, owner."""
    thoracic = [link for link in links if link.shape.level.startswith("T")]
    rows: list[list[float]] = []
    for n, link in enumerate(thoracic):
        for side in (1.0, -1.0):
            points = _course(link, links, options, side)
            owner = 2 * n + (side > 0)
            for m in range(len(points) - 1):
                thick = NECK_RADIUS if m < 2 else RADIUS
                flat = 1.0 if m < 2 else FLATNESS
                rows.append([*points[m], *points[m + 1], thick, thick, 1.0, flat, owner])
    return np.array(rows) if rows else np.zeros((0, 11))


def _course(link: Link, links: list[Link], options: PhantomOptions, side: float) -> NDArray[np.float64]:
    """Points along one rib, from the head outwards; the twelfth and eleventh end in the flank."""
    shape = link.shape
    depth, width = 0.5 * (shape.depth_top + shape.depth_bottom), 0.5 * (shape.width_top + shape.width_bottom)
    # A rib lies beside the pedicle and leaves it whole: its near side keeps the joint's space from the pedicle's wall.
    beside = 0.5 * shape.canal_width + max(shape.pedicle_widths) + FLARE_MM + JOINT_MM + NECK_RADIUS
    head = [side * max(0.5 * width + 2.0, beside), 0.5 * depth - 3.0, 0.30 * shape.height_back]
    neck = [side * max(shape.transverse * 0.86, beside), 0.5 * depth + 14.0, 0.16 * shape.height_back]
    near = [link.lps_from_vertebra @ np.array(point) for point in (head, neck)]
    ends = {"T12": 62.0, "T11": 85.0, "T10": 115.0}.get(shape.level, 128.0)
    start = 26.0
    angles = np.radians(np.linspace(start, ends, 12))
    drop = near[1][2] + 4.0 - 52.0 * (1.0 - np.cos(angles)) - 16.0 * (angles - angles[0])
    table = slice_table(links, options, drop)
    from pedicle.kernels import phantom_soft as column

    inset = table[:, column.FAT] + 9.0
    wide, deep = table[:, column.HALF_WIDTH] - inset - 6.0, table[:, column.HALF_DEPTH] - inset
    back = back_of(links, options) - back_fat_margin(options)
    x = side * wide * np.sin(angles)
    y = np.minimum(table[:, column.MIDDLE_Y] + deep * np.cos(angles), back)
    shaft = np.stack([x, y, drop], axis=1)
    return _smoothed(np.vstack([np.array(near), shaft]))


def _smoothed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A cubic through the points, at 18 places evenly along it; the head stays where it is."""
    from scipy.interpolate import make_interp_spline

    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    chosen = np.concatenate([[0], [1], np.arange(3, len(points))])
    curve = make_interp_spline(way[chosen], points[chosen], k=3)
    return np.asarray(curve(np.linspace(0.0, way[-1], 18)))


def back_fat_margin(options: PhantomOptions) -> float:
    """How far the backmost rib lies under the skin of the back, mm."""
    from pedicle.phantom.soft import back_fat

    return back_fat(options) + 16.0
