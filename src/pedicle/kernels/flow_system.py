"""The pressure system of a box of cells: mobilities to conductances, ways out, right-hand sides; fluxes and shear afterwards.

Fields are (nx, ny, nz), C order; system arrays are flat and padded as `flow_multigrid` says. A box is low and high index by
axis, `box[axis] = (low, high)`. Cells beyond a box's side keep the pressure they had: the face there is a way out.

A face takes the mobility of the cell the fluid comes from: s / mu_cement + (1 - s) / mu_marrow, s the mobile cement's share of
the pores that no set cement fills, and the transmissibility shrinks with the share that set cement fills.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel


@kernel
def _shared(a: Any, b: Any) -> Any:
    """Harmonic mean of what is left open in the two cells of a face."""
    return 2.0 * a * b / (a + b) if a + b > 0.0 else 0.0


@kernel
def _mobility(s: Any, inverse: Any, inverse_marrow: Any) -> Any:
    return s * inverse + (1.0 - s) * inverse_marrow


@kernel
def _of_face(
    c: Any, n: Any, transmissibility: float, pressure: Any, saturation: Any, open_share: Any, inverse: Any, of_face: float,
    inverse_marrow: float,
) -> Any:  # fmt: skip
    """Conductance between the cells of indices c and n; `of_face` is 1 / cement viscosity at the face, negative where the
    cells' own counts."""
    if transmissibility == 0.0:
        return 0.0
    share = _shared(open_share[c], open_share[n])
    if share == 0.0:
        return 0.0
    at_c = _mobility(saturation[c], inverse[c] if of_face < 0.0 else of_face, inverse_marrow)
    at_n = _mobility(saturation[n], inverse[n] if of_face < 0.0 else of_face, inverse_marrow)
    if pressure[c] == pressure[n]:
        return transmissibility * share * 0.5 * (at_c + at_n)
    return transmissibility * share * (at_c if pressure[c] > pressure[n] else at_n)


@kernel
def assemble(
    box: Any, faces: Any, face_inverse: Any, pressure: Any, saturation: Any, open_share: Any, inverse: Any,
    inverse_marrow: float, fine: Any, cell_of: Any, sides: Any,
) -> int:  # fmt: skip
    """Fill `fine` (ax, ay, az, diagonal; zeroed here), `cell_of` (linear index of each padded cell, -1 in the padding and
    where all is closed) and `sides` (cell, neighbour outside, conductance) of faces through the box's sides; answers how many
    of these there are. The diagonal holds inner faces alone.
    """
    ax, ay, az, diagonal = fine
    tx, ty, tz = faces
    ix, iy, iz = face_inverse
    of_faces = ix.size > 0
    nx, ny, nz = saturation.shape
    i0, i1, j0, j1, k0, k1 = box[0, 0], box[0, 1], box[1, 0], box[1, 1], box[2, 0], box[2, 1]
    sy = k1 - k0 + 2
    sx = sy * (j1 - j0 + 2)
    side_cell, side_far, side_conductance = sides
    ax[:], ay[:], az[:], diagonal[:] = 0.0, 0.0, 0.0, 0.0
    cell_of[:] = -1
    count = 0
    for i in range(i0, i1):
        for j in range(j0, j1):
            for k in range(k0, k1):
                if open_share[i, j, k] == 0.0:
                    continue
                c = (i - i0 + 1) * sx + (j - j0 + 1) * sy + k - k0 + 1
                here = (i, j, k)
                cell_of[c] = (i * ny + j) * nz + k
                for way in range(6):
                    axis, step = way >> 1, 1 - 2 * (way & 1)
                    if step < 0:
                        # The lower face belongs to the cell before, except at the box's side.
                        low = i0 if axis == 0 else (j0 if axis == 1 else k0)
                        if here[axis] > low or low == 0:
                            continue
                    else:
                        last = nx if axis == 0 else (ny if axis == 1 else nz)
                        if here[axis] + 1 >= last:
                            continue
                    if axis == 0:
                        there, face = (i + step, j, k), (min(i, i + step), j, k)
                        t, given = tx[face], (ix[face] if of_faces else -1.0)
                    elif axis == 1:
                        there, face = (i, j + step, k), (i, min(j, j + step), k)
                        t, given = ty[face], (iy[face] if of_faces else -1.0)
                    else:
                        there, face = (i, j, k + step), (i, j, min(k, k + step))
                        t, given = tz[face], (iz[face] if of_faces else -1.0)
                    g = _of_face(here, there, t, pressure, saturation, open_share, inverse, given, inverse_marrow)
                    if g == 0.0:
                        continue
                    high = i1 if axis == 0 else (j1 if axis == 1 else k1)
                    if step < 0 or here[axis] + 1 >= high:
                        side_cell[count] = c
                        side_far[count] = (there[0] * ny + there[1]) * nz + there[2]
                        side_conductance[count] = g
                        count += 1
                        continue
                    diagonal[c] += g
                    if axis == 0:
                        ax[c] = g
                        diagonal[c + sx] += g
                    elif axis == 1:
                        ay[c] = g
                        diagonal[c + sy] += g
                    else:
                        az[c] = g
                        diagonal[c + 1] += g
    return count


