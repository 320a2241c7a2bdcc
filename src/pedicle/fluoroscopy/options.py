"""Options of `shoot` and of the report's expected pictures: one object each, read by the command line, the API and the docs."""

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
