"""A virtual cohort for trends: sound synthetic bodies, broken and filled as in the laboratory, and what the model says of each."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._campaign import KEPT
from benchmarks._cohort import LEVELS, needle_of
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.spine import find_vertebrae
from pedicle.mechanics.elements import elasticity, strain_matrix
from pedicle.mechanics.fill_curve import filled_to
from pedicle.mechanics.loads import Pressed, press
from pedicle.mechanics.model import SOUND, Damage, Filling, Solid, body_of, solid_of
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.plastic import push
from pedicle.mechanics.stiffness import corner_displacements, stiffness_of
from pedicle.model.bone import Bone
from pedicle.model.elasticity import elastic_law
from pedicle.model.errors import NumericalError
from pedicle.model.scan import LabelMap
from pedicle.model.sourced import Quantity, quantity
from pedicle.model.strength import EndLayer
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.phantom.make import make_phantom
from pedicle.phantom.sample import sample_options

Floats = NDArray[np.float64]
LAW = "kopperdahl2002-in-place"
FILLS_PERCENT = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)
# Cement that a laboratory injects through both pedicles, ml.
VOLUMES_ML = (2.0, 8.0)
# Part of a full cell that is cement: the rest is bone.
FULL = 0.85
# Steps of a push: more where fewer find no balance.
STEPS = (10, 20, 40)


def vertebra(number: int) -> Vertebra:
    """A sound body alone in a small picture, measured; made once and kept."""
    path = KEPT / "trends-bodies" / f"{number}.pickle"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(_made(number)))
    found: Vertebra = pickle.loads(path.read_bytes())
    return found


def _made(number: int) -> Vertebra:
    chance = np.random.Generator(np.random.Philox(key=(number, 31)))
    level = str(chance.choice(LEVELS))
    options = sample_options(
        3000 + number, fractured=False, top=level, bottom=level, shape=(118, 118, 68), spacing_mm=(0.9, 0.9, 1.25),
        body=False, kernel="standard", rotation_deg=0.0, fractures=(),
    )  # fmt: skip
    phantom = make_phantom(options)
    return find_vertebrae(phantom.scan, LabelMap(phantom.labels, "verse"), MeasureOptions(sex=options.sex))[level]


def cemented(bone: Bone, tips_mm: list[Floats], percent: float) -> Floats:
    """Share of cement by cell: round each tip, nearest first, until so much of the body is cement."""
    body = np.asarray(bone.parts.values == PART_BODY)
    points = bone.parts.grid.centres_lps_mm()
    near = np.min([np.linalg.norm(points - tip, axis=-1) for tip in tips_mm], axis=0)
    full = np.where(body, FULL, 0.0)
    return filled_to(full, body, near, 0.01 * percent * float(body.sum()))


def solid(bone: Bone, layer: EndLayer = "pmma", damage: Damage = SOUND, share: Floats | None = None, cement: str | float = "", law: str = LAW) -> Solid:  # fmt: skip
    """The cubes of a body in one state; cement of the catalogue unless a modulus is given."""
    modulus = cement if isinstance(cement, float) else quantity("mechanics/materials", "cement", "modulus").value
    filling = None
    if share is not None:
        filling = Filling(share, modulus, quantity("mechanics/materials", "cement", "interface").value)
    return solid_of(bone, elastic_law(law), layer, damage, filling)


def answers(one: Solid, pushed: bool = True) -> dict[str, float]:
    """Stiffness, and the greatest load of a push."""
    pressed = press(one, "bonded", SolverOptions())
    linear = stiffness_of(pressed)
    found = {"stiffness": linear.stiffness_n_mm, "first_yield": linear.yield_n, "height_mm": linear.height_mm}
    return found | {"strength": _greatest(pressed)} if pushed else found


def _greatest(pressed: Pressed) -> float:
    """Greatest load of a push; steps are made finer where a soft layer lets go at once, and the last refusal is passed on."""
    for steps in STEPS[:-1]:
        try:
            return float(push(pressed, PushOptions(steps=steps)).load_n.max())
        except NumericalError:
            continue
    return float(push(pressed, PushOptions(steps=STEPS[-1])).load_n.max())


def drawn(row: Quantity, chance: np.random.Generator) -> float:
    """A normal draw of a number whose bounds hold 95 percent, kept inside them."""
    assert row.low is not None
    assert row.high is not None
    return float(np.clip(chance.normal(row.value, (row.high - row.low) / 3.92), row.low, row.high))


def case(number: int, cell_mm: float = 2.0) -> dict[str, Any]:
    """One body: sound, pressed through acrylic and through discs; broken; filled in steps."""
    whole = vertebra(number)
    assert whole.bone is not None
    bone = body_of(whole.bone, cell_mm)
    tips = [needle_of(whole, side).tip_lps_mm for side in ("left", "right")]
    chance = np.random.Generator(np.random.Philox(key=(number, 32)))
    damage = Damage(*(drawn(quantity("mechanics/published", "fracture", key), chance) for key in ("stiffness", "load")))
    body = bone.parts.values == PART_BODY
    body_ml = float(body.sum()) * bone.parts.grid.voxel_ml
    shares = {percent: cemented(bone, tips, percent) for percent in FILLS_PERCENT}
    injected = float(chance.uniform(*VOLUMES_ML))
    return {
        "number": number, "level": whole.level, "cell_mm": cell_mm, "body_ml": body_ml, "injected_ml": injected,
        "density_mg_cm3": float(bone.density_mg_cm3.values[body].mean()),
        "damage": [damage.stiffness, damage.strength],
        "intact": answers(solid(bone)), "disc": answers(solid(bone, "disc")),
        "broken": answers(solid(bone, damage=damage)),
        "filled": {str(p): answers(solid(bone, damage=damage, share=share)) for p, share in shares.items()},
        "soft": {str(p): _by_modulus(bone, damage, shares[p]) for p in (15.0, 40.0)},
    }  # fmt: skip


def _by_modulus(bone: Bone, damage: Damage, share: Floats) -> dict[str, float]:
    """Stiffness by the modulus of the cement."""
    row = quantity("mechanics/materials", "cement", "modulus")
    assert row.low is not None
    assert row.high is not None
    return {
        f"{modulus:g}": answers(solid(bone, damage=damage, share=share, cement=modulus), pushed=False)["stiffness"]
        for modulus in (row.low, row.high)
    }


def shell_share(whole: Bone, layer: EndLayer, law: str = LAW) -> float:
    """Part of the load that the cortical shell of a body carries at mid-height, cells of 1 mm."""
    bone = body_of(whole, 1.0)
    one = solid(bone, layer, law=law)
    pressed = press(one, "bonded", SolverOptions())
    shell = bone.shell.with_values(bone.shell.values.astype(np.uint8)).resampled(one.grid, 0).values > 0
    poisson = quantity("mechanics/laws", "bone", "poisson").value
    row = (elasticity(poisson) @ strain_matrix(np.full(3, 0.5)))[2]
    layers = np.flatnonzero(one.body.any(axis=(0, 1)))
    middle = slice(int(layers.mean()) - 1, int(layers.mean()) + 2)
    corners = corner_displacements(pressed.field(pressed.move))[:, :, :, middle]
    stress = one.modulus_mpa[:, :, middle] * np.einsum("c,cijk->ijk", row, corners)
    body = one.body[:, :, middle]
    return float(stress[body & shell[:, :, middle]].sum() / stress[body].sum())
