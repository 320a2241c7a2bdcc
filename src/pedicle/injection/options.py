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
