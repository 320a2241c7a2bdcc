"""Signed distances of a vertebra in its own frame: negative inside, mm, first order near the surface.

A vertebra is one row of numbers (the columns below) and a list of tapered capsules for its arch. Local axes: u to the
left, v to the back, w to the head; origin in the middle of the body.
"""

from __future__ import annotations

from math import exp, sin, sqrt

from pedicle.kernels.jit import kernel

# Columns of a vertebra's row. 0..8 rotation (row-major, columns u v w in LPS), 9..11 origin.
(
    WIDTH_TOP, WIDTH_BOTTOM, DEPTH_TOP, DEPTH_BOTTOM, HEIGHT_FRONT, HEIGHT_BACK, CRATER, CRATER_TOP,
    SQUARENESS, TAPER, EDGE, WAIST_SIDE, WAIST_FRONT, HOLLOW_BACK, SPUR, SPUR_PHASE, RING,
    CANAL_WIDTH, CANAL_DEPTH, CANAL_BACK,
    PEDICLE_OUT, PEDICLE_BACK, PEDICLE_UP, PEDICLE_LEFT, PEDICLE_RIGHT, PEDICLE_HALF_HEIGHT, PEDICLE_SINE,
    PEDICLE_COSINE, FLARE, SPINE_BACK, SPINE_UP, SPINE_LENGTH, SPINE_SINE, SPINE_COSINE, SPINE_HALF_HEIGHT,
    BULGE, BULGE_UP, BULGE_HIGH, BULGE_WIDE, STEP, CRACK,
    DENSITY, RIM, PACKED, PACKED_DOWN, CLEFT_HU, CLEFT_SIDE, CLEFT_DEEP, CLEFT_THIN, CLEFT_BACK, CLEFT_UP,
    SHELL_WALL, SHELL_END, SHELL_ARCH, OFFSET_U, OFFSET_V, OFFSET_W, REACH, REACH_BACK,
    DISC_UP, DISC_DOWN, LABEL, VEIN, CEMENT, BLEND, STATION, KIND, SCLEROSIS,
) = range(12, 80)  # fmt: skip
COLUMNS = 80
FAR = 60.0


@kernel
def smooth_least(a, b, k):
    """Smooth minimum of two distances with rounding k."""
    d = k - abs(a - b)
    low = a if a < b else b
    return low - d * d / (4.0 * k) if d > 0.0 else low


@kernel
def smooth_greatest(a, b, k):
    """Smooth maximum of two distances with rounding k."""
    d = k - abs(a - b)
    high = a if a > b else b
    return high + d * d / (4.0 * k) if d > 0.0 else high


@kernel
def superellipse(x, y, a, b, square):
    """Distance to |x/a|, |y/b| in (1 - square) x2 + square x3 = 1: an ellipse at 0, a rounded box at 1."""
    p, q = abs(x) / a, abs(y) / b
    g = (1.0 - square) * (p * p + q * q) + square * (p * p * p + q * q * q)
    gx = (2.0 * (1.0 - square) * p + 3.0 * square * p * p) / a
    gy = (2.0 * (1.0 - square) * q + 3.0 * square * q * q) / b
    slope = sqrt(gx * gx + gy * gy)
    least = a if a < b else b
    if slope < 1e-9:
        return -least
    root = sqrt(g)
    return (g - root) * 2.0 / slope


@kernel
def capsule(c, u, v, w):
    """Distance to a tapered capsule c = (a, b, radius a, radius b, scale v, scale w); a scale below 1 makes a plate."""
    sv, sw = c[8], c[9]
    ax, ay, az = c[0], c[1] * sv, c[2] * sw
    dx, dy, dz = c[3] - ax, c[4] * sv - ay, c[5] * sw - az
    px, py, pz = u - ax, v * sv - ay, w * sw - az
    t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
    t = 0.0 if t < 0.0 else (1.0 if t > 1.0 else t)
    px, py, pz = px - t * dx, py - t * dy, pz - t * dz
    length = sqrt(px * px + py * py + pz * pz)
    radius = c[6] + t * (c[7] - c[6])
    if length < 1e-6:
        return -radius
    return (length - radius) * length / sqrt(px * px + py * py * sv * sv + pz * pz * sw * sw)


