"""Two periodic Gaussian random fields, sampled in each vertebra's own millimetres, so independent of voxel size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 64


@dataclass(frozen=True, eq=False)
class Texture:
    """Periodic fields of mean 0 and standard deviation 1, shape (64, 64, 64), float32.

    `short` has vertical columns and is read at 0.62 mm a step, `long` is isotropic and read at 1.6 mm a step.
    """

    short: NDArray[np.float32]
    long: NDArray[np.float32]


def make_texture(seed: int, held_out: bool = False) -> Texture:
    """The fields of a seed; the held-out family is coarser and less columnar."""
    short = (1.0, 2.6) if not held_out else (1.6, 1.8)
    long = 1.6 if not held_out else 2.4
    return Texture(_field(seed, 11, (short[0], short[0], short[1])), _field(seed, 12, (long, long, long)))


def _field(seed: int, stream: int, correlation: tuple[float, float, float]) -> NDArray[np.float32]:
    from scipy.fft import irfftn, rfftn

    white = np.random.Generator(np.random.Philox(key=(seed, stream))).standard_normal((SIZE,) * 3, dtype=np.float32)
    waves = [np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE), np.fft.rfftfreq(SIZE)]
    damp = [np.exp(-((np.pi * f * c) ** 2)) for f, c in zip(waves, correlation, strict=True)]
    spectrum = rfftn(white) * damp[0][:, None, None] * damp[1][None, :, None] * damp[2][None, None, :]
    field = irfftn(spectrum, (SIZE,) * 3)
    return np.ascontiguousarray((field - field.mean()) / field.std(), dtype=np.float32)
