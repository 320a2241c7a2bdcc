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
def _between(transmissibility: float, open_a: float, open_b: float, drop: float, at_a: float, at_b: float) -> Any:
    """Conductance of a face: harmonic in what is left open, mobility from where the fluid comes."""
    share = 2.0 * open_a * open_b / (open_a + open_b)
    if drop == 0.0:
        return transmissibility * share * 0.5 * (at_a + at_b)
    return transmissibility * share * (at_a if drop > 0.0 else at_b)


@kernel
def _along(
    box: Any, axis: int, shape: Any, faces: Any, of_faces: bool, face_inverse: Any, fields: Any, inverse_marrow: float,
    conductance: Any, diagonal: Any, sides: Any, count: int,
) -> int:  # fmt: skip
    """Faces across one axis, those through the box's two sides included; all fields are flat here."""
    pressure, saturation, open_share, mobility = fields
    side_cell, side_far, side_conductance = sides
    ny, nz = shape[1], shape[2]
    my, mz = ny - (axis == 1), nz - (axis == 2)
    step = ny * nz if axis == 0 else (nz if axis == 1 else 1)
    sy = box[2, 1] - box[2, 0] + 2
    sx = sy * (box[1, 1] - box[1, 0] + 2)
    padded = sx if axis == 0 else (sy if axis == 1 else 1)
    low, high = box[axis, 0], box[axis, 1]
    # The face before the first cell, unless the domain begins there; the last cell's, unless it ends there.
    start = low - 1 if low > 0 else 0
    stop = high if high < shape[axis] else high - 1
    i0, i1 = (start, stop) if axis == 0 else (box[0, 0], box[0, 1])
    j0, j1 = (start, stop) if axis == 1 else (box[1, 0], box[1, 1])
    k0, k1 = (start, stop) if axis == 2 else (box[2, 0], box[2, 1])
    for i in range(i0, i1):
        for j in range(j0, j1):
            for k in range(k0, k1):
                face = (i * my + j) * mz + k
                t = faces[face]
                a = (i * ny + j) * nz + k
                b = a + step
                if t == 0.0 or open_share[a] == 0.0 or open_share[b] == 0.0:
                    continue
                at_a, at_b = mobility[a], mobility[b]
                if of_faces and face_inverse[face] >= 0.0:
                    at_a = saturation[a] * face_inverse[face] + (1.0 - saturation[a]) * inverse_marrow
                    at_b = saturation[b] * face_inverse[face] + (1.0 - saturation[b]) * inverse_marrow
                g = _between(t, open_share[a], open_share[b], pressure[a] - pressure[b], at_a, at_b)
                c = (i - box[0, 0] + 1) * sx + (j - box[1, 0] + 1) * sy + k - box[2, 0] + 1
                at = i if axis == 0 else (j if axis == 1 else k)
                if at < low:
                    side_cell[count], side_far[count], side_conductance[count] = c + padded, a, g
                    count += 1
                elif at + 1 >= high:
                    side_cell[count], side_far[count], side_conductance[count] = c, b, g
                    count += 1
                else:
                    conductance[c] = g
                    diagonal[c] += g
                    diagonal[c + padded] += g
    return count


