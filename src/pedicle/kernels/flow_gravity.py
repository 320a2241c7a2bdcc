"""Heavier cement sinking through marrow: volumes change places across faces, so that no total flow arises.

Every loop goes through a box of cells, (3, 2) first and one past the last along each axis, that holds all cement and one cell around it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel


@kernel
def cement_box(shape: Any, saturation: Any, box: Any) -> Any:
    """The box around the cells with cement in `box`, one cell wider than they are; empty where there is none."""
    low, high = np.array([shape[0], shape[1], shape[2]]), np.zeros(3, np.int64)
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                if saturation[(i * shape[1] + j) * shape[2] + k] > 0.0:
                    low[0], high[0] = min(low[0], i), max(high[0], i + 1)
                    low[1], high[1] = min(low[1], j), max(high[1], j + 1)
                    low[2], high[2] = min(low[2], k), max(high[2], k + 1)
    found = np.zeros((3, 2), np.int64)
    for axis in range(3):
        if high[axis] > 0:
            found[axis, 0], found[axis, 1] = max(low[axis] - 1, 0), min(high[axis] + 1, shape[axis])
    return found


@kernel
def set_exchange(
    axis: int, shape: Any, box: Any, faces: Any, drop: float, fields: Any, inverse_marrow: float, flow: Any, leaving: Any,
    entering: Any,
) -> None:  # fmt: skip
    """Cement's flow through the faces square to an axis against as much marrow, mm3/s, positive along the axis.

    `drop` is cement's excess weight over one cell, Pa, positive along the axis; `fields` flat saturation, 1 / viscosity, share
    left open. Each fluid has the mobility of the cell it leaves. What leaves and enters each cell is added up beside.
    """
    saturation, inverse, open_share = fields
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    for i in range(box[0, 0], box[0, 1] - (axis == 0)):
        for j in range(box[1, 0], box[1, 1] - (axis == 1)):
            for k in range(box[2, 0], box[2, 1] - (axis == 2)):
                face = (i * my + j) * mz + k
                a = (i * ny + j) * nz + k
                b = a + step
                flow[face] = 0.0
                if faces[face] == 0.0 or open_share[a] == 0.0 or open_share[b] == 0.0:
                    continue
                above, below = (a, b) if drop > 0.0 else (b, a)
                cement = saturation[above] * inverse[above]
                marrow = max(1.0 - saturation[below], 0.0) * inverse_marrow
                if cement <= 0.0 or marrow <= 0.0:
                    continue
                share = 2.0 * open_share[a] * open_share[b] / (open_share[a] + open_share[b])
                q = faces[face] * share * abs(drop) * cement * marrow / (cement + marrow)
                flow[face] = q if drop > 0.0 else -q
                leaving[above] += q
                entering[below] += q


@kernel
def clear(shape: Any, box: Any, leaving: Any, entering: Any) -> None:
    """Nothing leaves or enters the cells of the box."""
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i * shape[1] + j) * shape[2] + k
                leaving[c] = 0.0
                entering[c] = 0.0


@kernel
def exchange_step_s(shape: Any, box: Any, volume: Any, saturation: Any, leaving: Any, entering: Any) -> Any:
    """Half the time in which a cell would run out of cement or of marrow."""
    least = np.inf
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i * shape[1] + j) * shape[2] + k
                if leaving[c] > 0.0:
                    least = min(least, volume[c] * saturation[c] / leaving[c])
                if entering[c] > 0.0:
                    least = min(least, volume[c] * (1.0 - saturation[c]) / entering[c])
    return 0.5 * least


@kernel
def take_up(shape: Any, box: Any, volume: Any, saturation: Any, scalars: Any, held: Any, carried: Any) -> None:
    """Cement in each cell of the box, mm3 (`held`), and its scalars times that (`carried`)."""
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i * shape[1] + j) * shape[2] + k
                held[c] = volume[c] * saturation[c]
                for m in range(scalars.shape[0]):
                    carried[m, c] = scalars[m, c] * held[c]


@kernel
def exchange(axis: int, shape: Any, box: Any, flow: Any, held: Any, carried: Any, scalars: Any, dt: float) -> None:
    """Move cement (`held`, mm3) and its scalars times volume (`carried`) through the faces square to an axis."""
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    for i in range(box[0, 0], box[0, 1] - (axis == 0)):
        for j in range(box[1, 0], box[1, 1] - (axis == 1)):
            for k in range(box[2, 0], box[2, 1] - (axis == 2)):
                q = flow[(i * my + j) * mz + k] * dt
                if q == 0.0:
                    continue
                a = (i * ny + j) * nz + k
                giver = a if q > 0.0 else a + step
                held[a] -= q
                held[a + step] += q
                for m in range(scalars.shape[0]):
                    carried[m, a] -= q * scalars[m, giver]
                    carried[m, a + step] += q * scalars[m, giver]


@kernel
def put_down(shape: Any, box: Any, volume: Any, saturation: Any, scalars: Any, held: Any, carried: Any) -> None:
    """What each cell of the box now holds as its share and scalars."""
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i * shape[1] + j) * shape[2] + k
                for m in range(scalars.shape[0]):
                    scalars[m, c] = carried[m, c] / held[c] if held[c] > 0.0 else 0.0
                if volume[c] > 0.0:
                    saturation[c] = held[c] / volume[c]


@kernel
def hold_back(axis: int, shape: Any, box: Any, flow: Any, give: Any, take: Any) -> None:
    """Scale each face's flow by the lesser of what its giver may give and its taker may take, both shares of 1."""
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    for i in range(box[0, 0], box[0, 1] - (axis == 0)):
        for j in range(box[1, 0], box[1, 1] - (axis == 1)):
            for k in range(box[2, 0], box[2, 1] - (axis == 2)):
                face = (i * my + j) * mz + k
                a = (i * ny + j) * nz + k
                if flow[face] > 0.0:
                    flow[face] *= min(give[a], take[a + step])
                elif flow[face] < 0.0:
                    flow[face] *= min(give[a + step], take[a])


@kernel
def half_of_what_there_is(
    shape: Any, box: Any, volume: Any, saturation: Any, leaving: Any, entering: Any, dt: float
) -> None:
    """`leaving` and `entering` turned into the shares of them, up to 1, that take half of a cell's cement, or marrow, in `dt`."""
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i * shape[1] + j) * shape[2] + k
                cement, marrow = volume[c] * saturation[c], volume[c] * (1.0 - saturation[c])
                leaving[c] = min(1.0, 0.5 * max(cement, 0.0) / max(leaving[c] * dt, 1e-300))
                entering[c] = min(1.0, 0.5 * max(marrow, 0.0) / max(entering[c] * dt, 1e-300))
