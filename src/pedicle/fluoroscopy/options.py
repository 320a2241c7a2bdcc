"""Options of a picture: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options


@options
class PictureOptions:
    """How an X-ray picture is made from what is in the beam."""

    polarity: Literal["dark bone", "white bone"] = "dark bone"
    """Bone dark as on a fluoroscope, or white as on a film."""
    field_width_mm: Annotated[float, Field(gt=0)] | None = None
    """Opening of the collimator along a row, on the detector, mm; the whole detector when not given."""
    field_height_mm: Annotated[float, Field(gt=0)] | None = None
    """Opening of the collimator down a column, on the detector, mm; the whole detector when not given."""
    iris_mm: Annotated[float, Field(gt=0)] | None = None
    """Diameter of a round iris on the detector, mm; none when not given."""
    air_gap_mm: Annotated[float, Field(ge=0, le=1000)] = 150.0
    """Air between patient and detector, mm; more of it, less scatter."""
    grid: bool = True
    """Whether an anti-scatter grid is in front of the detector."""
    scatter: bool = True
    """Whether scattered radiation and glare reach the detector."""
    blur_mm: Annotated[float, Field(ge=0, le=3)] | None = None
    """Blur of detector and focal spot, 1 SD on the detector, mm; from the data file when not given."""
    noise: bool = True
    """Whether the picture has quantum and electronic noise."""
    noise_reduction: Annotated[float, Field(ge=0, le=0.95)] = 0.4
    """Part of the picture before that the machine mixes into each picture; the detector's own lag comes on top."""
    window: Annotated[float, Field(gt=0, le=12)] | None = None
    """Width of the display window in natural logarithms of the signal; from the spread in the field when not given."""
    brightness: Annotated[float, Field(gt=0, lt=1)] = 0.55
    """Grey of the median in the field, 0 black to 1 white."""
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of the noise."""
