"""Options of `report`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pedicle.model.options import options


@options
class ReportOptions:
    """How the report is drawn."""

    pixels_per_mm: Annotated[float, Field(ge=1, le=8)] = 3.5
    """Resolution of the CT pictures, pixels per mm of the patient."""
    jpeg_quality: Annotated[int, Field(ge=40, le=95)] = 82
    """Quality of the CT pictures, 40 to 95."""
    window_centre_hu: Annotated[float, Field(ge=-500, le=1500)] = 300.0
    """Centre of the grey window, HU."""
    window_width_hu: Annotated[float, Field(ge=100, le=5000)] = 1600.0
    """Width of the grey window, HU."""
