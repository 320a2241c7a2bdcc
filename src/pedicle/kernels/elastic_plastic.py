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
# A Gauss point's distance from the middle, where a face's is 1.
_AWAY = 1.0 / np.sqrt(3.0)


@kernel
def _yield_at(first: float, kappa: float, flow: float, ellipse: float, softening: float, residual: float) -> float:
    """Yield stress after a flow multiplier's worth of plastic strain; implicit in itself and linear, so solved outright."""
    now = first * (1.0 - softening * kappa) / (1.0 + first * softening * 2.0 * (1.0 + ellipse / 9.0) * flow)
    return max(now, residual * first)


@kernel
def _multiplier(q: float, p: float, first: float, kappa: float, law: Any) -> float:
    """Flow multiplier that brings a trial stress outside the surface back onto it, by Newton kept in a bracket.

    It asks where 1 / stress meets 1 / strength: of one of the two stresses alone that is a straight line.
    """
    shear, bulk, ellipse, softening, residual = law
    root = np.sqrt(1.0 + ellipse / 9.0)
    strong, hardly = root * first * (1.0 - softening * kappa), 1.0 / (root * residual * first)
    bend = first * softening * 2.0 * root * root
    low, high, flow = 0.0, -1.0, 0.0
    for _ in range(_MOST):
        down_q, down_p = 1.0 / (1.0 + 6.0 * shear * flow), 1.0 / (1.0 + 2.0 * bulk * ellipse * flow)
        of_q, of_p = (q * down_q) ** 2, ellipse * (p * down_p) ** 2
        weight = 1.0 / np.sqrt(of_q + of_p)
        slope = weight**3 * (6.0 * shear * of_q * down_q + 2.0 * bulk * ellipse * of_p * down_p)
        bound = (1.0 + bend * flow) / strong if strong > 0.0 else hardly
        if bound < hardly:
            slope -= bend / strong
        else:
            bound = hardly
        inside = weight - bound
        if abs(inside) <= _ENOUGH * bound:
            break
        if inside < 0.0:
            low = flow
        else:
            high = flow
        following = flow - inside / slope if slope > 0.0 else -1.0
        if following <= low or (high >= 0.0 and following >= high):
            following = 0.5 * (low + high) if high >= 0.0 else 2.0 * low + 1e-6
        flow = following
    return flow


@kernel
def _flow_at_point(strain: Any, start: Any, kappa: float, first: float, law: Any, plastic: Any) -> Any:
    """Sets the plastic strain (6, engineering shears) at a total strain; answers the equivalent plastic strain."""
    shear, bulk, ellipse, softening, residual = law
    for n in range(6):
        plastic[n] = start[n]
    trace = (strain[0] - start[0]) + (strain[1] - start[1]) + (strain[2] - start[2])
    p = bulk * trace
    square = 0.0
    for n in range(3):
        square += (2.0 * shear * (strain[n] - start[n] - trace / 3.0)) ** 2 + 2.0 * (
            shear * (strain[n + 3] - start[n + 3])
        ) ** 2
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
def _to_modes(values: Any) -> None:
    """Sums and differences of the corners of each component in place; done twice it is 8 times the values."""
    for c in range(0, 24, 8):
        for bit in (4, 2, 1):
            for n in range(8):
                if not n & bit:
                    a, b = values[c + n], values[c + (n | bit)]
                    values[c + n], values[c + (n | bit)] = a + b, a - b


@kernel
def _strain_at(strain: Any, modes: Any, x: float, y: float, z: float) -> None:
    """Strains at a point from a cube's modes; x, y, z run from 1 at the first corner to -1 at the far one."""
    ux, uy, uz = modes[:8], modes[8:16], modes[16:]
    strain[0] = ux[4] + y * ux[6] + z * ux[5] + y * z * ux[7]
    strain[1] = uy[2] + x * uy[6] + z * uy[3] + x * z * uy[7]
    strain[2] = uz[1] + x * uz[5] + y * uz[3] + x * y * uz[7]
    strain[3] = uy[1] + x * uy[5] + y * uy[3] + x * y * uy[7] + uz[2] + x * uz[6] + z * uz[3] + x * z * uz[7]
    strain[4] = ux[1] + x * ux[5] + y * ux[3] + x * y * ux[7] + uz[4] + y * uz[6] + z * uz[5] + y * z * uz[7]
    strain[5] = ux[2] + x * ux[6] + z * ux[3] + x * z * ux[7] + uy[4] + y * uy[6] + z * uy[5] + y * z * uy[7]


