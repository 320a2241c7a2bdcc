"""Pressure in a box of cells: the response to a unit flow at the needle, and the base that unequal openings keep up.

Pressure is linear in the flow while mobilities are frozen: p = base + rate x response. Both are solved for, so that the slope
of the tip's pressure by the rate is known and a change of rate costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pedicle.injection.options import FlowOptions
from pedicle.kernels import flow_multigrid, flow_system, flow_transport
from pedicle.model.errors import NumericalError
from pedicle.model.flow import Array, Source
from pedicle.model.medium import Medium

Indices = NDArray[np.int64]
# Of the base's own right-hand side, however small that is beside the flow.
LAXEST = 1e-2


@dataclass(frozen=True, eq=False)
class Openings:
    """All outlets of a medium as one list: cell, conductance mm3, pressure Pa, ease for marrow, outlet's number."""

    cells: Indices
    conductance_mm3: Array
    pressure_pa: Array
    marrow_ease: Array
    outlet: Indices

    @classmethod
    def of(cls, medium: Medium) -> Openings:
        """In the medium's order."""
        outlets = medium.outlets
        sizes = [outlet.cells.size for outlet in outlets]
        cells = np.concatenate([np.zeros(0, np.int64), *[outlet.cells for outlet in outlets]])
        conductance = np.concatenate([np.zeros(0), *[outlet.conductance_mm3 for outlet in outlets]])
        pressure = np.repeat([outlet.pressure_pa for outlet in outlets], sizes).astype(float)
        ease = np.repeat([outlet.marrow_ease for outlet in outlets], sizes).astype(float)
        return cls(cells, conductance, pressure, ease, np.repeat(np.arange(len(outlets)), sizes).astype(np.int64))

    @property
    def unequal(self) -> bool:
        """Whether fluid flows between openings without a push."""
        return bool(self.pressure_pa.size and np.ptp(self.pressure_pa) > 0.0)


@dataclass(eq=False)
class Fields:
    """What mobility is made of, on the whole grid: pressures, mobile cement's share, share left open, 1 / viscosity of the
    cement at cells and (elements only where shear counts) at faces, and of the marrow."""

    response: Array
    base: Array
    rate: float
    saturation: Array
    open_share: Array
    inverse: Array
    face_inverse: tuple[Array, Array, Array]
    inverse_marrow: float

    @property
    def pressure(self) -> Array:
        """At the present rate."""
        return self.base + self.rate * self.response

    @property
    def mobility(self) -> Array:
        """Of both fluids together, by cell."""
        return self.inverse_marrow + self.saturation * (self.inverse - self.inverse_marrow)


@dataclass(frozen=True, eq=False)
class Exits:
    """Ways out of the box, as the transport kernel reads them, and the padded cell each belongs to."""

    cells: Indices
    first: Indices
    following: Indices
    conductance: Array
    base: Array
    response: Array
    outlet: Indices
    far: Indices

    def at_rate(self, rate: float) -> tuple[NDArray[np.generic], ...]:
        """The kernel's tuple, with the pressure outside at a rate."""
        outside = self.base + rate * self.response
        return self.first, self.following, self.conductance, outside, self.outlet, self.far


