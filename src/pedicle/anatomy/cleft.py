"""An open space inside a fractured body: gas or fluid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.local_ct import hu_on, largest_piece_ml
from pedicle.model.frames import unit
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, Cleft, Vertebra

_FILE = "fracture/limits"
GAS_DEPTH_MM = 1.0
FLUID_DEPTH_MM = 2.5
FLUID_CONTRAST_HU = 40.0
FLAT = 0.6
LYING_DEG = 45.0


@dataclass(frozen=True, eq=False)
class Space:
    """A cleft: what fills it, its cells on the vertebra's local grid, and its volume."""

    kind: Cleft
    cells: NDArray[np.bool_]
    volume_ml: float


def find_cleft(vertebra: Vertebra, scan: Scan | None, fractured: bool) -> Cleft | None:
    """Gas or fluid cleft of a body, "none", or None without a CT in Hounsfield units.

    Only a body fractured by height is searched: gas in an intact one belongs to a disc or a cyst.
    """
    if scan is None or vertebra.maps is None or not scan.acquisition.calibrated_hu:
        return None
    return cleft_space(vertebra, scan).kind if fractured else "none"


def cleft_space(vertebra: Vertebra, scan: Scan) -> Space:
    """The cleft of a body with maps and CT; kind "none" and no cells without one."""
    assert vertebra.maps is not None
    grid = vertebra.maps.parts.grid
    hu, there = hu_on(grid, scan)
    spacing = float(grid.spacing_mm[0])
    body = (vertebra.maps.parts.values == PART_BODY) & there
    surface = vertebra.maps.surface_mm.values
    limit = {name: quantity(_FILE, "cleft", name).value for name in ("gas_hu", "gas_ml", "fluid_ml")}
    gas, volume = largest_piece_ml(body & (surface < -GAS_DEPTH_MM) & (hu < limit["gas_hu"]), spacing)
    if volume >= limit["gas_ml"]:
        return Space("gas", gas, volume)
    fluid, volume = largest_piece_ml(_like_fluid(hu, body & (surface < -FLUID_DEPTH_MM), spacing), spacing)
    if volume >= limit["fluid_ml"] and _flat_and_lying(fluid, spacing):
        return Space("fluid", fluid, volume)
    return Space("none", np.zeros_like(body), 0.0)


def _like_fluid(hu: NDArray[np.float32], inside: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.bool_]:
    """Cells whose smoothed HU are those of fluid and well below the body's own marrow; none in bone too loose to tell."""
    from scipy.ndimage import gaussian_filter

    if not inside.any():
        return inside
    smooth = gaussian_filter(hu, 1.2 / spacing_mm)
    low, high = (quantity(_FILE, "cleft", name).value for name in ("fluid_low_hu", "fluid_high_hu"))
    marrow = float(np.median(smooth[inside]))
    return np.asarray(inside & (smooth > low) & (smooth < min(high, marrow - FLUID_CONTRAST_HU)))


def _flat_and_lying(cells: NDArray[np.bool_], spacing_mm: float) -> bool:
    """Whether a piece is a plate across the body's axis: a vein's foramen or a lysis is not."""
    points = np.argwhere(cells) * spacing_mm
    values, vectors = np.linalg.eigh(np.cov((points - points.mean(axis=0)).T))
    lying = abs(float(unit(vectors[:, 0])[2])) >= np.cos(np.radians(LYING_DEG))
    return bool(np.sqrt(values[0] / values[1]) < FLAT and lying)
