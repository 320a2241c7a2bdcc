"""An injection as it stands, on coarser cells: what an adviser goes on from, who does not know which openings are there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.cells import kept_inside, mean_over, overlaps
from pedicle.injection.site import Site
from pedicle.injection.start import start_flow
from pedicle.model.flow import FlowState
from pedicle.model.injection import InjectionState

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Regridding:
    """From one site's cells to another's: the overlap of both along each axis, and which cells hold fluid."""

    shares: tuple[Array, Array, Array]
    inside: NDArray[np.bool_]

    @classmethod
    def between(cls, site: Site, other: Site) -> _Regridding:
        source, target = site.grid, other.grid
        step = target.spacing_mm
        shares = []
        for axis in range(3):
            index = np.zeros((target.shape[axis], 3))
            index[:, axis] = np.arange(target.shape[axis])
            at = source.index_from_lps(target.lps_from_index(index))[:, axis] * source.spacing_mm[axis]
            shares.append(overlaps(at, float(step[axis]), source.shape[axis], float(source.spacing_mm[axis])))
        return cls((shares[0], shares[1], shares[2]), other.medium.flow_cells)

    def sums(self, values: Array, cells: tuple[float, float]) -> Array:
        """Volumes in the source's cells, as volumes in the target's; `cells` are the two cells' own volumes."""
        source, target = cells
        return kept_inside(mean_over(list(self.shares), values / source) * target, self.inside)


def standing_on(other: Site, site: Site, state: InjectionState) -> InjectionState:
    """The injection of `site` with its cement on the cells of `other`, nothing leaked yet: volume, ages and what has set.

    Cement that a coarser cell has no pores for is left out; the flow's balance begins anew with what is there. The body is
    the same, the openings may be others.
    """
    change = _Regridding.between(site, other)
    cells = site.grid.voxel_ml * 1e3, other.grid.voxel_ml * 1e3
    flow, pores = state.flow, site.medium.pore_volume_mm3
    mobile, held = (flow.saturation - flow.set_saturation).clip(0.0) * pores, flow.set_saturation * pores
    mobile_mm3, held_mm3 = change.sums(mobile, cells), change.sums(held, cells)
    room = other.medium.pore_volume_mm3
    fits = np.minimum(1.0, room / np.maximum(mobile_mm3 + held_mm3, 1e-12))
    shares = [np.where(room > 0.0, mm3 * fits / np.where(room > 0.0, room, 1.0), 0.0) for mm3 in (mobile_mm3, held_mm3)]
    ages = [
        np.stack([_mean(change.sums(scalar * mm3, cells), total) for scalar in scalars])
        for scalars, mm3, total in ((flow.scalars, mobile, mobile_mm3), (flow.set_scalars, held, held_mm3))
    ]
    moved = _at_rest(other, state, shares[0] + shares[1])
    moved = replace(moved, set_saturation=shares[1], scalars=ages[0], set_scalars=ages[1])
    return replace(state, flow=moved, onset_s=np.full(len(other.medium.outlets), np.inf))


def _mean(weighted: Array, total: Array) -> Array:
    return np.where(total > 0.0, weighted / np.where(total > 0.0, total, 1.0), 0.0)


def _at_rest(other: Site, state: InjectionState, saturation: Array) -> FlowState:
    """A flow of this saturation that has not begun: nothing leaked, and as much injected as is there."""
    source, fluids = other.source(state.needle), other.fluids(state.delivery)
    fresh = start_flow(other.medium, source, fluids, state.flow.t_s)
    held = float((saturation * other.medium.pore_volume_mm3).sum())
    return replace(fresh, saturation=saturation, injected_mm3=held)
