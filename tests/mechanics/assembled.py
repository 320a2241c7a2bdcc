"""The same solid as an assembled sparse matrix, its element written from shape functions in another way than the room's."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import sparse

CORNERS = list(product((0, 1), repeat=3))


def brick(poisson):
    """Stiffness of a unit cube, E = 1, degrees of freedom node by node; exact by a 3-point rule, with Lame's constants."""
    lame, shear = poisson / ((1 + poisson) * (1 - 2 * poisson)), 0.5 / (1 + poisson)
    points, weights = np.polynomial.legendre.leggauss(3)
    found = np.zeros((24, 24))
    for (x, wx), (y, wy), (z, wz) in product(zip(0.5 + points / 2, weights / 2, strict=True), repeat=3):
        at = (x, y, z)
        gradient = np.zeros((8, 3))
        for n, corner in enumerate(CORNERS):
            factors = [a if bit else 1 - a for a, bit in zip(at, corner, strict=True)]
            for d in range(3):
                others = [factors[e] for e in range(3) if e != d]
                gradient[n, d] = (1 if corner[d] else -1) * others[0] * others[1]
        for a, b in product(range(8), repeat=2):
            outer = np.outer(gradient[a], gradient[b])
            block = lame * outer + shear * (outer.T + np.eye(3) * np.trace(outer))
            found[3 * a : 3 * a + 3, 3 * b : 3 * b + 3] += wx * wy * wz * block
    return found


def matrix(modulus, poisson=0.3, spacing=1.0):
    """Sparse stiffness with degree of freedom component x nodes + node, nodes in C order."""
    shape = np.array(modulus.shape)
    number = np.arange(np.prod(shape + 1)).reshape(shape + 1)
    cells = np.argwhere(modulus > 0)
    nodes = np.stack([number[tuple((cells + corner).T)] for corner in CORNERS], axis=1)
    places = (nodes[:, :, None] + number.size * np.arange(3)).reshape(len(cells), 24)
    values = modulus[tuple(cells.T)][:, None, None] * brick(poisson) * spacing
    rows, columns = np.repeat(places, 24, axis=1), np.tile(places, (1, 24))
    size = 3 * number.size
    return sparse.csr_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))
