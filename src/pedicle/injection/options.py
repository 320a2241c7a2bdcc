"""Options of the flow solver."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options


@options
class FlowOptions:
    """How flow is computed; every default is what the validation pages were measured with."""

    solver: str = "ordered"
    """Name in the registry of solvers: ordered, or explicit for the plain first-order reference."""
    courant: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Cells the front may cross in one step; 0.25 for the fine step, 1 for reports, 2 for the live view."""
    sweeps: Annotated[int, Field(ge=1, le=64)] = 4
    """Steps of the cement in a step of full length: they cost little and keep the front sharp."""
    tolerance: Annotated[float, Field(gt=0, le=1e-2)] = 1e-5
    """Residual of the pressure system, relative to its right-hand side."""
    most_iterations: Annotated[int, Field(ge=1, le=1000)] = 100
    """Iterations of a pressure solve before it is given up as an error."""
    picard: Annotated[int, Field(ge=1, le=20)] = 2
    """Pressure solves a step when viscosity depends on shear."""
    active_box: Literal["auto", "on", "off"] = "auto"
    """Solve pressure only around the cement; auto does so where cement is at least 20 times as viscous as marrow."""
    margin_cells: Annotated[int, Field(ge=2, le=50)] = 4
    """Cells between the cement and the side of the active box when the box is drawn anew."""
