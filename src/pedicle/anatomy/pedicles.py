"""Both pedicles of a vertebra: narrowest section, axis, and whether they can be seen at all."""

from __future__ import annotations

from pedicle.model.frames import SIDES, Side
from pedicle.model.scan import Scan
from pedicle.model.vertebra import Pedicle, Vertebra


def find_pedicles(vertebra: Vertebra, scan: Scan | None, voxel_mm: float) -> dict[str, Pedicle]:
    """Left and right pedicle; one that cannot be measured says why. `voxel_mm` is the label map's largest voxel edge."""
    return {side: _not_visible(side, "not measured yet") for side in SIDES}


def _not_visible(side: Side, reason: str) -> Pedicle:
    return Pedicle(side, False, None, None, None, None, None, None, None, reason)
