"""Small media for tests of the flow: even boxes, random bone, a vertebra's body with shell, cleft and a vein."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedicle.injection.flow import Fluids
from pedicle.model.medium import Medium
from pedicle.verify.media import harmonic_faces, medium_of, open_side, outlet

MARROW = 0.1


def random_bone(seed: int, shape=(14, 12, 10), spacing=(1.0, 1.2, 1.5)) -> Medium:
    """Permeability over a decade, closed cells, two open sides and a small hole at higher pressure."""
    rng = np.random.default_rng(seed)
    permeability = 10.0 ** rng.uniform(-3.0, -2.0, shape)
    permeability[rng.random(shape) < 0.05] = 0.0
    permeability[5:9, 4:8, 3:7] = 5e-3
    cells = np.arange(permeability.size).reshape(shape)[-1, 3:5, 3:5]
    hole = outlet("hole", cells, 0.5 * permeability[-1, 3:5, 3:5], 500.0)
    outlets = (open_side(permeability, spacing, 0, 0), open_side(permeability, spacing, 1, -1), hole)
    return medium_of(permeability, spacing, outlets)


def ageing(factor: float = 1000.0, set_at_s: float = 1e9, index: float = 0.7) -> Fluids:
    """Shear-thinning cement that thickens as it ages and sets."""

    def viscosity(scalars, shear, t):
        fresh = factor * MARROW * np.exp(scalars[0] / 100.0) * (1.0 + shear) ** (index - 1.0)
        return np.where(scalars[0] >= set_at_s, np.inf, fresh)

    return Fluids(viscosity_pa_s=viscosity, inlet=lambda t: (t, t))


def with_shell(medium: Medium, factor: float) -> Medium:
    """Faces around the outermost cells times a factor."""
    faces = [face.copy() for face in medium.face_mm3]
    for axis, face in enumerate(faces):
        np.moveaxis(face, axis, 0)[[0, -1]] *= factor
    return replace(medium, face_mm3=(faces[0], faces[1], faces[2]))


def three_axes(shape, spacing, along) -> Medium:
    """An even anisotropic box, open on the two sides of axis 0."""
    ones = np.ones(shape)
    field = np.stack([k * ones for k in along])
    sides = tuple(open_side(field[0], spacing, 0, end) for end in (0, -1))
    volume = 0.85 * float(np.prod(spacing)) * ones
    return Medium(spacing, volume, field, harmonic_faces(field, spacing), sides, MARROW)
