"""What a body of this level and sex should measure, and how people scatter about it (data/morphometry/heights.toml)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.sourced import quantity, remembered, table

_FILE = "morphometry/heights"
Sex = Literal["F", "M"]


@dataclass(frozen=True)
class Spread:
    """Scatter of log heights (1 SD): between people, of a person's profile, of single levels and single heights."""

    body_size: float
    wedge: float
    concavity: float
    drift: float
    level: float
    station: float


def has_norm(level: str) -> bool:
    """Whether heights are tabulated for a level."""
    return level in table(_FILE)["posterior"]


def norm_heights_mm(level: str, sex: Sex | None = None) -> NDArray[np.float64]:
    """Anterior, middle and posterior height of an intact body, mm; the mean of both sexes when none is stated.

    Stations as in `Heights`. KeyError where no norm is tabulated.
    """
    anterior, posterior = (quantity(_FILE, place, level).value for place in ("anterior", "posterior"))
    middle = 0.5 * (anterior + posterior) - quantity(_FILE, "spread", "concavity").value
    factor = 1.0 if sex is None else quantity(_FILE, "sex", sex).value
    return factor * np.array([anterior, middle, posterior])


@remembered
def spread(sex: Sex | None = None) -> Spread:
    """Scatter about the norms; wider between people when the sex is not stated."""
    percent = {name: quantity(_FILE, "spread", name).value / 100.0 for name in table(_FILE)["spread"]}
    size = percent["body_size"] if sex else float(np.hypot(percent["body_size"], percent["sex_unknown"]))
    concavity = quantity(_FILE, "spread", "concavity_sd").value / 24.0
    return Spread(size, percent["wedge"], concavity, percent["drift"], percent["level"], percent["station"])
