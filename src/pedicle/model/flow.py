"""How a flow stands, what flows, and where it comes from: the nouns every flow solver shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# (scalars (m, n), shear rate 1/s (n,), time s) -> viscosity Pa.s (n,); inf = set.
ViscosityLaw = Callable[[Array, Array, float], Array]


@dataclass(frozen=True, eq=False)
class Fluids:
    """The cement as the solver sees it.

    `viscosity_pa_s(scalars, shear_rate_per_s, t_s)` is evaluated in NumPy between pressure solves, on any number n of
    places at once: scalars (m, n), shear rate in the pores (n,), the state's clock; answers (n,), `inf` for cement that has
    set. `inlet(t_s)` gives the m scalars of what leaves the needle at that time. `growth_per_s` is what every scalar of the
    cement in the bone gains a second: (ageing rate at the bone's temperature, 0.0) for (equivalent age, time of entry).
    `shear_factor` is c of gamma = c u / sqrt(k phi); `shear_dependent` False spares the shear rates (zeros are passed).
    `excess_weight_pa_mm` is (cement density - marrow density) times gravity as a vector along the grid's axes.
    """

    viscosity_pa_s: ViscosityLaw
    inlet: Callable[[float], tuple[float, ...]]
    growth_per_s: tuple[float, ...] = (1.0, 0.0)
    shear_factor: float = 1.0
    shear_dependent: bool = True
    excess_weight_pa_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Source:
    """The needle's opening on a grid: what enters each cell, and how a grid cell's pressure becomes the opening's.

    `cells` (n,) linear indices in C order, `weights` (n,) sum 1. `radius_mm` is the opening's own size, whatever the grid;
    `grid_radius_mm` is the radius at which the exact spherical pressure equals the weighted mean of the grid's, so that the
    pressure at the opening is the grid's plus the drop between both radii. `permeability_mm2` and `porosity` are there.
    """

    cells: NDArray[np.int64]
    weights: Array
    radius_mm: float
    grid_radius_mm: float
    permeability_mm2: float
    porosity: float


@dataclass(frozen=True, eq=False)
class FlowState:
    """Everything needed to go on: savable arrays and numbers; going on from a saved state gives identical bytes.

    Arrays have the medium's shape. `saturation` is cement in the share of the pores, set cement included;
    `set_saturation` the part that has set and never moves again; `scalars` (m, nx, ny, nz) are volume-weighted means of the
    mobile cement, `set_scalars` those of the set (they go on ageing). `response_pa_s_mm3` is the pressure a flow of 1 mm3/s
    adds, `base_pa` the pressure without flow; `pressure_pa` = base + rate x response. `fluxes_mm3_s` are flows through inner faces
    along the axes, kept for the shear of the next step (no elements where viscosity does not depend on it). `outflow_*_mm3` are by outlet, in the
    medium's order. `tip_pressure_pa` is at the needle's opening for the last rate and `tip_slope_pa_s_mm3` its derivative by
    the rate with frozen mobilities. `balance_error` is the worst |injected - found - leaked| / injected of all steps.
    `box` holds the active box (low and high index by axis), `far_outflow` each outlet's share of what leaves through its sides;
    `stretch` is how much longer than the front needs to cross a lumen's cell a step may be, because little changed in the last.
    """

    t_s: float
    saturation: Array
    set_saturation: Array
    scalars: Array
    set_scalars: Array
    response_pa_s_mm3: Array
    base_pa: Array
    fluxes_mm3_s: tuple[Array, Array, Array]
    rate_mm3_s: float
    injected_mm3: float
    outflow_cement_mm3: Array
    outflow_marrow_mm3: Array
    tip_pressure_pa: float
    tip_slope_pa_s_mm3: float
    steps: int
    iterations: int
    most_iterations: int
    balance_error: float
    box: NDArray[np.int64]
    far_outflow: Array
    stretch: float

    @property
    def pressure_pa(self) -> Array:
        """Pressure at the last rate, Pa."""
        return self.base_pa + self.rate_mm3_s * self.response_pa_s_mm3

    @property
    def mean_scalars(self) -> Array:
        """Scalars of all cement, mobile and set, weighted by volume; 0 where there is none."""
        mobile = np.maximum(self.saturation - self.set_saturation, 0.0)
        total = np.where(self.saturation > 0.0, self.saturation, 1.0)
        return (mobile * self.scalars + self.set_saturation * self.set_scalars) / total
