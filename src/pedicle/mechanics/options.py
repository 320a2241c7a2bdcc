"""Options of `assess_strength`: one object a part."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options
from pedicle.model.strength import EndLayer, Plate


@options
class SolverOptions:
    """How a linear system is solved; every default is what the validation pages were measured with."""

    tolerance: Annotated[float, Field(gt=0, le=1e-3)] = 1e-6
    """Residual relative to that of the loaded but unmoved body."""
    most_iterations: Annotated[int, Field(ge=1, le=5000)] = 400
    """Iterations before a solve is given up as an error."""
    degree: Annotated[int, Field(ge=1, le=10)] = 3
    """Degree of the smoothing polynomial."""
    span: Annotated[float, Field(gt=1, le=100)] = 12.0
    """Greatest eigenvalue over the smallest one that smoothing reduces."""


@options
class PushOptions:
    """How an elastic-plastic push is computed."""

    steps: Annotated[int, Field(ge=1, le=500)] = 20
    """Equal steps of the plates' approach up to the end; around the greatest load they are cut in four."""
    tolerance: Annotated[float, Field(gt=0, le=0.1)] = 1e-2
    """Out of balance forces over the plates' forces, by their norms."""
    most_iterations: Annotated[int, Field(ge=1, le=5000)] = 400
    """Iterations in one step before the push is given up as an error."""
    memory: Annotated[int, Field(ge=1, le=50)] = 6
    """Earlier iterations that steer the next one."""


@options
class StrengthOptions:
    """How a level's stiffness and strength are computed."""

    law: str = "kopperdahl2002-in-place"
    """Law from density to elasticity: a name of the catalogue."""
    cell_mm: Annotated[float, Field(ge=0.4, le=2.5)] = 1.0
    """Cell of the model, mm."""
    end_layer: EndLayer = "pmma"
    """What presses on the endplates: a cast of acrylic, as in the laboratory, or a disc."""
    plate: Plate = "bonded"
    """How the plates may move: held, frictionless, or held to the layer and free to tilt."""
    analysis: Literal["screen", "plastic"] = "screen"
    """Strength as the load at 0.2 percent strain of a linear model, or of an elastic-plastic push."""
    curve: Annotated[int, Field(ge=0, le=40)] = 0
    """Fills of a curve of stiffness and load against millilitres of cement, up to twice the level's own; 0 = no curve."""
    neighbours: bool = True
    """Press on the level together with the vertebrae above and below it and their discs."""
    neighbours_cell_mm: Annotated[float, Field(ge=0.8, le=2.5)] = 1.5
    """Cell of the model of three vertebrae, mm."""
    solver: SolverOptions = SolverOptions()
    """How linear systems are solved."""
    push: PushOptions = PushOptions()
    """How the elastic-plastic push is computed."""
