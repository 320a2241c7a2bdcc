"""Equilibrium of a grid of elastic cubes: conjugate gradients in float64, preconditioned by a float32 multigrid cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import elastic_apply as apply
from pedicle.kernels import elastic_vectors as vectors
from pedicle.kernels.jit import threads_for
from pedicle.mechanics.elements import modal_stiffness
from pedicle.mechanics.multigrid import THREADS_FROM, Multigrid, flat_modulus, stride_of
from pedicle.mechanics.options import SolverOptions
from pedicle.model.errors import NumericalError

Floats = NDArray[np.float64]
# Fresh starts from the recomputed residual before a solve is given up.
_RESTARTS = 3


@dataclass(frozen=True, eq=False)
class Solved:
    """Displacements mm and nodal forces N, (3, nx + 1, ny + 1, nz + 1); forces are 0 up to the residual where nodes are free.

    `relative_residual` is computed anew from the displacements at the end, over that of the loaded but unmoved body.
    """

    displacement_mm: Floats
    force_n: Floats
    iterations: int
    relative_residual: float


class ElasticSystem:
    """Cubes of side `spacing_mm` with Young's modulus (nx, ny, nz) MPa, 0 = hole, and which displacements are given.

    `free` (3, nx + 1, ny + 1, nz + 1) is False where a displacement is prescribed. Nodes without any stiffness never move.
    """

    def __init__(
        self,
        modulus_mpa: Floats,
        spacing_mm: float,
        free: NDArray[np.bool_],
        poisson: float,
        options: SolverOptions | None = None,
    ) -> None:
        self.options = options or SolverOptions()
        self.shape, self.spacing_mm, self.poisson = modulus_mpa.shape, spacing_mm, poisson
        self.nodes = tuple(n + 1 for n in self.shape)
        self.stride, self._count = stride_of(self.shape), int(np.prod(self.nodes))
        # Moduli over the greatest one, so that float32 holds all of them well.
        self.greatest = float(modulus_mpa.max())
        scaled = modulus_mpa / self.greatest
        self.modulus = flat_modulus(scaled)
        self.modes = modal_stiffness(poisson)
        self._elements = np.array(self.shape)
        self._free = self.flat(free).astype(bool)
        self.grids = self.grids_for(scaled)
        self.unknown = self.grids.levels[0].inverse

    def grids_for(self, modulus: Floats) -> Multigrid:
        """The cycle for moduli (nx, ny, nz) over the greatest one, at the same free displacements."""
        with threads_for(self.stride, THREADS_FROM):
            return Multigrid(modulus, self._free, self.poisson, self.options)

    def flat(self, field: NDArray[np.generic]) -> Floats:
        """A field by node as the kernels read it."""
        found = np.zeros((3, self.stride))
        found[:, : self._count] = field.reshape(3, -1)
        return found.ravel()

    def by_node(self, flat: Floats) -> Floats:
        """A flat field as (3, nx + 1, ny + 1, nz + 1)."""
        return flat.reshape(3, -1)[:, : self._count].reshape(3, *self.nodes)

    def product(self, u: Floats, out: Floats) -> Floats:
        """out = A u, flat, in units of the greatest modulus times the spacing."""
        out[:] = 0.0
        apply.add_product(out, u, self.modulus, self.modes, self._elements, self.stride)
        return out

    def solve(self, displacement_mm: Floats, force_n: Floats | None = None, start_mm: Floats | None = None) -> Solved:
        """Displacements and forces at rest.

        `displacement_mm` holds the prescribed values (free ones in it count nothing), `force_n` the loads on free nodes,
        `start_mm` a guess. NumericalError 772 when the residual stays above the tolerance.
        """
        with threads_for(self.stride, THREADS_FROM):
            return self._solve(displacement_mm, force_n, start_mm)

    def _solve(self, displacement_mm: Floats, force_n: Floats | None, start_mm: Floats | None) -> Solved:
        given = np.where(self.unknown != 0.0, 0.0, self.flat(displacement_mm))
        load = np.zeros_like(given)
        if force_n is not None:
            load = self.flat(force_n) / (self.greatest * self.spacing_mm)
        r, q = np.zeros_like(given), np.zeros_like(given)
        first = self._left(given, load, r, q)
        u = given.copy()
        if start_mm is not None:
            u = np.where(self.unknown != 0.0, self.flat(start_mm), given)
        iterations, reached = self._converge(u, load, (r, q), first)
        force = self.by_node(self.product(u, q)) * (self.greatest * self.spacing_mm)
        return Solved(self.by_node(u), force, iterations, reached)

    def _left(self, u: Floats, load: Floats, r: Floats, q: Floats) -> float:
        """r = load - A u on what is unknown, and its norm."""
        self.product(u, q)
        vectors.residual(r, load, q, self.unknown)
        return float(np.sqrt(vectors.dot(r, r)))

    def _converge(self, u: Floats, load: Floats, work: tuple[Floats, Floats], first: float) -> tuple[int, float]:
        """Improves u until the residual, computed from it, is small beside `first`; iterations and what was reached."""
        if first == 0.0:
            u[self.unknown != 0.0] = 0.0
            return 0, 0.0
        iterations, reached = 0, np.inf
        for _ in range(_RESTARTS):
            reached = self._left(u, load, *work) / first
            if reached <= self.options.tolerance or iterations >= self.options.most_iterations:
                break
            iterations += self._gradients(u, work, first, self.options.most_iterations - iterations)
            reached = self._left(u, load, *work) / first
        if not reached <= self.options.tolerance:
            raise NumericalError(
                772, "elastic solve", f"residual {reached:.1e} after {iterations} iterations",
                f"at most {self.options.tolerance:.0e}", "report it with the case, or allow more iterations",
            )  # fmt: skip
        return iterations, float(reached)

    def _gradients(self, u: Floats, work: tuple[Floats, Floats], first: float, most: int) -> int:
        """Flexible conjugate gradients (Polak-Ribiere) from residual `work[0]`; answers the iterations taken."""
        r, q = work
        p, pq = np.zeros_like(u), 0.0
        # A little below what is asked, so that the residual computed anew is within it.
        enough = 0.98 * self.options.tolerance * first
        for iteration in range(most):
            norm = float(np.sqrt(vectors.dot(r, r)))
            if norm <= enough:
                return iteration
            z = self.grids.cycle(r, 1.0 / norm)
            # The preconditioner differs a little from step to step: make the new direction conjugate to the last by what it is.
            vectors.scale_add(p, -vectors.dot(z, q) / pq if iteration else 0.0, z)
            self.product(p, q)
            pq = vectors.dot(p, q)
            alpha = vectors.dot(p, r) / pq
            vectors.add_scaled(u, alpha, p)
            vectors.take_away(r, alpha, q, self.unknown)
        return most
