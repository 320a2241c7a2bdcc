"""The eight-node brick of a voxel grid: its stiffness by quadrature, and the same in sums and differences of its corners.

Corner (a, b, c) of a unit cube has number 4 a + 2 b + c; degree of freedom 8 component + corner. Mode m = 4 p + 2 q + r of a
component is the sum over corners of (-1)^(a p + b q + c r) u: mode 0 moves the cube, mode 4 stretches it along the first
axis, and so on. In modes the stiffness of a cube has 45 entries other than zero instead of 576.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.elastic_apply import COUPLED

Floats = NDArray[np.float64]
CORNERS = np.array(list(product((0, 1), repeat=3)))
_GAUSS = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3.0)
# The eight points of the 2 x 2 x 2 rule in the unit cube; each has weight 1/8.
POINTS = np.array(list(product(_GAUSS, repeat=3)))
# Voigt order xx, yy, zz, yz, xz, xy; shears are engineering shears.
_SHEARS = ((1, 2), (0, 2), (0, 1))


def elasticity(poisson: float) -> Floats:
    """Hooke's matrix (6, 6) of an isotropic solid of Young's modulus 1."""
    lame = poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))
    shear = 0.5 / (1.0 + poisson)
    found = np.zeros((6, 6))
    found[:3, :3] = lame
    found[range(6), range(6)] += [2.0 * shear] * 3 + [shear] * 3
    return found


def strain_matrix(point: Floats) -> Floats:
    """Strains (6) of a unit cube at a point from its 24 displacements: (6, 24)."""
    share = np.where(CORNERS == 1, point, 1.0 - point)
    slope = np.where(CORNERS == 1, 1.0, -1.0)
    gradient = np.stack([slope[:, d] * share[:, (d + 1) % 3] * share[:, (d + 2) % 3] for d in range(3)])
    found = np.zeros((6, 24))
    for d in range(3):
        found[d, 8 * d : 8 * d + 8] = gradient[d]
    for row, (a, b) in enumerate(_SHEARS, 3):
        found[row, 8 * a : 8 * a + 8] = gradient[b]
        found[row, 8 * b : 8 * b + 8] = gradient[a]
    return found


def cube_stiffness(poisson: float) -> Floats:
    """Stiffness (24, 24) of a unit cube with Young's modulus 1; a cube of side h and modulus E has E h times it."""
    hooke = elasticity(poisson)
    return np.asarray(sum(b.T @ hooke @ b for b in map(strain_matrix, POINTS)) / len(POINTS))


def modes_of_cube() -> Floats:
    """The modes (24, 24), one a row, of the 24 displacements."""
    walsh = (-1.0) ** (CORNERS @ CORNERS.T)
    return np.asarray(np.kron(np.eye(3), walsh))


@cache
def modal_stiffness(poisson: float) -> Floats:
    """What the kernels multiply modes with: 24 diagonal entries and those of `COUPLED`, shape (24 + 12,).

    Holds the 1/64 of going to modes and back.
    """
    walsh = modes_of_cube()
    found = walsh @ cube_stiffness(poisson) @ walsh.T / 64.0
    values = np.array([*np.diag(found), *(found[a, b] for a, b in COUPLED)])
    values.setflags(write=False)
    return values


@cache
def greatest_eigenvalue(poisson: float) -> float:
    """Bound of the eigenvalues of D^-1 A, whatever the moduli: that of one element with its own diagonal."""
    stiffness = cube_stiffness(poisson)
    scale = 1.0 / np.sqrt(np.diag(stiffness))
    return float(np.linalg.eigvalsh(scale[:, None] * stiffness * scale)[-1])
