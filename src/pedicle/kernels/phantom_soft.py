"""Soft tissue, lungs, skin and table of a synthetic patient, painted voxel by voxel around the course of the spine."""

from __future__ import annotations

from math import sqrt

from pedicle.kernels.jit import kernel, parallel_kernel, prange
from pedicle.kernels.phantom_bone import field, filled, mix
from pedicle.kernels.phantom_shapes import smooth_greatest, superellipse

# Columns of the table by slice.
(
    HALF_WIDTH, HALF_DEPTH, MIDDLE_Y, BACK_Y, SPINE_X, SPINE_Y, BODY_HALF_WIDTH, BODY_HALF_DEPTH, CANAL_Y, PSOAS, FAT,
    LUNG, DOME_RIGHT, DOME_LEFT, RING, HIGH, TABLE_Y, KIDNEY, BELLY, TIP_Y,
) = range(20)  # fmt: skip
SLICE_COLUMNS = 20
LUNG_CODE, AORTA_CODE, CAVA_CODE, KIDNEY_CODE, LIVER_CODE, SPLEEN_CODE, HEART_CODE = range(1, 8)


@kernel
def ellipse(x, y, a, b):
    """Distance to an ellipse about the origin, first order."""
    return superellipse(x, y, a, b, 0.0)


@kernel
def over(value, base, f, delta):
    """`value` inside distance f, `base` outside."""
    return mix(base, value, filled(f, delta))


@kernel
def deep_tissue(s, x, y, z, slow, wide, base, delta):
    """Organs inside the wall: (value, structure code)."""
    code = 0
    dx, dy = x - s[SPINE_X], y - s[SPINE_Y]
    front = dy + s[BODY_HALF_DEPTH]
    value = base
    if s[LUNG] > 0.0:
        dome = s[DOME_RIGHT] if x < 0.0 else s[DOME_LEFT]
        heart = ellipse(x - 22.0, y - s[SPINE_Y] + s[BODY_HALF_DEPTH] + 55.0, 58.0 - 0.25 * abs(s[HIGH] - 40.0), 42.0)
        if abs(dx) < 22.0 and front > -40.0:
            heart = min(heart, abs(dx) - 17.0 if dx > 0.0 else abs(dx) - 14.0)
        if dome > 0.0:
            vessel = abs(field_at(slow, wide)) - 0.05
            lung = -850.0 + 45.0 * wide + (520.0 if vessel < 0.0 else 0.0)
            if heart > 0.0:
                code = 1
            value = over(lung, value, max(-heart, -dome), delta + 0.5)
        if heart < 0.0 and front < 0.0:
            value = over(42.0 if front < -26.0 else -70.0 + 60.0 * filled(abs(dx) - 9.0, 4.0), value, heart, delta)
            code = HEART_CODE if front < -26.0 else 0
    return value, code


@kernel
def field_at(slow, wide):
    """Level set used for lung vessels."""
    return 0.7 * slow + 0.3 * wide


