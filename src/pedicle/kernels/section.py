"""Plane sections through a signed distance on an isotropic grid: flooded from a point, measured, compared by area."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel

# What one section reports, in this order.
AREA, CENTRE_A, CENTRE_B, CLOSED = range(4)


@kernel
def _at(field: Any, x: float, y: float, z: float) -> float:
    """Trilinear value at a fractional index; far outside (+1e3) beyond the outermost nodes."""
    ni, nj, nk = field.shape
    if x < 0.0 or y < 0.0 or z < 0.0 or x > ni - 1.0 or y > nj - 1.0 or z > nk - 1.0:
        return 1.0e3
    i, j, k = min(int(x), ni - 2), min(int(y), nj - 2), min(int(z), nk - 2)
    u, v, w = x - i, y - j, z - k
    near = (1 - v) * ((1 - w) * field[i, j, k] + w * field[i, j, k + 1]) + v * (
        (1 - w) * field[i, j + 1, k] + w * field[i, j + 1, k + 1]
    )
    far = (1 - v) * ((1 - w) * field[i + 1, j, k] + w * field[i + 1, j, k + 1]) + v * (
        (1 - w) * field[i + 1, j + 1, k] + w * field[i + 1, j + 1, k + 1]
    )
    return float((1 - u) * near + u * far)


@kernel
def _axes(direction: Any, a: Any, b: Any) -> None:
    """Two unit vectors across a direction: `a` nearest to the grid's third axis, `b` = direction x a."""
    for n in range(3):
        a[n] = -direction[2] * direction[n]
    a[2] += 1.0
    length = np.sqrt(a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
    for n in range(3):
        a[n] /= length
    b[0] = direction[1] * a[2] - direction[2] * a[1]
    b[1] = direction[2] * a[0] - direction[0] * a[2]
    b[2] = direction[0] * a[1] - direction[1] * a[0]


@kernel
def _flood(field: Any, point: Any, a: Any, b: Any, step: float, marks: Any, stamp: int, stack: Any, out: Any) -> None:
    """Flood the inside (field < 0) of a plane from a point; `out` gets area, centre (a, b) and whether it is closed."""
    side = marks.shape[0]
    middle = side // 2
    out[0], out[1], out[2], out[3] = 0.0, 0.0, 0.0, 1.0
    if _at(field, point[0], point[1], point[2]) >= 0.0:
        out[3] = 0.0
        return
    marks[middle, middle] = stamp
    stack[0] = middle * side + middle
    held = 1
    count, sum_a, sum_b = 0, 0.0, 0.0
    while held > 0:
        held -= 1
        row, column = stack[held] // side, stack[held] % side
        count += 1
        sum_a += row - middle
        sum_b += column - middle
        if row == 0 or column == 0 or row == side - 1 or column == side - 1:
            out[3] = 0.0
            break
        for turn in range(4):
            r = row + (1 if turn == 0 else (-1 if turn == 1 else 0))
            c = column + (1 if turn == 2 else (-1 if turn == 3 else 0))
            if marks[r, c] == stamp:
                continue
            marks[r, c] = stamp
            u, v = (r - middle) * step, (c - middle) * step
            x = point[0] + u * a[0] + v * b[0]
            y = point[1] + u * a[1] + v * b[1]
            z = point[2] + u * a[2] + v * b[2]
            if _at(field, x, y, z) < 0.0:
                stack[held] = r * side + c
                held += 1
    out[0] = count * step * step
    out[1] = sum_a / count * step
    out[2] = sum_b / count * step


@kernel
def _allowed(field: Any, body: Any, centre: Any, direction: Any, bounds: Any, reach: Any) -> bool:
    """Centre between the bounds at its height; the axis in the body ahead and still in bone behind."""
    k = min(max(int(centre[2] + 0.5), 0), bounds.shape[1] - 1)
    if not (bounds[0, k] <= centre[1] <= bounds[1, k] and bounds[2, k] <= centre[0] <= bounds[3, k]):
        return False
    x = int(centre[0] + reach[0] * direction[0] + 0.5)
    y = int(centre[1] + reach[0] * direction[1] + 0.5)
    z = int(centre[2] + reach[0] * direction[2] + 0.5)
    if x < 0 or y < 0 or z < 0 or x >= body.shape[0] or y >= body.shape[1] or z >= body.shape[2]:
        return False
    if not body[x, y, z]:
        return False
    behind = _at(
        field,
        centre[0] - reach[1] * direction[0],
        centre[1] - reach[1] * direction[1],
        centre[2] - reach[1] * direction[2],
    )
    return bool(behind < 0.0)


@kernel
def _search(
    field: Any, body: Any, points: Any, directions: Any, bounds: Any, reach: Any, step: float, side: int, best: Any
) -> float:
    marks = np.zeros((side, side), np.int64)
    stack = np.empty(side * side, np.int64)
    a, b, centre = np.empty(3), np.empty(3), np.empty(3)
    out = np.empty(4)
    smallest = np.inf
    stamp = 0
    for n in range(points.shape[0]):
        for m in range(directions.shape[0]):
            stamp += 1
            _axes(directions[m], a, b)
            _flood(field, points[n], a, b, step, marks, stamp, stack, out)
            if out[3] == 0.0 or out[0] >= smallest:
                continue
            for q in range(3):
                centre[q] = points[n, q] + out[1] * a[q] + out[2] * b[q]
            if _allowed(field, body, centre, directions[m], bounds, reach):
                smallest = out[0]
                for q in range(3):
                    best[0, q] = centre[q]
                    best[1, q] = directions[m, q]
    return smallest


def smallest_section(
    field: NDArray[np.float32],
    body: NDArray[np.bool_],
    points: NDArray[np.float64],
    directions: NDArray[np.float64],
    bounds: NDArray[np.float64],
    limits: tuple[float, float, float, float],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]] | None:
    """The smallest closed section among all points and directions, or None.

    All lengths in cells. `points` (n, 3) lie inside the bone, `directions` (m, 3) are unit and point forward. `bounds`
    (4, nk) are the least and largest second and first index a section's centre may have at each third index. `limits`: the axis
    must be in the body this far ahead and in bone this far behind; half extent of a section; step in the plane.
    Returns area (cells squared), centre and direction.
    """
    ahead, behind, half, step = limits
    best = np.empty((2, 3))
    side = 2 * int(np.ceil(half / step)) + 1
    area = _search(field, body, points, directions, bounds, np.array([ahead, behind]), step, side, best)
    return None if not np.isfinite(area) else (float(area), best[0], best[1])