@kernel
def endplate(row, u, v, w):
    """Distance past the nearer endplate, and the place between the plates (-1 lower, 1 upper)."""
    half_depth = 0.5 * (row[DEPTH_TOP] + row[DEPTH_BOTTOM]) * 0.5
    half_width = 0.25 * (row[WIDTH_TOP] + row[WIDTH_BOTTOM])
    y, x = v / half_depth, u / half_width
    station = row[STATION]
    yc = -1.2 if y < -1.2 else (1.2 if y > 1.2 else y)
    line = (row[HEIGHT_FRONT] * (station - yc) + row[HEIGHT_BACK] * (station + yc)) / (2.0 * station)
    tilt = (row[HEIGHT_BACK] - row[HEIGHT_FRONT]) / (2.0 * station) / half_depth * 0.5
    bowl, slope_top, slope_bottom = 0.0, 0.0, 0.0
    inner = 1.0 - (y / station) * (y / station)
    side = 1.0 - (x / 0.93) * (x / 0.93)
    crater = row[CRATER]
    if inner > 0.0 and side > 0.0:
        across = sqrt(side) * (0.6 + 0.4 * side)
        bowl = inner * across
        slope_top = -2.0 * y / (station * station) * across * crater / half_depth
        slope_bottom = slope_top
    rho = sqrt(x * x + y * y)
    ring = row[RING] * exp(-(((rho - 0.97) / 0.07) ** 2)) if rho > 0.75 else 0.0
    top = 0.5 * line - row[CRATER_TOP] * crater * bowl * (1.0 + 0.12 * y) + ring
    bottom = -0.5 * line + (1.0 - row[CRATER_TOP]) * crater * bowl * (1.0 - 0.12 * y) - ring
    if row[STEP] > 0.0 and y < -station - 0.1:
        top -= row[STEP]
    gt = tilt - row[CRATER_TOP] * slope_top
    gb = -tilt + (1.0 - row[CRATER_TOP]) * slope_bottom
    above = (w - top) / sqrt(1.0 + gt * gt)
    below = (bottom - w) / sqrt(1.0 + gb * gb)
    middle, half = 0.5 * (top + bottom), 0.5 * (top - bottom)
    s = (w - middle) / (half if half > 1.0 else 1.0)
    return (above if above > below else below), s, above, below


@kernel
def bulge_at(row, u, s):
    """How far the posterior wall stands back into the canal, mm."""
    if row[BULGE] <= 0.0:
        return 0.0
    a = (s - row[BULGE_UP]) / row[BULGE_HIGH]
    b = u / row[BULGE_WIDE]
    return row[BULGE] * exp(-a * a - b * b)


@kernel
def wall(row, u, v, s):
    """Distance to the side wall of the body, without its endplates."""
    t = -1.15 if s < -1.15 else (1.15 if s > 1.15 else s)
    inside = 1.0 - t * t if abs(t) < 1.0 else 0.0
    a = 0.25 * (row[WIDTH_BOTTOM] * (1.0 - t) + row[WIDTH_TOP] * (1.0 + t)) * (1.0 - row[WAIST_SIDE] * inside)
    b = 0.25 * (row[DEPTH_BOTTOM] * (1.0 - t) + row[DEPTH_TOP] * (1.0 + t))
    if v < 0.0:
        b *= 1.0 - row[WAIST_FRONT] * inside
        y = v / b
        y2 = y * y if y > -1.3 else 1.69
        a *= 1.0 - row[TAPER] * y2
        back = v
    else:
        q = u / (0.6 * a)
        ramp = v / b if v < b else 1.0
        back = v + ramp * (row[HOLLOW_BACK] * exp(-q * q) - bulge_at(row, u, s))
    if row[SPUR] > 0.0 and v < 0.4 * b:
        e = (abs(t) - 1.0) / 0.16
        bump = sin(5.0 * u / a + row[SPUR_PHASE])
        spur = row[SPUR] * exp(-e * e) * (0.5 + 0.5 * bump * bump)
        a += spur
        b += spur
    return superellipse(u, back, a, b, row[SQUARENESS])


