"""Options of `cure`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options


@options
class CureOptions:
    """How cement cures, and what carries its heat off."""

    duration: Annotated[float, Field(ge=60, le=86400)] = 3600.0
    """Time for which heat is computed after the end of the injection, s; conversion alone goes on to 24 hours."""
    surroundings: Literal["tissue", "bath"] = "tissue"
    """What lies around the vertebra: a body, or water as in a laboratory; without blood in the second."""
    perfusion: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Blood through tissue against what the data file says; 0 for none."""
    needle: Literal["out", "in"] = "out"
    """Whether the cannula stays in: its steel conducts."""
    cement_c: Annotated[float, Field(ge=0, le=45)] | None = None
    """Temperature of the cement as it leaves the needle, Celsius; when not given what the tissue around the cannula warms it to."""
    room_c: Annotated[float, Field(ge=0, le=35)] | None = None
    """Temperature of the room the cement comes from, Celsius; that of the injection when not given, else 22."""
    heat_factor: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Heat of this cement's reaction against what the data file says."""
    margin_mm: Annotated[float, Field(ge=4, le=60)] = 20.0
    """Tissue around the cement that is computed, mm; beyond it everything has the body's temperature."""
    change_k: Annotated[float, Field(gt=0, le=5)] = 1.0
    """Change of the temperature anywhere that a step aims at, kelvin."""
    longest_s: Annotated[float, Field(gt=0, le=120)] = 30.0
    """Longest step, s."""
