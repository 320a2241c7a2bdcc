"""Bone, discs and canal of a synthetic spine, painted voxel by voxel; and the same shapes asked at single points.

A voxel's value is the mean of "outside | cortex of thickness t | marrow" behind a plane surface, known in closed form from
one signed distance, so nothing is sampled more than once.
"""

from __future__ import annotations

from math import exp, floor, sqrt

import numpy as np

from pedicle.kernels.jit import kernel, parallel_kernel, prange
from pedicle.kernels.phantom_shapes import (
    CANAL_BACK,
    CANAL_DEPTH,
    CANAL_WIDTH,
    CEMENT,
    CLEFT_BACK,
    CLEFT_DEEP,
    CLEFT_HU,
    CLEFT_SIDE,
    CLEFT_THIN,
    CLEFT_UP,
    CRACK,
    DENSITY,
    DEPTH_BOTTOM,
    DEPTH_TOP,
    DISC_DOWN,
    DISC_UP,
    KIND,
    LABEL,
    OFFSET_U,
    OFFSET_V,
    OFFSET_W,
    PACKED,
    PACKED_DOWN,
    PEDICLE_BACK,
    PEDICLE_HALF_HEIGHT,
    PEDICLE_OUT,
    PEDICLE_UP,
    REACH,
    REACH_BACK,
    RIM,
    SCLEROSIS,
    SHELL_ARCH,
    SHELL_END,
    SHELL_WALL,
    VEIN,
    any_bone,
    capsule,
    endplate,
    pedicle,
)  # fmt: skip

FAR = 60.0
MARROW_SD_SHORT, MARROW_SD_LONG = 0.62, 0.30
CORTEX_MG = 1150.0
FIELD_VARIANCE = 0.72  # of the fine field read between its lattice points
REGION = 1.18  # so that the mean of the standard region is the density asked for
GAP = 1.8
FIELD = 64


@kernel
def field(values, x, y, z):
    """Trilinear value of a periodic 64-cubed field at lattice coordinates."""
    fx, fy, fz = floor(x), floor(y), floor(z)
    i, j, k = int(fx) & 63, int(fy) & 63, int(fz) & 63
    a, b, c = x - fx, y - fy, z - fz
    i1, j1, k1 = (i + 1) & 63, (j + 1) & 63, (k + 1) & 63
    low = (values[i, j, k] * (1 - c) + values[i, j, k1] * c) * (1 - b) + (
        values[i, j1, k] * (1 - c) + values[i, j1, k1] * c
    ) * b
    high = (values[i1, j, k] * (1 - c) + values[i1, j, k1] * c) * (1 - b) + (
        values[i1, j1, k] * (1 - c) + values[i1, j1, k1] * c
    ) * b
    return low * (1 - a) + high * a


@kernel
def local(row, x, y, z):
    """Coordinates in the vertebra's frame of an LPS point."""
    x, y, z = x - row[9], y - row[10], z - row[11]
    return (
        row[0] * x + row[3] * y + row[6] * z,
        row[1] * x + row[4] * y + row[7] * z,
        row[2] * x + row[5] * y + row[8] * z,
    )


@kernel
def vein(row, u, v, w):
    """Distance to the basivertebral foramen: a funnel from the middle of the back wall, forked in front."""
    if row[VEIN] <= 0.0:
        return FAR
    deep = 0.25 * (row[DEPTH_TOP] + row[DEPTH_BOTTOM]) - 1.5 - v
    if deep < -3.0 or deep > 16.0:
        return FAR
    open_at = 1.0 - deep / row[VEIN]
    if open_at > 0.15:
        a, b = 3.8 * open_at, 2.8 * open_at
        return (sqrt((u / a) ** 2 + (w / b) ** 2) - 1.0) * b
    fork = abs(u) - 0.7 * (deep - 0.8 * row[VEIN])
    return sqrt(fork * fork + w * w) - 1.0


