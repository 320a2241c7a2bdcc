"""From conversion to stiffness and strength: nothing before setting, then as the network links up; pores weaken."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.curing.kinetics import Kinetics
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
_FILE = "curing/hardening"


def modulus_mpa(conversion: ArrayLike, kinetics: Kinetics) -> Array:
    """Compressive modulus of cement, its pores deducted, any shape: 0 before setting.

    >>> from pedicle.curing.kinetics import kinetics
    >>> modulus_mpa([0.2, 0.9], kinetics("standard-krebs2005")).round(6).tolist()
    [0.0, 2350.0]
    """
    return _hardened("stiffness", conversion, kinetics)


def strength_mpa(conversion: ArrayLike, kinetics: Kinetics) -> Array:
    """Compressive strength of cement, its pores deducted, any shape: 0 before setting."""
    return _hardened("strength", conversion, kinetics)


def _hardened(what: str, conversion: ArrayLike, kinetics: Kinetics) -> Array:
    there, power = (quantity(_FILE, what, key).value for key in ("value_there", "power"))
    begins, at = kinetics.set_conversion, quantity(_FILE, "measured", "conversion").value
    way = np.maximum(np.asarray(conversion, dtype=np.float64) - begins, 0.0) / (at - begins)
    return np.asarray(there * way**power * _solid())


def _solid() -> float:
    """What this porosity leaves, against the porosity of the specimens measured."""
    share, measured, power = (quantity(_FILE, "porosity", key).value for key in ("share", "measured", "power"))
    return float(((1.0 - share) / (1.0 - measured)) ** power)


def porosity_percent() -> float:
    """Pores in the cement."""
    return 100.0 * quantity(_FILE, "porosity", "share").value


def shrinkage_percent(conversion: float) -> float:
    """Loss of volume of the solid at a mean conversion; pores that form take up a part, which is left out."""
    return 100.0 * quantity(_FILE, "shrinkage", "volume").value * conversion