@dataclass(eq=False)
class BoxSystem:
    """The linear system of one box, with the memory it needs; assembled anew whenever mobility has changed."""

    medium: Medium
    openings: Openings
    source: Source
    box: Indices
    fine: tuple[Array, Array, Array, Array] = field(init=False)
    cell_of: Indices = field(init=False)
    source_share: Array = field(init=False)

    def __post_init__(self) -> None:
        self.shape = tuple(int(n) for n in self.box[:, 1] - self.box[:, 0])
        size = int(np.prod(np.array(self.shape) + 2))
        self.strides = ((self.shape[1] + 2) * (self.shape[2] + 2), self.shape[2] + 2)
        self.fine = (np.empty(size), np.empty(size), np.empty(size), np.empty(size))
        self.cell_of = np.empty(size, np.int64)
        sides = 2 * sum(int(np.prod(self.shape)) // n for n in self.shape)
        self._sides = np.empty(sides, np.int64), np.empty(sides, np.int64), np.empty(sides)
        self.levels = flow_multigrid.levels_of(self.shape, _lengths(self.medium))
        self._coarse = tuple(np.empty(flow_multigrid.cells_of(self.levels), np.float32) for _ in range(4))
        at, inside = self.padded(self.source.cells)
        self.source_share = np.zeros(size)
        self.source_share[at] = self.source.weights[inside]
        self.response, self.base = np.zeros(size), np.zeros(size)

    def padded(self, cells: Indices) -> tuple[Indices, NDArray[np.bool_]]:
        """Padded places of those cells that lie in the box, and which do."""
        at = np.stack(np.unravel_index(cells, self.medium.pore_volume_mm3.shape))
        inside = np.asarray(((at >= self.box[:, :1]) & (at < self.box[:, 1:])).all(axis=0))
        i, j, k = at[:, inside] - self.box[:, :1] + 1
        return i * self.strides[0] + j * self.strides[1] + k, inside

    def assemble(self, fields: Fields) -> None:
        """Conductances, ways out and operators of all levels for the mobilities given."""
        pressure = fields.pressure
        flat = tuple(v.ravel() for v in (pressure, fields.saturation, fields.open_share, fields.mobility))
        faces = tuple(face.ravel() for face in self.medium.face_mm3)
        at_faces = tuple(face.ravel() for face in fields.face_inverse)
        sides = flow_system.assemble(
            self.box, np.array(pressure.shape), faces, at_faces[0].size > 0, at_faces, flat, fields.inverse_marrow,
            self.fine, self.cell_of, self._sides,
        )  # fmt: skip
        self.exits = self._exits(fields, pressure.ravel(), sides)
        np.add.at(self.fine[3], self.exits.cells, self.exits.conductance)
        flow_multigrid.set_levels(self.levels, *self.fine, *self._coarse)
        flow_system.to_box(self.box, fields.response, self.response)
        flow_system.to_box(self.box, fields.base, self.base)

    def _exits(self, fields: Fields, pressure: Array, sides: int) -> Exits:
        openings = self.openings
        at, inside = self.padded(openings.cells)
        cells, outside = openings.cells[inside], openings.pressure_pa[inside]
        s, inverse = fields.saturation.ravel()[cells], fields.inverse.ravel()[cells]
        marrow = fields.inverse_marrow * openings.marrow_ease[inside]
        leaving = np.where(pressure[cells] >= outside, s * (inverse - marrow), 0.0) + marrow
        conductance = openings.conductance_mm3[inside] * leaving * fields.open_share.ravel()[cells]
        side_cells, far, through = (values[:sides] for values in self._sides)
        all_cells = np.concatenate([at, side_cells])
        first, following = np.empty(self.cell_of.size, np.int64), np.empty(all_cells.size, np.int64)
        flow_transport.set_exits(first, following, all_cells, all_cells.size)
        return Exits(
            all_cells,
            first,
            following,
            np.concatenate([conductance, through]),
            np.concatenate([outside, fields.base.ravel()[far]]),
            np.concatenate([np.zeros(at.size), fields.response.ravel()[far]]),
            np.concatenate([openings.outlet[inside], np.full(sides, len(self.medium.outlets))]).astype(np.int64),
            np.concatenate([np.full(at.size, -1), far]).astype(np.int64),
        )

    def solve_response(self, fields: Fields, options: FlowOptions) -> int:
        """Response of the box, written back to the fields; answers the iterations."""
        used = self._solve_above(self.exits.response, self.response, self.source_share, options)
        flow_system.from_box(self.box, self.response, fields.response)
        return used

    def solve_base(self, fields: Fields, options: FlowOptions) -> int:
        """Base of the box, where openings differ; answers the iterations."""
        if not self.openings.unequal:
            return 0
        used = self._solve_above(self.exits.base, self.base, None, options, fields.rate)
        flow_system.from_box(self.box, self.base, fields.base)
        return used

    def astray(self, fields: Fields) -> float:
        """Flow through the box's sides that the openings beyond, at the pressure kept there, do not pass on, mm3/s."""
        exits, openings = self.exits, self.openings
        sides = exits.far >= 0
        outside = exits.base[sides] + fields.rate * exits.response[sides]
        pressure = self.base[exits.cells[sides]] + fields.rate * self.response[exits.cells[sides]]
        through = float(exits.conductance[sides] @ (pressure - outside))
        beyond = ~self.padded(openings.cells)[1]
        cells = openings.cells[beyond]
        conductance = openings.conductance_mm3[beyond] * openings.marrow_ease[beyond] * fields.open_share.ravel()[cells]
        above = fields.base.ravel()[cells] + fields.rate * fields.response.ravel()[cells] - openings.pressure_pa[beyond]
        return abs(through - fields.inverse_marrow * float(conductance @ above))

    def _solve_above(
        self, outside: Array, x: Array, source: Array | None, options: FlowOptions, beside: float = 0.0
    ) -> int:
        """The solution of a source with these values outside, as its difference from their level.

        A constant flows nowhere; left in the right-hand side it would drown the source, to which the residual is compared:
        in a body without an opening the level is a thousand times the differences. Without a source the residual is compared
        to the flow that is pushed `beside` it too, mm3/s.
        """
        weight = np.square(self.exits.conductance)
        level = float(weight @ outside / weight.sum()) if weight.any() else 0.0
        right = np.zeros_like(x) if source is None else source.copy()
        np.add.at(right, self.exits.cells, self.exits.conductance * (outside - level))
        own, pushed = _norm(right), beside * _norm(self.source_share)
        tolerance = options.tolerance * max(1.0, min(pushed / own, LAXEST / options.tolerance)) if own > 0.0 else 1.0
        inside = self.cell_of >= 0
        x[inside] -= level
        used = self._solve(x, right, tolerance, options)
        x[inside] += level
        return used

    def _solve(self, x: Array, right: Array, tolerance: float, options: FlowOptions) -> int:
        iterations, residual = flow_multigrid.solve(
            self.levels, self.fine, self._coarse, x, right, tolerance, options.most_iterations
        )
        if not residual <= tolerance:
            self._refuse_closed()
            raise NumericalError(
                561,
                "flow",
                f"pressure has a relative residual of {residual:.1e} after {iterations} iterations",
                f"{tolerance:.0e} after {options.most_iterations}",
                "shorten the step or allow more iterations",
            )
        return int(iterations)

    def _refuse_closed(self) -> None:
        """NumericalError when fluid from the needle has no way out at all."""
        ax, ay, az, _ = self.fine
        n = np.arange(ax.size)
        pairs = [(n[g > 0.0], n[g > 0.0] + step) for g, step in zip((ax, ay, az), (*self.strides, 1), strict=True)]
        row, column = (np.concatenate([pair[end] for pair in pairs]) for end in (0, 1))
        _, region = connected_components(coo_array((np.ones(row.size), (row, column)), shape=(n.size, n.size)))
        of_source, open_cells = region[self.source_share > 0.0], region[self.exits.cells[self.exits.conductance > 0.0]]
        if not np.isin(of_source, open_cells).all():
            raise NumericalError(
                563,
                "flow",
                "marrow has no way out of the bone around the needle's opening",
                "one opening",
                "move the tip",
            )


def _lengths(medium: Medium) -> tuple[float, ...]:
    """Cell sizes over the root of the mean permeability along each axis."""
    inside = medium.pore_volume_mm3 > 0.0
    if not inside.any():
        return medium.spacing_mm
    # Geometric: clefts and shells differ by decades, their direction is no one's.
    mean = [float(np.exp(np.log(np.maximum(k[inside], 1e-300)).mean())) for k in medium.permeability_mm2]
    return tuple(h / np.sqrt(k / max(mean)) for h, k in zip(medium.spacing_mm, mean, strict=True))


def _norm(values: Array) -> float:
    """Without the linear algebra library, whose sums depend on its threads."""
    return float(np.sqrt((values * values).sum()))
