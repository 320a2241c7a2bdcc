"""The states of one level as cubes: what a computation takes, and the solid of a body before, with and after its fracture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.model import SOUND, Damage, Filling, Solid, solid_of
from pedicle.mechanics.options import StrengthOptions
from pedicle.mechanics.reduced import reduced
from pedicle.model.bone import Bone
from pedicle.model.elasticity import elastic_law
from pedicle.model.errors import InputError
from pedicle.model.sourced import quantity
from pedicle.model.strength import State
from pedicle.model.vertebra import Vertebra
from pedicle.model.volume import Volume


@dataclass(frozen=True, eq=False)
class StrengthCase:
    """What one computation takes: everything that may be uncertain is a number here."""

    bone: Bone
    options: StrengthOptions
    fractured: bool
    share: NDArray[np.float64] | None
    cement_mpa: NDArray[np.float64] | float
    density_factor: float = 1.0
    damage: Damage = SOUND
    interface: float = 1.0


def is_broken(vertebra: Vertebra, bone: Bone) -> bool:
    """Whether the body is fractured by its shape, or open inside."""
    graded = vertebra.fracture is not None and vertebra.fracture.genant_grade > 0
    return graded or bool(np.asarray(bone.cleft.values, bool).any())


def damage_of(broken: bool) -> Damage:
    """What the data say that a fracture leaves; nothing lost in a sound body."""
    if not broken:
        return SOUND
    return Damage(*(quantity("mechanics/materials", "fracture", key).value for key in ("damage", "weakened")))


def sampled_on(volume: Volume, bone: Bone, fill: float) -> NDArray[np.float64]:
    """A field on the bone's grid."""
    return volume.sampled(bone.parts.grid.centres_lps_mm(), 1, fill)


def cement_modulus(share: Volume, modulus_mpa: Volume, bone: Bone) -> NDArray[np.float64]:
    """The cement's modulus on the bone's grid: a mean by the cement that a cell takes from each, not by the empty cells beside it."""
    if not share.grid.same_place(modulus_mpa.grid):
        raise InputError(
            776,
            bone.level,
            "cement's modulus lies on another grid than its share",
            "one grid",
            "give both from one fill",
        )
    part = sampled_on(share, bone, 0.0)
    stiff = sampled_on(share.with_values(share.values * modulus_mpa.values), bone, 0.0)
    return np.where(part > 0.0, stiff / np.where(part > 0.0, part, 1.0), 0.0)


def solid_in(vertebra: Vertebra, state: State, case: StrengthCase) -> Solid:
    """The cubes of a level in one of its states."""
    law, layer, bone = elastic_law(case.options.law), case.options.end_layer, case.bone
    density = bone.density_mg_cm3
    bone = replace(bone, density_mg_cm3=density.with_values(density.values * np.float32(case.density_factor)))
    if state == "intact":
        loss = vertebra.fracture.loss_percent if vertebra.fracture else (0.0, 0.0, 0.0)
        whole = reduced(bone, loss) if case.fractured else bone
        return solid_of(whole, law, layer)
    filling = (
        Filling(case.share, case.cement_mpa, case.interface)
        if state == "augmented" and case.share is not None
        else None
    )
    return solid_of(bone, law, layer, case.damage, filling)
