"""The part of a picture that may hold the vertebra, at one fineness, ready to be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.fluoroscopy.projection import Absorber, Array
from pedicle.fluoroscopy.similarity import Floats, bounded, edges, knee_of
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import Pose
from pedicle.model.volume import bounding_box

# Bone has hardly an edge more than so many times as strong as three quarters of a picture's edges; steel and cement have.
METAL_EDGE, EDGE_QUANTILE = 5.0, 0.75
# Weaker than this part of the strongest edge is no edge: a drawn picture is empty beside the body.
NO_EDGE = 0.005
# Signals below this are no measurement: metal, or no light at all.
LEAST_SIGNAL = 1e-4


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture to register to: its geometry, what was attenuated, and which pixels may be used.

    `attenuation` (rows, columns) is minus the logarithm of the signal, more where more is in the way; any straight-line
    rescaling of it serves. `usable` (bool, same shape) leaves out a needle, cement or what the collimator covers.
    ValueError when shapes differ.
    """

    beam: ConeBeam
    attenuation: Floats
    usable: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = (self.beam.rows, self.beam.columns)
        if self.attenuation.shape != shape or (self.usable is not None and self.usable.shape != shape):
            raise ValueError(f"picture {self.attenuation.shape} and detector {shape} differ")

    @classmethod
    def of_signal(cls, beam: ConeBeam, signal: ArrayLike, usable: NDArray[np.bool_] | None = None) -> Seen:
        """A picture given as signal, 1 in the open beam."""
        light = np.maximum(np.asarray(signal, dtype=np.float32), np.float32(LEAST_SIGNAL))
        return cls(beam, -np.log(light), usable)


@dataclass(frozen=True)
class Fineness:
    """How many pixels are joined along each side, and the blur in joined pixels."""

    join: int
    blur_px: float


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a picture at one fineness: bounded edges (2, rows, columns), zero where not usable."""

    beam: ConeBeam
    fineness: Fineness
    seen: Floats
    usable: NDArray[np.float32]


def body_corners(absorber: Absorber) -> Array:
    """Corners (8, 3), in the absorber's own frame, of the box of what it holds."""
    box = bounding_box(absorber.values[0] != 0)
    if box is None:
        raise ValueError("the absorber is empty")
    return absorber.grid.cropped(*box).corners_lps_mm()


def shadow_box(beam: ConeBeam, corners_lps_mm: Array, margin_mm: float) -> tuple[Array, Array]:
    """First and last (column, row) of the shadow of some corners, widened by a margin at the body; not cut to the detector."""
    seen = beam.project(corners_lps_mm)
    wide = margin_mm * float(beam.magnification(corners_lps_mm.mean(axis=0))) / np.array(beam.pixel_mm)
    return seen.min(axis=0) - wide, seen.max(axis=0) + wide


def share_in_picture(beam: ConeBeam, corners_lps_mm: Array) -> float:
    """The part of the shadow's box that lies on the detector, 0 to 1."""
    low, high = shadow_box(beam, corners_lps_mm, 0.0)
    inside = np.minimum(high, [beam.columns - 1, beam.rows - 1]) - np.maximum(low, 0.0)
    return float(np.maximum(inside, 0.0).prod() / (high - low).prod())


def window(seen: Seen, corners_lps_mm: Array, margin_mm: float, fineness: Fineness) -> Window | None:
    """The part of a picture about a shadow; None when less than a few pixels of it lie on the detector."""
    n = fineness.join
    low, high = shadow_box(seen.beam, corners_lps_mm, margin_mm)
    first = np.clip(np.floor(low / n) * n, 0, None).astype(int)
    last = np.minimum(np.ceil(high), [seen.beam.columns, seen.beam.rows]).astype(int)
    size = (last - first) // n
    if size.min() < 8:
        return None
    columns, rows = int(size[0]), int(size[1])
    beam = seen.beam.cropped((int(first[0]), int(first[1])), rows * n, columns * n).binned(n)
    part = (slice(first[1], first[1] + rows * n), slice(first[0], first[0] + columns * n))
    usable = np.ones((rows, columns), np.float32)
    if seen.usable is not None:
        usable = usable_there(_joined(seen.usable[part].astype(np.float32), n), fineness.blur_px)
    gradient = edges(_joined(seen.attenuation[part], n), fineness.blur_px)
    usable = without_metal(gradient, usable)
    knee = knee_of(gradient, usable > 0)
    return Window(beam, fineness, bounded(gradient, max(knee, 1e-12)) * usable, usable)


def usable_there(share: Floats, blur_px: float) -> NDArray[np.float32]:
    """1 where a joined pixel and what blurs into it is usable, else 0."""
    from scipy.ndimage import minimum_filter

    reach = 2 * int(np.ceil(blur_px)) + 1
    return np.asarray(minimum_filter((share > 0.999).astype(np.float32), size=reach, mode="nearest"))


def without_metal(gradient: Floats, usable: NDArray[np.float32]) -> NDArray[np.float32]:
    """`usable` (rows, columns) without the rims of steel and cement: edges stronger than bone's, and the pixels beside them."""
    from scipy.ndimage import binary_dilation

    strength = np.hypot(gradient[0], gradient[1])
    edge = strength[(usable > 0) & (strength > NO_EDGE * strength.max())]
    if not edge.size:
        return usable
    metal = strength > METAL_EDGE * np.quantile(edge, EDGE_QUANTILE)
    return np.asarray(usable * ~binary_dilation(metal), dtype=np.float32)


def _joined(image: Floats, n: int) -> Floats:
    rows, columns = image.shape[0] // n, image.shape[1] // n
    return np.asarray(image.reshape(rows, n, columns, n).mean(axis=(1, 3)), dtype=np.float32)


def placed(corners_ct_mm: Array, pose: Pose) -> Array:
    """Corners where the pose puts them."""
    return pose @ corners_ct_mm