@kernel
def from_box(box: Any, padded: Any, field: Any) -> None:
    """Padded values of a box into a field."""
    at = 0
    sy = box[2, 1] - box[2, 0] + 2
    sx = sy * (box[1, 1] - box[1, 0] + 2)
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            at = (i - box[0, 0] + 1) * sx + (j - box[1, 0] + 1) * sy + 1
            for k in range(box[2, 0], box[2, 1]):
                field[i, j, k] = padded[at + k - box[2, 0]]


@kernel
def to_box(box: Any, field: Any, padded: Any) -> None:
    """Values of a field into the padded array of a box; padding is 0."""
    padded[:] = 0.0
    sy = box[2, 1] - box[2, 0] + 2
    sx = sy * (box[1, 1] - box[1, 0] + 2)
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            at = (i - box[0, 0] + 1) * sx + (j - box[1, 0] + 1) * sy + 1
            for k in range(box[2, 0], box[2, 1]):
                padded[at + k - box[2, 0]] = field[i, j, k]


@kernel
def set_fluxes(box: Any, fine: Any, pressure: Any, fluxes: Any) -> None:
    """Flow through each inner face of the box, positive along the axis, into fields of the faces' shapes."""
    ax, ay, az, _ = fine
    fx, fy, fz = fluxes
    sy = box[2, 1] - box[2, 0] + 2
    sx = sy * (box[1, 1] - box[1, 0] + 2)
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                c = (i - box[0, 0] + 1) * sx + (j - box[1, 0] + 1) * sy + k - box[2, 0] + 1
                if i + 1 < box[0, 1]:
                    fx[i, j, k] = ax[c] * (pressure[c] - pressure[c + sx])
                if j + 1 < box[1, 1]:
                    fy[i, j, k] = ay[c] * (pressure[c] - pressure[c + sy])
                if k + 1 < box[2, 1]:
                    fz[i, j, k] = az[c] * (pressure[c] - pressure[c + 1])


@kernel
def _mean_flux(flux: Any, axis: int, i: int, j: int, k: int) -> float:
    """Mean flow along an axis through the two faces of a cell; 0 stands for the domain's sides."""
    at = i if axis == 0 else (j if axis == 1 else k)
    total = 0.0
    if at < flux.shape[axis]:
        total += flux[i, j, k]
    if at > 0:
        total += flux[i - (axis == 0), j - (axis == 1), k - (axis == 2)]
    return 0.5 * total


@kernel
def cell_speeds(cells: Any, fluxes: Any, areas: Any, shape: Any, speeds: Any) -> None:
    """Darcy speed, mm/s, at the centre of each listed cell (n, 3)."""
    fx, fy, fz = fluxes
    for n in range(cells.shape[0]):
        i, j, k = cells[n, 0], cells[n, 1], cells[n, 2]
        u = _mean_flux(fx, 0, i, j, k) / areas[0]
        v = _mean_flux(fy, 1, i, j, k) / areas[1]
        w = _mean_flux(fz, 2, i, j, k) / areas[2]
        speeds[n] = np.sqrt(u * u + v * v + w * w)


@kernel
def face_speeds(axis: int, faces: Any, fluxes: Any, areas: Any, speeds: Any) -> None:
    """Darcy speed, mm/s, at each listed face (n, 3) square to an axis: its own flow, and of the others the mean of both
    cells."""
    fx, fy, fz = fluxes
    for n in range(faces.shape[0]):
        i, j, k = faces[n, 0], faces[n, 1], faces[n, 2]
        i2, j2, k2 = i + (axis == 0), j + (axis == 1), k + (axis == 2)
        u = fx[i, j, k] if axis == 0 else 0.5 * (_mean_flux(fx, 0, i, j, k) + _mean_flux(fx, 0, i2, j2, k2))
        v = fy[i, j, k] if axis == 1 else 0.5 * (_mean_flux(fy, 1, i, j, k) + _mean_flux(fy, 1, i2, j2, k2))
        w = fz[i, j, k] if axis == 2 else 0.5 * (_mean_flux(fz, 2, i, j, k) + _mean_flux(fz, 2, i2, j2, k2))
        u, v, w = u / areas[0], v / areas[1], w / areas[2]
        speeds[n] = np.sqrt(u * u + v * v + w * w)
