"""The standard trabecular region of a body: which voxels of the CT belong to it, and whether sclerosis fills it.

The box lies in front of the basivertebral vein, between the endplates, well off every surface. The mean of the whole
box is taken, never a circle in one slice: noise of a single voxel exceeds the differences that matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Pose
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity, table
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.model.volume import Volume

_FILE = "density/region"
BANDS = 5
LOOSE_RATIO = 1.35
LEAST_VOXELS = 30


@dataclass(frozen=True, eq=False)
class Region:
    """Values of the region's voxels: raw HU, HU smoothed over about 3 mm, and place along the height (0 to 1)."""

    hu: NDArray[np.float64]
    smooth_hu: NDArray[np.float64]
    height: NDArray[np.float64]
    volume_ml: float


def slice_mm(scan: Scan) -> float:
    """The slice's thickness: as stated, never thinner than the step between slices."""
    return max(float(scan.volume.grid.spacing_mm.max()), scan.acquisition.slice_thickness_mm or 0.0)


def least_volume_ml() -> float:
    """Volume under which a region says nothing."""
    return quantity(_FILE, "clean", "least_volume").value


def trabecular_region(vertebra: Vertebra, scan: Scan) -> Region | None:
    """Voxels of the standard region; None without maps, walls or width. May be empty.

    With thick slices the region keeps further off the surface, and it leaves out the plane of the vein's branches; each
    only where enough of it remains.
    """
    if vertebra.maps is None or vertebra.body_width_mm is None:
        return None
    limit = {name: quantity(_FILE, "clean", name).value for name in ("surface", "surface_thick", "thick_slice")}
    thick = slice_mm(scan)
    near = max(limit["surface"], min(thick, limit["surface_thick"]))
    wanted = max(near, limit["surface_thick"]) if thick >= limit["thick_slice"] else near
    least = least_volume_ml()
    for margin, without_vein, enough in ((wanted, True, 2.0 * least), (near, True, least)):
        found = _voxels(vertebra, scan, margin, without_vein)
        if found is None or found.volume_ml >= enough:
            return found
    return _voxels(vertebra, scan, near, False)


def _voxels(vertebra: Vertebra, scan: Scan, margin_mm: float, without_vein: bool) -> Region | None:
    box = _box(vertebra)
    if box is None or vertebra.lps_from_vertebra is None or vertebra.maps is None:
        return None
    low, high = box
    part = _part_about(vertebra.lps_from_vertebra, scan, low, high)
    if not part.values.size:
        return None
    lps = part.grid.centres_lps_mm()
    place = vertebra.lps_from_vertebra.inverse @ lps
    inside = ((place >= low) & (place <= high)).all(axis=-1)
    inside &= vertebra.maps.surface_mm.sampled(lps, fill=np.inf) < -margin_mm
    if without_vein:
        inside &= ~_about_vein(vertebra, place, 0.5 * (low[2] + high[2]))
    if part.outside is not None:
        inside &= ~part.outside
    height = (place[..., 2] - low[2]) / (high[2] - low[2])
    values = part.values.astype(np.float64)
    return Region(
        values[inside],
        _smoothed(values, part.grid.spacing_mm)[inside],
        height[inside],
        float(inside.sum()) * part.grid.voxel_ml,
    )


def _part_about(lps_from_vertebra: Pose, scan: Scan, low: NDArray[np.float64], high: NDArray[np.float64]) -> Volume:
    """The part of the scan that holds a box of the frame with 6 mm around it; empty outside the scan."""
    grid = scan.volume.grid
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    index = grid.index_from_lps(lps_from_vertebra @ corners)
    pad = np.ceil(6.0 / grid.spacing_mm).astype(int)
    first = np.clip(np.floor(index.min(axis=0)).astype(int) - pad, 0, np.array(grid.shape))
    last = np.clip(np.ceil(index.max(axis=0)).astype(int) + pad + 1, first, np.array(grid.shape))
    return scan.volume.cropped(first, last)


def _about_vein(vertebra: Vertebra, place: NDArray[np.float64], middle_mm: float) -> NDArray[np.bool_]:
    """Whether points in the frame lie where the vein's branches spread: about mid-height, in the rear of the body."""
    front, back = vertebra.anterior_wall_mm, vertebra.posterior_wall_mm
    assert front is not None
    assert back is not None
    reach = table(_FILE)["vein_depth_from_behind"] * (back - front)
    flat = np.abs(place[..., 2] - middle_mm) < quantity(_FILE, "clean", "vein_half_height").value
    return np.asarray(flat & (place[..., 1] > back - reach))


def _smoothed(values: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(values, 1.3 / spacing_mm))


