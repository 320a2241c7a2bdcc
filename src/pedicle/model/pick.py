"""A needle's tip as picked in one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TipPick:
    """Tip and run of a needle in one picture, in pixels (column, row); or why there is none.

    `covariance_px2` (2, 2) is the tip's. `forward` is the unit direction in the picture from the hub to the tip, `turn_sd_deg`
    1 SD of it. `contrast` is the needle's attenuation above its surroundings (natural logarithm). When the needle was not
    found the other fields are None and `reason` says why.
    """

    pixel: NDArray[np.float64] | None = None
    covariance_px2: NDArray[np.float64] | None = None
    forward: NDArray[np.float64] | None = None
    turn_sd_deg: float | None = None
    contrast: float | None = None
    reason: str = ""

    @property
    def found(self) -> bool:
        """Whether there is a tip."""
        return self.pixel is not None
