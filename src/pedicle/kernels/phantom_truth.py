"""Questions to the shapes of a synthetic vertebra: columns through the body, distances and density at points."""

from __future__ import annotations

import numpy as np

from pedicle.kernels.jit import kernel
from pedicle.kernels.phantom_bone import GAP, MARROW_SD_SHORT, marrow
from pedicle.kernels.phantom_shapes import (
    EDGE,
    FAR,
    HEIGHT_BACK,
    HEIGHT_FRONT,
    PEDICLE_BACK,
    PEDICLE_COSINE,
    PEDICLE_LEFT,
    PEDICLE_OUT,
    PEDICLE_RIGHT,
    PEDICLE_SINE,
    PEDICLE_UP,
    any_bone,
    canal,
    capsule,
    endplate,
    pedicle,
    smooth_greatest,
    wall,
)  # fmt: skip


@kernel
def body_only(row, u, v, w):
    """Distance to the body cut by the canal, without the arch."""
    end, s, _above, _below = endplate(row, u, v, w)
    body = smooth_greatest(wall(row, u, v, s), end, row[EDGE])
    return smooth_greatest(body, -canal(row, u, v, s), 1.5)


@kernel
def edge(row, u, v, inside, outside):
    """Height between a point inside and one outside where the body's surface is crossed, by bisection to 1 micrometre."""
    for _ in range(16):
        middle = 0.5 * (inside + outside)
        if body_only(row, u, v, middle) < 0.0:
            inside = middle
        else:
            outside = middle
    return 0.5 * (inside + outside)


