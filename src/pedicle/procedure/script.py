"""The scripted operator's numbers: what a policy does and how long things take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pedicle.model.operator import Policy, ScriptOptions
from pedicle.model.sourced import quantity

_FILE = "operation/operators"
# Of an error that is the same in both directions across the needle, mean length over one SD: sqrt(pi/2).
_MEAN_OVER_SD = 1.2533141373155001
Stop = Literal["docking", "pedicle", "posterior wall", "target"]
STOPS: tuple[Stop, ...] = ("docking", "pedicle", "posterior wall", "target")
# Where a policy takes both views; elsewhere AP alone.
_BOTH_VIEWS: dict[Policy, tuple[Stop, ...]] = {
    "careful": STOPS,
    "average": ("docking", "posterior wall", "target"),
    "careless": ("target",),
}


@dataclass(frozen=True)
class Script:
    """One policy: errors of the hand (1 SD a direction), what is corrected, where both views are looked at."""

    policy: Policy
    entry_sd_mm: float
    turn_sd_mm: float
    corrects_over_mm: float
    medial_margin_mm: float
    portion: float
    attempts: int
    batch_share: float
    eye_sd_mm: float
    eye_turn_deg: float
    both_views: tuple[Stop, ...]
    waits_for_leaks: bool
    confirms: bool


def script(options: ScriptOptions) -> Script:
    """The numbers of the policy that was asked for.

    >>> script(ScriptOptions(policy="careful", placement=0.0)).entry_sd_mm
    0.0
    """
    policy = options.policy

    def own(key: str) -> float:
        return quantity(_FILE, policy, key).value

    sd_mm = quantity(_FILE, "placement", "tip_error").value / _MEAN_OVER_SD * own("skill") * options.placement
    share = quantity(_FILE, "placement", "entry_share").value
    return Script(
        policy=policy,
        entry_sd_mm=sd_mm * share**0.5,
        turn_sd_mm=sd_mm * (1.0 - share) ** 0.5,
        corrects_over_mm=own("corrects_over"),
        medial_margin_mm=own("medial_margin"),
        portion=own("portion"),
        attempts=int(own("attempts")),
        batch_share=own("batch_share"),
        eye_sd_mm=quantity(_FILE, "reading", "eye").value,
        eye_turn_deg=quantity(_FILE, "reading", "across").value,
        both_views=_BOTH_VIEWS[policy],
        waits_for_leaks=policy != "careless",
        confirms=policy != "careless",
    )


def seconds(what: str) -> float:
    """How long something takes, s."""
    return quantity(_FILE, "seconds", what).value
