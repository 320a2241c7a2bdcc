"""What the bone of one level is: its parts and density on the level's one grid.

Curing and mechanics use this grid; injection may take cells of another size along the same axes, by overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from numpy.typing import ArrayLike

from pedicle.model.notices import Notice
from pedicle.model.volume import Volume

Route = Literal["basivertebral", "segmental", "cortical", "endplate", "needle_track"]


@dataclass(frozen=True, eq=False)
class Opening:
    """A labelled way out of the body: mask on the bone's grid (as linear indices), its route, and how it is known."""

    route: Route
    place: str
    voxels: Volume
    basis: str


@dataclass(frozen=True, eq=False)
class Bone:
    """One level's bone on one isotropic grid in the vertebra's frame (default 1 mm, margin 12 mm).

    `density_mg_cm3` (float32) is calcium hydroxyapatite equivalent; `parts` uses the PART_ codes of `model.vertebra`;
    `shell` (bool) is the cortical layer of the body; `cleft` (bool) is open fracture space. `canal` and `disc`
    neighbours are read from `parts`. Voxels without data are marked outside.
    """

    level: str
    density_mg_cm3: Volume
    parts: Volume
    shell: Volume
    cleft: Volume
    openings: tuple[Opening, ...] = ()
    warnings: tuple[Notice, ...] = field(default=())

    def cropped(self, low: ArrayLike, high: ArrayLike) -> Bone:
        """The part with index low <= index < high, copied; openings keep what lies in it."""
        return replace(
            self,
            density_mg_cm3=self.density_mg_cm3.cropped(low, high),
            parts=self.parts.cropped(low, high),
            shell=self.shell.cropped(low, high),
            cleft=self.cleft.cropped(low, high),
            openings=tuple(replace(one, voxels=one.voxels.cropped(low, high)) for one in self.openings),
        )
