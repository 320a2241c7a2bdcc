"""What every flow solver does in a step beside its numerics: viscosity, setting, ageing, balance, the tip's answer.

What has set leaves the mobile fluid for good: it narrows pores and faces by the share it fills.
"""

from __future__ import annotations

import numpy as np

from pedicle.injection.gravity import LONGEST_REST_S, Sinking, has_weight
from pedicle.injection.options import FlowOptions
from pedicle.injection.pressure import Fields, Openings
from pedicle.injection.source import opening_drop_pa
from pedicle.injection.viscosity import TRACE, Viscosity, inlet_inverse
from pedicle.kernels import flow_transport
from pedicle.model.errors import NumericalError, RefusedError
from pedicle.model.flow import Array, FlowState, Fluids, Source
from pedicle.model.medium import Medium

# Less than this of a cell's pores left open counts as closed: set cement seals it.
LEAST_OPEN = 0.05
# Balance that each step must keep, and flow that may find no way on, as a fraction of what is injected.
BALANCE, STUCK = 1e-6, 1e-3
# Number of the error of an opening without a way out.
SEALED = 563
# Pressure solves of the very first step where viscosity depends on shear that no flow has shown yet.
FIRST_PICARD = 8


class Run:
    """The working copy of a state between two times at one rate; a solver adds `flow`."""

    def __init__(
        self,
        medium: Medium,
        source: Source,
        fluids: Fluids,
        state: FlowState,
        rate: float,
        options: FlowOptions,
    ) -> None:
        self.medium, self.source, self.fluids, self.options, self.rate = medium, source, fluids, options, rate
        self.before = state
        self.openings = Openings.of(medium)
        self.viscosity = Viscosity(medium, fluids)
        self.t_s, self.injected, self.steps = state.t_s, state.injected_mm3, state.steps
        self.iterations, self.most_iterations, self.error = state.iterations, state.most_iterations, state.balance_error
        self.set_share, self.set_scalars = state.set_saturation.copy(), state.set_scalars.copy()
        self.scalars = state.scalars.copy()
        fx, fy, fz = state.fluxes_mm3_s
        self.fluxes = fx.copy(), fy.copy(), fz.copy()
        self.out_cement, self.out_marrow = state.outflow_cement_mm3.copy(), state.outflow_marrow_mm3.copy()
        self.box, self.far_outflow, self.stretch = state.box, state.far_outflow, state.stretch
        self.tip, self.slope = state.tip_pressure_pa, state.tip_slope_pa_s_mm3
        shape = medium.pore_volume_mm3.shape
        self.fields = Fields(
            response=state.response_pa_s_mm3.copy(),
            base=state.base_pa.copy(),
            rate=rate,
            saturation=np.zeros(shape),
            open_share=np.zeros(shape),
            inverse=np.zeros(shape),
            face_inverse=(np.zeros((0, 0, 0)),) * 3,
            inverse_marrow=1.0 / medium.marrow_viscosity_pa_s,
        )
        self.sinking = Sinking(medium, fluids, self.fields.inverse_marrow) if has_weight(fluids) else None
        self._open_up(state.saturation)

    def _open_up(self, total: Array) -> None:
        """Pores and mobile share that set cement leaves."""
        left = np.where(self.medium.pore_volume_mm3 > 0.0, 1.0 - self.set_share, 0.0)
        self.fields.open_share[:] = np.where(left >= LEAST_OPEN, left, 0.0)
        self.volume = self.medium.pore_volume_mm3 * left
        self.fields.saturation[:] = np.where(
            left > 0.0, (total - self.set_share) / np.where(left > 0.0, left, 1.0), 0.0
        )

    @property
    def total_saturation(self) -> Array:
        """Mobile and set cement in the share of all pores."""
        return self.set_share + self.fields.saturation * np.where(
            self.medium.pore_volume_mm3 > 0.0, 1.0 - self.set_share, 0.0
        )

    def advance(self, until_s: float) -> FlowState:
        """The state at a time."""
        while self.t_s < until_s:
            self._update_viscosity()
            left_s = until_s - self.t_s
            if self.rate == 0.0 and not self.openings.unequal:
                dt = min(left_s, LONGEST_REST_S) if self.sinking else left_s
                self._rest(dt, dt < left_s)
            else:
                self._step(left_s)
            # Rounding leaves no step of no length behind.
            if until_s - self.t_s <= 1e-13 * abs(until_s):
                self.t_s = until_s
        return self.state()

    def _step(self, left_s: float) -> None:
        if self.rate > 0.0 and self._is_blocked():
            raise RefusedError(
                565, "flow", "the needle's opening lies in set cement", "mobile cement or marrow", "move the needle"
            )
        self._pass_time(self.flow(left_s))
        self.steps += 1
        self._answer()

    def _rest(self, dt: float, goes_on: bool) -> None:
        """Time without flow; what has thickened meanwhile is in the slope that the next push meets, once the rest is over."""
        self._pass_time(dt)
        if goes_on:
            return
        self._update_viscosity()
        if self._is_blocked():
            return
        try:
            self.refresh()
        except NumericalError as sealed:
            # Set cement all about the opening: nothing flows now, and the next push is refused with the same words.
            if sealed.code != SEALED:
                raise
            return
        self._answer()

    def refresh(self) -> None:
        """Response and base for the present mobilities."""
        raise NotImplementedError

    def flow(self, left_s: float) -> float:
        """One step of at most so many seconds: pressures, saturation, scalars, what left; answers the seconds it took."""
        raise NotImplementedError

    def _update_viscosity(self) -> None:
        fields = self.fields
        self.viscosity.at_cells(fields.saturation, self.scalars, self.fluxes, self.t_s, fields.inverse)
        just_set = (fields.inverse == 0.0) & (fields.saturation > TRACE)
        if just_set.any():
            self._set(just_set)

    def _set(self, where: Array) -> None:
        """Mobile cement of these cells sets: it leaves the pores' open share with its scalars."""
        fields, total = self.fields, self.total_saturation
        gained = np.where(where, total - self.set_share, 0.0)
        whole_share = self.set_share + gained
        weight = np.where(whole_share > 0.0, gained / np.where(whole_share > 0.0, whole_share, 1.0), 0.0)
        self.set_scalars += weight * (self.scalars - self.set_scalars)
        self.scalars[:, where] = 0.0
        self.set_share = whole_share
        fields.inverse[where] = inlet_inverse(self.fluids, self.t_s)
        self._open_up(total)

    def _is_blocked(self) -> bool:
        """Whether set cement closes the opening, or what is in the needle has set."""
        is_open = bool((self.fields.open_share.ravel()[self.source.cells] > 0.0).all())
        return not is_open or inlet_inverse(self.fluids, self.t_s) == 0.0

    def picards(self) -> int:
        """Pressure solves of this step."""
        if not self.fluids.shear_dependent:
            return 1
        return self.options.picard if self.steps else max(self.options.picard, FIRST_PICARD)

    def check_balance(self, stuck: float, everything: Array) -> None:
        """NumericalError when cement is lost or made, or fluid is pressed into cells that have no way out."""
        found = flow_transport.cement_mm3(self.volume.ravel(), self.fields.saturation.ravel())
        if self.set_share.any():
            found += flow_transport.cement_mm3(self.medium.pore_volume_mm3.ravel(), self.set_share.ravel())
        error = (
            abs(self.injected - found - float(self.out_cement.sum())) / self.injected if self.injected > 0.0 else 0.0
        )
        self.error = max(self.error, error)
        lost = stuck / float(np.abs(everything).sum()) if stuck > 0.0 else 0.0
        if error > BALANCE or lost > STUCK:
            raise NumericalError(
                562, "flow", f"balance open by {error:.1e}, {lost:.1e} of the flow has no way on", f"{BALANCE:.0e}, {STUCK:.0e}",
                "shorten the step or lower the tolerance",
            )  # fmt: skip

    def _pass_time(self, dt: float) -> None:
        if self.sinking:
            fields = self.fields
            flat = fields.saturation.ravel(), fields.inverse.ravel(), fields.open_share.ravel()
            self.sinking.sink(self.volume.ravel(), flat, self.scalars.reshape(len(self.scalars), -1), dt)
            self.check_balance(0.0, np.ones(1))
        self._age(dt)

    def _age(self, dt: float) -> None:
        growth = np.array(self.fluids.growth_per_s)[:, None, None, None] * dt
        self.scalars += growth * (self.fields.saturation > 0.0)
        self.set_scalars += growth * (self.set_share > 0.0)
        self.t_s += dt

    def _answer(self) -> None:
        """Pressure at the opening and its slope by the rate."""
        cells, weights, fields = self.source.cells, self.source.weights, self.fields
        base, response = (float(values.ravel()[cells] @ weights) for values in (fields.base, fields.response))
        share = float(np.clip(fields.saturation.ravel()[cells] @ weights, 0.0, 1.0))
        mixture = (share, self.medium.marrow_viscosity_pa_s)
        asked = self.rate if self.rate > 0.0 else 1.0
        drop = opening_drop_pa(self.source, self.fluids, mixture, asked, self.t_s) / asked
        self.slope = response + drop
        self.tip = base + self.rate * self.slope

    def state(self) -> FlowState:
        """What is kept."""
        return FlowState(
            t_s=self.t_s,
            saturation=self.total_saturation,
            set_saturation=self.set_share,
            scalars=self.scalars,
            set_scalars=self.set_scalars,
            response_pa_s_mm3=self.fields.response,
            base_pa=self.fields.base,
            fluxes_mm3_s=self.fluxes,
            rate_mm3_s=self.rate,
            injected_mm3=self.injected,
            outflow_cement_mm3=self.out_cement,
            outflow_marrow_mm3=self.out_marrow,
            tip_pressure_pa=self.tip,
            tip_slope_pa_s_mm3=self.slope,
            steps=self.steps,
            iterations=self.iterations,
            most_iterations=self.most_iterations,
            balance_error=self.error,
            box=self.box,
            far_outflow=self.far_outflow,
            stretch=self.stretch,
        )