@kernel
def organs(s, x, y, slow, wide, base, delta):
    """Liver, spleen, kidneys, bowel: (value, code) in the abdominal cavity."""
    value, code = base, 0
    dx, dy = x - s[SPINE_X], y - s[SPINE_Y]
    high = s[HIGH]
    kidney = s[KIDNEY]
    liver = ellipse(x + 78.0, y - s[MIDDLE_Y] + 8.0, 66.0, 82.0) + 0.55 * max(0.0, -high - 20.0) + 3.0 * slow
    if liver < delta:
        value = over(58.0 + 3.0 * wide, value, liver, delta)
        if abs(slow - 0.2 * wide) < 0.05 and liver < -8.0:
            value -= 22.0
        code = LIVER_CODE if liver < 0.0 else code
    spleen = ellipse(x - 108.0, y - s[MIDDLE_Y] - 26.0, 28.0, 46.0) + 0.6 * max(0.0, abs(high - 25.0) - 30.0)
    if spleen < delta:
        value = over(50.0 + 3.0 * wide, value, spleen, delta)
        code = SPLEEN_CODE if spleen < 0.0 else code
    bowel = ellipse(x, y - s[BELLY], 105.0, 42.0) + 0.8 * max(0.0, high - 5.0)
    if bowel < 0.0 and code == 0:
        loop = 1.1 * slow + 0.4 * wide
        if loop > -0.35:
            value = 38.0 + 6.0 * wide
        if loop > 1.05:
            value = -600.0
        elif abs(loop + 0.3) < 0.07:
            value = 45.0
    if kidney > 0.0:
        side = abs(dx) - 62.0
        f = ellipse(side + 0.25 * dy, dy - 4.0, 27.0 * kidney, 23.0 * kidney)
        if f < 12.0:
            value = over(-104.0 + 3.0 * wide, value, f - 10.0, 3.0)
        if f < delta:
            value = over(34.0 + 2.0 * wide, value, f, delta)
            sinus = ellipse(side + 12.0, dy + 1.0, 12.0 * kidney, 8.0 * kidney)
            value = over(-85.0, value, sinus + 2.0 * slow, 3.0)
            code = KIDNEY_CODE if f < 0.0 else code
    return value, code


@kernel
def vessels(s, x, y, slow, wide, base, code, delta):
    """Aorta on the left, cava on the right in front of the spine."""
    dx, front = x - s[SPINE_X], y - s[SPINE_Y] + s[BODY_HALF_DEPTH]
    aorta_x = 13.0 if s[LUNG] < 0.5 else 19.0
    aorta_y = -13.0 if s[LUNG] < 0.5 else -7.0
    radius = sqrt((dx - aorta_x) ** 2 + (front - aorta_y) ** 2)
    if radius < 14.0:
        base = over(42.0, base, radius - 11.0, delta)
        if abs(radius - 10.2) < 0.7 and slow > 1.1:
            base = 420.0
        if radius < 11.0:
            code = AORTA_CODE
    f = ellipse(dx + 19.0, front + 13.0, 13.0, 9.5)
    if f < 3.0 and s[HIGH] < 45.0:
        base = over(38.0, base, f, delta)
        if f < 0.0:
            code = CAVA_CODE
    return base, code


@kernel
def back_muscles(s, x, y, slow, wide, old, base, delta):
    """Erector spinae, multifidus, quadratus and psoas, with fat between and inside them."""
    dx, dy = abs(x - s[SPINE_X]), y - s[SPINE_Y]
    rear = y - s[CANAL_Y]
    streak = 1.0 if (0.8 * slow + 0.6 * wide) > 1.75 - 0.6 * old else 0.0
    flesh = 56.0 - 6.0 * old + 5.0 * wide - 92.0 * streak * (0.4 + 0.4 * old)
    room = s[TIP_Y] - s[CANAL_Y]
    erector = ellipse(dx - 33.0, rear - 0.50 * room, 29.0, 0.52 * room)
    multi = ellipse(dx - 11.0, rear - 0.55 * room, 11.5, 0.48 * room)
    least = erector if erector < multi else multi
    seam = abs(erector - multi) - 0.7
    value = over(flesh, base, least, delta)
    if seam < 0.0 and least < 0.0:
        value = -20.0
    if s[PSOAS] > 0.5:
        r = s[PSOAS]
        psoas = ellipse(dx - s[BODY_HALF_WIDTH] - 0.75 * r, dy - 4.0, r, 1.25 * r) + 0.6 * wide
        value = over(58.0 + 4.0 * wide - 70.0 * streak * old, value, psoas, delta)
        quad = ellipse(dx - 64.0, dy - 34.0, 19.0, 8.0) + 0.8 * wide
        value = over(54.0 + 4.0 * wide - 70.0 * streak * old, value, quad, delta)
    return value