@kernel
def _mask(field: Any, point: Any, a: Any, b: Any, step: float, side: int, out: Any) -> Any:
    marks = np.zeros((side, side), np.int64)
    _flood(field, point, a, b, step, marks, 1, np.empty(side * side, np.int64), out)
    values = np.empty((side, side))
    middle = side // 2
    for r in range(side):
        for c in range(side):
            u, v = (r - middle) * step, (c - middle) * step
            values[r, c] = _at(
                field, point[0] + u * a[0] + v * b[0], point[1] + u * a[1] + v * b[1], point[2] + u * a[2] + v * b[2]
            )
            if marks[r, c] == 1 and values[r, c] < 0.0:
                marks[r, c] = 2
    return marks, values


def plane_section(
    field: NDArray[np.float32], point: NDArray[np.float64], direction: NDArray[np.float64], half: float, step: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One section: mask of the flooded piece, field values, both (side, side); the plane's axes (2, 3); the report.

    Lengths in cells; node (r, c) lies at point + (r - middle) step a + (c - middle) step b. The report holds area,
    centre along a and b, and 1.0 when the piece is closed within `half`.
    """
    a, b, out = np.empty(3), np.empty(3), np.empty(4)
    _axes(direction, a, b)
    marks, values = _mask(field, point, a, b, step, 2 * int(np.ceil(half / step)) + 1, out)
    return marks == 2, values, np.stack([a, b]), out
