"""Elastic and plastic cubes against closed forms: layers, a cantilever, a round inclusion, a column that yields, one cube's path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.loads import press
from pedicle.mechanics.model import Solid
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.plastic import PlasticLaw, Points, push
from pedicle.mechanics.stiffness import energy_density
from pedicle.mechanics.system import ElasticSystem
from pedicle.model.grid import Grid
from pedicle.verify.problem import Answer

Array = NDArray[np.float64]
TIGHT = SolverOptions(tolerance=1e-10, most_iterations=2000)
POISSON = 0.3


@dataclass(frozen=True)
class Question:
    """`compute()` against `exact`, within `tolerance` of its size; `source` says where the closed form stands."""

    name: str
    compute: Callable[[], float]
    exact: float
    tolerance: float
    unit: str
    source: str


def solid(modulus: Array, yield_mpa: Array | float = np.inf, cell_mm: float = 1.0) -> Solid:
    """A block of cubes that is all body."""
    grid = Grid((modulus.shape[0], modulus.shape[1], modulus.shape[2]), np.diag([cell_mm, cell_mm, cell_mm, 1.0]))
    return Solid(grid, modulus, np.broadcast_to(np.asarray(yield_mpa, float), modulus.shape), modulus > 0.0, 0)


def oedometric(poisson: float) -> float:
    """Stiffness in one direction with no strain in the others, over Young's modulus."""
    return (1.0 - poisson) / ((1.0 + poisson) * (1.0 - 2.0 * poisson))


LAYERS = np.array([100.0, 2000.0, 30.0, 500.0, 800.0, 100.0])


def layers_in_series() -> float:
    """Load of a stack of layers under 1 mm with its sides held, 5 x 4 mm across."""
    modulus = np.broadcast_to(LAYERS, (5, 4, LAYERS.size)).copy()
    free = np.ones((3, 6, 5, LAYERS.size + 1), bool)
    free[:, :, :, [0, -1]] = False
    free[0, [0, -1]], free[1, :, [0, -1]] = False, False
    given = np.zeros(free.shape)
    given[2, :, :, -1] = 1.0
    return float(ElasticSystem(modulus, 1.0, free, POISSON, TIGHT).solve(given).force_n[2, :, :, -1].sum())


def layers_side_by_side() -> float:
    """Load of strips under 1 mm between smooth plates with Poisson's ratio 0, 4 mm deep and 7 high."""
    modulus = np.broadcast_to(LAYERS[:, None, None], (LAYERS.size, 4, 7)).copy()
    free = np.ones((3, *(n + 1 for n in modulus.shape)), bool)
    free[2, :, :, [0, -1]] = False
    free[:2, 0, 0, 0], free[1, -1, 0, 0] = False, False
    given = np.zeros(free.shape)
    given[2, :, :, -1] = 1.0
    return float(ElasticSystem(modulus, 1.0, free, 0.0, TIGHT).solve(given).force_n[2, :, :, -1].sum())


def cantilever(across: int) -> float:
    """Deflection of a square bar 8 times as long as thick under an end load, over Timoshenko's."""
    length, modulus = 8 * across, 1000.0
    free = np.ones((3, across + 1, across + 1, length + 1), bool)
    free[:, :, :, 0] = False
    load = np.zeros(free.shape)
    tributary = np.ones((across + 1, across + 1))
    tributary[[0, -1]] *= 0.5
    tributary[:, [0, -1]] *= 0.5
    load[0, :, :, -1] = tributary / tributary.sum()
    bar = ElasticSystem(np.full((across, across, length), modulus), 1.0, free, POISSON, SolverOptions(tolerance=1e-8))
    deflection = float(bar.solve(np.zeros(free.shape), load).displacement_mm[0, :, :, -1].mean())
    shear, area, inertia = modulus / 2.6, across**2, across**4 / 12.0
    correction = 10.0 * (1.0 + POISSON) / (12.0 + 11.0 * POISSON)
    return deflection / (length**3 / (3.0 * modulus * inertia) + length / (correction * shear * area))


def inclusion(cells: int) -> float:
    """Mean strain along the load in a stiff ball (10 times) in much matrix, over Eshelby's.

    The far field is prescribed on the block's faces with the ball's dipole, so that no side disturbs it more than by O(r^5).
    """
    stiff, half = 10.0, 0.5 * cells
    place = np.indices((cells,) * 3) + 0.5 - half
    radius = cells / 5.0
    # Each cube takes its share of the ball, by 4^3 points.
    offsets = (np.arange(4) + 0.5) / 4.0 - 0.5
    share = np.zeros((cells,) * 3)
    for dx in offsets:
        for dy in offsets:
            for dz in offsets:
                share += (place[0] + dx) ** 2 + (place[1] + dy) ** 2 + (place[2] + dz) ** 2 < radius**2
    share /= 64.0
    free = np.zeros((3, *(cells + 1,) * 3), bool)
    free[:, 1:-1, 1:-1, 1:-1] = True
    nodes = np.indices((cells + 1,) * 3) - half
    given = np.where(free, 0.0, nodes)
    # Under pressure alone the far field is known: u = r (1 + c R^3 / r^3).
    r = np.sqrt((nodes**2).sum(axis=0))
    given = np.where(free, 0.0, nodes * (1.0 + _dipole(stiff) * radius**3 / np.maximum(r, 1.0) ** 3))
    block = ElasticSystem(1.0 + (stiff - 1.0) * share, 1.0, free, POISSON, SolverOptions(tolerance=1e-8))
    moved = block.solve(given).displacement_mm
    stretch = [np.diff(moved[d], axis=d) for d in range(3)]
    inside = share == 1.0
    found = np.mean([_on_cubes(stretch[d], d)[inside].mean() for d in range(3)])
    return float(found / (1.0 + _dipole(stiff)))


