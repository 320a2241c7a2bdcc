"""The needle's opening on a grid: a source of fixed physical size, so that its pressure converges with the cells.

The opening is a set of points, spread over the cells by weights w. On a grid of equal blocks a flow Q through weights w has
the mean pressure (weighted by w) Q mu sum_ab w_a w_b G(a - b), where G is the lattice's Green function, computed here for the
blocks' own conductances; a sphere of radius r0 in the continuum has Q mu / (4 pi k r0). The radius at which both agree,

    1 / (4 pi k r_grid) = sum_ab w_a w_b G(a - b),

is the well index's radius (0.3149 h for a single cubic cell). Pressure at the opening is the grid's mean plus the drop of the
cement itself from r0 to r_grid, whichever is larger; it vanishes where the cells resolve the opening.

Bone that is not the same around the opening enters through the mean permeability there, anisotropy through the geometric mean
of its three (exact to second order in the anisotropy for a sphere); walls within a few radii are not part of the correction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ive

from pedicle.model.errors import NumericalError
from pedicle.model.flow import Array, Fluids, Source
from pedicle.model.medium import Medium

# On an eighth of a ball; the others are its mirror images, so that an opening in a symmetric place gives symmetrically.
POINTS = 64
# Time of the heat kernel whose integral is the Green function, as powers of e around the lattice's own time, and how many.
LOG_TIME, TIMES = (-16.0, 17.0), 800


def ball_source(medium: Medium, centre_mm: ArrayLike, radius_mm: float) -> Source:
    """A sphere of `radius_mm` whose surface gives evenly; `centre_mm` is measured from the centre of cell (0, 0, 0)."""
    n = np.arange(POINTS) + 0.5
    polar, turn = np.arccos(1.0 - n / POINTS), 0.5 * np.pi * ((0.5 + 0.5 * 5.0**0.5) * n % 1.0)
    ring = np.sin(polar)
    eighth = np.stack([ring * np.cos(turn), ring * np.sin(turn), np.cos(polar)], axis=1)
    signs = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    directions = (signs * eighth).reshape(-1, 3)
    return points_source(medium, np.asarray(centre_mm, float) + radius_mm * directions, radius_mm)


def points_source(medium: Medium, points_mm: ArrayLike, radius_mm: float) -> Source:
    """Any opening: points (n, 3) on it that give evenly, mm from the centre of cell (0, 0, 0), and the radius of the sphere
    that stands for it. Points where nothing flows are closed; NumericalError (E564) when all are.
    """
    shape = medium.pore_volume_mm3.shape
    at = np.rint(np.asarray(points_mm, float) / medium.spacing_mm).astype(np.int64)
    at = at[((at >= 0) & (at < shape)).all(axis=1)]
    cells = np.ravel_multi_index(tuple(at.T), shape)
    open_cells = cells[medium.pore_volume_mm3.ravel()[cells] > 0.0]
    if open_cells.size == 0:
        raise NumericalError(564, "flow", "the needle's opening lies where nothing flows", "in bone", "move the tip")
    found, counts = np.unique(open_cells, return_counts=True)
    return _source(medium, found, counts / counts.sum(), radius_mm)


def _source(medium: Medium, cells: NDArray[np.int64], weights: Array, radius_mm: float) -> Source:
    along = medium.permeability_mm2.reshape(3, -1)[:, cells] @ weights
    mean = float(np.prod(along) ** (1.0 / 3.0))
    volume = float(np.prod(medium.spacing_mm))
    porosity = float(medium.pore_volume_mm3.ravel()[cells] @ weights) / volume
    faces = tuple(float(k) * volume / h**2 for k, h in zip(along, medium.spacing_mm, strict=True))
    at = np.stack(np.unravel_index(cells, medium.pore_volume_mm3.shape), axis=1)
    grid_radius = 1.0 / (4.0 * np.pi * mean * self_pressure(at, weights, faces))
    return Source(cells, weights, radius_mm, grid_radius, mean, porosity)


def self_pressure(at: NDArray[np.int64], weights: Array, faces: tuple[float, ...]) -> float:
    """Sum over pairs of w_a w_b G(a - b), 1/mm3: mean pressure a unit flow over unit mobility has on an endless lattice whose
    faces have the transmissibilities `faces` along the three axes."""
    away = np.abs(at[:, None] - at[None]).reshape(-1, 3)
    apart, which = np.unique(away, axis=0, return_inverse=True)
    of_pairs = np.bincount(which.ravel(), (weights[:, None] * weights[None]).ravel())
    return float(of_pairs @ lattice_green(apart, faces))


def lattice_green(apart: NDArray[np.int64], faces: tuple[float, ...]) -> Array:
    """Pressure `apart` (n, 3) cells from a unit flow on an endless lattice: the heat kernel's integral over all time.

    The heat kernel of a lattice is a product of exp(-2 a t) I_m(2 a t) over the axes. For equal unit faces G(0) = 0.252731
    (Watson's integral over 6, Q. J. Math. 10 (1939) 266).

    >>> round(float(lattice_green(np.zeros((1, 3), int), (1.0, 1.0, 1.0))[0]), 6)
    0.252731
    """
    log_t = np.linspace(*LOG_TIME, TIMES)
    t = np.exp(log_t) / max(faces)
    kernel = np.ones((len(apart), TIMES))
    for axis, face in enumerate(faces):
        orders, which = np.unique(apart[:, axis], return_inverse=True)
        kernel *= ive(orders[:, None], 2.0 * face * t)[which]
    # What is later is the continuum's: (4 pi t)^-3/2 / sqrt(a b c).
    late = 2.0 / ((4.0 * np.pi) ** 1.5 * np.sqrt(np.prod(faces) * t[-1]))
    within = kernel * t
    return np.asarray((within.sum(axis=1) - 0.5 * within[:, -1]) * (log_t[1] - log_t[0]) + late)


def opening_drop_pa(
    source: Source, fluids: Fluids, mixture: tuple[float, float], rate_mm3_s: float, t_s: float
) -> float:
    """Pressure at the opening minus the grid's mean there, Pa, for spherical flow between both radii.

    `mixture` is the share of cement in the source's cells and the marrow's viscosity: the fluid between both radii is taken
    as theirs. The law of the cement is integrated over the radius, because it thins where it runs fast.
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(12)
    ends = 1.0 / source.grid_radius_mm, 1.0 / source.radius_mm
    (middle, half) = (sum(ends) / 2.0, (ends[1] - ends[0]) / 2.0)
    inverse = middle + half * nodes
    speed = rate_mm3_s * inverse**2 / (4.0 * np.pi)
    shear = fluids.shear_factor * speed / np.sqrt(source.permeability_mm2 * source.porosity)
    scalars = np.repeat(np.array(fluids.inlet(t_s), float)[:, None], nodes.size, axis=1)
    viscosity = fluids.viscosity_pa_s(scalars, shear * fluids.shear_dependent, t_s)
    share, marrow = mixture
    of_both = 1.0 / (share / viscosity + (1.0 - share) / marrow)
    spread = rate_mm3_s / (4.0 * np.pi * source.permeability_mm2)
    return float(spread * half * (node_weights @ of_both))
