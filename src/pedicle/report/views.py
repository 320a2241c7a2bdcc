"""Picture planes: where a picture lies in the patient, what is seen on it, and which words stand at its edges.

Picture coordinates are millimetres from the upper left corner, x to the right, y down. The words at the edges are read
from the plane's own directions in LPS, so a flip of the picture flips the words with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from pedicle.model.frames import unit
from pedicle.model.volume import Volume
from pedicle.report.words import direction_word

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plane:
    """A rectangle in the patient: its centre, its unit directions to the right and down, and its size in mm."""

    centre_lps_mm: Array
    right_lps: Array
    down_lps: Array
    width_mm: float
    height_mm: float

    @property
    def toward_viewer_lps(self) -> Array:
        """Unit direction from the picture to the eye that sees it unmirrored."""
        return np.cross(self.right_lps, -self.down_lps)

    @property
    def edges(self) -> dict[str, str]:
        """Anatomical word at each edge: keys left, right, top, bottom of the picture."""
        return {
            "left": direction_word(-self.right_lps),
            "right": direction_word(self.right_lps),
            "top": direction_word(-self.down_lps),
            "bottom": direction_word(self.down_lps),
        }

    @property
    def seen_from(self) -> str:
        """The side the eye is on: left, right, back, front, head or feet."""
        return direction_word(self.toward_viewer_lps)

    def place(self, points_mm: ArrayLike) -> Array:
        """LPS points (..., 3) as picture x, y in mm and height towards the viewer in mm, shape (..., 3)."""
        offset = np.asarray(points_mm, dtype=np.float64) - self.centre_lps_mm
        axes = np.stack([self.right_lps, self.down_lps, self.toward_viewer_lps])
        return np.asarray(offset @ axes.T + [self.width_mm / 2, self.height_mm / 2, 0.0])

    def points(self, pixels_per_mm: float) -> Array:
        """LPS points of the pixel centres, shape (rows, columns, 3)."""
        x, y = _pixel_centres(self.width_mm, self.height_mm, pixels_per_mm)
        return np.asarray(
            self.centre_lps_mm
            + (x - self.width_mm / 2)[None, :, None] * self.right_lps
            + (y - self.height_mm / 2)[:, None, None] * self.down_lps
        )

    def shifted(self, towards_viewer_mm: float) -> Plane:
        """The same rectangle moved along its normal."""
        return replace(self, centre_lps_mm=self.centre_lps_mm + towards_viewer_mm * self.toward_viewer_lps)


@dataclass(frozen=True, eq=False)
class CurvedPlane(Plane):
    """A picture whose rows follow the spine: heights `knots_mm` (LPS S, rising) and how far the plane is moved there.

    Each row is moved by `shift_mm` along the normal so that the middle of the spine stays in the picture; within a row
    nothing is bent.
    """

    knots_mm: Array
    shift_mm: Array

    def points(self, pixels_per_mm: float) -> Array:
        """LPS points of the pixel centres on the curved sheet, shape (rows, columns, 3)."""
        flat = super().points(pixels_per_mm)
        shift = np.interp(flat[:, 0, 2], self.knots_mm, self.shift_mm)
        return np.asarray(flat + shift[:, None, None] * self.toward_viewer_lps)


def _pixel_centres(width_mm: float, height_mm: float, pixels_per_mm: float) -> tuple[Array, Array]:
    columns, rows = round(width_mm * pixels_per_mm), round(height_mm * pixels_per_mm)
    return (np.arange(columns) + 0.5) * width_mm / columns, (np.arange(rows) + 0.5) * height_mm / rows


def facing(centre_mm: ArrayLike, right: ArrayLike, down: ArrayLike, size_mm: tuple[float, float]) -> Plane:
    """A plane from two directions; `down` is turned square to `right` within their plane."""
    right_lps = unit(right)
    down_lps = np.asarray(down, dtype=np.float64)
    down_lps = unit(down_lps - (down_lps @ right_lps) * right_lps)
    return Plane(np.asarray(centre_mm, dtype=np.float64), right_lps, down_lps, *size_mm)


def along_needle(centre_mm: ArrayLike, direction: ArrayLike, left: ArrayLike, size_mm: float) -> Plane:
    """The probe's eye: square to the needle, seen by the one who holds it; the patient's left stays level."""
    forward, left_lps = unit(direction), np.asarray(left, dtype=np.float64)
    left_lps = unit(left_lps - (left_lps @ forward) * forward)
    # The eye lies behind the hub: right x up points from the picture to the eye, which is -forward.
    right = -left_lps
    return Plane(np.asarray(centre_mm, dtype=np.float64), right, np.cross(forward, right), size_mm, size_mm)


def seen_by_detector(detector_lps: ArrayLike, up: ArrayLike, centre_mm: ArrayLike, size_mm: float) -> Plane:
    """A view as it looks from the C-arm's detector, with `up` at the top."""
    eye = unit(detector_lps)
    up_lps = np.asarray(up, dtype=np.float64)
    up_lps = unit(up_lps - (up_lps @ eye) * eye)
    return Plane(np.asarray(centre_mm, dtype=np.float64), np.cross(up_lps, eye), -up_lps, size_mm, size_mm)