@kernel
def assemble(
    box: Any, shape: Any, faces: Any, of_faces: bool, face_inverse: Any, fields: Any, inverse_marrow: float, fine: Any,
    cell_of: Any, sides: Any,
) -> Any:  # fmt: skip
    """Fill `fine` (ax, ay, az, diagonal; zeroed here), `cell_of` (linear index of each padded cell, -1 in the padding and
    where all is closed) and `sides` (cell, neighbour outside, conductance) of faces through the box's sides; answers how many
    of these there are. The diagonal holds inner faces alone.

    `faces` and `face_inverse` (1 / cement's viscosity at a face, negative where the cells' own counts; looked at only with
    `of_faces`) hold the three axes, flat; `fields` flat pressure, saturation, share left open, mobility by cell.
    """
    ax, ay, az, diagonal = fine
    ax[:], ay[:], az[:], diagonal[:] = 0.0, 0.0, 0.0, 0.0
    cell_of[:] = -1
    open_share = fields[2]
    c = 0
    for i in range(box[0, 0] - 1, box[0, 1] + 1):
        for j in range(box[1, 0] - 1, box[1, 1] + 1):
            inside = box[0, 0] <= i < box[0, 1] and box[1, 0] <= j < box[1, 1]
            c += 1
            for k in range(box[2, 0], box[2, 1]):
                if inside:
                    at = (i * shape[1] + j) * shape[2] + k
                    if open_share[at] > 0.0:
                        cell_of[c] = at
                c += 1
            c += 1
    count = 0
    # A loop and no three calls: a literal axis would be compiled three times.
    for axis in range(3):
        conductance = ax if axis == 0 else (ay if axis == 1 else az)
        count = _along(
            box, axis, shape, faces[axis], of_faces, face_inverse[axis], fields, inverse_marrow, conductance, diagonal,
            sides, count,
        )  # fmt: skip
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
def shear_of_cells(fields: Any, fluxes: Any, geometry: Any, least: float, cells: Any, shear: Any) -> int:
    """List the cells (linear index) that hold more cement than `least` and u / sqrt(k phi), 1/s, at their centres; answers how
    many. `fields` are saturation and pressure; `geometry` the faces' areas, permeability (3, nx, ny, nz) and porosity. k is the
    geometric mean of the three axes'. Without fluxes (no elements) the shear is 0.
    """
    saturation, _ = fields
    fx, fy, fz = fluxes
    areas, permeability, porosity = geometry
    nx, ny, nz = saturation.shape
    count = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if saturation[i, j, k] <= least:
                    continue
                cells[count] = (i * ny + j) * nz + k
                shear[count] = 0.0
                if fx.size + fy.size + fz.size > 0:
                    u = _mean_flux(fx, 0, i, j, k) / areas[0]
                    v = _mean_flux(fy, 1, i, j, k) / areas[1]
                    w = _mean_flux(fz, 2, i, j, k) / areas[2]
                    mean = np.cbrt(permeability[0, i, j, k] * permeability[1, i, j, k] * permeability[2, i, j, k])
                    shear[count] = np.sqrt((u * u + v * v + w * w) / (mean * porosity[i, j, k]))
                count += 1
    return count


@kernel
def shear_of_faces(
    axis: int, transmissibility: Any, fields: Any, fluxes: Any, geometry: Any, least: float, faces: Any, cells: Any,
    shear: Any,
) -> int:  # fmt: skip
    """The same for inner faces square to an axis whose upstream cell holds cement: `faces` linear indices of the faces, `cells`
    of the upstream cells. The speed is the face's own flow and, across it, the mean of both cells; pores are those of both
    cells in series, as the face's transmissibility has their permeability.
    """
    saturation, pressure = fields
    fx, fy, fz = fluxes
    areas, permeability, porosity = geometry
    nx, ny, nz = saturation.shape
    dx, dy, dz = int(axis == 0), int(axis == 1), int(axis == 2)
    count = 0
    for i in range(nx - dx):
        for j in range(ny - dy):
            for k in range(nz - dz):
                i2, j2, k2 = i + dx, j + dy, k + dz
                if saturation[i, j, k] <= least and saturation[i2, j2, k2] <= least:
                    continue
                forward = pressure[i, j, k] >= pressure[i2, j2, k2]
                held = saturation[i, j, k] if forward else saturation[i2, j2, k2]
                if held <= least or transmissibility[i, j, k] == 0.0:
                    continue
                u = fx[i, j, k] if axis == 0 else 0.5 * (_mean_flux(fx, 0, i, j, k) + _mean_flux(fx, 0, i2, j2, k2))
                v = fy[i, j, k] if axis == 1 else 0.5 * (_mean_flux(fy, 1, i, j, k) + _mean_flux(fy, 1, i2, j2, k2))
                w = fz[i, j, k] if axis == 2 else 0.5 * (_mean_flux(fz, 2, i, j, k) + _mean_flux(fz, 2, i2, j2, k2))
                u, v, w = u / areas[0], v / areas[1], w / areas[2]
                a = np.sqrt(permeability[axis, i, j, k] * porosity[i, j, k])
                b = np.sqrt(permeability[axis, i2, j2, k2] * porosity[i2, j2, k2])
                faces[count] = (i * (ny - dy) + j) * (nz - dz) + k
                cells[count] = (i * ny + j) * nz + k if forward else (i2 * ny + j2) * nz + k2
                shear[count] = np.sqrt(u * u + v * v + w * w) * (a + b) / (2.0 * a * b)
                count += 1
    return count
