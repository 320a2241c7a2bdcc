"""Options of `plan`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How needles are planned."""

    levels: Annotated[str, Field(description="Levels to plan: names as L1,L3, or fractured, or all.")] = "fractured"
    purpose: Annotated[
        Literal["plan", "rehearse", "train"],
        Field(description="What the plan is for; plan needs levels named by the user."),
    ] = "rehearse"
    gauge: Annotated[int | None, Field(description="Needle gauge; chosen from the catalogue when not given.")] = None
    entry_error_mm: Annotated[
        float, Field(ge=0, le=5, description="Placement error at the entry, 1 SD per axis, mm.")
    ] = 1.5
    direction_error_deg: Annotated[
        float, Field(ge=0, le=10, description="Placement error in direction, 1 SD per axis, deg.")
    ] = 3.0
    segmentation_error_mm: Annotated[
        float | None,
        Field(ge=0, le=3, description="Label boundary error, 1 SD, mm; from the voxel size when not given."),
    ] = None
    draws: Annotated[int, Field(ge=500, le=100_000, description="Monte Carlo draws a trajectory.")] = 4000
    seed: Annotated[int, Field(ge=0, description="Seed of the placement draws.")] = 1