@kernel
def column_height(row, u, v):
    """Length of the column along w inside the body; 0 where there is none."""
    reach = 0.5 * max(row[HEIGHT_FRONT], row[HEIGHT_BACK]) + 6.0
    for n in range(15):
        start = ((n + 1) // 2) * (1.5 if n % 2 else -1.5)
        if body_only(row, u, v, start) < 0.0:
            return edge(row, u, v, start, reach) - edge(row, u, v, start, -reach)
    return 0.0


@kernel
def body_columns(row, across, back):
    """Column heights (len(across), len(back)) over a raster of local places, mm."""
    out = np.empty((across.shape[0], back.shape[0]))
    for i in range(across.shape[0]):
        for j in range(back.shape[0]):
            out[i, j] = column_height(row, across[i], back[j])
    return out


@kernel
def ask_points(row, capsules, points, short, long):
    """Columns at local points (n, 3): whole, body, canal, left pedicle, right pedicle, past endplates, wall, density."""
    out = np.empty((points.shape[0], 8))
    for n in range(points.shape[0]):
        u, v, w = points[n, 0], points[n, 1], points[n, 2]
        whole, body, side, end, hole, behind, s = any_bone(row, capsules, u, v, w)
        _end, _s, above, below = endplate(row, u, v, w)
        tube = pedicle(row, u, v, w)
        out[n, 0], out[n, 1], out[n, 2] = whole, body, hole
        out[n, 3] = tube if u >= 0.0 else FAR
        out[n, 4] = tube if u < 0.0 else FAR
        out[n, 5], out[n, 6] = end, side
        out[n, 7] = marrow(row, u, v, w, s, side, above, below, behind, short, long, MARROW_SD_SHORT)[0]
    return out


@kernel
def beside_ribs(row, capsules, rods, u, v, w):
    """Distance to the bone as it is painted: where a rib comes near, its surface gives way to half the joint's gap."""
    mine = any_bone(row, capsules, u, v, w)[0]
    x = row[9] + row[0] * u + row[1] * v + row[2] * w
    y = row[10] + row[3] * u + row[4] * v + row[5] * w
    z = row[11] + row[6] * u + row[7] * v + row[8] * w
    rib = FAR
    for n in range(rods.shape[0]):
        rib = min(rib, capsule(rods[n], x, y, z))
    return max(mine, 0.5 * (mine - rib + GAP))


@kernel
def reach_of(row, capsules, rods, u, v, w, du, dv, dw):
    """Way from a point inside the bone to its surface along a direction, mm; 0 from outside, at most 25."""
    if beside_ribs(row, capsules, rods, u, v, w) >= 0.0:
        return 0.0
    before, step = 0.0, 0.25
    while before < 25.0:
        t = before + step
        if beside_ribs(row, capsules, rods, u + t * du, v + t * dv, w + t * dw) > 0.0:
            inside, outside = before, t
            for _ in range(20):
                middle = 0.5 * (inside + outside)
                if beside_ribs(row, capsules, rods, u + middle * du, v + middle * dv, w + middle * dw) < 0.0:
                    inside = middle
                else:
                    outside = middle
            return 0.5 * (inside + outside)
        before = t
    return 25.0


@kernel
def pedicle_section(row, capsules, rods, sign):
    """Narrowest section of one pedicle: width, height, and its centre along, across and above the pedicle's own centre.

    Sizes are ways through the pedicle's own middle line in the painted bone, which yields to ribs (rods, LPS) beside it.
    """
    half = row[PEDICLE_LEFT] if sign > 0.0 else row[PEDICLE_RIGHT]
    out = row[PEDICLE_OUT] + half - 0.5 * (row[PEDICLE_LEFT] + row[PEDICLE_RIGHT])
    sine, cosine = row[PEDICLE_SINE], row[PEDICLE_COSINE]
    best = 1e9
    found = (0.0, 0.0, 0.0, 0.0, 0.0)
    for n in range(-8, 13):
        along = 0.5 * n
        u, v, w = sign * (out + along * sine), row[PEDICLE_BACK] + along * cosine, row[PEDICLE_UP]
        inner = reach_of(row, capsules, rods, u, v, w, -sign * cosine, sine, 0.0)
        outer = reach_of(row, capsules, rods, u, v, w, sign * cosine, -sine, 0.0)
        if inner + outer < best:
            best = inner + outer
            upper = reach_of(row, capsules, rods, u, v, w, 0.0, 0.0, 1.0)
            lower = reach_of(row, capsules, rods, u, v, w, 0.0, 0.0, -1.0)
            found = (best, upper + lower, along, 0.5 * (outer - inner), 0.5 * (upper - lower))
    return found


@kernel
def distance_of(row, capsules, which, u, v, w):
    """The first-order distance to the whole bone (which 0) or to the canal (which 1)."""
    near = any_bone(row, capsules, u, v, w)
    return near[0] if which == 0 else near[4]


@kernel
def crossing(row, capsules, which, point, way, most):
    """How far along `way` (unit) the surface is crossed first, mm; `most` when it is not crossed before."""
    outside = distance_of(row, capsules, which, point[0], point[1], point[2]) > 0.0
    before = 0.0
    while before < most:
        after = min(before + 0.5, most)
        there = distance_of(
            row, capsules, which, point[0] + after * way[0], point[1] + after * way[1], point[2] + after * way[2]
        )
        if (there > 0.0) != outside:
            for _ in range(14):
                middle = 0.5 * (before + after)
                there = distance_of(
                    row,
                    capsules,
                    which,
                    point[0] + middle * way[0],
                    point[1] + middle * way[1],
                    point[2] + middle * way[2],
                )
                if (there > 0.0) == outside:
                    before = middle
                else:
                    after = middle
            return after
        before = after
    return most


@kernel
def slope_at(row, capsules, which, foot, normal):
    """Unit gradient of the distance at a point, into `normal`."""
    h = 0.02
    length = 0.0
    for axis in range(3):
        kept = foot[axis]
        foot[axis] = kept + h
        high = distance_of(row, capsules, which, foot[0], foot[1], foot[2])
        foot[axis] = kept - h
        low = distance_of(row, capsules, which, foot[0], foot[1], foot[2])
        foot[axis] = kept
        normal[axis] = high - low
        length += normal[axis] * normal[axis]
    length = np.sqrt(length) + 1e-12
    for axis in range(3):
        normal[axis] /= length


@kernel
def foot_distances(row, capsules, which, points, most):
    """Signed distances of local points (n, 3) to a surface, mm, capped at `most`: 26 ways out, then the surface's normal."""
    out = np.empty(points.shape[0])
    way, normal, foot = np.empty(3), np.empty(3), np.empty(3)
    chosen = np.empty(3)
    for n in range(points.shape[0]):
        point = points[n]
        value = distance_of(row, capsules, which, point[0], point[1], point[2])
        best = most
        chosen[:] = 0.0
        for code in range(27):
            way[0], way[1], way[2] = code % 3 - 1.0, (code // 3) % 3 - 1.0, code // 9 - 1.0
            length = np.sqrt(way[0] ** 2 + way[1] ** 2 + way[2] ** 2)
            if length < 0.5:
                continue
            way /= length
            found = crossing(row, capsules, which, point, way, best)
            if found < best:
                best = found
                chosen[:] = way
        for _ in range(6):
            if best >= most:
                break
            foot[:] = point + best * chosen
            slope_at(row, capsules, which, foot, normal)
            if value > 0.0:
                normal *= -1.0
            found = crossing(row, capsules, which, point, normal, best)
            if found >= best - 1e-4:
                break
            best = found
            chosen[:] = normal
        out[n] = best if value > 0.0 else -best
    return out
