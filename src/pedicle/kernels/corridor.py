"""Loops behind needle planning: the best straight corridor through a vertebra, its walls, and misplaced needles.

All points are fractional indices (i, j, k) of one isotropic grid along the vertebra's axes: i to the needle's own side,
j to the back, k to the head. `depth` is the distance to the vertebra's outer surface in mm, positive inside; `canal` the
distance to the canal's wall, positive outside the canal. Beyond the grid `depth` is FAR_OUT and `canal` its border value.
"""

from __future__ import annotations

import numpy as np

from pedicle.kernels.jit import kernel

FAR_OUT = -99.0


@kernel
def interpolate(field, x, y, z, beyond):
    """Trilinear value of a float32 field at a fractional index; `beyond` outside the box of voxel centres."""
    nx, ny, nz = field.shape
    if x < 0.0 or y < 0.0 or z < 0.0 or x > nx - 1 or y > ny - 1 or z > nz - 1:
        return beyond
    i = min(int(x), nx - 2)
    j = min(int(y), ny - 2)
    k = min(int(z), nz - 2)
    a = x - i
    b = y - j
    c = z - k
    low = (field[i, j, k] * (1 - c) + field[i, j, k + 1] * c) * (1 - b) + (
        field[i, j + 1, k] * (1 - c) + field[i, j + 1, k + 1] * c
    ) * b
    high = (field[i + 1, j, k] * (1 - c) + field[i + 1, j, k + 1] * c) * (1 - b) + (
        field[i + 1, j + 1, k] * (1 - c) + field[i + 1, j + 1, k + 1] * c
    ) * b
    return low * (1 - a) + high * a


@kernel
def _clear_behind(depth, blocked, entry, back, length):
    """Whether the line behind the entry stays out of bone: its own (after 3 mm) and the blocked voxels."""
    nx, ny, nz = depth.shape
    for step in range(1, length):
        x = entry[0] + back[0] * step
        y = entry[1] + back[1] * step
        z = entry[2] + back[2] * step
        i, j, k = round(x), round(y), round(z)
        if i < 0 or j < 0 or k < 0 or i >= nx or j >= ny or k >= nz:
            return True
        if blocked[i, j, k] or (step > 4 and depth[i, j, k] > 0.0):
            return False
    return True


@kernel
def _walk(depth, canal, entry, target, rules, static, best):
    """Score of one line, walked from the target backwards; returns `best` as soon as it cannot be beaten.

    Zones by j: body in front of rules[5], pedicle up to rules[6], behind it only the canal and re-entry count. The first
    rules[7] mm behind the entry may be close to the surface that is being entered.
    """
    radius, body_need, floor, saturation, spacing, wall_j, canal_j, skin_depth = rules[:8]
    dx, dy, dz = entry[0] - target[0], entry[1] - target[1], entry[2] - target[2]
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    count = int(length) + 1
    least = 1e9
    for n in range(count + 1):
        t = n / count
        x, y, z = target[0] + dx * t, target[1] + dy * t, target[2] + dz * t
        d = interpolate(depth, x, y, z, FAR_OUT)
        if y < wall_j:
            if d < radius + body_need and (1.0 - t) * length * spacing > skin_depth:
                return best
        elif y <= canal_j:
            least = min(least, d - radius)
        elif d < rules[10] and (1.0 - t) * length * spacing > skin_depth:
            return best
        least = min(least, interpolate(canal, x, y, z, 99.0) - radius)
        if least < floor or _worth(least, saturation) + static <= best:
            return best
    return _worth(least, saturation) + static


@kernel
def _worth(least, saturation):
    """Clearance as the score counts it: full up to the saturation, a fifth beyond."""
    return least if least < saturation else saturation + 0.2 * (least - saturation)


@kernel
def _promising(depth, entry, target, middle, rules, static, best):
    """Whether the line can still beat `best` after a look at three planes of the pedicle: most lines end here."""
    radius, floor, saturation = rules[0], rules[2], rules[3]
    dx, dy, dz = entry[0] - target[0], entry[1] - target[1], entry[2] - target[2]
    least = 1e9
    for y in (middle[1], rules[5], rules[6]):
        t = (y - target[1]) / dy
        if 0.0 < t < 1.0:
            d = interpolate(depth, target[0] + dx * t, y, target[2] + dz * t, FAR_OUT) - radius
            least = min(least, d)
            if least < floor or _worth(least, saturation) + static <= best:
                return False
    return True


@kernel
def _angle_cost(entry, target, limits):
    """Cost in mm of a line turned outside the usual convergence and tilt: limits = low, high, tilt (deg), mm per deg."""
    du, dv, dw = target[0] - entry[0], target[1] - entry[1], target[2] - entry[2]
    convergence = np.degrees(np.arctan2(-du, -dv))
    tilt = abs(np.degrees(np.arctan2(dw, -dv)))
    beyond = max(limits[0] - convergence, convergence - limits[1], 0.0) + max(tilt - limits[2], 0.0)
    return limits[3] * beyond


