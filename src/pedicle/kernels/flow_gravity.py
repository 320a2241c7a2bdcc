"""Heavier cement sinking through marrow: volumes change places across faces, so that no total flow arises."""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel


@kernel
def set_exchange(
    axis: int, shape: Any, faces: Any, drop: float, fields: Any, inverse_marrow: float, flow: Any, leaving: Any,
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
    for i in range(shape[0] - (axis == 0)):
        for j in range(my):
            for k in range(mz):
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
def exchange_step_s(volume: Any, saturation: Any, leaving: Any, entering: Any) -> Any:
    """Half the time in which a cell would run out of cement or of marrow."""
    least = np.inf
    for c in range(volume.size):
        if leaving[c] > 0.0:
            least = min(least, volume[c] * saturation[c] / leaving[c])
        if entering[c] > 0.0:
            least = min(least, volume[c] * (1.0 - saturation[c]) / entering[c])
    return 0.5 * least


@kernel
def exchange(axis: int, shape: Any, flow: Any, volume: Any, held: Any, carried: Any, scalars: Any, dt: float) -> None:
    """Move cement (`held`, mm3) and its scalars times volume (`carried`) through the faces square to an axis."""
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    for i in range(shape[0] - (axis == 0)):
        for j in range(my):
            for k in range(mz):
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
def hold_back(axis: int, shape: Any, flow: Any, give: Any, take: Any) -> None:
    """Scale each face's flow by the lesser of what its giver may give and its taker may take, both shares of 1."""
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    for i in range(shape[0] - (axis == 0)):
        for j in range(my):
            for k in range(mz):
                face = (i * my + j) * mz + k
                a = (i * ny + j) * nz + k
                if flow[face] > 0.0:
                    flow[face] *= min(give[a], take[a + step])
                elif flow[face] < 0.0:
                    flow[face] *= min(give[a + step], take[a])
