"""The default solver: pressure by multigrid, cement by one implicit sweep in the order of falling pressure.

A step is: viscosity from age and shear, pressure with those mobilities, the time the front needs to cross a cell, the sweep.
"""

from __future__ import annotations

import numpy as np

from pedicle.injection.active_box import next_box, whole
from pedicle.injection.options import FlowOptions
from pedicle.injection.pressure import BoxSystem, Indices
from pedicle.injection.run import Run
from pedicle.kernels import flow_system, flow_transport
from pedicle.model.flow import Array, FlowState, Fluids, Source
from pedicle.model.medium import Medium

# Pressure at the opening that a further turn of viscosity and pressure need not change by more.
SETTLED = 2e-3
# Flow through the box's sides, of the needle's, that what lies beyond may fail to pass on: a vein in the box that cement closes
# turns the marrow elsewhere, and pressure beyond must follow.
ASTRAY = 0.02
# Change of a cell's share of cement in a step: below the first the next step may be twice as long in lumens, up to so many times
# what the front needs there; above the second it is shortened again.
STEADY, RESTLESS, MOST_STRETCH = 0.1, 0.3, 32.0


def advance_ordered(
    medium: Medium,
    source: Source,
    fluids: Fluids,
    state: FlowState,
    rate_mm3_s: float,
    until_s: float,
    options: FlowOptions,
) -> FlowState:
    """A `Solver` of `injection.solvers`."""
    return _Ordered(medium, source, fluids, state, rate_mm3_s, options).advance(until_s)


