"""One level's bone for the later steps: density, parts, shell, cleft and openings on one grid in its own frame."""

from __future__ import annotations

from pedicle.model.bone import Bone
from pedicle.model.scan import Scan
from pedicle.model.vertebra import Vertebra


def cut_bone(vertebra: Vertebra, scan: Scan | None) -> Bone | None:
    """The bone of one level on a 1 mm grid, 12 mm beyond the vertebra; None without maps or CT."""
    return None
