"""Parts of a body that a fill is judged by: the body itself, its fracture space, its posterior quarter, its two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.cells import cells_of
from pedicle.injection.options import MediumOptions
from pedicle.model.bone import Bone
from pedicle.model.medium import Medium

Mask = NDArray[np.bool_]
POSTERIOR_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks (nx, ny, nz) on a medium's cells; they hold flow cells of the body only.

    `posterior_quarter` is what a lateral view shows within a quarter of the body's depth of the posterior wall; `left` and
    `right` are the patient's. `cleft_mm3` is the fracture space in each cell, `pore_volume_mm3` the medium's.
    """

    body: Mask
    posterior_quarter: Mask
    left: Mask
    right: Mask
    cleft_mm3: NDArray[np.float64]
    pore_volume_mm3: NDArray[np.float64]

    @property
    def fillable_ml(self) -> float:
        """Pore volume of the body, its fracture space included: what cement can fill at most without a leak."""
        return float(self.pore_volume_mm3[self.body].sum() / 1000.0)

    @property
    def cleft_ml(self) -> float:
        """Volume of the fracture space; it has no bone in it."""
        return float(self.cleft_mm3.sum() / 1000.0)

    def filled_share(self, cement_mm3: NDArray[np.float64], part: Mask) -> float:
        """Share of a part's pores that holds cement (mm3 a cell), 0 to 1; 0 for an empty part."""
        room = float(self.pore_volume_mm3[part].sum())
        return float(cement_mm3[part].sum()) / room if room > 0.0 else 0.0

    def cleft_filled_share(self, cement_mm3: NDArray[np.float64]) -> float:
        """Share of the fracture space that holds cement; in a cell partly bone, as much of it as of the pores. 0 without one."""
        there = self.cleft_mm3 > 0
        if not there.any():
            return 0.0
        held = cement_mm3[there] / self.pore_volume_mm3[there] * self.cleft_mm3[there]
        return float(held.sum() / self.cleft_mm3.sum())


def regions_of(bone: Bone, medium: Medium) -> Regions:
    """The regions of the bone that `medium` was made of, on its cells. ValueError when the grids do not meet."""
    cells = cells_of(bone, MediumOptions(spacing_mm=medium.spacing_mm))
    if medium.grid is None or not cells.grid.same_place(medium.grid):
        raise ValueError(f"{bone.level}: the medium is not of this bone's body and pedicles")
    body = medium.flow_cells & (cells.body_share >= 0.5)
    i, j, _ = np.indices(body.shape)
    low, high = _extent(np.asarray(body.any(axis=(1, 2))))
    left = body & (i > 0.5 * (low + high))
    right = body & (i < 0.5 * (low + high))
    cleft = cells.gap_share * float(np.prod(medium.spacing_mm))
    return Regions(body, body & (j > _quarter(body)), left, right, cleft, medium.pore_volume_mm3)


def _extent(line: NDArray[np.bool_]) -> tuple[float, float]:
    true = np.flatnonzero(line)
    return float(true[0]), float(true[-1])


def _quarter(body: Mask) -> NDArray[np.float64]:
    """Index to the back at which the last quarter of the silhouette begins, by height, (1, 1, nz): the posterior wall's own
    course, moved forward by a quarter of the greatest depth."""
    silhouette = body.any(axis=0)
    j = np.arange(silhouette.shape[0])[:, None]
    back = np.where(silhouette, j, -1).max(axis=0) + 0.5
    front = np.where(silhouette, j, len(j)).min(axis=0) - 0.5
    return np.asarray(back - POSTERIOR_SHARE * float((back - front).max()))[None, None, :]
