"""The registry of flow solvers: one function and one line each; every problem of `verify` then runs on it."""

from __future__ import annotations

from typing import Protocol

from pedicle.injection.explicit import advance_explicit
from pedicle.injection.options import FlowOptions
from pedicle.injection.ordered import advance_ordered
from pedicle.model.errors import InputError
from pedicle.model.flow import FlowState, Fluids, Source
from pedicle.model.medium import Medium


class Solver(Protocol):
    """State in, state out: see `injection.flow.advance_flow`, which has checked rate and time."""

    def __call__(
        self,
        medium: Medium,
        source: Source,
        fluids: Fluids,
        state: FlowState,
        rate_mm3_s: float,
        until_s: float,
        options: FlowOptions,
    ) -> FlowState:
        """The state at `until_s`."""


SOLVERS: dict[str, Solver] = {"ordered": advance_ordered, "explicit": advance_explicit}


def solver(name: str) -> Solver:
    """The solver of a name; InputError when there is none."""
    if name not in SOLVERS:
        raise InputError(567, "flow", f"solver {name!r}", "one of " + ", ".join(SOLVERS), "choose one of these")
    return SOLVERS[name]
