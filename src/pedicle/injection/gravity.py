"""Weight: cement that is heavier than marrow sinks through it.

Modelled: the change of places. Across each face cement sinks and as much marrow rises, driven by the difference of their
weights and held back by both viscosities (the counter-current part of two-phase Darcy flow, in a step of its own after the
flow's). Exact where no total flow arises, as in a closed column.
Not modelled: the weight's part in pressure (300 Pa over a body's height beside 1e5 Pa while cement is pushed) and the
rolling flow a heavy mass sets up in open bone; capillarity; marrow that yields.
"""

from __future__ import annotations

import numpy as np

from pedicle.kernels import flow_gravity
from pedicle.model.flow import Array, Fluids
from pedicle.model.medium import Medium

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
        self.inverse_marrow = inverse_marrow
        self.flows = [np.zeros(face.size) for face in self.faces]

    def sink(self, volume: Array, fields: tuple[Array, Array, Array], scalars: Array, seconds: float) -> None:
        """Move cement and scalars in place, in as many equal steps as no cell runs dry in."""
        saturation = fields[0]
        left = seconds
        while left > 0.0:
            limit = self._flows(volume, fields)
            dt = left / max(1.0, float(np.ceil(left / limit - 1e-9)))
            held, carried = volume * saturation, scalars * (volume * saturation)
            for axis in range(3):
                if self.drops[axis] != 0.0:
                    flow_gravity.exchange(axis, self.shape, self.flows[axis], volume, held, carried, scalars, dt)
            there = held > 0.0
            scalars[:] = np.where(there, carried / np.where(there, held, 1.0), 0.0)
            saturation[:] = np.where(volume > 0.0, held / np.where(volume > 0.0, volume, 1.0), saturation)
            left -= dt

    def _flows(self, volume: Array, fields: tuple[Array, Array, Array]) -> float:
        """Fill the flows; answers the longest step."""
        leaving, entering = np.zeros(volume.size), np.zeros(volume.size)
        for axis in range(3):
            if self.drops[axis] != 0.0:
                flow_gravity.set_exchange(
                    axis, self.shape, self.faces[axis], self.drops[axis], fields, self.inverse_marrow, self.flows[axis],
                    leaving, entering,
                )  # fmt: skip
        return float(flow_gravity.exchange_step_s(volume, fields[0], leaving, entering))