def slab_mean(volume: Volume, plane: Plane, pixels_per_mm: float, depth_mm: float, step_mm: float = 4.0) -> Array:
    """Mean of a volume over a slab of this half depth on both sides of a plane, NaN where nothing was sampled."""
    total = np.zeros(plane.points(pixels_per_mm).shape[:2])
    count = np.zeros_like(total)
    for offset in np.arange(-depth_mm, depth_mm + 1e-6, step_mm):
        found = volume.sampled(plane.shifted(float(offset)).points(pixels_per_mm))
        good = np.isfinite(found)
        total[good] += found[good]
        count += good
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def mask_on(mask: Volume, plane: Plane, pixels_per_mm: float) -> NDArray[np.float32]:
    """Share 0 to 1 of a bool or 0/1 mask on a plane, trilinear so that its outline at one half is smooth."""
    return sampled(mask.values.astype(np.float32), mask, plane.points(pixels_per_mm), 0.0)


def sampled(values: NDArray[np.float32], volume: Volume, points_mm: Array, fill: float) -> NDArray[np.float32]:
    """`values` on the grid of `volume`, trilinear at LPS points (..., 3); `fill` beyond it."""
    index = np.moveaxis(volume.grid.index_from_lps(points_mm), -1, 0)
    found = map_coordinates(values, index, np.float32, order=1, mode="constant", cval=fill, prefilter=False)
    return np.asarray(found, dtype=np.float32)


def shadow(mask: Volume, plane: Plane, pixels_per_mm: float) -> NDArray[np.float32]:
    """The shadow of a bool mask on a plane, 0 to 1 at the pixel centres of `plane.points`; its edge lies at one half.

    Voxel centres are thrown onto the plane and the holes between them closed, so it is as sharp as the mask's voxels.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    rows, columns = plane.points(pixels_per_mm).shape[:2]
    voxel = float(mask.grid.spacing_mm.max()) * pixels_per_mm
    # A rim around the picture, so that its border is no edge of the shadow.
    rim = int(np.ceil(voxel)) + 1
    empty = np.ones((rows + 2 * rim, columns + 2 * rim), dtype=bool)
    x, y, _ = plane.place(mask.grid.lps_from_index(np.argwhere(mask.values))).T
    column = np.floor(x * columns / plane.width_mm).astype(int) + rim
    row = np.floor(y * rows / plane.height_mm).astype(int) + rim
    inside = (column >= 0) & (column < empty.shape[1]) & (row >= 0) & (row < empty.shape[0])
    empty[row[inside], column[inside]] = False
    # Out by three quarters of a voxel closes the gaps between centres, back by one quarter leaves the voxels' half.
    wide = distance_transform_edt(empty) <= 0.75 * voxel
    covered = distance_transform_edt(np.pad(wide, 1, mode="edge"))[1:-1, 1:-1] > 0.25 * voxel
    smooth = gaussian_filter(covered.astype(np.float32), 0.4 * voxel)
    return np.asarray(smooth[rim:-rim, rim:-rim], dtype=np.float32)
