"""The plain reference: a direct sparse solve for pressure, explicit first-order upwind for cement. Slow, and easy to check.

Explicit upwind is bound to the fastest wave, max f' = max(M, 1/M) times the flow over the pores it crosses; pressure is kept
for the steps that fit into one crossing of the front. No grid is too small for it, but a large mobility ratio is dear.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from pedicle.injection.options import FlowOptions
from pedicle.injection.pressure import Indices
from pedicle.injection.run import Run
from pedicle.injection.viscosity import both
from pedicle.model.errors import NumericalError
from pedicle.model.flow import Array, FlowState, Fluids, Source
from pedicle.model.medium import Medium

# Part of the largest stable step that is taken.
STABLE = 0.9
# A front is where cement flows in from a cell that holds so much of it, into one that holds less than this.
FRONT_FROM, FRONT_BELOW = 0.1, 0.9


def advance_explicit(
    medium: Medium,
    source: Source,
    fluids: Fluids,
    state: FlowState,
    rate_mm3_s: float,
    until_s: float,
    options: FlowOptions,
) -> FlowState:
    """A `Solver` of `injection.solvers`."""
    return _Explicit(medium, source, fluids, state, rate_mm3_s, options).advance(until_s)


@dataclass(frozen=True, eq=False)
class _Faces:
    """Inner faces as pairs of cells, all axes one after the other."""

    a: Indices
    b: Indices
    transmissibility: Array

    @classmethod
    def of(cls, medium: Medium) -> _Faces:
        cells = np.arange(medium.pore_volume_mm3.size).reshape(medium.pore_volume_mm3.shape)
        a = [pair[0].ravel() for pair in map(partial(both, cells), range(3))]
        b = [pair[1].ravel() for pair in map(partial(both, cells), range(3))]
        return cls(np.concatenate(a), np.concatenate(b), np.concatenate([face.ravel() for face in medium.face_mm3]))


class _Explicit(Run):
    def __init__(
        self,
        medium: Medium,
        source: Source,
        fluids: Fluids,
        state: FlowState,
        rate: float,
        options: FlowOptions,
    ) -> None:
        super().__init__(medium, source, fluids, state, rate, options)
        self.faces = _Faces.of(medium)
        self.size = medium.pore_volume_mm3.size

    def flow(self, left_s: float) -> float:
        """See `Run.flow`."""
        self.refresh()
        ratio = 1.0 / (self.medium.marrow_viscosity_pa_s * self.fields.inverse.ravel())
        front, stable = self._limits_s(ratio)
        dt = left_s / max(1.0, float(np.ceil(left_s / (self.options.courant * front) - 1e-9)))
        parts = max(1, int(np.ceil(dt / stable)))
        for _ in range(parts):
            self._carry(ratio, dt / parts)
        self.injected += self.rate * dt
        self.check_balance(0.0, np.ones(1))
        return dt

    def refresh(self) -> None:
        """See `Run.refresh`."""
        for _ in range(self.picards()):
            self._solve()
            self._keep_fluxes()

    def _solve(self) -> None:
        """Response and base on all cells that have a way out."""
        fields, faces, openings = self.fields, self.faces, self.openings
        pressure = fields.pressure.ravel()
        s, open_share, inverse = fields.saturation.ravel(), fields.open_share.ravel(), fields.inverse.ravel()
        fields.face_inverse = self.viscosity.at_faces(
            fields.saturation, self.scalars, fields.pressure, self.fluxes, self.t_s
        )
        at_face = np.concatenate([values.ravel() for values in fields.face_inverse])
        ahead, level = pressure[faces.a] > pressure[faces.b], pressure[faces.a] == pressure[faces.b]

        def mobility(cells: Indices) -> Array:
            of_cement = np.where(at_face >= 0.0, at_face, inverse[cells]) if at_face.size else inverse[cells]
            return np.asarray(s[cells] * of_cement + (1.0 - s[cells]) * fields.inverse_marrow)

        of_a, of_b = mobility(faces.a), mobility(faces.b)
        upstream = np.where(level, 0.5 * (of_a + of_b), np.where(ahead, of_a, of_b))
        left_a, left_b = open_share[faces.a], open_share[faces.b]
        shared = 2.0 * left_a * left_b / np.maximum(left_a + left_b, 1e-300)
        self.conductance = faces.transmissibility * upstream * shared
        leaving = pressure[openings.cells] >= openings.pressure_pa
        marrow = fields.inverse_marrow * openings.marrow_ease
        of_opening = np.where(leaving, s[openings.cells], 0.0) * (inverse[openings.cells] - marrow)
        self.way_out = openings.conductance_mm3 * (of_opening + marrow) * open_share[openings.cells]
        self._solve_pressure()

    def _solve_pressure(self) -> None:
        faces, openings, n, g = self.faces, self.openings, self.size, self.conductance
        linked = g > 0.0
        graph = coo_array((g[linked], (faces.a[linked], faces.b[linked])), shape=(n, n))
        _, region = connected_components(graph, directed=False)
        reached = np.isin(region, region[openings.cells[self.way_out > 0.0]])
        if not reached[self.source.cells].all():
            raise NumericalError(
                563,
                "flow",
                "marrow has no way out of the bone around the needle's opening",
                "one opening",
                "move the tip",
            )
        diagonal = np.bincount(np.concatenate([faces.a, faces.b]), np.concatenate([g, g]), n)
        diagonal += np.bincount(openings.cells, self.way_out, n)
        diagonal[~reached] = 1.0
        matrix = (coo_array((diagonal, (np.arange(n), np.arange(n))), shape=(n, n)) - graph - graph.T).tocsc()
        right = np.zeros((n, 2))
        right[self.source.cells, 0] = self.source.weights
        right[:, 1] = np.bincount(openings.cells, self.way_out * openings.pressure_pa, n)
        found = splu(matrix).solve(np.where(reached[:, None], right, 0.0))
        self.fields.response.ravel()[reached], self.fields.base.ravel()[reached] = found[reached].T

    def _keep_fluxes(self) -> None:
        pressure = self.fields.pressure.ravel()
        self.flux = self.conductance * (pressure[self.faces.a] - pressure[self.faces.b])
        self.leaving = self.way_out * (pressure[self.openings.cells] - self.openings.pressure_pa)
        if self.fluids.shear_dependent:
            ends = np.cumsum([face.size for face in self.fluxes])[:-1]
            for kept, new in zip(self.fluxes, np.split(self.flux, ends), strict=True):
                kept[:] = new.reshape(kept.shape)
            self.viscosity.at_cells(self.fields.saturation, self.scalars, self.fluxes, self.t_s, self.fields.inverse)

    def _limits_s(self, ratio: Array) -> tuple[float, float]:
        """Seconds of the front through its fastest cell, and the longest stable explicit step."""
        s, volume, ahead = self.fields.saturation.ravel(), self.volume.ravel(), self.flux > 0.0
        upstream = np.where(ahead, self.faces.a, self.faces.b)
        downstream = np.where(ahead, self.faces.b, self.faces.a)
        given = np.bincount(self.source.cells, self.source.weights * self.rate, self.size)
        fronts = np.abs(self.flux) * (s[upstream] > FRONT_FROM)
        front = np.where(s < FRONT_BELOW, given + np.bincount(downstream, fronts, self.size), 0.0)
        # All that passes through a cell, times the fastest wave.
        passing = given + np.bincount(downstream, np.abs(self.flux), self.size)
        passing += np.bincount(self.openings.cells, np.maximum(-self.leaving, 0.0), self.size)
        fastest = passing * np.maximum(ratio, 1.0 / ratio)
        return _least(volume, front), STABLE * _least(volume, fastest)

    def _carry(self, ratio: Array, dt: float) -> None:
        """One explicit step of cement and scalars, fluxes frozen."""
        s, volume = self.fields.saturation.ravel(), self.volume.ravel()
        share = s / (s + ratio * (1.0 - s))
        upstream = np.where(self.flux > 0.0, self.faces.a, self.faces.b)
        cement = self.flux * share[upstream]
        out = np.maximum(self.leaving, 0.0) * share[self.openings.cells]
        inlet = self.fluids.inlet(self.t_s)
        given = self.source.weights * self.rate
        gain = self._gain(cement, given, out)
        after = s + dt * np.divide(gain, volume, out=np.zeros_like(gain), where=volume > 0.0)
        for values, entering in zip(self.scalars.reshape(len(inlet), -1), inlet, strict=True):
            carried = self._gain(cement * values[upstream], given * entering, out * values[self.openings.cells])
            held = s * values + dt * np.divide(carried, volume, out=np.zeros_like(gain), where=volume > 0.0)
            values[:] = np.divide(held, after, out=np.zeros_like(held), where=after > 0.0)
        s[:] = after
        outlets = len(self.medium.outlets)
        of_outlet = np.bincount(self.openings.outlet, out, outlets) * dt
        self.out_cement += of_outlet
        self.out_marrow += np.bincount(self.openings.outlet, self.leaving, outlets) * dt - of_outlet

    def _gain(self, along: Array, given: Array, out: Array) -> Array:
        """Net inflow of each cell."""
        gain = np.bincount(self.faces.b, along, self.size) - np.bincount(self.faces.a, along, self.size)
        gain += np.bincount(self.source.cells, given, self.size)
        return np.asarray(gain - np.bincount(self.openings.cells, out, self.size))


def _least(volume: Array, flow: NDArray[Any]) -> float:
    return float((volume[flow > 0.0] / flow[flow > 0.0]).min(initial=np.inf))