@kernel
def _middle_cost(entry, target, middle, per_mm, spacing):
    """Cost in mm of passing off the pedicle's middle (an index point) in its coronal plane."""
    t = (middle[1] - target[1]) / (entry[1] - target[1])
    du = target[0] + (entry[0] - target[0]) * t - middle[0]
    dw = target[2] + (entry[2] - target[2]) * t - middle[2]
    return per_mm * spacing * np.sqrt(du * du + dw * dw)


@kernel
def best_corridor(depth, canal, blocked, entries, targets, target_cost, middle, rules, limits):
    """The best entry and target: (score, entry row, target row); rows are -1 where no line is allowed.

    Exhaustive over entries (n, 3) and targets (m, 3). Score is the least distance in mm from needle surface to wall or
    canal (worth a fifth beyond `saturation`), less the costs of target, angle and passing off the pedicle's middle.
    A later line must be better by 1e-4 mm, so that rounding does not choose.
    rules: radius, body_need, floor, saturation, spacing, wall_j, canal_j, skin_depth, middle_per_mm, behind_mm,
    bone_depth (least depth of the axis behind the canal's middle).
    """
    best, best_entry, best_target = -1e9, -1, -1
    spacing = rules[4]
    behind = int(rules[9] / spacing)
    for m in range(targets.shape[0]):
        for n in range(entries.shape[0]):
            entry, target = entries[n], targets[m]
            static = -target_cost[m] - _angle_cost(entry, target, limits)
            static -= _middle_cost(entry, target, middle, rules[8], spacing)
            bar = best + 1e-4
            if not _promising(depth, entry, target, middle, rules, static, bar):
                continue
            score = _walk(depth, canal, entry, target, rules, static, bar)
            if score <= bar:
                continue
            away = entry - target
            away /= np.sqrt((away * away).sum())
            if _clear_behind(depth, blocked, entry, away, behind):
                best, best_entry, best_target = score, n, m
    return best, best_entry, best_target


@kernel
def widen(mask, reach):
    """A uint8 mask grown by a ball of `reach` voxels."""
    nx, ny, nz = mask.shape
    grown = mask.copy()
    whole = int(np.ceil(reach))
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if mask[i, j, k] == 0 or _inner(mask, i, j, k):
                    continue
                for a in range(max(-whole, -i), min(whole, nx - 1 - i) + 1):
                    for b in range(max(-whole, -j), min(whole, ny - 1 - j) + 1):
                        for c in range(max(-whole, -k), min(whole, nz - 1 - k) + 1):
                            if a * a + b * b + c * c <= reach * reach:
                                grown[i + a, j + b, k + c] = 1
    return grown


@kernel
def _inner(mask, i, j, k):
    nx, ny, nz = mask.shape
    if i == 0 or j == 0 or k == 0 or i == nx - 1 or j == ny - 1 or k == nz - 1:
        return False
    return bool(
        mask[i - 1, j, k]
        and mask[i + 1, j, k]
        and mask[i, j - 1, k]
        and mask[i, j + 1, k]
        and mask[i, j, k - 1]
        and mask[i, j, k + 1]
    )


@kernel
def ray_length(depth, start, direction, longest, spacing):
    """Distance in mm from an index point along a unit direction to the bone's surface; `longest` mm when not met.

    Negative, to the surface behind, when the start itself is outside.
    """
    before = interpolate(depth, start[0], start[1], start[2], FAR_OUT)
    if before <= 0.0:
        return before
    steps = int(longest / (0.5 * spacing))
    for n in range(1, steps + 1):
        t = 0.5 * n
        now = interpolate(
            depth, start[0] + direction[0] * t, start[1] + direction[1] * t, start[2] + direction[2] * t, FAR_OUT
        )
        if now <= 0.0:
            if now == FAR_OUT:
                return t * spacing
            return (t - 0.5 * now / (now - before)) * spacing
        before = now
    return longest


@kernel
def wall_rays(depth, points, directions, longest, spacing):
    """`ray_length` from each point (n, 3) along each direction (m, 3); shape (n, m)."""
    found = np.empty((points.shape[0], directions.shape[0]))
    for n in range(points.shape[0]):
        for m in range(directions.shape[0]):
            found[n, m] = ray_length(depth, points[n], directions[m], longest, spacing)
    return found


@kernel
def along(field, points, beyond):
    """Trilinear values at index points (n, 3)."""
    found = np.empty(points.shape[0])
    for n in range(points.shape[0]):
        found[n] = interpolate(field, points[n, 0], points[n, 1], points[n, 2], beyond)
    return found


@kernel
def _slope(field, x, y, z):
    """Unit gradient of a field at an index point, by central differences of half a voxel."""
    gx = interpolate(field, x + 0.5, y, z, 0.0) - interpolate(field, x - 0.5, y, z, 0.0)
    gy = interpolate(field, x, y + 0.5, z, 0.0) - interpolate(field, x, y - 0.5, z, 0.0)
    gz = interpolate(field, x, y, z + 0.5, 0.0) - interpolate(field, x, y, z - 0.5, 0.0)
    size = np.sqrt(gx * gx + gy * gy + gz * gz)
    if size < 1e-9:
        return 0.0, 0.0, 0.0
    return gx / size, gy / size, gz / size


