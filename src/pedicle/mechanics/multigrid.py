"""One multigrid cycle for a grid of elastic cubes, float32: the preconditioner of `mechanics.system`.

Coarse grids are elastic cubes again, of twice the side. Smoothing is Chebyshev's polynomial in D^-1 A over the upper part of
its spectrum; the greatest eigenvalue is found for each grid, because it differs between a full block and a ragged shell, and
too small a guess ruins the smoother. The coarsest grid is solved exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import elastic_apply as apply
from pedicle.kernels import elastic_transfer as transfer
from pedicle.kernels import elastic_vectors as vectors
from pedicle.kernels.jit import threads_for
from pedicle.mechanics.elements import cube_stiffness, greatest_eigenvalue, modal_stiffness
from pedicle.mechanics.options import SolverOptions

Singles = NDArray[np.float32]
# Nodes from which a second thread is worth waiting for: a solve has thousands of short loops, and a thread that has to wait for
# its turn on a busy machine costs more than it saves (a million unknowns take half a second on one).
THREADS_FROM = 1_000_000
# Nodes of the coarsest grid at most, and steps and safety of the estimate of the greatest eigenvalue.
_COARSEST, _POWER_STEPS, _SAFETY = 80, 10, 1.15


def stride_of(shape: tuple[int, ...]) -> int:
    """Length of one component in the flat arrays."""
    return int(np.prod([n + 1 for n in shape])) + apply.PADDING


def flat_modulus(modulus: NDArray[np.float64]) -> NDArray[np.float64]:
    """A modulus by element as the kernels read it, flat."""
    found = np.zeros(stride_of(modulus.shape))
    nodes = tuple(n + 1 for n in modulus.shape)
    whole = found[: int(np.prod(nodes))].reshape(nodes)
    whole[:-1, :-1, :-1] = modulus
    return found


def inverse_diagonal(
    modulus: NDArray[np.floating], free: NDArray[np.bool_], poisson: float, shape: NDArray[np.int64]
) -> NDArray[np.floating]:
    """1 over the diagonal of A, (3 x stride,), 0 where a degree of freedom is fixed or has no stiffness."""
    one = np.zeros(modulus.size, modulus.dtype)
    apply.add_diagonal(one, modulus, modulus.dtype.type(cube_stiffness(poisson)[0, 0]), shape)
    inverse = np.divide(1.0, one, out=np.zeros_like(one), where=one > 0)
    return np.where(free, np.tile(inverse, 3), 0).astype(modulus.dtype)


@dataclass(eq=False)
class Level:
    """One grid of the cycle: `shape` its elements by axis, `modulus` (stride,) times its side in fine cells."""

    shape: NDArray[np.int64]
    modulus: Singles
    free: NDArray[np.bool_]
    poisson: float
    inverse: Singles = field(init=False)
    greatest: float = field(init=False)

    def __post_init__(self) -> None:
        self.stride = self.modulus.size
        self.modes = modal_stiffness(self.poisson).astype(np.float32)
        self.inverse = inverse_diagonal(self.modulus, self.free, self.poisson, self.shape)
        self.x, self.b, self.d, self.ax = (np.zeros(3 * self.stride, np.float32) for _ in range(4))

    def multiply(self, x: Singles) -> None:
        """ax += A x."""
        apply.add_product(self.ax, x, self.modulus, self.modes, self.shape, self.stride)

    def estimate(self) -> float:
        """Greatest eigenvalue of D^-1 A by the power method from a fixed start, with some safety, at most its bound."""
        x = np.random.default_rng(0).standard_normal(3 * self.stride).astype(np.float32)
        x[self.inverse == 0.0] = 0.0
        found = 1.0
        for _ in range(_POWER_STEPS):
            norm = np.sqrt(vectors.dot(x, x))
            if norm == 0.0:
                break
            vectors.scaled_to(self.d, np.float32(1.0 / norm), x)
            self.multiply(self.d)
            vectors.smooth_first(self.b, x, self.ax, self.inverse, np.float32(1.0))
            self.ax[:] = 0.0
            found = float(vectors.dot(self.d, x))
        return min(_SAFETY * found, greatest_eigenvalue(self.poisson))

    def smooth(self, degree: int, span: float, from_rest: bool) -> None:
        """Chebyshev's iteration on A x = b for eigenvalues from greatest / span to greatest."""
        low = self.greatest / span
        middle, half = 0.5 * (self.greatest + low), 0.5 * (self.greatest - low)
        last = half / middle
        step, keep = np.float32(1.0 / middle), np.float32(0.0)
        for n in range(degree):
            if n:
                now = 1.0 / (2.0 * middle / half - last)
                keep, step = np.float32(now * last), np.float32(2.0 * now / half)
                last = now
            if n == 0 and from_rest:
                vectors.smooth_first(self.d, self.x, self.b, self.inverse, step)
                continue
            self.multiply(self.x)
            vectors.smooth_next(self.d, self.x, self.b, self.ax, self.inverse, keep, step)


