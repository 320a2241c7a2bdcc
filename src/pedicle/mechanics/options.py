"""Options of `assess_strength`: one object a part."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pedicle.model.options import options


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
