"""How much cement is planned in one level."""

from __future__ import annotations

from pedicle.model.sourced import quantity
from pedicle.model.trajectory import CementVolume
from pedicle.model.vertebra import Vertebra


def cement_volume(vertebra: Vertebra) -> CementVolume | None:
    """A band from the body's present volume: strength at the planned value, stiffness at the top, never over the cap.

    None when the body's volume is not known. The cap is the volume above which symptomatic embolism rose.
    """
    if vertebra.body_volume_ml is None:
        return None
    strength, stiffness = (
        quantity("planning/cement", "fill_for_strength"),
        quantity("planning/cement", "fill_for_stiffness"),
    )
    cap = quantity("planning/cement", "volume_embolism_step")
    planned = min(strength.value * vertebra.body_volume_ml, cap.value)
    low = min(quantity("planning/cement", "volume_no_embolism").value, planned)
    high = max(planned, min(stiffness.value * vertebra.body_volume_ml, cap.value))
    basis = (
        f"{100 * strength.value:.1f} % of the body for strength, up to {100 * stiffness.value:.1f} % for stiffness, "
        f"never over {cap.value:.1f} ml"
    )
    return CementVolume(low, planned, high, cap.value, basis)
