"""Weight: cement that is heavier than marrow sinks through it.

Modelled: the change of places. Across each face cement sinks and as much marrow rises, driven by the difference of their
weights and held back by both viscosities (the counter-current part of two-phase Darcy flow, in a step of its own after the
flow's). Exact where no total flow arises, as in a closed column.
Not modelled: the weight's part in pressure (300 Pa over a body's height beside 1e5 Pa while cement is pushed) and the
rolling flow a heavy mass sets up in open bone; capillarity; marrow that yields.
"""

from __future__ import annotations

import numpy as np

from pedicle.injection.pressure import Indices
from pedicle.kernels import flow_gravity
from pedicle.model.flow import Array, Fluids
from pedicle.model.medium import Medium

# Steps that a second is divided into at most, and a push of any length. Where a wide vein would need more, its cells change
# all that half a step allows.
STEPS_A_SECOND, LEAST_STEPS = 4.0, 2
# At rest viscosity is asked anew after so long.
LONGEST_REST_S = 5.0


def has_weight(fluids: Fluids) -> bool:
    """Whether cement sinks at all."""
    return any(weight != 0.0 for weight in fluids.excess_weight_pa_mm)


class Sinking:
    """One field of cement, sunk for a while: `fields` as the solver holds them (saturation, 1 / viscosity, share left open)."""

    def __init__(self, medium: Medium, fluids: Fluids, inverse_marrow: float) -> None:
        self.shape = np.array(medium.pore_volume_mm3.shape)
        self.faces = [face.ravel() for face in medium.face_mm3]
        self.drops = [w * h for w, h in zip(fluids.excess_weight_pa_mm, medium.spacing_mm, strict=True)]
        self.axes = [axis for axis in range(3) if self.drops[axis] != 0.0]
        self.inverse_marrow = inverse_marrow
        self.flows = [np.zeros(face.size) for face in self.faces]
        self.leaving, self.entering, self.held = (np.zeros(medium.pore_volume_mm3.size) for _ in range(3))

    def sink(self, volume: Array, fields: tuple[Array, Array, Array], scalars: Array, seconds: float) -> None:
        """Move cement and scalars in place, in as many equal steps as no cell runs dry in, or as the most that are taken."""
        saturation, carried = fields[0], np.empty_like(scalars)
        box = np.stack([np.zeros(3, np.int64), self.shape], axis=1)
        left, steps = seconds, 0
        most = max(LEAST_STEPS, int(np.ceil(STEPS_A_SECOND * seconds)))
        while left > 0.0:
            box = flow_gravity.cement_box(self.shape, saturation, box)
            limit = self._flows(box, volume, fields)
            if not np.isfinite(limit):
                return
            dt = left / float(np.clip(np.ceil(left / limit - 1e-9), 1.0, max(most - steps, 1)))
            if dt > limit:
                self._hold_back(box, volume, saturation, dt)
            flow_gravity.take_up(self.shape, box, volume, saturation, scalars, self.held, carried)
            for axis in self.axes:
                flow_gravity.exchange(axis, self.shape, box, self.flows[axis], self.held, carried, scalars, dt)
            flow_gravity.put_down(self.shape, box, volume, saturation, scalars, self.held, carried)
            left, steps = left - dt, steps + 1

    def _flows(self, box: Indices, volume: Array, fields: tuple[Array, Array, Array]) -> float:
        """Fill the flows; answers the longest step, inf when nothing sinks."""
        flow_gravity.clear(self.shape, box, self.leaving, self.entering)
        for axis in self.axes:
            flow_gravity.set_exchange(
                axis, self.shape, box, self.faces[axis], self.drops[axis], fields, self.inverse_marrow, self.flows[axis],
                self.leaving, self.entering,
            )  # fmt: skip
        return float(flow_gravity.exchange_step_s(self.shape, box, volume, fields[0], self.leaving, self.entering))

    def _hold_back(self, box: Indices, volume: Array, saturation: Array, dt: float) -> None:
        """Flows so small that no cell gives or takes more than half of what it can in `dt`."""
        flow_gravity.half_of_what_there_is(self.shape, box, volume, saturation, self.leaving, self.entering, dt)
        for axis in self.axes:
            flow_gravity.hold_back(axis, self.shape, box, self.flows[axis], self.leaving, self.entering)
