"""How an injection of one level stands: flow, delivery, what was measured on the way. Going on from a saved state gives
identical bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.delivery import DeliveryState
from pedicle.model.flow import FlowState
from pedicle.model.frames import Side
from pedicle.model.placed import PlacedNeedle

# Columns of `InjectionState.record`.
RECORD = ("t_s", "flow_mm3_s", "syringe_pa", "tip_pa", "injected_mm3", "leaked_mm3", "force_n")


@dataclass(frozen=True, eq=False)
class Portion:
    """What went in through one needle: when it began, from which side, what was in before; why it ended ("" = going on)."""

    began_s: float
    side: Side
    before_mm3: float
    mixed_s: float
    ended: str = ""


@dataclass(frozen=True, eq=False)
class InjectionState:
    """One level's injection.

    `needle` is where the cannula lies now; `delivery` belongs to it, and `used` holds the deliveries of needles before it.
    `record` (n, 7) has a row a step, its columns `RECORD`. `onset_s` (outlets,) is when each opening had let the least volume
    of a leak through, inf before. `mass_error` is the worst of flow and delivery, as a part of the injected volume.
    """

    level: str
    needle: PlacedNeedle
    flow: FlowState
    delivery: DeliveryState
    portions: tuple[Portion, ...]
    record: NDArray[np.float64]
    onset_s: NDArray[np.float64]
    used: tuple[DeliveryState, ...] = ()

    @property
    def injected_ml(self) -> float:
        """Volume out of the tips of all needles."""
        return self.flow.injected_mm3 / 1e3

    @property
    def going_on(self) -> bool:
        """Whether the present needle may still be pushed through."""
        return not self.portions[-1].ended
