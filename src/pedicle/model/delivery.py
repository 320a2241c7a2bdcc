"""Cement on its way from the mixing bowl to the tip: what the line is, what is done to it, how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.cannula import Cannula, Plug
from pedicle.model.cement import Cement
from pedicle.model.errors import InputError
from pedicle.model.syringe import Syringe

PushKind = Literal["travel", "flow", "force", "stylet"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A syringe or pump, a cannula and the cement in them.

    `inserted_mm` of the cannula lie in the body and have its temperature `body_c`, the rest has `room_c`. Filled syringes
    wait at `store_c` (room, refrigerator or ice bath); powder, liquid and bowl had `batch_c` when they were mixed.
    """

    syringe: Syringe
    cannula: Cannula
    cement: Cement
    inserted_mm: float
    room_c: float = 22.0
    body_c: float = 37.0
    store_c: float = 22.0
    batch_c: float = 22.0


@dataclass(frozen=True)
class Push:
    """What the hand does, held until the next one: one of four, the others follow.

    travel : the plunger's speed in mm/s; 0 holds it where it is, and pressure goes on pressing cement out
    flow : what leaves the syringe, in mm3/s, whatever force that takes
    force : on the plunger, in N; 0 lets go, and the plunger springs back
    stylet : speed of the stylet in mm/s after the syringe was taken off: delivers what lies in the cannula
    """

    kind: PushKind
    value: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.value < float("inf"):
            raise InputError(
                482, "push", f"{self.kind} {self.value:g}", "from 0 on, finite", "give a value of 0 or more"
            )


@dataclass(frozen=True)
class TipResponse:
    """The bone's answer at the tip: pressure in Pa at a rate in mm3/s, and its slope d pressure / d rate in Pa s/mm3.

    Without arguments the tip is in free air.
    """

    pressure_pa: float = 0.0
    rate_mm3_s: float = 0.0
    slope_pa_s_mm3: float = 0.0

    def __post_init__(self) -> None:
        if not self.slope_pa_s_mm3 >= 0.0:
            raise InputError(
                482, "tip", f"slope {self.slope_pa_s_mm3:g} Pa s/mm3", "0 or more", "check the response of the bone"
            )

    @property
    def at_rest_pa(self) -> float:
        """Pressure the line through the given point reaches at no flow."""
        return self.pressure_pa - self.slope_pa_s_mm3 * self.rate_mm3_s


@dataclass(frozen=True, eq=False, kw_only=True)
class DeliveryState:
    """How the line stands at `t_s`.

    Volumes in ml add up: `loaded_ml` = `syringe_ml` + `in_cannula_ml` + `injected_ml` + `set_aside_ml` (left in syringes
    that were changed before they were empty). `injected_ml` left the tip.

    `rate_mm3_s` is the mean flow out of the tip over the last push, `tip_age_s` the mean equivalent age of what left then
    (None: nothing did). `pressure_pa` and `force_n` are the syringe's at `t_s`; `flow_mm3_s` the flow out of the syringe.
    `plunger_mm` is the travel of the present syringe's plunger, `withdrawn_mm` how far the needle was drawn back since the start
    (the track it leaves is the bone's affair), `syringes` how many were taken up.
    `stored_mm3` is what barrel and trapped air took up: it goes on pressing when the plunger stops.
    `limits` says in words what kept the flow below what was asked for, empty when nothing did.
    """

    t_s: float
    mixed_at_s: float
    hand_age_s: float
    hand_c: float
    syringe_ml: float
    plug: Plug
    ready_at_s: float
    injected_ml: float = 0.0
    set_aside_ml: float = 0.0
    loaded_ml: float = 0.0
    pressure_pa: float = 0.0
    force_n: float = 0.0
    flow_mm3_s: float = 0.0
    rate_mm3_s: float = 0.0
    tip_age_s: float | None = None
    stored_mm3: float = 0.0
    plunger_mm: float = 0.0
    stylet_ml: float = 0.0
    withdrawn_mm: float = 0.0
    syringes: int = 1
    limits: tuple[str, ...] = ()

    @property
    def in_cannula_ml(self) -> float:
        """Cement in hub and cannula."""
        return self.plug.volume_mm3 / 1e3

    @property
    def closure(self) -> float:
        """How far the volumes are from adding up, as a part of what was loaded."""
        held = self.syringe_ml + self.in_cannula_ml + self.injected_ml + self.set_aside_ml
        return (held - self.loaded_ml) / self.loaded_ml
