"""Scatter and glare: what lies over a picture like a veil. An empirical model, not a transport calculation.

Scatter leaves each place of the picture in proportion to the primary there, by a ratio that grows with the thickness of
water the primary tells of; an air gap thins it, a grid stops most of it. It is spread by one broad kernel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.fluoroscopy.bins import whole_signal
from pedicle.fluoroscopy.machine import number
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.model.conebeam import ConeBeam
from pedicle.model.shot import Technique
from pedicle.model.sourced import as_quantity, remembered, table

Array = NDArray[np.float64]
# An element of the coarse picture scatter is computed on, mm on the detector: a fifth of the kernel's width.
ELEMENT_MM = 9.0


def element(beam: ConeBeam) -> int:
    """Pixels to an element of the coarse picture."""
    return max(1, round(ELEMENT_MM / beam.pixel_mm[0]))


def coarse(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means over blocks of `factor` x `factor` pixels; blocks at the far edges may be smaller."""
    rows, columns = (np.arange(0, size, factor) for size in image.shape)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    heights, widths = np.diff([*rows, image.shape[0]]), np.diff([*columns, image.shape[1]])
    return np.asarray(sums / np.outer(heights, widths), dtype=np.float32)


def ratio_behind_water(water_mm: Array, air_gap_mm: float, grid: bool) -> Array:
    """Scatter over primary of a wide field as the detector sees it: behind water (any shape), over an air gap, with a grid
    or without. Held beyond the table's ends, 400 mm of water and 300 mm of air.
    """
    passing = number("scatter", "grid_scatter") / number("scatter", "grid_primary") if grid else 1.0
    left = np.interp(air_gap_mm, *_column("gap", "gap_mm", "left"))
    return np.asarray(np.interp(water_mm, *_column("row", "water_mm", "ratio")) * passing * left)


def kernel_mm(air_gap_mm: float) -> float:
    """1 SD of scatter's kernel on the detector, mm."""
    return float(np.interp(air_gap_mm, *_column("gap", "gap_mm", "spread")))


def _column(rows: str, place: str, value: str) -> tuple[list[float], list[float]]:
    found = table("fluoroscopy/carm")["scatter"][rows]
    return [row[place] for row in found], [as_quantity(row[value]).value for row in found]


def veil(
    primary: NDArray[np.float32], beam: ConeBeam, technique: Technique, options: PictureOptions
) -> tuple[NDArray[np.float32], float]:
    """Scatter and glare on the coarse picture, in units of the open beam's primary, and the part of the primary that is left.

    Nothing scatters from beyond the picture; in open beam nothing scatters at all.
    """
    from scipy.ndimage import gaussian_filter

    blocks = coarse(primary, element(beam))
    if not options.scatter:
        return np.zeros_like(blocks), 1.0
    step = element(beam) * beam.pixel_mm[0]
    thickness = water_behind(blocks, technique)
    source = blocks * ratio_behind_water(thickness, options.air_gap_mm, options.grid)
    scattered = gaussian_filter(source, kernel_mm(options.air_gap_mm) / step, mode="constant")
    part = number("detector", "glare")
    lit = blocks + scattered
    glare = gaussian_filter(lit, number("detector", "glare_spread") / step, mode="nearest")
    return np.asarray((1.0 - part) * scattered + part * glare, dtype=np.float32), 1.0 - part


def water_behind(signal: ArrayLike, technique: Technique) -> Array:
    """Thickness of water in mm, 0 to 600, behind which a primary signal (any shape, 1 in open beam) is left."""
    water, log = _thickness(replace(technique, mas_per_pulse=1.0))
    return np.asarray(np.interp(-np.log(np.maximum(np.asarray(signal), 1e-12)), log, water))


@remembered
def _thickness(technique: Technique) -> tuple[Array, Array]:
    """Thickness of water in mm over minus the logarithm of the signal behind it."""
    water = np.linspace(0.0, 600.0, 61)
    return water, -np.log(whole_signal(water[None], ("water",), technique))
