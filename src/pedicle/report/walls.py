"""The walls of one vertebra as smooth fields that can be cut by any plane: body, both pedicles, canal, or the bare label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pedicle.model.frames import SIDES, Side
from pedicle.model.levels import verse_of_level
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, Spine, Vertebra
from pedicle.model.volume import Volume, bounding_box
from pedicle.report.views import Plane, sampled, shadow

Share = NDArray[np.float32]
_PARTS = {"body": PART_BODY, "left pedicle": PART_LEFT_PEDICLE, "right pedicle": PART_RIGHT_PEDICLE}
_BLUR_VOXELS = 0.6
_RING_HALF_MM = 2.5
_RING_REACH_MM = 14.0
# From the body's centre to the tip of the spinous process, with room.
_VERTEBRA_REACH_MM = 85.0


@dataclass(frozen=True, eq=False)
class Walls:
    """Fields by name, each a volume and a share 0 to 1 whose outline at one half is the wall."""

    fields: dict[str, tuple[Volume, Share]]

    def on(self, name: str, plane: Plane, pixels_per_mm: float) -> Share | None:
        """The field of a wall on a plane; None when this vertebra has no such field."""
        if name not in self.fields:
            return None
        volume, share = self.fields[name]
        return sampled(share, volume, plane.points(pixels_per_mm), 0.0)

    def shadow(self, name: str, plane: Plane, pixels_per_mm: float) -> Share | None:
        """The shadow of a part on a plane; None when there is no such part."""
        if name not in self.fields:
            return None
        volume, share = self.fields[name]
        return shadow(volume.with_values(share > 0.5), plane, pixels_per_mm)


def walls_of(vertebra: Vertebra, spine: Spine) -> Walls:
    """The walls that `anatomy` found; only the label's own outline where it found none."""
    if vertebra.maps is None:
        return label_walls(vertebra, spine.labels)
    parts = vertebra.maps.parts
    fields = {name: (parts, _smooth(parts.values == code)) for name, code in _PARTS.items()}
    fields |= _isthmuses(vertebra, parts)
    canal = vertebra.maps.canal_mm
    # 0.5 where the signed distance is nought: the outline at one half is the canal's wall.
    fields["canal"] = (canal, np.clip(0.5 - 0.5 * np.asarray(canal.values, np.float32), 0.0, 1.0))
    return Walls(fields)


def _isthmuses(vertebra: Vertebra, parts: Volume) -> dict[str, tuple[Volume, Share]]:
    """The narrowest slice of each pedicle, a few mm thick: the ring that is looked for on a true AP picture."""
    found = {}
    for side, pedicle in (vertebra.pedicles or {}).items():
        if pedicle.centre_lps_mm is None or pedicle.axis_lps is None:
            continue
        index = np.argwhere(parts.values == _PARTS[f"{side} pedicle"])
        offset = parts.grid.lps_from_index(index) - pedicle.centre_lps_mm
        near = (np.abs(offset @ pedicle.axis_lps) < _RING_HALF_MM) & (np.linalg.norm(offset, axis=-1) < _RING_REACH_MM)
        if near.any():
            mask = np.zeros(parts.grid.shape, np.float32)
            mask[tuple(index[near].T)] = 1.0
            found[f"{side} ring"] = (parts, mask)
    return found


def label_walls(vertebra: Vertebra, labels: Volume) -> Walls:
    """The outline of a level in the label map, as the field "bone"; no field where the label is absent."""
    near = _neighbourhood(labels, vertebra.centroid_lps_mm)
    mask = near.values == verse_of_level(vertebra.level)
    box = bounding_box(mask, margin=1)
    if box is None:
        return Walls({})
    found = near.with_values(mask).cropped(*box)
    return Walls({"bone": (found, _smooth(found.values))})


def _neighbourhood(labels: Volume, centre_mm: NDArray[np.float64]) -> Volume:
    """The part of a label map around a body's centre that holds its whole vertebra."""
    middle = labels.grid.index_from_lps(centre_mm)
    # Canonical grids run along the patient's axes to within 45 degrees: the box of the turned cube holds it.
    reach = 1.5 * _VERTEBRA_REACH_MM / labels.grid.spacing_mm
    shape = np.array(labels.grid.shape)
    low = np.clip(np.floor(middle - reach), 0, shape - 1).astype(int)
    return labels.cropped(low, np.clip(np.ceil(middle + reach), low + 1, shape).astype(int))


def _smooth(mask: NDArray[np.bool_]) -> Share:
    """A mask without its steps: 0.6 voxel of blur moves the edge of a 4 mm round pedicle by less than 0.1 mm."""
    return np.asarray(gaussian_filter(mask.astype(np.float32), _BLUR_VOXELS), dtype=np.float32)


def drawn(side: Side | None = None) -> tuple[tuple[str, str], ...]:
    """Walls to draw and the style of each; the pedicle of `side` alone stands out when a side is named."""
    pedicles = [(f"{name} pedicle", "wall-pedicle" if side in (None, name) else "wall-pedicle-other") for name in SIDES]
    return (("bone", "wall-body"), ("body", "wall-body"), *pedicles, ("canal", "wall-canal"))


RINGS = (("bone", "wall-body"), ("body", "wall-body"), ("left ring", "wall-pedicle"), ("right ring", "wall-pedicle"))
"""Shadows to draw on a view through the level, and their styles."""
