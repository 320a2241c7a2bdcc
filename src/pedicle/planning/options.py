"""Options of `plan`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options


@options
class PlanOptions:
    """How needles are planned."""

    levels: str = "fractured"
    """Levels to plan: names as L1,L3, or fractured, or all."""
    purpose: Literal["plan", "rehearse", "train"] = "rehearse"
    """What the plan is for; plan needs levels named by the user."""
    needles: Literal["auto", "one", "two"] = "auto"
    """One needle to the middle of the body, or one on each side; auto recommends with reasons."""
    gauge: int | None = None
    """Needle gauge; chosen from the catalogue when not given."""
    longest_needle_mm: Annotated[float, Field(ge=50, le=300)] | None = None
    """Longest needle in the room, mm; the catalogue's longest when not given."""
    entry_error_mm: Annotated[float, Field(ge=0, le=5)] = 1.5
    """Placement error at the entry, 1 SD per axis, mm."""
    direction_error_deg: Annotated[float, Field(ge=0, le=10)] = 3.0
    """Placement error in direction, 1 SD per axis, deg."""
    bending: Annotated[float, Field(ge=0, le=20)] = 1.0
    """Bending of the needle, 1 SD: 1 as a bevelled needle of its size in gel, 0 for a rigid one."""
    segmentation_error_mm: Annotated[float, Field(ge=0, le=3)] | None = None
    """Label boundary error, 1 SD, mm; from the voxel size when not given."""
    draws: Annotated[int, Field(ge=500, le=100_000)] = 4000
    """Monte Carlo draws a trajectory."""
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 1
    """Seed of the placement draws."""
