"""Whether the scan's border cuts a vertebra, judged on its parts: a clipped process does no harm, a clipped arch does.

The outermost layer of voxels counts as border, and so does the first layer next to padding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.field import Box
from pedicle.anatomy.frame import Anatomy
from pedicle.anatomy.split import body_proper
from pedicle.model.volume import Volume

ARCH_MM = 6.0


def touching(labels: Volume, label: int, padding: NDArray[np.bool_] | None, box: Box) -> NDArray[np.float64]:
    """LPS centres of a label's voxels in the border layer of the map or next to padding; shape (n, 3).

    `box` is the label's own index box.
    """
    cut = tuple(slice(int(a), int(b)) for a, b in zip(*box, strict=True))
    index = np.argwhere(labels.values[cut] == label) + box[0]
    last = np.array(labels.values.shape) - 1
    at_border = ((index == 0) | (index == last)).any(axis=1)
    if padding is not None:
        for axis in range(3):
            for step in (-1, 1):
                beside = index.copy()
                beside[:, axis] = np.clip(beside[:, axis] + step, 0, last[axis])
                at_border |= padding[tuple(beside.T)]
    return labels.grid.lps_from_index(index[at_border])


def parts_cut(found: Anatomy, points_mm: NDArray[np.float64]) -> tuple[str, ...]:
    """Names of the parts that border points lie on: body, pedicle, arch; empty when only processes are clipped."""
    if not len(points_mm):
        return ()
    points = found.lps_from_vertebra.inverse @ points_mm
    body = _on_body(found, points)
    if found.canal is None or found.wall is None:
        return ("body",) if body.any() else ()
    x, y, z = points.T
    reach = _half_width(found)
    behind = (y >= found.wall.at(z)) & ~body & (np.abs(x) <= reach)
    back = found.canal.extent_mm[1, 1] + found.canal.slope * z
    pedicle = behind & (y < found.wall.at(z) + 0.5 * (back - found.wall.at(z)))
    arch = behind & ~pedicle & (y <= back + ARCH_MM)
    return tuple(name for name, hit in (("body", body), ("pedicle", pedicle), ("arch", arch)) if hit.any())


def _on_body(found: Anatomy, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (n, 3) of the frame lie on the body proper; spurs that reach far beyond it do not count."""
    near = body_proper(found.body, found.spacing_mm)
    index = np.rint((points - found.low_mm) / found.spacing_mm).astype(int)
    inside = ((index >= 0) & (index < near.shape)).all(axis=1)
    hit = np.zeros(len(points), bool)
    hit[inside] = near[tuple(index[inside].T)]
    return hit


def _half_width(found: Anatomy) -> float:
    """Half of the body's width, where pedicles end: processes lie further out."""
    x = np.abs(np.argwhere(found.body)[:, 0] * found.spacing_mm + found.low_mm[0])
    return float(np.percentile(x, 98))
