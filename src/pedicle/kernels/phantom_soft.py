"""Soft tissue, lungs, skin and table of a synthetic patient, painted voxel by voxel around the course of the spine."""

from __future__ import annotations

from math import sqrt

from pedicle.kernels.jit import kernel, parallel_kernel, prange
from pedicle.kernels.phantom_bone import field, filled, mix
from pedicle.kernels.phantom_shapes import FAR, smooth_greatest, superellipse

# Columns of the table by slice.
(
    HALF_WIDTH, HALF_DEPTH, MIDDLE_Y, BACK_Y, SPINE_X, SPINE_Y, BODY_HALF_WIDTH, BODY_HALF_DEPTH, CANAL_Y, PSOAS, FAT,
    LUNG, ABOVE, RING, HIGH, TABLE_Y, KIDNEY, BELLY, TIP_Y,
) = range(19)  # fmt: skip
SLICE_COLUMNS = 19
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
def dome(s, x, y):
    """Height above the diaphragm (first order, mm): two domes, high in front, low along the back wall."""
    a = (abs(x) - 62.0) / 78.0
    b = (y - s[MIDDLE_Y] + 6.0) / (0.86 * s[HALF_DEPTH])
    r = a * a + b * b
    lift = 1.0 - r if r < 1.0 else 0.0
    if abs(x) < 62.0:
        lift *= 0.75 + 0.25 * abs(x) / 62.0
    return 0.7 * (s[ABOVE] - (88.0 if x < 0.0 else 74.0) * sqrt(lift))


@kernel
def chest(s, x, y, above, slow, wide, base, delta):
    """Lung, heart and mediastinum above the diaphragm: (value, structure code)."""
    dx = x - s[SPINE_X]
    front = y - s[SPINE_Y] + s[BODY_HALF_DEPTH]
    heart = ellipse(x - 20.0 + 0.25 * (front + 60.0), front + 62.0, 56.0, 42.0) + 2.5 * wide
    middle = ellipse(dx - 5.0, front + 18.0, 27.0, 34.0) + 3.0 * wide
    flanks = ellipse(dx, front - 20.0, s[BODY_HALF_WIDTH] + 6.0, 30.0) + 1.0 * wide
    least = min(heart, middle, flanks)
    lung = -858.0 + 22.0 * wide + 60.0 * y / 120.0
    vessel = abs(0.8 * slow - 0.5 * wide) - 0.06
    if vessel < 0.0 and slow > 0.4:
        lung += 560.0 * (1.0 + vessel / 0.06)
    value = over(lung, base, max(-least, -above), delta + 0.4)
    code = LUNG_CODE if least > 0.0 and above > 0.0 else 0
    if heart < 0.0:
        value, code = over(43.0 + 2.0 * wide, value, heart, delta), HEART_CODE
    elif middle < 0.0 and wide > 0.2:
        value = 30.0
    return value, code


@kernel
def organs(s, x, y, slow, wide, base, delta):
    """Liver, spleen, kidneys, bowel: (value, code) in the abdominal cavity."""
    value, code = base, 0
    dx, dy = x - s[SPINE_X], y - s[SPINE_Y]
    high = s[HIGH]
    kidney = s[KIDNEY]
    liver = ellipse(x + 78.0, y - s[MIDDLE_Y] + 8.0, 66.0, 82.0) + 0.95 * max(0.0, -high - 8.0) + 3.0 * slow
    if liver < delta:
        value = over(58.0 + 3.0 * wide, value, liver, delta)
        if abs(slow - 0.2 * wide) < 0.05 and liver < -8.0:
            value -= 22.0
        code = LIVER_CODE if liver < 0.0 else code
    spleen = ellipse(x - 108.0, y - s[MIDDLE_Y] - 26.0, 28.0, 46.0) + 0.6 * max(0.0, abs(high - 25.0) - 30.0)
    if spleen < delta:
        value = over(50.0 + 3.0 * wide, value, spleen, delta)
        code = SPLEEN_CODE if spleen < 0.0 else code
    stomach = ellipse(x - 62.0, y - s[BELLY] - 22.0, 46.0, 40.0) + 0.7 * max(0.0, abs(high - 55.0) - 45.0) + 3.0 * slow
    if stomach < delta and code == 0:
        value = over(-850.0 if y < s[BELLY] + 6.0 else 18.0 + 9.0 * slow, value, stomach + 2.5, delta)
        value = over(44.0, value, max(stomach, -stomach - 3.5), delta)
    bowel = ellipse(x, y - s[BELLY] - 6.0, 112.0, 46.0) + 0.8 * max(0.0, high - 5.0)
    if bowel < 0.0 and code == 0 and stomach > 0.0:
        loop = 1.1 * wide + 0.35 * slow
        if abs(loop) > 0.42:
            value = 14.0 + 16.0 * slow + 6.0 * wide
        if loop > 1.05:
            value = -650.0 + 120.0 * slow
        elif abs(abs(loop) - 0.48) < 0.08:
            value = 36.0
    if kidney > 0.0:
        side = abs(dx) - 62.0
        f = ellipse(side + 0.25 * dy, dy - 4.0, 27.0 * kidney, 23.0 * kidney)
        if f < 12.0:
            value = over(-104.0 + 3.0 * wide, value, f - 10.0, 3.0)
        if f < delta:
            value = over(30.0 + 4.0 * wide, value, f, delta)
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
    flesh = 52.0 - 14.0 * old + 9.0 * wide + 5.0 * slow - 80.0 * streak * (0.4 + 0.4 * old)
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
        value = over(52.0 - 6.0 * old + 6.0 * wide - 70.0 * streak * old, value, psoas, delta)
        quad = ellipse(dx - 64.0, dy - 34.0, 19.0, 8.0) + 0.8 * wide
        value = over(48.0 - 8.0 * old + 6.0 * wide - 70.0 * streak * old, value, quad, delta)
    return value


