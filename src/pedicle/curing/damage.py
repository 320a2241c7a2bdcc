"""What the heat did to tissue: the damage integral, minutes at 43 degrees, dead bone around the cement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.heat import Records
from pedicle.model.cure import Harm
from pedicle.model.sourced import quantity

_FILE = "curing/damage"


def harm_of(records: Records, cells: NDArray[np.int64], outside_c: float, voxel_ml: float) -> Harm | None:
    """The harm to some cells (linear indices); None when there are none."""
    if not cells.size:
        return None
    omega, minutes = records.omega[cells], records.minutes[cells]
    over = omega > quantity(_FILE, "henriques", "limit").value
    dosed = minutes > quantity(_FILE, "bone", "minutes").value
    return Harm(
        peak_c=float(records.peak[cells].max()) + outside_c,
        omega_max=float(omega.max()),
        over_1_ml=float(over.sum()) * voxel_ml,
        cem43_min=float(minutes.max()),
        over_cem43_ml=float(dosed.sum()) * voxel_ml,
        above_50_s=float(records.above_50_s[cells].max()),
        above_nerve_s=float(records.above_nerve_s[cells].max()),
    )


def necrosis_rim_mm(bone: Harm | None, surface_mm2: float) -> dict[str, float]:
    """How thick the dead bone around the cement is on average, its volume over the cement's surface, by either law.

    They disagree near the threshold that was measured in bone, 47 degrees for a minute: there the integral is 0.006 and the
    minutes are at their limit by definition.
    """
    if bone is None or surface_mm2 <= 0.0:
        return {"omega": 0.0, "cem43": 0.0}
    return {"omega": bone.over_1_ml * 1e3 / surface_mm2, "cem43": bone.over_cem43_ml * 1e3 / surface_mm2}
