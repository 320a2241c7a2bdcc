"""Power-law cement that flows away from a point or a line, with bone full of it: pressure between two radii."""

from __future__ import annotations

from functools import partial

import numpy as np

from pedicle.injection.flow import FlowOptions, advance_flow
from pedicle.verify.media import PERMEABILITY_MM2, POROSITY, Array, Exact, filled, octant, power_law
from pedicle.verify.problem import Problem

FLOW_MM3_S, CONSISTENCY, CELL_MM, SIDE_MM, OPENING_MM = 100.0, 50.0, 1.2, 16.8, 1.2
# Where pressure counts as 0: far from the grid.
END_MM = 100.0
SOURCE = "Darcy's law with mu = K (u / sqrt(k phi))^(n - 1), integrated over the radius"


def speed(radius: Array, dimensions: int) -> Array:
    """Darcy speed, mm/s; a cylinder is one cell high."""
    around = 4.0 * np.pi * radius**2 if dimensions == 3 else 2.0 * np.pi * radius * CELL_MM
    return np.asarray(FLOW_MM3_S / around)


def viscosity(radius: Array, index: float, dimensions: int) -> Array:
    """Of the cement at a radius, Pa s."""
    shear = speed(radius, dimensions) / np.sqrt(PERMEABILITY_MM2 * POROSITY)
    return np.asarray(CONSISTENCY * shear ** (index - 1.0))


def exact_pressure(radius: Array, index: float, dimensions: int) -> Array:
    """Over that at END_MM: the integral of mu u / k, a power of the radius (a logarithm where the power is 0)."""
    power = 1.0 - 2.0 * index if dimensions == 3 else 1.0 - index
    # mu u / k = gradient of a radius of 1 mm times r^(power - 1).
    one = np.ones(1)
    gradient = float((viscosity(one, index, dimensions) * speed(one, dimensions))[0]) / PERMEABILITY_MM2
    if abs(power) < 1e-12:
        return np.asarray(gradient * np.log(END_MM / radius))
    return np.asarray(gradient * (END_MM**power - radius**power) / power)


def drop(dimensions: int, index: float, solver: str, step: float) -> float:
    """Pressure between 3 to 5 and 11 to 14 mm, over the exact one at the same cells."""
    exact = Exact(
        FLOW_MM3_S,
        partial(exact_pressure, index=index, dimensions=dimensions),
        lambda radius: 1.0 / viscosity(radius, index, dimensions),
    )
    part = octant(CELL_MM, SIDE_MM, OPENING_MM, exact, dimensions)
    fluids = power_law(CONSISTENCY, index)
    start = filled(part.medium, part.source, fluids, np.ones(part.radius_mm.shape))
    options = FlowOptions(solver=solver, courant=step)
    state = advance_flow(part.medium, part.source, fluids, start, FLOW_MM3_S * part.part, 1e-6, options)
    known = exact_pressure(part.radius_mm, index, dimensions)
    seen, right = (part.drop(values, (3.0, 5.0), (11.0, 14.0)) for values in (state.pressure_pa, known))
    return seen / right


def thinning_problems() -> list[Problem]:
    """Spheres and cylinders, thinning and thickening."""
    return [
        Problem(f"power law n {index:g}, {name}", partial(drop, dimensions, index), 1.0, 0.02, "1", SOURCE)
        for name, dimensions in (("spherical", 3), ("cylindrical", 2))
        for index in (0.5, 0.7, 1.3)
    ]
