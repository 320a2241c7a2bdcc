"""What fluid flows through, on one regular grid: room, permeability, how cells are joined, and the ways out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.bone import Route
from pedicle.model.grid import Grid

Place = Literal["canal", "foramen", "disc", "paravertebral", "prevertebral_vein", "cava_or_azygos"]
# Places whose cement can press on a nerve or travel to the lung.
GRAVE_PLACES: tuple[Place, ...] = ("canal", "foramen", "cava_or_azygos")
Faces = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Outlet:
    """One opening the fluid can leave through.

    `name` is unique in its medium. `cells` (n,) are linear indices, C order, of the cells at the inside of the opening;
    `conductance_mm3` (n,) is the half-face transmissibility from each cell's centre to the outside, which stands at
    `pressure_pa`: flow mm3/s = conductance x mobility (1/(Pa s)) x pressure difference (Pa). `basis` says how the opening
    is known. Marrow's own fluid passes `marrow_ease` times as easily as whole marrow would: the vessels of an intact wall hold
    the tissue back and let blood out.
    """

    name: str
    route: Route
    place: Place
    cells: NDArray[np.int64]
    conductance_mm3: NDArray[np.float64]
    pressure_pa: float
    basis: str
    marrow_ease: float = 1.0


@dataclass(frozen=True, eq=False)
class Passage:
    """A way too narrow for a grid, through bone to the outside: a vein, a crack, the track of a needle.

    `path_lps_mm` (n, 3) runs from its inner end to its mouth at the surface; fluid enters along the whole path.
    `conductivity_mm4` is permeability times cross-section of the lumen: pi r^4/8 of a tube, b a^3/12 of a gap a wide and b
    long; over a length L it conducts conductivity / L. `outside_mm` is the length of lumen beyond the mouth up to where the
    pressure is `pressure_pa`, `outside_mm4` its conductivity where that is another.
    """

    name: str
    route: Route
    place: Place
    path_lps_mm: NDArray[np.float64]
    conductivity_mm4: float
    outside_mm: float
    pressure_pa: float
    basis: str
    outside_mm4: float | None = None

    @property
    def mouth_mm3(self) -> float:
        """What the way out beyond the mouth conducts."""
        return (self.conductivity_mm4 if self.outside_mm4 is None else self.outside_mm4) / self.outside_mm


@dataclass(frozen=True, eq=False)
class Medium:
    """A porous body on one grid; spacing may differ by axis.

    `pore_volume_mm3` (nx, ny, nz), 0 = no flow cell. `permeability_mm2` (3, nx, ny, nz) along the grid's axes.
    `face_mm3` holds transmissibilities k A / d of the inner faces, (nx-1, ny, nz), (nx, ny-1, nz), (nx, ny, nz-1), harmonic
    between the two cells' halves with thin layers in series; 0 = wall. `grid` says where the cells lie in the patient.
    `lumen_cells` are linear indices of cells that a passage runs through: what moves fast there moves in its lumen.
    """

    spacing_mm: tuple[float, float, float]
    pore_volume_mm3: NDArray[np.float64]
    permeability_mm2: NDArray[np.float64]
    face_mm3: Faces
    outlets: tuple[Outlet, ...]
    marrow_viscosity_pa_s: float
    grid: Grid | None = None
    lumen_cells: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def flow_cells(self) -> NDArray[np.bool_]:
        """Cells that hold fluid, shape (nx, ny, nz)."""
        return np.asarray(self.pore_volume_mm3 > 0)


def tube_mm4(radius_mm: float) -> float:
    """Conductivity of a round tube, pi r^4/8 (Hagen-Poiseuille).

    >>> round(tube_mm4(1.0), 4)
    0.3927
    """
    return float(np.pi * radius_mm**4 / 8.0)


def gap_mm4(width_mm: float, length_mm: float) -> float:
    """Conductivity of a gap between two walls, b a^3/12.

    >>> round(gap_mm4(0.6, 10.0), 12)
    0.18
    """
    return length_mm * width_mm**3 / 12.0


def face_transmissibility(
    permeability_mm2: NDArray[np.float64], flow_cells: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> Faces:
    """Transmissibility A / (h/2k + h/2k) of the faces between flow cells along each axis; 0 beside any other cell."""
    found = []
    volume = float(np.prod(spacing_mm))
    for axis, step in enumerate(spacing_mm):
        near, far = ([slice(None)] * 3 for _ in range(2))
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        both = flow_cells[tuple(near)] & flow_cells[tuple(far)]
        first, second = permeability_mm2[axis][tuple(near)][both], permeability_mm2[axis][tuple(far)][both]
        face = np.zeros(both.shape)
        face[both] = volume / step**2 * 2.0 * first * second / (first + second)
        found.append(face)
    return found[0], found[1], found[2]
