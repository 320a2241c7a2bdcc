"""Options of `care`: one object, read by the command line, the API and the docs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pedicle.model.options import options

Sedatives = Literal["midazolam and fentanyl", "midazolam", "fentanyl", "none"]
AnaestheticName = Literal["lidocaine", "bupivacaine"]


@options
class CareOptions:
    """What is used at this place, and its own rows."""

    sedatives: Sedatives = "midazolam and fentanyl"
    """What is meant to be given; together both are given in smaller doses."""
    anaesthetic: AnaestheticName = "lidocaine"
    """Local anaesthetic of the budget."""
    percent: Annotated[float, Field(ge=0.1, le=4)] = 1.0
    """Its strength, percent: 1 is 10 mg in each ml."""
    adrenaline: bool = False
    """Whether it holds adrenaline."""
    local: Path | None = None
    """TOML file whose rows replace rows of the data by name, each with a source of its own."""
