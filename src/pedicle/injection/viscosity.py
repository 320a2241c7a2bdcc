"""The cement's viscosity on the grid: the law asked where there is cement, at cells and, where shear counts, at faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import flow_system
from pedicle.model.flow import Array, Fluids
from pedicle.model.medium import Medium

# Less cement than this decides nothing.
TRACE = 1e-9
# The law is not asked below this shear rate, 1/s: a power law has no viscosity at rest.
LEAST_SHEAR_PER_S = 1e-4
Fluxes = tuple[Array, Array, Array]


def face_areas_mm2(medium: Medium) -> Array:
    """Area of a cell's face square to each axis."""
    return np.asarray(float(np.prod(medium.spacing_mm)) / np.array(medium.spacing_mm))


def inlet_inverse(fluids: Fluids, t_s: float) -> float:
    """1 / viscosity of what enters, at the least shear rate; 0 when it has set."""
    scalars = np.array(fluids.inlet(t_s), float)[:, None]
    return float(1.0 / fluids.viscosity_pa_s(scalars, np.full(1, LEAST_SHEAR_PER_S), t_s)[0])


class Viscosity:
    """1 / viscosity of the cement, at cells and faces, from its scalars and the flow of the last solve.

    Where there is no cement the inlet's stands; it has no weight there.
    """

    def __init__(self, medium: Medium, fluids: Fluids) -> None:
        self.medium, self.fluids = medium, fluids
        self.areas = face_areas_mm2(medium)
        k = medium.permeability_mm2
        porosity = medium.pore_volume_mm3 / float(np.prod(medium.spacing_mm))
        self.pores_mm = np.sqrt(np.maximum(k * porosity, 0.0)) if fluids.shear_dependent else k[:0]

    def at_cells(self, saturation: Array, scalars: Array, fluxes: Fluxes, t_s: float, inverse: Array) -> None:
        """Fill `inverse`, of the grid's shape; 0 where the cement has set."""
        inverse[:] = inlet_inverse(self.fluids, t_s)
        cells = np.argwhere(saturation > TRACE)
        if not len(cells):
            return
        i, j, k = cells.T
        shear = np.zeros(len(cells))
        if self.fluids.shear_dependent:
            flow_system.cell_speeds(cells, fluxes, self.areas, np.array(saturation.shape), shear)
            # The geometric mean of the axes' pores: exact where they are alike.
            shear /= np.cbrt(self.pores_mm[0, i, j, k] * self.pores_mm[1, i, j, k] * self.pores_mm[2, i, j, k])
        inverse[i, j, k] = self._inverse(scalars[:, i, j, k], shear, t_s)

    def at_faces(self, saturation: Array, scalars: Array, pressure: Array, fluxes: Fluxes, t_s: float) -> Fluxes:
        """1 / viscosity at inner faces, negative where no cement comes through; no elements where shear does not count."""
        if not self.fluids.shear_dependent:
            none = np.zeros((0, 0, 0))
            return none, none, none
        found = [self._along(axis, saturation, scalars, pressure, fluxes, t_s) for axis in range(3)]
        return found[0], found[1], found[2]

    def _along(
        self, axis: int, saturation: Array, scalars: Array, pressure: Array, fluxes: Fluxes, t_s: float
    ) -> Array:
        low, high = both(pressure, axis)
        before, after = both(saturation, axis)
        forward = low >= high
        inverse = np.full(low.shape, -1.0)
        faces = np.argwhere((np.where(forward, before, after) > TRACE) & (self.medium.face_mm3[axis] > 0.0))
        if not len(faces):
            return inverse
        speeds = np.zeros(len(faces))
        flow_system.face_speeds(axis, faces, fluxes, self.areas, speeds)
        next_cell = faces + np.eye(3, dtype=np.int64)[axis]
        upstream = np.where(forward[tuple(faces.T)][:, None], faces, next_cell)
        # Both cells' pores in series, as the face's transmissibility has their permeability.
        a, b = (self.pores_mm[axis][tuple(cells.T)] for cells in (faces, next_cell))
        shear = speeds * (a + b) / (2.0 * a * b)
        inverse[tuple(faces.T)] = self._inverse(scalars[:, *upstream.T], shear, t_s)
        return inverse

    def _inverse(self, scalars: Array, speed_over_pores: Array, t_s: float) -> Array:
        shear = np.maximum(self.fluids.shear_factor * speed_over_pores, LEAST_SHEAR_PER_S)
        return np.asarray(1.0 / self.fluids.viscosity_pa_s(scalars, shear, t_s))


def both(field: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values at both cells of each inner face along an axis."""
    count = field.shape[axis]
    return field.take(range(count - 1), axis), field.take(range(1, count), axis)
