"""What fluid flows through: pores, conductances between cells, and the openings through which it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.bone import Route

Place = Literal["canal", "foramen", "disc", "paravertebral", "prevertebral_vein", "cava_or_azygos"]


@dataclass(frozen=True, eq=False)
class Outlet:
    """One opening that fluid can leave through.

    `cells` (n,) are C-order linear indices of the cells at its inside, `conductance_mm3` (n,) the transmissibility from each
    cell's centre to the outside, `pressure_pa` the pressure there; `basis` says how it is known.
    """

    name: str
    route: Route
    place: Place
    cells: NDArray[np.int64]
    conductance_mm3: NDArray[np.float64]
    pressure_pa: float
    basis: str


@dataclass(frozen=True, eq=False)
class Medium:
    """What fluid flows through, on one regular grid whose spacing may differ by axis.

    `pore_volume_mm3` (nx, ny, nz) is 0 where nothing flows; `permeability_mm2` (3, nx, ny, nz) is along the grid's axes;
    `face_mm3` are transmissibilities k A / d of the inner faces, shapes (nx-1, ny, nz), (nx, ny-1, nz), (nx, ny, nz-1), 0 for
    a wall. A flow in mm3/s is transmissibility x mobility (1 / Pa s) x pressure difference (Pa).
    """

    spacing_mm: tuple[float, float, float]
    pore_volume_mm3: NDArray[np.float64]
    permeability_mm2: NDArray[np.float64]
    face_mm3: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    outlets: tuple[Outlet, ...]
    marrow_viscosity_pa_s: float
