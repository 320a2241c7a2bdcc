"""The body's posterior wall: hollow, bulged or broken, and how far it narrows the canal."""

from __future__ import annotations

from dataclasses import dataclass

from pedicle.model.scan import Scan
from pedicle.model.vertebra import PosteriorWall, Vertebra


@dataclass(frozen=True)
class WallState:
    """State of the wall; bulge in mm behind the chord of its corners; canal narrowing in percent, None without canal."""

    state: PosteriorWall
    bulge_mm: float
    narrowing_percent: float | None


def wall_state(vertebra: Vertebra, scan: Scan | None, canal_mm: float | None) -> WallState | None:
    """The wall of a vertebra with maps, None without."""
    return None