class _Ordered(Run):
    """Systems of the boxes seen in this run are kept, because assembling needs their memory again."""

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
        self.systems: dict[bytes, BoxSystem] = {}

    def flow(self, left_s: float) -> float:
        """See `Run.flow`."""
        system = self._solve()
        limit = self._limit_s(system)
        # As many equal steps as the front needs at its present speed, of which this is the first.
        dt = left_s / _parts(left_s / limit)
        cells = np.flatnonzero(system.cell_of >= 0)
        order, there = cells[np.argsort(-self.pressure[cells])], system.cell_of[cells]
        sweeps = _parts(self.options.sweeps * dt / limit)
        before = self.fields.saturation.ravel()[there]
        for _ in range(sweeps):
            self._carry(system, order, dt / sweeps)
        self._pace(dt / limit, float(np.abs(self.fields.saturation.ravel()[there] - before).max()))
        return dt

    def _pace(self, used: float, changed: float) -> None:
        """How much longer than it needs for a lumen's cell the next step's front may go, after one that changed cells so much.

        Cement that runs through a vein crosses the cells there fast, in a lumen narrower than they are, and changes them little.
        """
        if changed > RESTLESS:
            self.stretch = max(0.25 * self.stretch, 1.0)
        elif changed < STEADY and used >= 0.5:
            self.stretch = min(2.0 * self.stretch, MOST_STRETCH)

    def _system(self, box: Indices) -> BoxSystem:
        key = box.tobytes()
        if key not in self.systems:
            self.systems[key] = BoxSystem(self.medium, self.openings, self.source, box)
        return self.systems[key]

    def _solve(self) -> BoxSystem:
        """The system of this step, solved: of the whole grid when the box is drawn anew, else of the box."""
        domain = whole(self.medium)
        box, is_new = next_box(self.medium, self.source, self.fields, self.box, self.options)
        system = self._solved(domain if is_new else box)
        if not is_new and system.astray(self.fields) > ASTRAY * self.rate:
            is_new, system = True, self._solved(domain)
        if is_new:
            self.box, self.far_outflow = box, _far_outflow(system, box, len(self.medium.outlets))
        return system

    def _solved(self, box: Indices) -> BoxSystem:
        """Response and base in a box of cells."""
        system = self._system(box)
        for _ in range(self.picards()):
            if self._solve_once(system):
                break
        self.iterations += system.solve_base(self.fields, self.options)
        return system

    def _solve_once(self, system: BoxSystem) -> bool:
        """Viscosity of the last flow, pressure, flow; answers whether another time would change little."""
        fields = self.fields
        before = float(fields.response.ravel()[self.source.cells] @ self.source.weights)
        fields.face_inverse = self.viscosity.at_faces(
            fields.saturation, self.scalars, fields.pressure, self.fluxes, self.t_s
        )
        system.assemble(fields)
        used = system.solve_response(fields, self.options)
        self.iterations, self.most_iterations = self.iterations + used, max(self.most_iterations, used)
        if not self.fluids.shear_dependent:
            return True
        pressure = system.base + self.rate * system.response
        flow_system.set_fluxes(system.box, system.fine, pressure, self.fluxes)
        self.viscosity.at_cells(fields.saturation, self.scalars, self.fluxes, self.t_s, fields.inverse)
        after = float(fields.response.ravel()[self.source.cells] @ self.source.weights)
        return abs(after - before) <= SETTLED * abs(after)

    def refresh(self) -> None:
        """See `Run.refresh`."""
        self._solve()

    def _limit_s(self, system: BoxSystem) -> float:
        """Seconds in which the front crosses as much of its fastest cell as a step may."""
        self.pressure = system.base + self.rate * system.response
        volume = self.volume.ravel().copy()
        volume[self.medium.lumen_cells] *= self.stretch
        crossing = flow_transport.front_step_s(
            system.strides, system.fine, self.pressure, system.cell_of, volume,
            self.fields.saturation.ravel(), system.source_share, self.rate,
        )  # fmt: skip
        return float(self.options.courant * crossing)

    def _carry(self, system: BoxSystem, order: Indices, dt: float) -> None:
        outlets = len(self.medium.outlets)
        cement, everything = np.zeros(outlets + 1), np.zeros(outlets + 1)
        work = np.empty((2, self.pressure.size))
        work[0], work[1] = 1.0, -1.0
        exits = system.exits.at_rate(self.rate)
        stuck = flow_transport.carry(
            order, system.strides, system.fine, self.pressure, system.cell_of, self.volume.ravel(),
            self.fields.saturation.ravel(), self.scalars.reshape(len(self.scalars), -1), self._ratio(),
            system.source_share, self.rate, np.array(self.fluids.inlet(self.t_s), float),
            exits, cement, everything, work, dt,
        )  # fmt: skip
        everything += self._marrow_alone(system, work[1], (self.rate - stuck) * dt - float(everything.sum()), dt)
        self.injected += self.rate * dt
        self.out_cement += cement[:outlets]
        self.out_marrow += (everything - cement)[:outlets] + (everything - cement)[outlets] * self.far_outflow
        self.check_balance(stuck * dt, everything)

    def _marrow_alone(self, system: BoxSystem, share: Array, due: float, dt: float) -> Array:
        """What marrow's cells, which the sweep has not visited, pass out, mm3 by outlet: the solved flow, its way out scaled so
        that all of it is `due`."""
        exits = system.exits
        outside = exits.base + self.rate * exits.response
        flow = exits.conductance * (self.pressure[exits.cells] - outside) * dt * (share[exits.cells] < 0.0)
        out, back = np.maximum(flow, 0.0), np.minimum(flow, 0.0)
        total = float(out.sum())
        factor = (due - float(back.sum())) / total if total > 0.0 else 0.0
        return np.asarray(np.bincount(exits.outlet, factor * out + back, minlength=len(self.medium.outlets) + 1), float)

    def _ratio(self) -> Array:
        return (self.medium.marrow_viscosity_pa_s * self.fields.inverse).ravel()


def _parts(times: float) -> int:
    """Equal parts none of which is longer than a limit that fits in so many times."""
    return max(1, int(np.ceil(times - 1e-9)))


def _far_outflow(system: BoxSystem, box: Indices, outlets: int) -> Array:
    """Share of each outlet in what leaves through outlets beyond the box, by the response to the needle's flow."""
    exits = system.exits
    flow = exits.conductance * system.response[exits.cells]
    # Closed cells pass nothing on, wherever they lie.
    cells = np.maximum(system.cell_of[exits.cells], 0)
    at = np.stack(np.unravel_index(cells, system.medium.pore_volume_mm3.shape))
    beyond = ~((at >= box[:, :1]) & (at < box[:, 1:])).all(axis=0)
    shares = np.bincount(exits.outlet[beyond], flow[beyond], minlength=outlets)
    return np.asarray(shares / shares.sum() if shares.sum() > 0.0 else shares)