@kernel
def canal(row, u, v, s):
    """Distance to the wall of the canal; a fragment that stands back narrows it."""
    stand = bulge_at(row, u, s)
    return superellipse(
        u, v - row[CANAL_BACK] - 0.5 * stand, row[CANAL_WIDTH] * 0.5, 0.5 * (row[CANAL_DEPTH] - stand), 0.15
    )


@kernel
def pedicle(row, u, v, w):
    """Distance to the pedicle of the side u lies on."""
    half = row[PEDICLE_LEFT] if u >= 0.0 else row[PEDICLE_RIGHT]
    x, y, z = (
        abs(u) - row[PEDICLE_OUT] - (half - 0.5 * (row[PEDICLE_LEFT] + row[PEDICLE_RIGHT])),
        v - row[PEDICLE_BACK],
        w - row[PEDICLE_UP],
    )
    along = x * row[PEDICLE_SINE] + y * row[PEDICLE_COSINE]
    across = x * row[PEDICLE_COSINE] - y * row[PEDICLE_SINE]
    grow = row[FLARE] * along * along
    tube = superellipse(across, z, half + grow, row[PEDICLE_HALF_HEIGHT] + grow, 0.1)
    return smooth_greatest(tube, abs(along) - 9.0, 2.0)


@kernel
def spinous(row, u, v, w):
    """Distance to the spinous process: a rounded plate in the mid-plane."""
    y, z = v - row[SPINE_BACK], w - row[SPINE_UP]
    along = y * row[SPINE_COSINE] + z * row[SPINE_SINE]
    across = -y * row[SPINE_SINE] + z * row[SPINE_COSINE]
    t = along / row[SPINE_LENGTH]
    t = 0.0 if t < 0.0 else (1.0 if t > 1.0 else t)
    thick = 2.0 + 1.9 * t * t - 1.4 * t * (1.0 - t)
    tall = row[SPINE_HALF_HEIGHT] * (0.8 + 0.35 * t)
    f = superellipse(u, across, thick, tall, 0.2)
    return smooth_greatest(f, abs(along - 0.5 * row[SPINE_LENGTH]) - 0.5 * row[SPINE_LENGTH], 3.0)


@kernel
def arch(row, capsules, u, v, w):
    """Distance to everything behind the body: pedicles, laminae, processes."""
    side = abs(u)
    f = pedicle(row, u, v, w)
    for n in range(capsules.shape[0]):
        if capsules[n, 6] > 0.0:
            f = smooth_least(f, capsule(capsules[n], side, v, w), 3.5)
    return smooth_least(f, spinous(row, u, v, w), 3.5)


@kernel
def vertebra(row, capsules, u, v, w):
    """Distances (whole, body, wall, past the endplates, canal, arch, place between the plates) at a local point."""
    end, s, _above, _below = endplate(row, u, v, w)
    side = wall(row, u, v, s)
    hole = canal(row, u, v, s)
    body = smooth_greatest(smooth_greatest(side, end, row[EDGE]), -hole, 1.5)
    behind = arch(row, capsules, u, v, w) if v > -4.0 else FAR
    whole = smooth_greatest(smooth_least(body, behind, row[BLEND]), -hole, 1.5)
    return whole, body, side, end, hole, behind, s


@kernel
def sacrum(row, capsules, u, v, w):
    """Distances of the sacrum stub, in the order of `vertebra`."""
    side = abs(u)
    f = FAR
    for n in range(capsules.shape[0]):
        if capsules[n, 6] > 0.0:
            f = smooth_least(f, capsule(capsules[n], side, v, w), 7.0)
    f = smooth_greatest(f, w - 0.06 * v, 3.0)
    hole = superellipse(u, v - row[CANAL_BACK] + 0.35 * w, row[CANAL_WIDTH] * 0.5, row[CANAL_DEPTH] * 0.5, 0.1)
    return smooth_greatest(f, -hole, 1.5), f, FAR, w, hole, f, 0.0


@kernel
def any_bone(row, capsules, u, v, w):
    """`vertebra` or `sacrum`, by the row's kind."""
    if row[KIND] > 0.5:
        return sacrum(row, capsules, u, v, w)
    return vertebra(row, capsules, u, v, w)
