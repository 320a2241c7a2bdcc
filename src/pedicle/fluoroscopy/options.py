"""Options of `register`: one object, read by the API and the docs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pedicle.model.options import options


@options
class RegistrationOptions:
    """How a vertebra is found in X-ray pictures."""

    reach_mm: Annotated[float, Field(ge=0, le=60)] = 20.0
    """How far from the start the vertebra is looked for, mm; half the distance of two levels is safe."""
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
