"""Options of `measure`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options


@options
class MeasureOptions:
    """How vertebrae are measured."""

    field_spacing_mm: Annotated[float, Field(ge=0.4, le=1.5)] = 0.75
    """Spacing of each vertebra's own grid, mm."""
    sex: Literal["F", "M"] | None = None
    """Norms to grade against; both are reported when it is not stated."""
    calibration: Literal["auto", "asynchronous", "internal"] = "auto"
    """How HU become density."""
    slope_hu_per_mg_cm3: Annotated[float | None, Field(gt=0.3, lt=5.0)] = None
    """Slope of a phantom or of the scanner's own calibration, HU per mg/cm3 hydroxyapatite; it wins when given."""
    intercept_hu: Annotated[float, Field(ge=-50.0, le=50.0)] = 0.0
    """HU of water in that calibration."""
