"""An open space inside a fractured body: gas or fluid."""

from __future__ import annotations

from pedicle.model.scan import Scan
from pedicle.model.vertebra import Cleft, Vertebra


def find_cleft(vertebra: Vertebra, scan: Scan | None, fractured: bool) -> Cleft | None:
    """Gas or fluid cleft of a body, "none", or None without a CT in Hounsfield units."""
    if scan is None or vertebra.maps is None or not scan.acquisition.calibrated_hu:
        return None
    return "none"
