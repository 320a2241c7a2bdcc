"""Options of `measure`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """How vertebrae are measured."""

    field_spacing_mm: Annotated[
        float, Field(ge=0.4, le=1.5, description="Spacing of each vertebra's own grid, mm.")
    ] = 0.75
    sex: Annotated[Literal["F", "M"] | None, Field(description="Norms to grade against; both when not stated.")] = None
    calibration: Annotated[Literal["auto", "asynchronous", "internal"], Field(description="How HU become density.")] = (
        "auto"
    )