@kernel
def _boundary_sigma(normal, boundary):
    """1 SD in mm of a label boundary with this unit normal: |boundary @ normal|, boundary (3, 3) in mm."""
    total = 0.0
    for row in range(3):
        value = boundary[row, 0] * normal[0] + boundary[row, 1] * normal[1] + boundary[row, 2] * normal[2]
        total += value * value
    return np.sqrt(total)


@kernel
def _sector(normal, medial, upward):
    """Wall that the inward normal `normal` belongs to: 0 medial, 1 lateral, 2 superior, 3 inferior."""
    m = -(normal[0] * medial[0] + normal[1] * medial[1] + normal[2] * medial[2])
    s = -(normal[0] * upward[0] + normal[1] * upward[1] + normal[2] * upward[2])
    if abs(m) >= abs(s):
        return 0 if m > 0 else 1
    return 2 if s > 0 else 3


@kernel
def _bent(start, heading, across, way, spacing):
    """Index point `way` voxels along a needle whose tip cut a parabola of curvature `across` (1/mm, a vector)."""
    off = 0.5 * way * way * spacing
    x = start[0] + heading[0] * way + across[0] * off
    y = start[1] + heading[1] * way + across[1] * off
    z = start[2] + heading[2] * way + across[2] * off
    return x, y, z


@kernel
def misplaced(depth, canal, entry, target, axes, draws, boundary, rules):
    """How deep each misplaced needle breaches: (n, 4) = worst wall breach mm, its wall, canal breach mm, tip depth mm.

    `axes` (3, 3): rows forward, medial, upward, unit and orthogonal. `draws` (n, 8): shift medial and upward at the entry
    (mm), turn towards medial and upward (rad), advance beyond the target (mm), boundary error in units of its SD, and
    curvature of the bent needle towards medial and upward (1/mm).
    A breach is positive when the needle's surface is beyond the wall. rules: radius, spacing, wall_j, canal_j, roughness:
    how many SD of the boundary the mean wall lies outside the nearest points of a rough label surface.
    """
    radius, spacing, wall_j, canal_j, roughness = rules[0], rules[1], rules[2], rules[3], rules[4]
    found = np.empty((draws.shape[0], 4))
    span = target - entry
    length = np.sqrt((span * span).sum())
    for n in range(draws.shape[0]):
        start = entry + (draws[n, 0] * axes[1] + draws[n, 1] * axes[2]) / spacing
        heading = axes[0] + np.tan(draws[n, 2]) * axes[1] + np.tan(draws[n, 3]) * axes[2]
        heading /= np.sqrt((heading * heading).sum())
        across = draws[n, 6] * axes[1] + draws[n, 7] * axes[2]
        reach = max(length + draws[n, 4] / spacing, 1.0)
        steps = int(reach) + 1
        worst, worst_step, canal_worst, canal_step = -99.0, 0, -99.0, 0
        for step in range(steps + 1):
            x, y, z = _bent(start, heading, across, reach * step / steps, spacing)
            if wall_j <= y <= canal_j:
                now = radius - interpolate(depth, x, y, z, FAR_OUT)
                if now > worst:
                    worst, worst_step = now, step
            near = radius - interpolate(canal, x, y, z, 99.0)
            if near > canal_worst:
                canal_worst, canal_step = near, step
        x, y, z = _bent(start, heading, across, reach * worst_step / steps, spacing)
        normal = _slope(depth, x, y, z)
        worst += (draws[n, 5] - roughness) * _boundary_sigma(normal, boundary)
        wall = _sector(normal, axes[1], axes[2])
        x, y, z = _bent(start, heading, across, reach * canal_step / steps, spacing)
        canal_worst += (draws[n, 5] - roughness) * _boundary_sigma(_slope(canal, x, y, z), boundary)
        x, y, z = _bent(start, heading, across, reach, spacing)
        found[n, 0], found[n, 1], found[n, 2] = worst, wall, canal_worst
        found[n, 3] = interpolate(depth, x, y, z, FAR_OUT)
        found[n, 3] -= (draws[n, 5] - roughness) * _boundary_sigma(_slope(depth, x, y, z), boundary)
    return found


@kernel
def distance_to_voxels(points, start, end):
    """Least distance between points (n, 3) and the segment start..end, and where along it (0 to 1); 1e9 for no points."""
    least, where = 1e9, 0.0
    span = end - start
    square = max((span * span).sum(), 1e-12)
    for n in range(points.shape[0]):
        t = 0.0
        for axis in range(3):
            t += (points[n, axis] - start[axis]) * span[axis]
        t = min(max(t / square, 0.0), 1.0)
        total = 0.0
        for axis in range(3):
            gap = points[n, axis] - start[axis] - t * span[axis]
            total += gap * gap
        if total < least:
            least, where = total, t
    return (np.sqrt(least) if least < 1e9 else 1e9), where
