"""How far injections of one plan may differ: over bone, cement, openings and the needle's place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.notices import Notice
from pedicle.model.volume import Volume


@dataclass(frozen=True, eq=False)
class Spread:
    """Many simulated injections of one plan, none of them stopped for a leak.

    `volumes_ml` (k,) is what had left the needle; `leak_probability[route]` (k,) the share of the runs in which that route
    had let a leak through by then, "any" for any of them, "grave" for canal, foramen or a vein to cava or azygos.
    `fill_probability` (float32) is the share of runs in which a cell was at least half filled at the planned volume;
    `opening_probability` the share in which each opening leaked by then, with its route and place. `drawn` says in words
    what was varied and by how much. A probability p of n runs has the standard error sqrt(p (1 - p) / n).
    """

    level: str
    runs: int
    planned_ml: float
    volumes_ml: NDArray[np.float64]
    leak_probability: dict[str, NDArray[np.float64]]
    leaked_ml: dict[str, tuple[float, float, float]]
    opening_probability: tuple[tuple[str, str, str, float], ...]
    fill_probability: Volume
    drawn: tuple[str, ...]
    evidence: str
    warnings: tuple[Notice, ...] = ()