def _box(vertebra: Vertebra) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Corners of the box in the vertebra's frame, mm; the height is the body's own in the middle of its depth."""
    front, back, width = vertebra.anterior_wall_mm, vertebra.posterior_wall_mm, vertebra.body_width_mm
    if front is None or back is None or width is None:
        return None
    shares = table(_FILE)
    near, far = shares["depth_from_behind"]
    y = back - np.array([far, near]) * (back - front)
    z = _height_range(vertebra, y)
    if z is None:
        return None
    half = 0.5 * width * shares["half_width"]
    span = z[0] + np.array(shares["height"]) * (z[1] - z[0])
    return np.array([-half, y[0], span[0]]), np.array([half, y[1], span[1]])


def _height_range(vertebra: Vertebra, y_mm: NDArray[np.float64]) -> tuple[float, float] | None:
    """Median lower and upper end of the body's columns between two depths, about the mid-line, in the frame."""
    assert vertebra.maps is not None
    assert vertebra.lps_from_vertebra is not None
    grid = vertebra.maps.parts.grid
    origin = vertebra.lps_from_vertebra.inverse @ grid.lps_from_index(np.zeros(3))
    spacing = float(grid.spacing_mm[0])
    x = np.abs(origin[0] + np.arange(grid.shape[0]) * spacing) <= 6.0
    depth = origin[1] + np.arange(grid.shape[1]) * spacing
    y = (depth >= y_mm[0]) & (depth <= y_mm[1])
    body = vertebra.maps.parts.values[np.ix_(x, y)] == PART_BODY
    there = body.any(axis=2)
    if not there.any():
        return None
    lower = body.argmax(axis=2)[there]
    upper = body.shape[2] - 1 - body[:, :, ::-1].argmax(axis=2)[there]
    return float(origin[2] + np.median(lower) * spacing), float(origin[2] + np.median(upper) * spacing)


def fenced(region: Region) -> NDArray[np.bool_]:
    """Voxels within the fence: smoothed values no further from their median than 3 scaled deviations of their own side.

    Each side has its own spread, for the grain of marrow is skewed, and acts only where it takes out a piece: the fence
    is for islands and holes, not for the tail of the noise or of the texture, whose loss would bias the mean. The core of
    a bright piece must also be as bright as sclerotic bone; its rim is dimmed by partial volume.
    """
    if not len(region.smooth_hu):
        return np.ones(0, bool)
    away = region.smooth_hu - np.median(region.smooth_hu)
    least = quantity(_FILE, "clean", "island").value / 100.0
    bright, dark = (_beyond(side) for side in (away, -away))
    kept = np.ones(len(away), bool)
    island_hu = quantity(_FILE, "clean", "island_hu").value
    if bright.mean() > least and np.percentile(region.smooth_hu[bright], 90.0) > island_hu:
        kept &= ~bright
    if dark.mean() > least:
        kept &= ~dark
    return kept


def _beyond(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which lie on the positive side further out than the fence; the spread is that of this side."""
    side = away[away > 0.0]
    spread = 1.4826 * float(np.median(side)) if len(side) else 0.0
    return np.asarray(away > quantity(_FILE, "clean", "fence").value * max(spread, 5.0))


def loose_bands(region: Region) -> NDArray[np.bool_] | None:
    """The voxels of the loosest height bands when sclerosis fills over a third of the region, else None.

    Two signs, either is enough: more than a third of the bands stand far above the loosest one in proportion, or the
    third at one endplate stands far above the one at the other in HU. The first sees sclerosis in loose bone, the second
    in dense bone, where the same added mineral is a smaller share.
    """
    found = _band_means(region, BANDS)
    if found is None:
        return None
    band, means = found
    if not (_mostly_dense(means) or _dense_at_one_end(region)):
        return None
    lowest, highest = float(means.min()), float(means.max())
    loose = means <= min(LOOSE_RATIO * max(lowest, 1.0), 0.5 * (lowest + highest))
    return np.asarray(loose[band])


def _band_means(region: Region, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Band of every voxel and mean HU of `count` height bands; None when a band holds too few voxels to say."""
    band = np.minimum((region.height * count).astype(np.int64), count - 1)
    held = np.bincount(band, minlength=count)
    if (held < LEAST_VOXELS).any():
        return None
    return band, np.bincount(band, region.hu, minlength=count) / held


def _mostly_dense(means: NDArray[np.float64]) -> bool:
    """Whether more than a third of the bands are far denser than the loosest."""
    lowest = float(means.min())
    ratio, difference = (quantity(_FILE, "clean", name).value for name in ("band_ratio", "band_difference"))
    dense = means > max(ratio * lowest, lowest + difference)
    return float(dense.mean()) > 1.0 / 3.0


def _dense_at_one_end(region: Region) -> bool:
    """Whether the third at one endplate stands out over the third at the other."""
    found = _band_means(region, 3)
    if found is None:
        return False
    return abs(float(found[1][2] - found[1][0])) > quantity(_FILE, "clean", "end_difference").value
