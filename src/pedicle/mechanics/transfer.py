"""What the neighbours of a treated level bear before and after: strains, endplates, where the load enters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.elements import elasticity, strain_matrix
from pedicle.mechanics.loads import Pressed, press
from pedicle.mechanics.model import Solid, body_of
from pedicle.mechanics.states import StrengthCase, damage_of, is_broken, sampled_on, solid_in
from pedicle.mechanics.stiffness import cell_planes, corner_displacements, energy_density
from pedicle.mechanics.unit import NUMBER, SIDES, TREATED, Side, Unit, middle_of, near_half, unit_of
from pedicle.model.notices import Notice
from pedicle.model.sourced import quantity
from pedicle.model.strength import NeighbourLoad, State
from pedicle.model.vertebra import Vertebra
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
_FILE = "mechanics/materials"
Found = dict[str, NeighbourLoad | None]


def unusable(neighbour: Vertebra | None) -> str:
    """Why a neighbour cannot be part of the unit; "" = it can."""
    if neighbour is None:
        return "not in the scan, or not labelled"
    if not neighbour.complete:
        return "the scan's border cuts it"
    if neighbour.bone is None:
        return "no bone map"
    if neighbour.cemented or neighbour.metal:
        return "holds cement or metal, so that its density is not that of bone"
    return ""


def neighbour_loads(
    vertebra: Vertebra, case: StrengthCase, share: Volume, neighbours: dict[Side, Vertebra | None]
) -> tuple[Found, tuple[Notice, ...]]:
    """Loads of both neighbours under the same load, without and with cement, and why one is missing.

    `case` is the treated level's on its own cells; it is cut again on those of the unit. `share` is the cement on its own grid.
    """
    why = {side: unusable(neighbours[side]) for side in SIDES}
    found: Found = dict.fromkeys(SIDES)
    usable = [side for side in SIDES if not why[side]]
    if usable:
        found |= _computed(vertebra, _on_unit_cells(vertebra, case, share), {side: neighbours[side] for side in usable})
    told = (
        Notice("neighbour-missing", vertebra.level, f"{side} neighbour not computed: {why[side]}", "note")
        for side in SIDES
        if why[side]
    )
    return found, tuple(told)


def load_transfer(found: Found) -> dict[str, float | None]:
    """Relative change of each neighbour's high strain in the half next to the treated level, at the same load."""
    return {side: None if one is None else one.high_strain[1] / one.high_strain[0] - 1.0 for side, one in found.items()}


def _on_unit_cells(vertebra: Vertebra, case: StrengthCase, share: Volume) -> StrengthCase:
    """The same level on the unit's cells; cement's modulus by place becomes its mean, which moves a neighbour little."""
    options = replace(case.options, cell_mm=case.options.neighbours_cell_mm)
    assert vertebra.bone is not None
    assert case.share is not None
    modulus = np.broadcast_to(np.asarray(case.cement_mpa), case.share.shape)
    mean = float((modulus * case.share).sum() / max(float(case.share.sum()), 1e-12))
    bone = body_of(vertebra.bone, options.cell_mm)
    return replace(case, bone=bone, options=options, share=sampled_on(share, bone, 0.0), cement_mpa=mean)


def _computed(vertebra: Vertebra, case: StrengthCase, usable: dict[Side, Vertebra | None]) -> Found:
    bodies = {side: _solid(one, case) for side, one in usable.items() if one is not None}
    before: State = "fractured" if case.fractured else "intact"
    states: tuple[State, State] = (before, "augmented")
    pressed = []
    for state in states:
        unit = unit_of(solid_in(vertebra, state, case), bodies)
        pressed.append((unit, press(unit.solid, case.options.plate, case.options.solver)))
    return {side: _pair(*(_borne(*one, side) for one in pressed)) for side in bodies}


def _solid(neighbour: Vertebra, case: StrengthCase) -> Solid:
    """A neighbour's cubes as it is, with the damage of the data where it is broken itself."""
    assert neighbour.bone is not None
    bone = body_of(neighbour.bone, case.options.cell_mm)
    broken = is_broken(neighbour, bone)
    own = replace(case, bone=bone, fractured=broken, share=None, damage=damage_of(broken))
    return solid_in(neighbour, "fractured", own)


def _borne(unit: Unit, pressed: Pressed, side: Side) -> dict[str, float]:
    """One state's figures of one neighbour under the stated load."""
    move = pressed.move
    load = -float(pressed.plates.resultant(pressed.forces(move), unit.solid.cell_mm)[0])
    field = pressed.field(move) * (quantity(_FILE, "unit", "load").value / load)
    half = near_half(unit, side)
    energy = energy_density(unit.solid, field)[half]
    strain = np.sqrt(2.0 * energy / unit.solid.modulus_mpa[half])
    facing: Side = "lower" if side == "upper" else "upper"
    upwards = 1.0 if side == "upper" else -1.0
    return {
        "mean_strain": float(strain.mean()),
        "high_strain": float(np.quantile(strain, quantity(_FILE, "unit", "high").value)),
        "endplate_mm": upwards * bulge(unit, field, NUMBER[side], facing),
        "treated_endplate_mm": -upwards * bulge(unit, field, TREATED, side),
        "middle_share": middle_share(unit, field, side),
    }


def _pair(before: dict[str, float], after: dict[str, float]) -> NeighbourLoad:
    return NeighbourLoad(**{key: (before[key], after[key]) for key in before})


def bulge(unit: Unit, displacement_mm: Floats, number: int, side: Side) -> float:
    """How far the middle of a body's endplate went up beyond its rim, mm; a tilt of the whole endplate counts nothing."""
    there, plane = unit.surface(number, side)
    planes = cell_planes(displacement_mm[2])
    i, j = np.nonzero(there)
    moved = planes[i, j, plane[i, j]]
    middle = middle_of(there)[i, j]
    arms = np.stack([i, j, middle, np.ones(len(i))], axis=1).astype(float)
    return float(np.linalg.lstsq(arms, moved, rcond=None)[0][2])


def middle_share(unit: Unit, displacement_mm: Floats, side: Side) -> float:
    """Part of a disc's load that goes through its middle, by the stress in the cells half way between its endplates.

    In the disc, not in the bone beside it, whose outermost cells are ragged and of uneven stiffness.
    """
    there, low, high = unit.disc(side)
    i, j = np.nonzero(there)
    # One cell, or the two that meet half way.
    halfway = [((low + high - one) // 2)[i, j] for one in (0, 1)]
    poisson = quantity("mechanics/laws", "bone", "poisson").value
    row = (elasticity(poisson) @ strain_matrix(np.full(3, 0.5)))[2]
    corners = corner_displacements(displacement_mm)
    stress = sum(row @ corners[:, i, j, k] for k in halfway)
    return float(stress[middle_of(there)[i, j]].sum() / stress.sum())
