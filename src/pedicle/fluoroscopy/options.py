"""Options of `shoot`, of pictures and of registration: one object each, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options

ViewName = Literal["bulls-eye", "ap", "lateral", "true-ap", "true-lateral", "oblique", "level-count"]


@options
class ShotOptions:
    """Which picture is taken."""

    view: ViewName = "bulls-eye"
    """View; bulls-eye looks down the planned needle, oblique is the Scottie dog of the side."""
    level: str | None = None
    """Level; the first level with a recommended needle when not given."""
    side: Literal["left", "right"] | None = None
    """Side of the needle; the recommended one when not given."""
    at: str | None = None
    """Needle's depth: docking, posterior-wall, target, mm from the bone entry, or stay (as the log has it); target if planned."""
    lying: Literal["prone", "supine"] = "prone"
    """How the patient lies: the detector is above."""
    first: Literal["head", "feet"] = "head"
    """Which end of the patient lies at the table's head."""
    dicom: bool = False
    """Also write the picture as DICOM X-Ray Angiographic Image."""


@options
class ExpectedOptions:
    """The expected pictures of the report."""

    pixels: Annotated[int, Field(ge=128, le=1024)] = 384
    """Rows and columns of an expected picture."""
    field_mm: Annotated[float, Field(ge=60, le=400)] = 180.0
    """Side of the collimated field on the detector, mm."""


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
    harmonisation: Annotated[float, Field(ge=0, le=0.9)] = 0.6
    """Part of what changes slowly over the picture (flank to spine) that the machine takes out before the window."""
    window: Annotated[float, Field(gt=0, le=12)] | None = None
    """Width of the display window in natural logarithms of the signal; from the spread in the measuring field when not given."""
    brightness: Annotated[float, Field(gt=0, lt=1)] = 0.55
    """Grey of the median in the measuring field, 0 black to 1 white."""
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of the noise."""


@options
class RegistrationOptions:
    """How a vertebra is found in X-ray pictures."""

    reach_mm: Annotated[float, Field(ge=0, le=60)] = 20.0
    """How far from the start the vertebra is looked for, mm; half the distance of two levels is safe."""
    reach_deg: Annotated[float, Field(ge=0, le=60)] = 25.0
    """A turn against the start beyond this is no answer, deg."""
    finest_mm: Annotated[float, Field(gt=0.05, le=3)] = 0.75
    """Pixels are joined to about this size at the vertebra, mm."""
    starts: Annotated[int, Field(ge=1, le=40)] = 10
    """Places from which the climb begins."""
    distance_error_mm: Annotated[float, Field(ge=0, le=50)] = 3.0
    """Error of the stated distance source to detector, 1 SD, mm; widens the answer's covariance."""
    minimum_similarity: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Least correlation of edges at the end; below it the answer is refused."""
    apart_mm: Annotated[float, Field(gt=0, le=20)] = 3.0
    """Two ends farther apart than this are two answers, mm."""
    iterations: Annotated[int, Field(ge=1, le=200)] = 25
    """Most steps of the climb at each fineness."""
