"""Options of `inject`: one object a part, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options

LawName = Literal["kozeny", "baroud", "nauman", "kohles_roberts"]
CellSize = Annotated[float, Field(ge=0.4, le=2.0)]


@options
class MediumOptions:
    """How bone becomes a body that fluid flows through."""

    spacing_mm: tuple[CellSize, CellSize, CellSize] = (1.0, 1.0, 1.0)
    """Size of a cell to the left, back and head, mm."""
    domain: Literal["body", "pedicles", "vertebra"] = "pedicles"
    """Where fluid can be: the body, the body with its pedicles, or the whole vertebra."""
    permeability: LawName = "kozeny"
    """Law from porosity to permeability."""
    permeability_factor: Annotated[float, Field(gt=0)] = 1.0
    """This bone's permeability against the law's."""
    marrow_factor: Annotated[float, Field(gt=0)] = 1.0
    """This marrow's viscosity against the mean."""


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
    """Solve pressure only around the cement; auto does so where cement is at least 5 times as viscous as marrow."""
    margin_cells: Annotated[int, Field(ge=2, le=50)] = 4
    """Cells between the cement and the side of the active box when the box is drawn anew."""


@options
class InjectOptions:
    """How cement is injected."""

    only: str | None = None
    """Planned levels to inject: names as L1,L3, or all; when not given those the plan was asked for by name, or the fractured ones."""
    cement: str = "medium-isrn2011"
    """Cement: a name of the catalogue."""
    volume: Annotated[float, Field(gt=0, le=20)] | None = None
    """Cement out of the needle in one level, ml; the planned volume when not given."""
    flow: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Flow asked of the syringe, ml/s; what flows is less where its force does not suffice."""
    syringe: str = "syringe-1ml"
    """Syringe or pump: a name of the catalogue."""
    portion: Annotated[float, Field(ge=0.05, le=5)] = 0.5
    """Cement between two looks at both views, ml."""
    pause: Annotated[float, Field(ge=0, le=600)] = 90.0
    """Wait after the first leak into a disc, beside the spine or into a local vein, s."""
    second: Literal["auto", "never"] = "auto"
    """A second needle when the fill falls short: as the advisor finds, or never."""
    stylet: bool = False
    """Push the stylet in at the end: the last of the volume is what lies in the cannula."""
    start: Annotated[float, Field(ge=0, le=1800)] | None = None
    """Time from mixing to the first push, s; the beginning of the cement's working time when not given."""
    room_c: Annotated[float, Field(ge=10, le=35)] = 22.0
    """Temperature of the room, in which cement is mixed and kept, Celsius."""
    cell_mm: Annotated[float, Field(ge=0.4, le=2)] = 1.0
    """Cell of the flow's grid, mm."""
    courant: Annotated[float, Field(ge=0.05, le=4)] = 1.0
    """Step of the flow: part of a cell that the front crosses; 0.25 is fine, 2 is quick."""
    permeability: LawName = "kozeny"
    """Law from porosity to permeability."""
    openings: Literal["drawn", "expected"] = "drawn"
    """Openings that a CT cannot show: drawn once from their probabilities, or all of them at their mean width, which leaks more often than a body does."""
    openings_seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of drawn openings and of the runs that show the spread."""
    runs: Annotated[int, Field(ge=0, le=2000)] = 0
    """Injections with bone, cement, openings and tip drawn from their spread: shows how likely a leak is; 0 for none, 100 for a report."""
    runs_cell_mm: Annotated[float, Field(ge=0.4, le=2)] = 1.5
    """Cell of the flow's grid in these runs, mm."""
