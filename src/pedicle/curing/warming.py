"""How warm cement is when it leaves the needle: the tissue around the cannula heats it on its way, as far as tissue can."""

from __future__ import annotations

import numpy as np

from pedicle.curing.options import CureOptions
from pedicle.curing.paste import paste
from pedicle.model.cement import body_temperature_c
from pedicle.model.fill import Fill
from pedicle.model.sourced import quantity

# Where the injection that made a fill does not say: the room of the cements' own data.
ROOM_C = 22.0


def delivered_c(fill: Fill, options: CureOptions) -> float:
    """Temperature at the tip, degC, of cement from a room, at the mean flow of the injection.

    A steady exchange along the inserted length L: T = T_body - (T_body - T_room) exp(-2 pi k L / (ln(reach / radius) q rho c)).
    The cannula's own resistance is left out: it is a tenth of that of the tissue.
    """
    body, room = body_temperature_c(), ROOM_C if options.room_c is None else options.room_c
    conductance = tissue_w_k()
    flow_mm3_s = mean_flow_ml_s(fill) * 1e3
    if flow_mm3_s <= 0.0:
        return body
    exchanged = conductance / (flow_mm3_s * paste(fill.cement).capacity_j_mm3_k)
    return float(body - (body - room) * np.exp(-exchanged))


def tissue_w_k() -> float:
    """Conductance of the tissue around the inserted part of a cannula, W/K."""
    k = quantity("curing/heat", "tissue", "conductivity").value * 1e-3
    length, reach = quantity("injection/operator", "inserted").value, quantity("curing/heat", "cannula", "reach").value
    radius = quantity("curing/heat", "cannula", "radius").value
    return float(2.0 * np.pi * k * length / np.log(reach / radius))


def mean_flow_ml_s(fill: Fill) -> float:
    """Flow at the tip while cement flowed, weighted by the cement itself; 0 for an injection without a record."""
    flow, times = fill.curve.flow_ml_s, fill.curve.t_s
    if len(times) < 2:
        return 0.0
    pushed = flow[1:] * np.diff(times)
    return float((pushed @ flow[1:]) / pushed.sum()) if pushed.sum() > 0.0 else 0.0