@kernel
def marrow(row, u, v, w, s, side, above, below, behind, short, long, crisp):
    """Trabecular density in mg/cm3 and the long texture at a local point; the body's field blends into the arch's.

    `crisp` is the spread of the fine grain: a voxel averages it, so large voxels see less of it, about the same mean.
    """
    x, y, z = u + row[OFFSET_U], v + row[OFFSET_V], w + row[OFFSET_W]
    slow = field(long, x / 1.6, y / 1.6, z / 1.6)
    fine = field(short, x / 0.62, y / 0.62, z / 0.62)
    spread = 0.5 * (MARROW_SD_LONG * MARROW_SD_LONG + FIELD_VARIANCE * crisp * crisp)
    grain = exp(MARROW_SD_LONG * slow + crisp * fine - spread)
    t = -1.0 if s < -1.0 else (1.0 if s > 1.0 else s)
    base = row[DENSITY] * REGION * (0.88 + 0.28 * t * t + 0.12 * v / 18.0) * grain
    base += row[PACKED] * exp(-(((above + row[PACKED_DOWN]) / 1.4) ** 2)) * (0.6 + 0.8 * slow * slow)
    near = above if above > below else below
    base += 75.0 * exp(side / 1.1)
    if row[SCLEROSIS] > 0.0:
        base += row[SCLEROSIS] / (1.0 + exp((-above - 11.0 - 1.5 * slow) / 1.0))
    if side > -5.0:
        base += row[RIM] * exp(near / 1.6) * (side + 5.0) / 5.0
    if behind > 4.0:
        return base, slow
    arch_density = (1.15 * row[DENSITY] + 25.0) * (0.4 + 0.6 * grain) + 110.0 * exp(behind / 1.6)
    share = 0.5 + (side - behind) / 4.0
    share = 0.0 if share < 0.0 else (1.0 if share > 1.0 else share)
    return base * (1.0 - share) + arch_density * share, slow


@kernel
def filled(f, delta):
    """Share of a voxel of edge delta behind a plane at signed distance f from its centre."""
    x = 0.5 - f / delta
    return 0.0 if x < 0.0 else (1.0 if x > 1.0 else x)


@kernel
def shell(row, u, v, w, s, body, side, end, behind, slow, fine):
    """Thickness of the cortex nearest to a point: wall, endplate or arch, patchy; open at cracks and at the vein."""
    share = 0.5 + (end - side) / 2.0
    share = 0.0 if share < 0.0 else (1.0 if share > 1.0 else share)
    t = row[SHELL_WALL] * (1.0 - share) + row[SHELL_END] * share
    rear = 0.5 + (body - behind) / 3.0
    rear = 0.0 if rear < 0.0 else (1.0 if rear > 1.0 else rear)
    tip = abs(u) - row[PEDICLE_OUT] - 12.0
    thin = 1.0 if tip < 0.0 else (0.55 if tip > 12.0 else 1.0 - 0.45 * tip / 12.0)
    t = t * (1.0 - rear) + row[SHELL_ARCH] * thin * rear
    patch = 1.0 + 0.45 * slow + 0.35 * fine
    t *= patch if patch > 0.2 else 0.2
    if row[CRACK] > 0.0:
        plane = 0.35 * u + 0.9 * (v + 5.0) + 0.25 * w + 1.4 * slow
        if abs(plane) < 1.1 and s > 0.2:
            t = 0.0
        if abs(s + 0.3 + 0.1 * slow) < 0.09 and v < -6.0:
            t *= 0.1
    return t


@kernel
def mix(base, value, share):
    """Linear mix of two values."""
    return base + (value - base) * share