@parallel_kernel
def paint_soft(hu, structure, first_mm, step_mm, slices, short, long, old, every):
    """Fill `hu` (i, j, k) with air, skin, fat, muscle, organs and table, and `structure` with codes at voxel centres.

    `slices` (k, SLICE_COLUMNS) says what lies where at each height; `old` (0..1) is the share of fat in muscle.
    """
    ni, nj, nk = hu.shape
    delta = 1.07 * (step_mm[0] * step_mm[1] * step_mm[2]) ** (1.0 / 3.0)
    stride = (
        2 if step_mm[2] < 1.3 else 1
    )  # soft tissue runs along z: every second thin slice is the mean of its neighbours
    for i in prange(ni):
        x = first_mm[0] + i * step_mm[0]
        for j in range(nj):
            y = first_mm[1] + j * step_mm[1]
            last = 0
            for k in range(nk):
                if stride == 1 or k % 2 == 0 or k == nk - 1:
                    value, last = tissue(slices[k], x, y, first_mm[2] + k * step_mm[2], short, long, old, delta)
                    hu[i, j, k] = value
                if last > 0 and k % every == every // 2:
                    structure[i, j, k // every] = last
            if stride == 2:
                for k in range(1, nk - 1, 2):
                    hu[i, j, k] = 0.5 * (hu[i, j, k - 1] + hu[i, j, k + 1])


@kernel
def tissue(s, x, y, z, short, long, old, delta):
    """Value and structure code of one voxel."""
    dy = y - s[MIDDLE_Y]
    skin = superellipse(x, dy, s[HALF_WIDTH], s[HALF_DEPTH], 0.12)
    if skin < 30.0:
        skin = smooth_greatest(skin, y - s[BACK_Y], 34.0)
    groove = x - s[SPINE_X]
    if y > s[SPINE_Y] and abs(groove) < 40.0:
        skin += 4.0 * max(0.0, 1.0 - (groove / 24.0) ** 2)
    if skin > delta:
        bent = 0.0009 * x * x if s[TABLE_Y] > dy + s[MIDDLE_Y] - 40.0 and s[TABLE_Y] > s[MIDDLE_Y] else -0.0006 * x * x
        upper = y - s[TABLE_Y] + bent
        shelf = min(abs(upper), abs(upper - 16.0)) - 0.8
        foam = 60.0 if 0.0 < upper < 16.0 else 0.0
        return -1000.0 + (foam if abs(x) < 220.0 else 0.0) + (
            1000.0 * filled(shelf, delta) if abs(x) < 220.0 else 0.0
        ), 0
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
        flesh = 50.0 - 12.0 * old + 9.0 * wide - (70.0 if abs(layer - 1.0) < 0.09 or abs(layer - 2.0) < 0.09 else 0.0)
        value = over(flesh, fat, under, delta)
        if inner < delta:
            hollow = -102.0 + 5.0 * wide
            if strand > 1.2:
                hollow += 60.0
            if slow > 1.25:
                hollow += 105.0 * min(1.0, 2.5 * (slow - 1.25))
            above = dome(s, x, y) if s[LUNG] > 0.5 else -FAR
            deep, found = hollow, 0
            if above < delta:
                deep, found = organs(s, x, y, slow, wide, hollow, delta)
            if above > -delta:
                deep, found = chest(s, x, y, above, slow, wide, deep, delta)
            elif above > -3.0:
                deep, found = 48.0, 0
            value = over(deep, value, inner, delta)
            code = found if inner < 0.0 else 0
        if abs(x - s[SPINE_X]) < 105.0 and y > s[SPINE_Y] - s[BODY_HALF_DEPTH] - 45.0:
            value = back_muscles(s, x, y, slow, wide, old, value, delta)
            beside = ((x - s[SPINE_X]) / (s[BODY_HALF_WIDTH] + 7.0)) ** 2 + (
                (y - s[SPINE_Y]) / (s[BODY_HALF_DEPTH] + 7.0)
            ) ** 2
            if beside < 1.0 and code == LUNG_CODE:
                value, code = 20.0, 0
            value, code = vessels(s, x, y, slow, wide, value, code, delta)
    return over(over(value, 15.0, skin + 1.8, delta), -1000.0, skin, delta), code
