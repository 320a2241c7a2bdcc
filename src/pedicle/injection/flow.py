"""Two-phase flow of cement and marrow through bone: state in, state out.

    state = start_flow(medium, source, fluids)
    state = advance_flow(medium, source, fluids, state, rate_mm3_s, until_s)

`rate_mm3_s` is what leaves the needle's opening, constant until `until_s`; `state.tip_pressure_pa` and
`state.tip_slope_pa_s_mm3` are the medium's answer, which a compliant syringe needs.
"""

from __future__ import annotations

from pedicle.injection.options import FlowOptions
from pedicle.injection.solvers import solver
from pedicle.injection.source import ball_source, points_source
from pedicle.injection.start import start_flow
from pedicle.model.errors import InputError
from pedicle.model.flow import FlowState, Fluids, Source
from pedicle.model.medium import Medium

__all__ = [
    "FlowOptions",
    "FlowState",
    "Fluids",
    "Source",
    "advance_flow",
    "ball_source",
    "points_source",
    "start_flow",
]

DEFAULTS = FlowOptions()


def advance_flow(
    medium: Medium,
    source: Source,
    fluids: Fluids,
    state: FlowState,
    rate_mm3_s: float,
    until_s: float,
    options: FlowOptions = DEFAULTS,
) -> FlowState:
    """The state at `until_s`, after a constant flow out of the needle; the solver divides the time as it must.

    With rate 0 cement only ages (and is moved by outlets of unequal pressure). The source may change between calls: a needle
    that is drawn back. InputError for a negative rate or a time that lies back; NumericalError (E561 to E565) when pressure
    does not converge, the balance opens, or the opening lies in set cement or has no way out.
    """
    if rate_mm3_s < 0.0 or until_s < state.t_s:
        raise InputError(
            560,
            "flow",
            f"rate {rate_mm3_s:g} mm3/s until {until_s:g} s",
            f"rate >= 0, time >= {state.t_s:g} s",
            "go on",
        )
    return solver(options.solver)(medium, source, fluids, state, rate_mm3_s, until_s, options)
