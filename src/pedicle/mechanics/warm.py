"""Every kernel of mechanics once, so that they are compiled and kept."""

from __future__ import annotations

import numpy as np

from pedicle.mechanics.loads import press
from pedicle.mechanics.model import Solid
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.plastic import push
from pedicle.model.grid import Grid


def warm_up() -> float:
    """Presses on a small block until it yields; answers the load at the end, N."""
    shape = (8, 6, 6)
    modulus = np.full(shape, 200.0)
    block = Solid(Grid(shape, np.eye(4)), modulus, 0.01 * modulus, modulus > 0.0, 0)
    return float(push(press(block, "bonded", SolverOptions()), PushOptions(steps=2)).load_n[-1])