@parallel_kernel
def paint_soft(hu, structure, first_mm, step_mm, slices, short, long, old, every):
    """Fill `hu` (i, j, k) with air, skin, fat, muscle, organs and table, and `structure` with codes at voxel centres.

    `slices` (k, SLICE_COLUMNS) says what lies where at each height; `old` (0..1) is the share of fat in muscle.
    """
    ni, nj, nk = hu.shape
    delta = 1.07 * (step_mm[0] * step_mm[1] * step_mm[2]) ** (1.0 / 3.0)
    for i in prange(ni):
        x = first_mm[0] + i * step_mm[0]
        for j in range(nj):
            y = first_mm[1] + j * step_mm[1]
            for k in range(nk):
                value, code = tissue(slices[k], x, y, first_mm[2] + k * step_mm[2], short, long, old, delta)
                hu[i, j, k] = value
                if code > 0 and k % every == every // 2:
                    structure[i, j, k // every] = code


@kernel
def tissue(s, x, y, z, short, long, old, delta):
    """Value and structure code of one voxel."""
    dy = y - s[MIDDLE_Y]
    skin = superellipse(x, dy, s[HALF_WIDTH], s[HALF_DEPTH], 0.25)
    if skin < 30.0:
        skin = smooth_greatest(skin, y - s[BACK_Y], 34.0)
    groove = x - s[SPINE_X]
    if y > s[SPINE_Y] and abs(groove) < 40.0:
        skin += 4.0 * max(0.0, 1.0 - (groove / 24.0) ** 2)
    if skin > delta:
        shelf = abs(y - s[TABLE_Y]) - 1.0
        if abs(x) < 225.0:
            return -1000.0 + 850.0 * filled(shelf, delta), 0
        return -1000.0, 0
    wide = field(long, x / 7.0 + 20.0, y / 7.0, z / 9.0 + 7.0)
    slow = field(long, x / 2.6, y / 2.6 + 31.0, z / 4.5)
    strand = field(short, x / 1.3, y / 1.3 + 11.0, z / 3.0)
    fat = -104.0 + 4.0 * wide
    if strand > 1.7:
        fat += 60.0
    round_fat = s[FAT] * (1.0 + 0.35 * (0.0 if dy > 0.0 else 1.0) + 0.25 * abs(x) / s[HALF_WIDTH])
    under = skin + round_fat + 2.2 * wide
    value = fat
    code = 0
    if under < delta:
        ring = s[RING] * (1.0 + 0.7 * (1.0 if dy > 0.3 * s[HALF_DEPTH] else 0.0)) + 1.5 * slow
        inner = under + ring
        layer = (under / ring + 1.0) * 3.0
        flesh = 54.0 + 5.0 * wide - (70.0 if abs(layer - 1.0) < 0.09 or abs(layer - 2.0) < 0.09 else 0.0)
        value = over(flesh, fat, under, delta)
        if inner < delta:
            hollow = -102.0 + 5.0 * wide
            if strand > 1.35 or slow > 1.7:
                hollow += 75.0
            deep, found = deep_tissue(s, x, y, z, slow, wide, hollow, delta)
            if s[LUNG] < 0.5 or (s[DOME_RIGHT] if x < 0.0 else s[DOME_LEFT]) < 0.0:
                deep, found = organs(s, x, y, slow, wide, deep, delta)
            value = over(deep, value, inner, delta)
            code = found if inner < 0.0 else 0
        if abs(x - s[SPINE_X]) < 105.0 and y > s[SPINE_Y] - s[BODY_HALF_DEPTH] - 45.0:
            value = back_muscles(s, x, y, slow, wide, old, value, delta)
            if (
                abs(x - s[SPINE_X]) < s[BODY_HALF_WIDTH] + 7.0
                and abs(y - s[SPINE_Y]) < s[BODY_HALF_DEPTH] + 5.0
                and code == 1
            ):
                value, code = 20.0, 0
            value, code = vessels(s, x, y, slow, wide, value, code, delta)
    return over(over(value, 15.0, skin + 1.8, delta), -1000.0, skin, delta), code
