"""What a picture shows of leaked cement, against what is true.

A leak is seen where enough cement lies along the ray, over enough area, outside what hides it: where the vertebral body or its
pedicles are thick along the ray. On the lateral view the back rims of the body hide the hollow of its posterior wall, both pedicles
lie over the canal behind it, and its flanks lie over it: what leaks there is read as bone or as cement in the body. That is
the known blindness of the lateral view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.scene import Scene
from pedicle.model.bone import Bone
from pedicle.model.conebeam import ConeBeam
from pedicle.model.placed import PlacedCement
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE
from pedicle.model.volume import Volume

Image = NDArray[np.float32]
_FILE = "injection/leaks"
_PEDICLES = (PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE)


@dataclass(frozen=True)
class Reading:
    """What one view shows: the leaks seen, by number; and how far back cement reaches in the body as seen in it.

    `posterior_ml` is what lies in the body's posterior quarter, seen or not; `beside` the part of each leak's cement that lies
    outside the body's outline in this view, 0 to 1.
    """

    seen: tuple[bool, ...]
    in_posterior_quarter: bool
    posterior_ml: float
    beside: tuple[float, ...]


def read_view(
    scene: Scene, beam: ConeBeam, bone: Bone, cement: Volume, leaks: tuple[Volume, ...], rear: NDArray[np.bool_]
) -> Reading:
    """What an eye finds in a view: `cement` and `leaks` are shares of voxels, `rear` marks the body's posterior quarter on
    the grid of `cement`."""
    pixel = float(np.mean(beam.pixel_mm)) / float(beam.magnification(bone.parts.grid.centre_lps_mm))
    outline = _outline(scene, beam, bone, pixel)
    paths = [_path(scene, beam, leak) for leak in leaks]
    seen = tuple(_shows(path, ~outline, pixel) for path in paths)
    beside = tuple(float(path[~outline].sum() / max(float(path.sum()), 1e-9)) for path in paths)
    behind = cement.with_values(np.where(rear, cement.values, 0.0).astype(np.float32))
    behind_ml = float(behind.values.sum(dtype=float)) * behind.grid.voxel_ml
    return Reading(seen, _shows(_path(scene, beam, behind), np.ones_like(outline), pixel), behind_ml, beside)


def _outline(scene: Scene, beam: ConeBeam, bone: Bone, pixel_mm: float) -> NDArray[np.bool_]:
    """Pixels behind enough of body or pedicles to hide a leak, and those next to them by the margin within which an eye does not
    part the two."""
    from scipy.ndimage import distance_transform_edt

    body = bone.parts.values == PART_BODY
    pedicles = np.isin(bone.parts.values, _PEDICLES)
    # The transverse processes are of the same part: they lie beside the body.
    pedicles &= body.any(axis=(1, 2))[:, None, None]
    of_body, of_pedicles = (
        _path(scene, beam, bone.parts.with_values(one.astype(np.float32))) for one in (body, pedicles)
    )
    inside = np.maximum(of_body, of_pedicles) > quantity(_FILE, "seen", "bone").value
    beyond = distance_transform_edt(~inside, sampling=pixel_mm)
    return np.asarray(beyond <= quantity(_FILE, "seen", "margin").value)


def _shows(path_mm: Image, where: NDArray[np.bool_], pixel_mm: float) -> bool:
    thick = (path_mm >= quantity(_FILE, "seen", "thickness").value) & where
    return bool(thick.sum() * pixel_mm**2 >= quantity(_FILE, "seen", "area").value)


def _path(scene: Scene, beam: ConeBeam, filled: Volume) -> Image:
    """Millimetres of what is filled along each ray; volumes that do not change are remembered by the caller's object."""
    if not filled.values.any():
        return np.zeros((beam.rows, beam.columns), np.float32)
    return scene.looks.cement(PlacedCement(filled), beam).whole(beam)
