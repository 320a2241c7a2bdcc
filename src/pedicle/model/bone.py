"""What the bone of one level is: its parts and density on the level's one grid; and the laws from HU to density.

Injection, curing and mechanics use this grid; nothing is resampled between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