@kernel
def _add_force(force: Any, stress: Any, x: float, y: float, z: float) -> None:
    """The transpose of `_strain_at`: modal forces of a stress at a point."""
    fx, fy, fz = force[:8], force[8:16], force[16:]
    xx, yy, zz, yz, xz, xy = stress[0], stress[1], stress[2], stress[3], stress[4], stress[5]
    fx[4] += xx
    fx[2] += xy
    fx[1] += xz
    fx[6] += y * xx + x * xy
    fx[5] += z * xx + x * xz
    fx[3] += z * xy + y * xz
    fx[7] += y * z * xx + x * z * xy + x * y * xz
    fy[4] += xy
    fy[2] += yy
    fy[1] += yz
    fy[6] += y * xy + x * yy
    fy[5] += z * xy + x * yz
    fy[3] += z * yy + y * yz
    fy[7] += y * z * xy + x * z * yy + x * y * yz
    fz[4] += xz
    fz[2] += yz
    fz[1] += zz
    fz[6] += y * xz + x * yz
    fz[5] += z * xz + x * zz
    fz[3] += z * yz + y * zz
    fz[7] += y * z * xz + x * z * yz + x * y * zz


@kernel
def _surely_elastic(modes: Any, strain: Any, first: float, law: Any) -> Any:
    """Whether no point of a cube that never yielded can yield: the stress at its middle, and at most so much more."""
    shear, bulk, ellipse = law[0], law[1], law[2]
    _strain_at(strain, modes, 0.0, 0.0, 0.0)
    trace = strain[0] + strain[1] + strain[2]
    square = 0.0
    for n in range(3):
        square += (2.0 * shear * (strain[n] - trace / 3.0)) ** 2 + 2.0 * (shear * strain[n + 3]) ** 2
    middle = np.sqrt(1.5 * square + ellipse * (bulk * trace) ** 2)
    apart = 0.0
    for c in range(0, 24, 8):
        apart += 2.0 * (abs(modes[c + 3]) + abs(modes[c + 5]) + abs(modes[c + 6]) + abs(modes[c + 7]))
    most = np.sqrt(6.0 * shear * shear + 3.0 * ellipse * bulk * bulk)
    return middle + most * _AWAY * apart < np.sqrt(1.0 + ellipse / 9.0) * first


@kernel
def _cube(
    out: Any,
    u: Any,
    places: Any,
    scale: float,
    side: float,
    work: Any,
    first: float,
    law: Any,
    start: Any,
    start_kappa: Any,
    plastic: Any,
    kappa: Any,
) -> None:
    """One cube: its points' plastic strains, and less force at its corners by them; `places` are its 24 displacements."""
    modes, force, strain, stress = work[:24], work[24:48], work[48:54], work[54:60]
    shear, bulk = law[0], law[1]
    lame = bulk - 2.0 * shear / 3.0
    for n in range(24):
        modes[n] = -0.25 / side * u[places[n]]
        force[n] = 0.0
    _to_modes(modes)
    before, flows = 0.0, False
    for point in range(8):
        before += start_kappa[point]
    if before == 0.0 and _surely_elastic(modes, strain, first, law):
        for point in range(8):
            if kappa[point] != 0.0:
                kappa[point] = 0.0
                plastic[point] = 0.0
        return
    for point in range(8):
        x, y, z = (_AWAY if point < 4 else -_AWAY), (-_AWAY if point & 2 else _AWAY), (-_AWAY if point & 1 else _AWAY)
        _strain_at(strain, modes, x, y, z)
        kappa[point] = _flow_at_point(strain, start[point], start_kappa[point], first, law, plastic[point])
        if kappa[point] == 0.0:
            continue
        flows = True
        trace = plastic[point, 0] + plastic[point, 1] + plastic[point, 2]
        for n in range(3):
            stress[n] = lame * trace + 2.0 * shear * plastic[point, n]
            stress[n + 3] = shear * plastic[point, n + 3]
        _add_force(force, stress, x, y, z)
    if flows:
        _to_modes(force)
        for n in range(24):
            out[places[n]] += 0.25 * scale * force[n]


@parallel_kernel
def take_plastic_force(
    out: Any, u: Any, cells: Any, bounds: Any, modulus: Any, first: Any, shape: Any, stride: int, side: float, law: Any,
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
            places, work = np.zeros(24, np.int64), np.zeros(60)
            for n in range(bounds[chunk], bounds[chunk + 1]):
                e = cells[n]
                for c in range(3):
                    for corner in range(8):
                        places[8 * c + corner] = (
                            c * stride + e + (corner >> 2) * plane + (corner >> 1 & 1) * row + (corner & 1)
                        )
                _cube(
                    out,
                    u,
                    places,
                    modulus[e] * side / 8.0,
                    side,
                    work,
                    first[n],
                    law,
                    start[n],
                    start_kappa[n],
                    plastic[n],
                    kappa[n],
                )