@kernel
def soft_of(row, base, u, v, w, side, end, above, hole, delta, long):
    """Disc, dural sac, epidural fat and the fat of the foramina around the nearest vertebra."""
    slow = field(long, u / 1.6 + row[OFFSET_U], v / 1.6, w / 2.2)
    room = (row[DISC_UP] if w > 0.0 else row[DISC_DOWN]) * 0.5 + 4.0
    if side < 2.0 and end > -1.5 and end < room:
        core = filled(side + 5.0 + 0.5 * slow, 6.0)
        base = mix(base, 96.0 - 22.0 * core + 7.0 * slow, filled(side - 0.8, delta + 0.5))
    if side > -1.0 and side < 6.0 and end < room and v < 4.0:
        base = mix(base, 52.0 + 8.0 * slow, filled(side - 2.6 - 1.2 * slow, delta + 0.4))
    edge = abs(u) - 0.5 * row[CANAL_WIDTH]
    if end < room:
        back = v - row[CANAL_BACK]
        if edge > -3.0 and edge < 9.0 and abs(back) < 0.5 * row[CANAL_DEPTH] + 2.0 and w < row[PEDICLE_UP]:
            base = mix(
                base,
                -78.0 + 9.0 * slow,
                0.85 * filled(edge - 8.0, 3.0) * filled(abs(back) - 0.5 * row[CANAL_DEPTH], 3.0),
            )
            drop = w - (row[PEDICLE_UP] - row[PEDICLE_HALF_HEIGHT] - 4.5 - 0.35 * edge)
            side_step = back + 1.5 + 0.25 * edge
            nerve = sqrt(drop * drop + side_step * side_step) - 2.7
            base = mix(base, 34.0, filled(nerve, delta))
        if hole < delta:
            sac = hole + 1.6 + 0.7 * slow + (1.5 if v > row[CANAL_BACK] else 0.3) * (1.0 if abs(u) < 6.0 else 0.4)
            inner = mix(-62.0 + 10.0 * slow, 17.0 + 3.0 * slow, filled(sac, delta + 0.4))
            roots = hole + 0.30 * row[CANAL_DEPTH] + 0.5 * slow
            inner = mix(inner, 36.0, filled(roots, delta + 0.6))
            base = mix(base, inner, filled(hole, delta))
    return base


@kernel
def bone_of(row, base, f, near, u, v, w, delta, law, short, long, crisp):
    """A voxel's value with the bone of one vertebra over what is already there."""
    body, side, end, above, below, behind, s = near
    density, slow = marrow(row, u, v, w, s, side, above, below, behind, short, long, crisp)
    fine = field(short, (u + row[OFFSET_U]) / 0.62, (v + row[OFFSET_V]) / 0.62, (w + row[OFFSET_W]) / 0.62)
    t = shell(row, u, v, w, s, body, side, end, behind, slow, fine)
    inside = law[0] + law[1] * density
    hole = vein(row, u, v, w)
    if hole < 3.0:
        open_share = filled(hole, delta + 0.6)
        inside = mix(inside, 22.0, open_share)
        t *= 1.0 - open_share
    if row[CEMENT] > 0.0 and behind > 0.0:
        a = row[CEMENT]
        blob = (sqrt((u / a) ** 2 + ((v + 5.0) / (0.8 * a)) ** 2 + (w / (0.75 * a)) ** 2) - 1.0) * 0.8 * a + 2.2 * slow
        inside = mix(inside, 2300.0 + 150.0 * fine, filled(blob, delta))
    if row[CLEFT_THIN] > 0.0:
        q = (
            (u / row[CLEFT_SIDE]) ** 2
            + ((v - row[CLEFT_BACK]) / row[CLEFT_DEEP]) ** 2
            + ((w - row[CLEFT_UP]) / row[CLEFT_THIN]) ** 2
        )
        gap = (sqrt(q) - 1.0) * row[CLEFT_THIN] + 0.7 * slow
        gap = gap if gap > body + 1.5 else body + 1.5
        inside = mix(inside, row[CLEFT_HU], filled(gap, delta))
    outer, inner = filled(f, delta), filled(f + t, delta)
    return base * (1.0 - outer) + (law[0] + law[1] * CORTEX_MG) * (outer - inner) + inside * inner


@kernel
def part_of(row, u, v, w, side, body, behind):
    """Which part of the vertebra a bone voxel is: 1 body, 2 posterior, 3 left pedicle, 4 right pedicle, 6 other."""
    if row[KIND] > 0.5:
        return 6
    if side < 0.0 and v < 0.25 * (row[DEPTH_TOP] + row[DEPTH_BOTTOM]) + 1.0 and body < behind + 3.0:
        return 1
    if body < behind and side < 1.5:
        return 1
    if v < row[PEDICLE_BACK] + 7.0 and abs(u) > 0.4 * row[CANAL_WIDTH] and pedicle(row, u, v, w) < 1.2:
        return 3 if u > 0.0 else 4
    return 2