class Multigrid:
    """The grids from the finest to the coarsest; `cycle` turns a right-hand side into an approximate solution."""

    def __init__(
        self, modulus: NDArray[np.float64], free: NDArray[np.bool_], poisson: float, options: SolverOptions
    ) -> None:
        self.options = options
        shape = np.array(modulus.shape)
        self.levels = [Level(shape, flat_modulus(modulus).astype(np.float32), free, poisson)]
        while np.prod(self.levels[-1].shape + 1) > _COARSEST:
            self.levels.append(_coarser(self.levels[-1]))
        for level in self.levels[:-1]:
            with threads_for(level.stride, THREADS_FROM):
                level.greatest = level.estimate()
        with threads_for(self.levels[-1].stride, THREADS_FROM):
            self._factorise()

    def cycle(self, b: NDArray[np.float64], scale: float) -> Singles:
        """About A^-1 (scale b); the answer is the finest level's own array."""
        vectors.scaled_to(self.levels[0].b, scale, b)
        steps = list(zip(self.levels[:-1], self.levels[1:], strict=True))
        for fine, coarse in steps:
            with threads_for(fine.stride, THREADS_FROM):
                self._down(fine, coarse)
        last = self.levels[-1]
        transfer.solve_factorised(last.x, self.factor, last.b, self.places)
        for fine, coarse in reversed(steps):
            with threads_for(fine.stride, THREADS_FROM):
                self._up(fine, coarse)
        return self.levels[0].x

    def _down(self, fine: Level, coarse: Level) -> None:
        """Smooth from rest and hand on what is left."""
        fine.smooth(self.options.degree, self.options.span, True)
        fine.multiply(fine.x)
        vectors.residual(fine.d, fine.b, fine.ax, fine.inverse)
        transfer.restrict_to(coarse.b, fine.d, coarse.shape, fine.shape, fine.stride, coarse.stride)

    def _up(self, fine: Level, coarse: Level) -> None:
        """Take the coarse correction and smooth."""
        transfer.prolong_add(fine.x, coarse.x, fine.inverse, coarse.shape, fine.shape, fine.stride, coarse.stride)
        fine.smooth(self.options.degree, self.options.span, False)

    def _factorise(self) -> None:
        """The coarsest grid's matrix, column by column, and its factor."""
        last = self.levels[-1]
        self.places = np.flatnonzero(last.inverse)
        self.factor = np.zeros((self.places.size, self.places.size))
        for n, place in enumerate(self.places):
            last.x[:] = 0.0
            last.x[place] = 1.0
            last.multiply(last.x)
            self.factor[:, n] = last.ax[self.places]
            last.ax[:] = 0.0
        last.x[:] = 0.0
        transfer.factorise(self.factor)


def _coarser(fine: Level) -> Level:
    """The next grid, its axes halved."""
    shape = (fine.shape + 1) // 2
    stride = stride_of(tuple(shape))
    modulus, free = np.zeros(stride, np.float32), np.ones(3 * stride, np.bool_)
    transfer.coarsen(modulus, fine.modulus, shape, fine.shape, np.float32(2.0))
    transfer.coarsen_free(free, fine.free, shape, fine.shape, fine.stride, stride)
    return Level(shape, modulus, free, fine.poisson)
