"""From a pressed solid to numbers: stiffness, the load at the screen's strain, tilt, balance, energy by voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.elements import cube_stiffness
from pedicle.mechanics.loads import Pressed
from pedicle.mechanics.model import Solid
from pedicle.model.sourced import quantity
from pedicle.model.strength import StateStrength
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def stiffness_of(pressed: Pressed, gap: Mask | None = None) -> StateStrength:
    """What the linear answers say; see `StateStrength`. `gap` is a cleft on the solid's cells."""
    solid, move = pressed.solid, pressed.move
    field, force = pressed.field(move), pressed.forces(move)
    load = -float(pressed.plates.resultant(force, solid.cell_mm)[0])
    shortening = body_shortening(solid, field)
    stiffness = load / shortening
    strain, failure = (quantity("mechanics/materials", "screen", key).value for key in ("strain", "failure"))
    screen_mm = strain * solid.height_mm
    energy = energy_density(solid, field * (screen_mm / shortening))
    return StateStrength(
        stiffness_n_mm=stiffness,
        screen_n=stiffness * screen_mm,
        failure_estimate_n=stiffness * failure * solid.height_mm,
        plate_n_mm=load,
        bending_nmm_rad=float(pressed.stiffness[2, 2]),
        tilt_rad_per_kn=_tilt(pressed.stiffness),
        height_mm=solid.height_mm,
        elements=int((solid.modulus_mpa > 0.0).sum()),
        dof=int((pressed.system.unknown != 0.0).sum()),
        iterations=max(answer.iterations for answer in pressed.answers),
        relative_residual=max(answer.relative_residual for answer in pressed.answers),
        balance_error=_open_balance(pressed, force) / load,
        islands_removed=solid.islands_removed,
        strain_energy=Volume(solid.grid, np.where(solid.body, energy, 0.0).astype(np.float32)),
        yield_n=first_yield(solid, energy, stiffness * screen_mm),
        gap_mm=_approach(pressed, gap, field / load) if gap is not None and gap.any() else None,
    )


def first_yield(solid: Solid, energy_mpa: Floats, load_n: float) -> float:
    """Load at which the stated share of the body's cells is past yield, from their energy under `load_n`; clefts count nothing.

    inf where bone has no yield stress.
    """
    bone = solid.body & (solid.modulus_mpa > quantity("mechanics/materials", "cleft", "modulus").value)
    stress = np.sqrt(2.0 * energy_mpa[bone] * solid.modulus_mpa[bone])
    share = quantity("mechanics/materials", "first_yield", "share").value
    used = float(np.quantile(stress / solid.yield_mpa[bone], 1.0 - share))
    return load_n / used if used > 0.0 else float("inf")


def _approach(pressed: Pressed, gap: Mask, field_mm_n: Floats) -> float:
    """Motion of a gap's faces under the stated load, mm; no more than the gap is high, because a closed gap is no gap."""
    moved = gap_motion(gap, field_mm_n) * quantity("mechanics/materials", "gap", "load").value
    return min(moved, gap_height(gap) * pressed.solid.cell_mm)


def gap_motion(gap: Mask, displacement_mm: Floats) -> float:
    """How much nearer the upper face of a gap came to the lower one, averaged over its columns."""
    there = gap.any(axis=2)
    first = gap.argmax(axis=2)[there]
    last = gap.shape[2] - gap[:, :, ::-1].argmax(axis=2)[there]
    columns = cell_planes(displacement_mm[2])[there]
    rows = np.arange(len(columns))
    return float((columns[rows, first] - columns[rows, last]).mean())


def gap_height(gap: Mask) -> float:
    """Mean height of a gap over its columns, in cells."""
    count = gap.sum(axis=2)
    return float(count[count > 0].mean())


def cell_planes(along: Floats) -> Floats:
    """Nodal values averaged over the four corners of each cell's faces across the third axis: (nx, ny, nz + 1)."""
    corners = [along[a : along.shape[0] - 1 + a, b : along.shape[1] - 1 + b] for a in (0, 1) for b in (0, 1)]
    return 0.25 * np.asarray(sum(corners))


def body_shortening(solid: Solid, displacement_mm: Floats) -> float:
    """How much nearer the body's upper ends came to its lower ends, mm, averaged over its core."""
    there = solid.core
    first = solid.body.argmax(axis=2)[there]
    last = solid.body.shape[2] - solid.body[:, :, ::-1].argmax(axis=2)[there]
    columns = cell_planes(displacement_mm[2])[there]
    rows = np.arange(len(columns))
    return float((columns[rows, first] - columns[rows, last]).mean())


def corner_displacements(displacement_mm: Floats) -> Floats:
    """The 24 displacements of each cube in the order of `elements`, (24, nx, ny, nz)."""
    nx, ny, nz = (n - 1 for n in displacement_mm.shape[1:])
    return np.stack(
        [
            displacement_mm[c, a : a + nx, b : b + ny, d : d + nz]
            for c in range(3)
            for a in (0, 1)
            for b in (0, 1)
            for d in (0, 1)
        ]
    )


def energy_density(solid: Solid, displacement_mm: Floats) -> Floats:
    """Strain energy by volume of each cube, MPa."""
    poisson = quantity("mechanics/laws", "bone", "poisson").value
    found = np.zeros(solid.modulus_mpa.shape)
    there = solid.modulus_mpa > 0.0
    corners = corner_displacements(displacement_mm)[:, there] / solid.cell_mm
    found[there] = 0.5 * solid.modulus_mpa[there] * np.einsum("in,ij,jn->n", corners, cube_stiffness(poisson), corners)
    return found


def _tilt(stiffness: Floats) -> tuple[float, float]:
    """Slopes of a plate free to tilt under 1 kN through the middle, rad."""
    slopes = np.linalg.solve(stiffness, np.array([-1000.0, 0.0, 0.0]))[1:]
    return float(slopes[0]), float(slopes[1])


def _open_balance(pressed: Pressed, force_n: Floats) -> float:
    """Difference of the reactions at both plates, N: what the solver left on free nodes."""
    plates = pressed.plates
    return abs(float(force_n[2, :, :, -1][plates.top].sum() + force_n[2, :, :, 0][plates.bottom].sum()))
