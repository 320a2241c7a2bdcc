"""Media of problems with known answers: even grids, layers, the part of space around a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from pedicle.injection.flow import FlowState, Fluids, Source, start_flow
from pedicle.injection.viscosity import both
from pedicle.model.medium import Medium, Outlet

Array = NDArray[np.float64]
# All problems: pores of 85 %, marrow of 0.1 Pa s.
POROSITY, MARROW_PA_S = 0.85, 0.1
PERMEABILITY_MM2 = 1e-2


def harmonic_faces(permeability: Array, spacing: ArrayLike) -> tuple[Array, Array, Array]:
    """Transmissibilities from cell permeabilities (3, nx, ny, nz), half a cell each in series."""
    lengths = np.asarray(spacing, float)
    area = float(np.prod(lengths)) / lengths
    pairs = [both(permeability[axis], axis) for axis in range(3)]
    faces = [2.0 * a * b / np.maximum(a + b, 1e-300) * area[axis] / lengths[axis] for axis, (a, b) in enumerate(pairs)]
    return faces[0], faces[1], faces[2]


def medium_of(
    permeability: Array,
    spacing: tuple[float, float, float],
    outlets: tuple[Outlet, ...],
    porosity: ArrayLike = POROSITY,
) -> Medium:
    """A medium from one permeability field (nx, ny, nz) for all axes, 0 = closed."""
    along = np.stack([permeability] * 3)
    volume = np.where(permeability > 0.0, np.asarray(porosity) * float(np.prod(spacing)), 0.0)
    return Medium(spacing, volume, along, harmonic_faces(along, spacing), outlets, MARROW_PA_S)


def outlet(name: str, cells: Any, conductance_mm3: Any, pressure_pa: float = 0.0) -> Outlet:
    """A way out of the problem."""
    return Outlet(name, "cortical", "paravertebral", cells.ravel(), conductance_mm3.ravel(), pressure_pa, "given")


def open_side(permeability: Array, spacing: tuple[float, float, float], axis: int, end: int) -> Outlet:
    """All of one side of the grid (end 0 or -1) at pressure 0 on the outer faces."""
    cells = np.arange(permeability.size).reshape(permeability.shape).take(end, axis)
    conductance = 2.0 * permeability.take(end, axis) * float(np.prod(spacing)) / spacing[axis] ** 2
    return outlet(f"axis {axis} end {end}", cells, conductance)


def smooth_field(shape: tuple[int, int, int], h: float) -> Array:
    """Noise of 3 mm length, mean 0, variance 1, cut at +-2: what decks of the benchmark are made of."""
    noise = np.random.default_rng(7).standard_normal(shape)
    smooth = gaussian_filter(noise, 3.0 / h, mode="reflect")
    return np.asarray(np.clip((smooth - smooth.mean()) / smooth.std(), -2.0, 2.0))


def smooth_bone(shape: tuple[int, int, int], h: float) -> Medium:
    """Bone of the benchmark's deck: k = 10^(-8.5 + 0.25 g) m2, pores 0.85 + 0.03 g; open at 0 Pa across the first two axes."""
    field, spacing = smooth_field(shape, h), (h, h, h)
    permeability = 1e6 * 10.0 ** (-8.5 + 0.25 * field)
    sides = tuple(open_side(permeability, spacing, axis, end) for axis in (0, 1) for end in (0, -1))
    return medium_of(permeability, spacing, sides, 0.85 + 0.03 * field)


def newtonian(viscosity_pa_s: float) -> Fluids:
    """A cement of one viscosity, of the age of its time in the bone."""
    return Fluids(
        viscosity_pa_s=lambda scalars, shear, t: np.full(shear.shape, viscosity_pa_s),
        inlet=lambda t: (0.0, t),
        shear_dependent=False,
    )


def power_law(consistency: float, index: float) -> Fluids:
    """mu = K gamma^(n - 1), gamma = u / sqrt(k phi)."""
    return Fluids(
        viscosity_pa_s=lambda scalars, shear, t: consistency * shear ** (index - 1.0), inlet=lambda t: (0.0, t)
    )


def filled(medium: Medium, source: Source, fluids: Fluids, saturation: Array) -> FlowState:
    """A state that begins with cement where it is given, all of it counted as injected."""
    injected = float((medium.pore_volume_mm3 * saturation).sum())
    return replace(start_flow(medium, source, fluids), saturation=saturation, injected_mm3=injected)


