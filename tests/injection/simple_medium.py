"""Cement and media for tests of the flow."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion

from pedicle.injection.flow import Fluids
from pedicle.model.medium import Medium
from pedicle.verify.media import harmonic_faces, open_side, outlet, smooth_field

MARROW = 0.1


def setting(at_s: float) -> Fluids:
    """Cement of 100 Pa s that sets at an age; it enters fresh, and the second scalar is its time of entry."""
    return Fluids(
        viscosity_pa_s=lambda scalars, shear, t: np.where(scalars[0] >= at_s, np.inf, 100.0),
        inlet=lambda t: (0.0, t),
        shear_dependent=False,
    )


def body_with_cleft(h: float = 1.0) -> tuple[Medium, np.ndarray]:
    """An elliptic body of 48 x 36 x 30 mm: shell of 1e-14 m2, bone of 1e-9 to 1e-7, 0.78 as permeable across as along its axis, a
    cleft of 1e-6, a vein behind; and its middle in mm."""
    half = np.array([24.0, 18.0, 15.0])
    shape = tuple((np.ceil(2 * half / h) + 4).astype(int))
    at = [
        ((np.arange(n) - (n - 1) / 2) * h).reshape([-1 if a == b else 1 for b in range(3)]) for a, n in enumerate(shape)
    ]
    body = ((at[0] / half[0]) ** 2 + (at[1] / half[1]) ** 2 < 1) & (np.abs(at[2]) < half[2])
    inner = binary_erosion(body)
    shell = body & ~inner
    k = np.where(inner, 1e6 * 10.0 ** (-8.0 + 0.5 * smooth_field(shape, h)), 0.0)
    k[inner & (np.abs(at[2] - 4) < 2) & (np.abs(at[0]) < 14) & (np.abs(at[1]) < 12)] = 1.0
    along = np.stack([0.78 * k, 0.78 * k, k])
    along[:, shell] = 1e-8
    cells = np.arange(k.size).reshape(shape)
    vein = cells[inner & (at[1] > 0.7 * half[1]) & (np.abs(at[0]) < 2) & (np.abs(at[2]) < 2)]
    outlets = (
        outlet("shell", cells[shell], np.full(int(shell.sum()), 2e-8 * h), 500.0),
        outlet("vein", vein, np.full(vein.size, 1e-2 * h), 1500.0),
    )
    volume = np.where(along[2] > 0, 0.85 * h**3, 0.0)
    return Medium((h, h, h), volume, along, harmonic_faces(along, (h, h, h)), outlets, MARROW), np.array(shape) // 2 * h


def three_axes(shape, spacing, along) -> Medium:
    """An even anisotropic box, open on the two sides of axis 0."""
    ones = np.ones(shape)
    field = np.stack([k * ones for k in along])
    sides = tuple(open_side(field[0], spacing, 0, end) for end in (0, -1))
    volume = 0.85 * float(np.prod(spacing)) * ones
    return Medium(spacing, volume, field, harmonic_faces(field, spacing), sides, MARROW)