def _on_cubes(field: Array, axis: int) -> Array:
    """Edge values averaged over the four edges of a cube along an axis."""
    for other in {0, 1, 2} - {axis}:
        field = 0.5 * (
            field.take(range(field.shape[other] - 1), other) + field.take(range(1, field.shape[other]), other)
        )
    return field


def _dipole(stiff: float) -> float:
    """u = r (1 + c (R / r)^3) outside, r (1 + c) inside, of a ball `stiff` times as stiff under even far strain."""
    bulk, shear = 1.0 / (3.0 * (1.0 - 2.0 * POISSON)), 0.5 / (1.0 + POISSON)
    return (3.0 * bulk + 4.0 * shear) / (3.0 * stiff * bulk + 4.0 * shear) - 1.0


def column(softening: float) -> float:
    """Load of strips of different yield, perfectly plastic or softening, between smooth plates at 2 % strain."""
    yields = np.array([1.0, 2.0, 5.0, 0.5])
    modulus = np.broadcast_to(200.0 * yields[:, None, None], (4, 3, 6)).copy()
    strips = solid(modulus, np.broadcast_to(yields[:, None, None], modulus.shape))
    law = PlasticLaw(0.0, 4.5, softening, 0.1)
    pressed = press(strips, "frictionless", TIGHT, 0.0)
    return float(push(pressed, PushOptions(steps=8, tolerance=1e-9, most_iterations=3000), law, 0.02 * 6).load_n[-1])


def column_exact(softening: float) -> float:
    """Each strip yields at strain 1/200 and then has Y (1 - s k), k the strain beyond what its stress takes: 3 mm2 each."""
    yields = np.array([1.0, 2.0, 5.0, 0.5])
    # sigma = Y (1 - s (e - sigma / E)) with E = 200 Y.
    stress = yields * (1.0 - softening * 0.02) / (1.0 - softening / 200.0)
    return float(3.0 * stress.sum())


def sheared_cube(ellipse: float) -> float:
    """Shear stress of one cube sheared far past yield: Y / sqrt 3 under von Mises, less where the ellipse is wider."""
    law = PlasticLaw(POISSON, ellipse, 0.0, 1.0)
    block = solid(np.full((1, 1, 1), 1000.0), 4.0)
    free = np.zeros((3, 2, 2, 2), bool)
    pressed = _sheared(block, free)
    return pressed(law)


def _sheared(block: Solid, free: NDArray[np.bool_]) -> Callable[[PlasticLaw], float]:
    system = ElasticSystem(block.modulus_mpa, 1.0, free, POISSON, TIGHT)
    given = np.zeros(free.shape)
    given[0, :, :, 1] = 0.05

    def stress(law: PlasticLaw) -> float:
        points = Points(block.modulus_mpa, block.yield_mpa, law)
        u, force = system.flat(given), np.zeros(3 * system.stride)
        system.product(u, force)
        points.take_force(force, u, system.modulus, 1.0)
        return float(system.by_node(force)[0, :, :, 1].sum() * system.greatest)

    return stress


def energy_of_a_block() -> float:
    """Strain energy summed over cubes, over half of load times path."""
    rng = np.random.default_rng(5)
    block = solid(rng.uniform(10.0, 900.0, (7, 6, 8)))
    pressed = press(block, "bonded", TIGHT)
    field, force = pressed.field(np.array([-0.3, 0.0, 0.0])), pressed.forces(np.array([-0.3, 0.0, 0.0]))
    return float(energy_density(block, field).sum() / (0.5 * 0.3 * -force[2, :, :, -1].sum()))


def questions() -> list[Question]:
    """All of them, in the order they are printed."""
    book = "mechanics of materials"
    series = 20.0 * oedometric(POISSON) / float((1.0 / LAYERS).sum())
    beside = 4.0 * float(LAYERS.sum()) / 7.0
    found = [
        Question("layers in series, sides held", layers_in_series, series, 1e-8, "N", book),
        Question("layers side by side", layers_side_by_side, beside, 1e-8, "N", book),
        Question(
            "energy of a random block over half of load times path", energy_of_a_block, 1.0, 1e-8, "1", "Clapeyron"
        ),
        # Clamping the end's Poisson contraction and full integration keep a thick bar a little too stiff.
        Question("cantilever, 8 cubes thick", lambda: cantilever(8), 1.0, 0.025, "1", "Timoshenko"),
        # Cubes in part inside the ball are too stiff by their mean modulus: the error falls with the cube.
        Question(
            "ball ten times as stiff, strain in it, 40 cubes", lambda: inclusion(40), 1.0, 0.05, "1", "Goodier; Eshelby"
        ),
        Question("strips that yield", lambda: column(0.0), column_exact(0.0), 1e-6, "N", "sum of yield times area"),
        Question(
            "strips that yield and soften",
            lambda: column(10.0),
            column_exact(10.0),
            1e-6,
            "N",
            "by hand, see column_exact",
        ),
    ]
    for name, ellipse in (("von Mises", 0.0), ("ellipse", 1.4)):
        exact = 4.0 * np.sqrt((1.0 + ellipse / 9.0) / 3.0)
        found.append(
            Question(
                f"one cube sheared, {name}",
                partial(sheared_cube, ellipse),
                float(exact),
                1e-9,
                "MPa",
                "q = sqrt 3 tau",
            )
        )
    return found


def elastic_answers() -> Iterator[Answer]:
    """Every question, asked."""
    for one in questions():
        computed = float(one.compute())
        allowed = one.tolerance * abs(one.exact)
        yield Answer(
            one.name, "elastic", 1.0, computed, one.exact, allowed, one.unit, abs(computed - one.exact) <= allowed
        )