def line_source(medium: Medium) -> Source:
    """Even flow into the first cells along axis 0; of no size of its own."""
    cells = np.arange(medium.pore_volume_mm3.size).reshape(medium.pore_volume_mm3.shape)[0].ravel()
    return Source(cells, np.full(cells.size, 1.0 / cells.size), 1.0, 1.0, PERMEABILITY_MM2, POROSITY)


@dataclass(frozen=True, eq=False)
class Octant:
    """One eighth of the space around a point source, cut at `side_mm`; its flow is an eighth too.

    Beyond the outer sides the exact pressure goes on: the conductance of a face there is its exact flow over exact pressure.
    `dimensions` 3: sphere; 2: a quarter of a cylinder one cell high.
    """

    medium: Medium
    source: Source
    radius_mm: Array
    dimensions: int

    @property
    def part(self) -> float:
        """Of the whole flow."""
        return float(0.5**self.dimensions)

    def drop(self, values: Array, near: tuple[float, float], far: tuple[float, float]) -> float:
        """Mean of a field over the cells between two radii minus that between two others."""
        inside = [(self.radius_mm >= low) & (self.radius_mm < high) for low, high in (near, far)]
        return float(values[inside[0]].mean() - values[inside[1]].mean())


@dataclass(frozen=True)
class Exact:
    """Radial flow at one moment: pressure Pa and mobility 1/(Pa s) at a radius, for the whole flow in mm3/s."""

    flow_mm3_s: float
    pressure_pa: Callable[[Array], Array]
    mobility: Callable[[Array], Array]


def octant(h: float, side_mm: float, opening_mm: float, exact: Exact, dimensions: int = 3) -> Octant:
    """Cells of size h from the symmetry planes outwards; the opening is the surface of a ball (or cylinder)."""
    n = round(side_mm / h)
    shape = (n, n, n if dimensions == 3 else 1)
    x: Array = np.asarray(np.indices(shape) * h + 0.5 * h, float)
    if dimensions == 2:
        x[2] = 0.0
    radius: Array = np.asarray(np.sqrt((x**2).sum(axis=0)), float)
    outlets = tuple(_beyond(x, radius, h, axis, exact, dimensions) for axis in range(dimensions))
    medium = medium_of(np.full(shape, PERMEABILITY_MM2), (h, h, h), outlets)
    return Octant(medium, _opening(shape, h, opening_mm, dimensions), radius, dimensions)


def _beyond(x: Array, radius: Array, h: float, axis: int, exact: Exact, dimensions: int) -> Outlet:
    """The outer side across an axis: half a cell in series with all that lies beyond."""
    cells = np.arange(radius.size).reshape(radius.shape).take(-1, axis)
    at = x.take(-1, axis + 1).reshape(3, -1)
    at[axis] += 0.5 * h
    r = np.sqrt((at**2).sum(axis=0))
    around = 4.0 * np.pi * r**2 if dimensions == 3 else 2.0 * np.pi * r * h
    flow = h * h * at[axis] / r * exact.flow_mm3_s / around
    beyond = flow / (exact.mobility(r) * exact.pressure_pa(r))
    half = 2.0 * PERMEABILITY_MM2 * h
    return outlet(f"side {axis}", cells, beyond * half / (beyond + half))


def _opening(shape: tuple[int, ...], h: float, radius: float, dimensions: int) -> Source:
    """Even over the part of a sphere's (or circle's) surface that lies in the octant."""
    if dimensions == 3:
        polar, turn = np.meshgrid(np.arccos((np.arange(40) + 0.5) / 40), (np.arange(40) + 0.5) * np.pi / 80)
        at = radius * np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)])
    else:
        turn = (np.arange(400) + 0.5) * np.pi / 800
        at = np.stack([radius * np.cos(turn), radius * np.sin(turn), 0.0 * turn])
    cells = np.ravel_multi_index(tuple((at.reshape(3, -1) / h).astype(np.int64)), shape)
    found, counts = np.unique(cells, return_counts=True)
    return Source(found, counts / counts.sum(), radius, radius, PERMEABILITY_MM2, POROSITY)