@parallel_kernel
def paint_bone(hu, label, part, first_mm, step_mm, rows, capsules, rods, short, long, law, every):
    """Paint the spine over soft tissue `hu` (i, j, k) and fill `label` and `part` at every `every`-th slice, in place.

    `rows` (n, COLUMNS), `capsules` (n, m, 10); `rods` (p, 11) are free capsules in LPS with an owner, the ribs. `law` is
    (a, b) of HU = a + b density. Voxel blocks far from all bone are asked once and left. Each thread owns a slab of
    slices, so the result does not depend on the thread count.
    """
    ni, nj, nk = hu.shape
    slabs = (nk + 7) // 8
    delta = 1.07 * (step_mm[0] * step_mm[1] * step_mm[2]) ** (1.0 / 3.0)
    crisp = MARROW_SD_SHORT
    for axis in range(3):
        length = 2.0 if axis < 2 else 4.0
        crisp /= sqrt(1.0 + (step_mm[axis] / length) ** 2)
    radius = 4.0 * sqrt(step_mm[0] ** 2 + step_mm[1] ** 2 + step_mm[2] ** 2)
    for slab in prange(slabs):
        scratch = np.empty((512, 13))
        owner = np.empty((512, 1), np.int64)
        k0, k1 = slab * 8, min(slab * 8 + 8, nk)
        for i0 in range(0, ni, 8):
            i1 = min(i0 + 8, ni)
            for j0 in range(0, nj, 8):
                j1 = min(j0 + 8, nj)
                cx = first_mm[0] + 0.5 * (i0 + i1 - 1) * step_mm[0]
                cy = first_mm[1] + 0.5 * (j0 + j1 - 1) * step_mm[1]
                cz = first_mm[2] + 0.5 * (k0 + k1 - 1) * step_mm[2]
                if not block(
                    scratch, owner, rows, capsules, rods, cx, cy, cz, radius, first_mm, step_mm, i0, i1, j0, j1, k0, k1
                ):
                    continue
                paint_block(
                    hu, label, part, scratch, owner, rows, short, long, law, every, delta, crisp, i0, i1, j0, j1, k0, k1
                )


@kernel
def block(scratch, owner, rows, capsules, rods, cx, cy, cz, radius, first_mm, step_mm, i0, i1, j0, j1, k0, k1):
    """Distances of one block of voxels: the two nearest bones of each voxel; False when none is near."""
    touched = False
    for n in range(rows.shape[0]):
        row = rows[n]
        u, v, w = local(row, cx, cy, cz)
        back = v - row[REACH_BACK]
        if sqrt(u * u + back * back + w * w) > row[REACH] + radius:
            continue
        near = any_bone(row, capsules[n], u, v, w)
        limit = 1.35 * radius + 3.0
        if (
            near[0] > limit
            and (near[4] > limit or near[3] > limit + 14.0)
            and (near[2] > limit or near[3] > limit + 8.0)
        ):
            continue
        if not touched:
            clear(scratch, owner)
            touched = True
        measure(scratch, owner, n, row, capsules[n], first_mm, step_mm, i0, i1, j0, j1, k0, k1)
    for n in range(rods.shape[0]):
        f = capsule(rods[n], cx, cy, cz)
        if f > 1.8 * radius + 3.0:
            continue
        if not touched:
            clear(scratch, owner)
            touched = True
        measure_rod(scratch, owner, rows.shape[0], rods[n], first_mm, step_mm, i0, i1, j0, j1, k0, k1)
    return touched


@kernel
def clear(scratch, owner):
    """Nothing near."""
    scratch[:, :2] = 1e6
    owner[:, 0] = -1


@kernel
def keep(scratch, owner, at, mine, f):
    """Enter distance f of bone `mine`; True when it is now the nearest. Slot 0 nearest, slot 1 second of another bone."""
    if owner[at, 0] == mine:
        if f < scratch[at, 0]:
            scratch[at, 0] = f
            return True
        return False
    if f < scratch[at, 0]:
        scratch[at, 1] = scratch[at, 0]
        scratch[at, 0] = f
        owner[at, 0] = mine
        return True
    if f < scratch[at, 1]:
        scratch[at, 1] = f
    return False


