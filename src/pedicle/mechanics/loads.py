"""How plates press on a solid: which displacements they prescribe, and the stiffness they meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.model import Solid
from pedicle.mechanics.options import SolverOptions
from pedicle.mechanics.system import ElasticSystem, Solved
from pedicle.model.sourced import quantity
from pedicle.model.strength import Plate

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# The plate's three movements: along the third axis, and its slope along the first and the second.
MOVES = 3


@dataclass(frozen=True, eq=False)
class Plates:
    """The two planes of nodes that plates hold, (nx + 1, ny + 1) each, and where the load's middle lies, in cells."""

    bottom: Mask
    top: Mask
    middle: tuple[float, float]
    plate: Plate

    @classmethod
    def of(cls, solid: Solid, plate: Plate) -> Plates:
        """The nodes of the end layers' outer faces; the middle is that of the body's projection."""
        columns = np.argwhere(solid.body.any(axis=2)) + 0.5
        middle = columns.mean(axis=0)
        low, high = (_nodes(solid.modulus_mpa[:, :, k] > 0.0) for k in (0, -1))
        return cls(low, high, (float(middle[0]), float(middle[1])), plate)

    def free(self, shape: tuple[int, ...]) -> Mask:
        """What is not prescribed, (3, nx + 1, ny + 1, nz + 1)."""
        found = np.ones((3, *(n + 1 for n in shape)), bool)
        for component in range(3) if self.plate != "frictionless" else (2,):
            found[component, :, :, 0][self.bottom] = False
            found[component, :, :, -1][self.top] = False
        if self.plate == "frictionless":
            for component, (i, j) in self._pins():
                found[component, i, j, 0] = False
        return found

    def _pins(self) -> list[tuple[int, tuple[int, int]]]:
        """Three displacements that keep a body on smooth plates from sliding or turning as a whole."""
        nodes = np.argwhere(self.bottom)
        away = np.abs(nodes - self.middle)
        inner = tuple(nodes[away.sum(axis=1).argmin()])
        outer = tuple(nodes[(away[:, 1] - away[:, 0]).argmin()])
        return [(0, inner), (1, inner), (1, outer)]

    def moved(self, shape: tuple[int, ...], move: Floats, cell_mm: float) -> Floats:
        """Prescribed displacements, mm: the top plate moves by `move` (mm, and slopes along the first two axes)."""
        found = np.zeros((3, *(n + 1 for n in shape)))
        arms = self.arms(cell_mm)
        found[2, :, :, -1] = np.where(self.top, np.tensordot(move, arms, 1), 0.0)
        return found

    def arms(self, cell_mm: float) -> Floats:
        """1 and the two distances of a node from the middle, mm, (3, nx + 1, ny + 1)."""
        i, j = np.indices(self.top.shape)
        return np.stack([np.ones(i.shape), (i - self.middle[0]) * cell_mm, (j - self.middle[1]) * cell_mm])

    def resultant(self, force_n: Floats, cell_mm: float) -> Floats:
        """Load N and its two moments N mm about the middle on the top plate, from nodal forces."""
        along = np.where(self.top, force_n[2, :, :, -1], 0.0)
        return np.tensordot(self.arms(cell_mm), along, ((1, 2), (0, 1)))


@dataclass(frozen=True, eq=False)
class Pressed:
    """A solid's answers to the plate's three unit movements: displacement fields, and the matrix of loads (3, 3)."""

    solid: Solid
    plates: Plates
    system: ElasticSystem
    answers: tuple[Solved, ...]
    stiffness: Floats

    @property
    def move(self) -> Floats:
        """The plate's movement for a unit approach under the load case: without tilt, or with the tilt that takes no moment."""
        if self.plates.plate != "ball":
            return np.array([-1.0, 0.0, 0.0])
        tilt = -np.linalg.solve(self.stiffness[1:, 1:], self.stiffness[1:, 0])
        return -np.array([1.0, *tilt])

    def field(self, move: Floats) -> Floats:
        """Displacements for a movement of the plate."""
        return np.asarray(sum(m * answer.displacement_mm for m, answer in zip(move, self.answers, strict=True)))

    def forces(self, move: Floats) -> Floats:
        """Nodal forces for a movement of the plate."""
        return np.asarray(sum(m * answer.force_n for m, answer in zip(move, self.answers, strict=True)))


def press(solid: Solid, plate: Plate, options: SolverOptions, poisson: float | None = None) -> Pressed:
    """Solve the plate's three movements on one solid; Poisson's ratio is that of the data when not given."""
    plates = Plates.of(solid, plate)
    shape, cell = solid.modulus_mpa.shape, solid.cell_mm
    if poisson is None:
        poisson = quantity("mechanics/laws", "bone", "poisson").value
    system = ElasticSystem(solid.modulus_mpa, cell, plates.free(shape), poisson, options)
    answers = tuple(system.solve(plates.moved(shape, move, cell)) for move in np.eye(MOVES))
    stiffness = np.stack([plates.resultant(answer.force_n, cell) for answer in answers], axis=1)
    return Pressed(solid, plates, system, answers, 0.5 * (stiffness + stiffness.T))


def _nodes(cells: Mask) -> Mask:
    """Corners of the true cells of a plane."""
    found = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), bool)
    for a in (0, 1):
        for b in (0, 1):
            found[a : a + cells.shape[0], b : b + cells.shape[1]] |= cells
    return found
