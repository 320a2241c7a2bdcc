"""Plastic flow at the eight Gauss points of each cube, and the forces it takes from the elastic ones.

All stresses are over the cube's Young's modulus. A point yields where q^2 + a p^2 = (1 + a / 9) Y^2 with q von Mises' stress, p the
mean stress and Y the uniaxial yield stress; a = 0 is von Mises' law, a > 0 crushes under pressure too. Flow is along the
surface's normal. Y falls linearly with equivalent plastic strain to a residual share of its first value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.elastic_apply import CHUNK
from pedicle.kernels.jit import kernel, parallel_kernel, prange

_MOST, _ENOUGH = 60, 1e-12


@kernel
def _yield_at(first: float, kappa: float, flow: float, ellipse: float, softening: float, residual: float) -> float:
    """Yield stress after a flow multiplier's worth of plastic strain; implicit in itself and linear, so solved outright."""
    now = first * (1.0 - softening * kappa) / (1.0 + first * softening * 2.0 * (1.0 + ellipse / 9.0) * flow)
    return max(now, residual * first)


@kernel
def _multiplier(q: float, p: float, first: float, kappa: float, law: Any) -> float:
    """Flow multiplier that brings a trial stress outside the surface back onto it, by Newton kept in a bracket."""
    shear, bulk, ellipse, softening, residual = law
    whole = 1.0 + ellipse / 9.0
    low, high, flow = 0.0, -1.0, 0.0
    for _ in range(_MOST):
        down_q, down_p = 1.0 + 6.0 * shear * flow, 1.0 + 2.0 * bulk * ellipse * flow
        now = _yield_at(first, kappa, flow, ellipse, softening, residual)
        over = (q / down_q) ** 2 + ellipse * (p / down_p) ** 2 - whole * now * now
        if abs(over) <= _ENOUGH * whole * now * now:
            break
        if over > 0.0:
            low = flow
        else:
            high = flow
        slope = -12.0 * shear * q * q / down_q**3 - 4.0 * bulk * ellipse**2 * p * p / down_p**3
        if now > residual * first:
            slope += 2.0 * whole * now * now * first * softening * 2.0 * whole / (1.0 + first * softening * 2.0 * whole * flow)
        following = flow - over / slope if slope < 0.0 else -1.0
        if following <= low or (high >= 0.0 and following >= high):
            following = 0.5 * (low + high) if high >= 0.0 else 2.0 * low + 1e-6
        flow = following
    return flow


@kernel
def _flow_at_point(strain: Any, start: Any, kappa: float, first: float, law: Any, plastic: Any) -> float:
    """Sets the plastic strain (6, engineering shears) at a total strain; answers the equivalent plastic strain."""
    shear, bulk, ellipse, softening, residual = law
    for n in range(6):
        plastic[n] = start[n]
    trace = (strain[0] - start[0]) + (strain[1] - start[1]) + (strain[2] - start[2])
    p = bulk * trace
    square = 0.0
    for n in range(3):
        square += (2.0 * shear * (strain[n] - start[n] - trace / 3.0)) ** 2 + 2.0 * (shear * (strain[n + 3] - start[n + 3])) ** 2
    q = np.sqrt(1.5 * square)
    now = _yield_at(first, kappa, 0.0, ellipse, softening, residual)
    whole = 1.0 + ellipse / 9.0
    if q * q + ellipse * p * p <= whole * now * now:
        return kappa
    flow = _multiplier(q, p, first, kappa, law)
    after_q, after_p = 1.0 + 6.0 * shear * flow, p / (1.0 + 2.0 * bulk * ellipse * flow)
    for n in range(3):
        deviator = 2.0 * shear * (strain[n] - start[n] - trace / 3.0) / after_q
        plastic[n] += flow * (3.0 * deviator + 2.0 * ellipse * after_p / 3.0)
        plastic[n + 3] += flow * 6.0 * shear * (strain[n + 3] - start[n + 3]) / after_q
    return kappa + 2.0 * flow * whole * _yield_at(first, kappa, flow, ellipse, softening, residual)


@kernel
def _cube(out: Any, u: Any, places: Any, scale: float, side: float, gradients: Any, first: float, law: Any, start: Any, start_kappa: Any, plastic: Any, kappa: Any) -> None:
    """One cube: its points' plastic strains, and less force at its corners by them; `places` are its 24 displacements."""
    shear, bulk = law[0], law[1]
    lame = bulk - 2.0 * shear / 3.0
    strain, stress = np.zeros(6), np.zeros(6)
    for point in range(8):
        strain[:] = 0.0
        for n in range(8):
            gx, gy, gz = gradients[point, n, 0], gradients[point, n, 1], gradients[point, n, 2]
            ux, uy, uz = u[places[n]], u[places[n + 8]], u[places[n + 16]]
            strain[0] += gx * ux
            strain[1] += gy * uy
            strain[2] += gz * uz
            strain[3] += gz * uy + gy * uz
            strain[4] += gz * ux + gx * uz
            strain[5] += gy * ux + gx * uy
        strain /= side
        kappa[point] = _flow_at_point(strain, start[point], start_kappa[point], first, law, plastic[point])
        if kappa[point] == 0.0:
            continue
        trace = plastic[point, 0] + plastic[point, 1] + plastic[point, 2]
        for n in range(3):
            stress[n] = scale * (lame * trace + 2.0 * shear * plastic[point, n])
            stress[n + 3] = scale * shear * plastic[point, n + 3]
        for n in range(8):
            gx, gy, gz = gradients[point, n, 0], gradients[point, n, 1], gradients[point, n, 2]
            out[places[n]] -= gx * stress[0] + gz * stress[4] + gy * stress[5]
            out[places[n + 8]] -= gy * stress[1] + gz * stress[3] + gx * stress[5]
            out[places[n + 16]] -= gz * stress[2] + gy * stress[3] + gx * stress[4]


@parallel_kernel
def take_plastic_force(
    out: Any, u: Any, cells: Any, bounds: Any, modulus: Any, first: Any, shape: Any, stride: int, side: float, gradients: Any, law: Any,
    start: Any, start_kappa: Any, plastic: Any, kappa: Any,
) -> None:  # fmt: skip
    """out -= the forces of plastic strain at displacements u, and the points' state at u from that at the step's start.

    `cells` are the flat places of the cubes that may yield, in order; `bounds[c] : bounds[c + 1]` those of chunk c. `law` is
    (shear, bulk modulus, ellipse, softening, residual); states are (cells, 8, 6) and (cells, 8).
    """
    row = shape[2] + 1
    plane = (shape[1] + 1) * row
    chunks = (shape[0] + CHUNK - 1) // CHUNK
    for turn in range(2):
        for half in prange((chunks - turn + 1) // 2):
            chunk = 2 * half + turn
            places = np.zeros(24, np.int64)
            for n in range(bounds[chunk], bounds[chunk + 1]):
                e = cells[n]
                for c in range(3):
                    for corner in range(8):
                        places[8 * c + corner] = c * stride + e + (corner >> 2) * plane + (corner >> 1 & 1) * row + (corner & 1)
                _cube(out, u, places, modulus[e] * side / 8.0, side, gradients, first[n], law, start[n], start_kappa[n], plastic[n], kappa[n])