@kernel
def measure(scratch, owner, mine, row, capsules, first_mm, step_mm, i0, i1, j0, j1, k0, k1):
    """Distances of one vertebra at the voxels of a block."""
    at = 0
    for i in range(i0, i1):
        x = first_mm[0] + i * step_mm[0]
        for j in range(j0, j1):
            y = first_mm[1] + j * step_mm[1]
            for k in range(k0, k1):
                u, v, w = local(row, x, y, first_mm[2] + k * step_mm[2])
                near = any_bone(row, capsules, u, v, w)
                if keep(scratch, owner, at, mine, near[0]):
                    scratch[at, 2], scratch[at, 3], scratch[at, 4] = u, v, w
                    for m in range(1, 7):
                        scratch[at, 4 + m] = near[m]
                at += 1


@kernel
def measure_rod(scratch, owner, vertebrae, rod, first_mm, step_mm, i0, i1, j0, j1, k0, k1):
    """Distances of one free capsule at the voxels of a block."""
    at = 0
    mine = vertebrae + int(rod[10])
    for i in range(i0, i1):
        x = first_mm[0] + i * step_mm[0]
        for j in range(j0, j1):
            y = first_mm[1] + j * step_mm[1]
            for k in range(k0, k1):
                keep(scratch, owner, at, mine, capsule(rod, x, y, first_mm[2] + k * step_mm[2]))
                at += 1


@kernel
def paint_block(hu, label, part, scratch, owner, rows, short, long, law, every, delta, crisp, i0, i1, j0, j1, k0, k1):
    """Values and labels of one block from its distances."""
    at = -1
    for i in range(i0, i1):
        for j in range(j0, j1):
            for k in range(k0, k1):
                at += 1
                mine = owner[at, 0]
                if mine < 0:
                    continue
                f1, f2 = scratch[at, 0], scratch[at, 1]
                between = 0.5 * (f1 - f2 + GAP)
                f = f1 if f1 > between else between
                code, number = 0, 0
                if mine >= rows.shape[0]:
                    if f < delta:
                        hu[i, j, k] = rod_value(hu[i, j, k], f, delta, law, short, i, j, k)
                    code = 6
                else:
                    row = rows[mine]
                    u, v, w = scratch[at, 2], scratch[at, 3], scratch[at, 4]
                    body, side, end, hole, behind, s = (
                        scratch[at, 5],
                        scratch[at, 6],
                        scratch[at, 7],
                        scratch[at, 8],
                        scratch[at, 9],
                        scratch[at, 10],
                    )
                    _end, _s, above, below = endplate(row, u, v, w)
                    if f > -delta:
                        hu[i, j, k] = soft_of(row, hu[i, j, k], u, v, w, side, end, above, hole, delta, long)
                    if f < delta:
                        near = (body, side, end, above, below, behind, s)
                        hu[i, j, k] = bone_of(row, hu[i, j, k], f, near, u, v, w, delta, law, short, long, crisp)
                    code = part_of(row, u, v, w, side, body, behind)
                    number = int(row[LABEL])
                    if f >= 0.0 and hole < 0.0 and end < 0.5 * (row[DISC_UP] if w > 0.0 else row[DISC_DOWN]) + 2.0:
                        part_at(part, i, j, k, every, 5)
                if f < 0.0:
                    part_at(part, i, j, k, every, code)
                    part_at(label, i, j, k, every, number)


@kernel
def part_at(target, i, j, k, every, code):
    """Enter a code at the middle slice of each group of `every`."""
    if k % every == every // 2:
        target[i, j, k // every] = code


@kernel
def rod_value(base, f, delta, law, short, i, j, k):
    """A rib: cortex of half a millimetre around loose marrow."""
    outer, inner = filled(f, delta), filled(f + 0.8, delta)
    grain = short[i & 63, j & 63, k & 63]
    return base * (1.0 - outer) + (law[0] + law[1] * 950.0) * (outer - inner) + (120.0 + 50.0 * grain) * inner
