"""A kidney-shaped body of 48 x 36 x 30 mm with shell, endplates and uneven trabecular bone, in as many cubes as asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
SIZE_MM = (48.0, 36.0, 30.0)
# Cube sides that give the sizes named in the rows.
SIDES_MM = {"6k": 1.8, "44k": 0.93, "180k": 0.585, "310k": 0.486}
POISSON, STRAIN = 0.3, -0.01
# Moduli are drawn from so many levels, so that programs with a table of materials see the same ones.
_LEVELS = 256


def body(side_mm: float, seed: int = 3) -> Array:
    """Young's modulus MPa by cube, 0 outside; float32 values, contrast 240."""
    shape = [round(size / side_mm) for size in SIZE_MM]
    x, y, z = ((np.indices(shape)[d] + 0.5) / shape[d] * 2.0 - 1.0 for d in range(3))
    waist = 1.0 - 0.1 * (1.0 - z**2)
    inside = (x**2 + y**2 < waist**2) & ~(x**2 + ((y - 1.15) / 0.5) ** 2 < 0.3)
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2 / side_mm, mode="nearest")
    modulus = np.maximum(250.0 * np.exp(0.6 * field / field.std()), 50.0)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1] * side_mm
    modulus = np.where(depth <= max(0.8, side_mm), 3000.0 + 9000.0 * rng.random(shape), modulus)
    modulus[:, :, [0, -1]] = np.maximum(modulus[:, :, [0, -1]], 2000.0)
    ends = np.log([50.0, 12000.0])
    level = np.clip(np.round((np.log(modulus) - ends[0]) / np.ptp(ends) * (_LEVELS - 1)), 0, _LEVELS - 1)
    levels = np.exp(np.linspace(*ends, _LEVELS)).astype(np.float32).astype(float)
    return np.asarray(np.where(inside, levels[level.astype(int)], 0.0))


def changed(name: str, modulus: Array) -> Array:
    """The same with holes, a cleft, cement, another contrast, or only a shell."""
    there, rng = modulus > 0, np.random.default_rng(1)
    middle = np.indices(modulus.shape) - np.array(modulus.shape)[:, None, None, None] / 2.0
    if name.endswith("% holes"):
        keep = rng.random(modulus.shape) >= float(name.split("%")[0]) / 100.0
        return _held(np.where(keep, modulus, 0.0))
    if name.startswith("contrast"):
        power = np.log(float(name.split()[1])) / np.log(modulus.max() / modulus[there].min())
        return np.where(there, 50.0 * np.power(np.maximum(modulus, 1.0) / modulus[there].min(), power), 0.0)
    if name == "cleft of 5 MPa":
        return np.where(there & (np.abs(middle[2]) < 1.3) & (middle[1] < 0), 5.0, modulus)
    if name == "cement":
        ball = ((middle / np.array([12.0, 9.0, 9.0])[:, None, None, None]) ** 2).sum(axis=0) < 1.0
        return np.where(there & ball, 2500.0, modulus)
    shell = there & ~ndimage.binary_erosion(there, np.ones((3, 3, 3)), border_value=0)
    return np.where(shell, modulus, 0.0)


def _held(modulus: Array) -> Array:
    labels, _ = ndimage.label(modulus > 0)
    both = np.intersect1d(labels[:, :, 0][modulus[:, :, 0] > 0], labels[:, :, -1][modulus[:, :, -1] > 0])
    return np.where(np.isin(labels, both), modulus, 0.0)


def pressed_on(modulus: Array) -> tuple[NDArray[np.bool_], Array]:
    """Free displacements and the prescribed ones for cubes of side 1: both ends held, the upper moved by 1 % of the height."""
    free = np.ones((3, *(n + 1 for n in modulus.shape)), bool)
    free[:, :, :, [0, -1]] = False
    given = np.zeros(free.shape)
    given[2, :, :, -1] = STRAIN * modulus.shape[2]
    return free, given
