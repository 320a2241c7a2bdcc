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
        porosity = medium.pore_volume_mm3 / float(np.prod(medium.spacing_mm))
        self.geometry = face_areas_mm2(medium), medium.permeability_mm2, porosity
        size = medium.pore_volume_mm3.size
        self._places, self._cells, self._shear = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)

    def at_cells(self, saturation: Array, scalars: Array, fluxes: Fluxes, t_s: float, inverse: Array) -> None:
        """Fill `inverse`, of the grid's shape; 0 where the cement has set."""
        inverse[:] = inlet_inverse(self.fluids, t_s)
        count = flow_system.shear_of_cells(
            (saturation, saturation), fluxes, self.geometry, TRACE, self._cells, self._shear
        )
        cells = self._cells[:count]
        inverse.ravel()[cells] = self._inverse(scalars, cells, self._shear[:count], t_s)

    def at_faces(self, saturation: Array, scalars: Array, pressure: Array, fluxes: Fluxes, t_s: float) -> Fluxes:
        """1 / viscosity at inner faces, negative where no cement comes through; no elements where shear does not count."""
        if not self.fluids.shear_dependent:
            none = np.zeros((0, 0, 0))
            return none, none, none
        found = [self._along(axis, (saturation, pressure), scalars, fluxes, t_s) for axis in range(3)]
        return found[0], found[1], found[2]

    def _along(self, axis: int, fields: tuple[Array, Array], scalars: Array, fluxes: Fluxes, t_s: float) -> Array:
        faces = self.medium.face_mm3[axis]
        inverse = np.full(faces.shape, -1.0)
        count = flow_system.shear_of_faces(
            axis, faces, fields, fluxes, self.geometry, TRACE, self._places, self._cells, self._shear
        )
        found = self._inverse(scalars, self._cells[:count], self._shear[:count], t_s)
        inverse.ravel()[self._places[:count]] = found
        return inverse

    def _inverse(self, scalars: Array, cells: NDArray[np.int64], speed_over_pores: Array, t_s: float) -> Array:
        """The law, asked once for all these cells' cement."""
        if not cells.size:
            return np.zeros(0)
        shear = np.maximum(self.fluids.shear_factor * speed_over_pores, LEAST_SHEAR_PER_S)
        of_cells = scalars.reshape(len(scalars), -1)[:, cells]
        return np.asarray(1.0 / self.fluids.viscosity_pa_s(of_cells, shear, t_s))


def both(field: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values at both cells of each inner face along an axis."""
    count = field.shape[axis]
    return field.take(range(count - 1), axis), field.take(range(1, count), axis)
