"""The whole spine as rows for the kernels: built once, asked for truth, painted at any voxel size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import phantom_shapes as column
from pedicle.model.density import DensityLaw, density_law
from pedicle.phantom.chain import Link, linked, sacrum_pose
from pedicle.phantom.fracture import PATTERN, target_heights, with_heights
from pedicle.phantom.measure import body_heights
from pedicle.phantom.morphometry import VertebraShape, mirrored, spine_shapes
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.phantom.pack import capsules_of, row_of, sacrum_row
from pedicle.phantom.ribs import rib_rods
from pedicle.phantom.texture import Texture, make_texture

Heights3 = tuple[float, float, float]
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Geometry:
    """Shapes of a synthetic spine, independent of any grid.

    `rows` (n + 1, COLUMNS) and `capsules` (n + 1, CAPSULES, 10) hold the vertebrae from the head down and the sacrum
    last; `rods` the ribs. `heights` and `heights_before` are (front, middle, back) at 12, 50 and 88 % of the depth,
    measured on the shapes, after and before fracture.
    """

    options: PhantomOptions
    links: tuple[Link, ...]
    rows: NDArray[np.float64]
    capsules: NDArray[np.float64]
    rods: NDArray[np.float64]
    texture: Texture
    law: DensityLaw
    heights: dict[str, Heights3]
    heights_before: dict[str, Heights3]

    def index(self, level: str) -> int:
        """Row of a level; KeyError when it is not in the spine."""
        for n, link in enumerate(self.links):
            if link.shape.level == level:
                return n
        raise KeyError(level)


def fractures_by_level(options: PhantomOptions) -> dict[str, FractureOptions]:
    """Fractures by level name."""
    return {fracture.level: fracture for fracture in options.fractures}


def scanner_law(options: PhantomOptions) -> DensityLaw:
    """The density law of the scanner that saw this patient."""
    return density_law(options.kvp).scaled(options.scanner_slope, options.scanner_shift_hu)


def build_geometry(options: PhantomOptions) -> Geometry:
    """Shapes, poses and truth of a patient; the numbers that name a height are met by the measured shape."""
    broken = fractures_by_level(options)
    whole, shapes, before, after = [], [], {}, {}
    for drawn in spine_shapes(options):
        drawn = mirrored(drawn) if options.mirror else drawn
        intact, measured = fitted(drawn, (drawn.height_front, drawn.middle, drawn.height_back), options, None)
        whole.append(intact)
        before[drawn.level] = after[drawn.level] = measured
        fracture = broken.get(drawn.level)
        if fracture is not None:
            start = replace(intact, crater_top=PATTERN[fracture.shape][3])
            intact, after[drawn.level] = fitted(start, target_heights(measured, fracture), options, fracture)
        shapes.append(intact)
    links = linked(options, shapes, whole)
    return _assembled(options, links, broken, after, before)


def _assembled(
    options: PhantomOptions,
    links: list[Link],
    broken: dict[str, FractureOptions],
    after: dict[str, Heights3],
    before: dict[str, Heights3],
) -> Geometry:
    rows = [row_of(link, broken.get(link.shape.level)) for link in links]
    capsules = [capsules_of(link.shape, row) for link, row in zip(links, rows, strict=True)]
    for n, link in enumerate(links[:-1]):
        rows[n][column.DISC_DOWN] = 2.0 * link.shape.disc
        rows[n + 1][column.DISC_UP] = 2.0 * link.shape.disc
    low_row, low_capsules = sacrum_row(
        sacrum_pose(links[-1], options, [link.intact for link in links]).matrix, links[-1].shape
    )
    rods = rib_rods(links, options) if options.body else np.zeros((0, 11))
    return Geometry(
        options=options,
        links=tuple(links),
        rows=np.array([*rows, low_row]),
        capsules=np.array([*capsules, low_capsules]),
        rods=rods,
        texture=make_texture(options.seed, options.held_out),
        law=scanner_law(options),
        heights=after,
        heights_before=before,
    )


def fitted(
    shape: VertebraShape, target: Heights3, options: PhantomOptions, fracture: FractureOptions | None
) -> tuple[VertebraShape, Heights3]:
    """The shape whose measured heights are `target` (front, middle, back), and these heights."""
    wanted = np.array(target)
    given = wanted.copy()
    measured = wanted
    for _ in range(ROUNDS):
        shape = with_heights(shape, *(float(h) for h in given))
        measured = np.array(body_heights(_lone_row(shape, fracture)))
        given = given + (wanted - measured)
    return shape, (float(measured[0]), float(measured[1]), float(measured[2]))


def _lone_row(shape: VertebraShape, fracture: FractureOptions | None) -> NDArray[np.float64]:
    from pedicle.model.frames import Pose

    return row_of(Link(shape, shape, Pose("lps", "vertebra", np.eye(4))), fracture)
