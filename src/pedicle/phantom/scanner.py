"""The scanner: slice profile, reconstruction kernel, noise of the right colour, whole Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.density import density_law, tissue_hu
from pedicle.phantom.options import PhantomOptions

BLUR_MM = {"soft": 0.65, "standard": 0.44, "sharp": 0.36}
NOISE_FACTOR = {"soft": 0.55, "standard": 1.0, "sharp": 1.2}
MIX = (0.97, 0.24)
CHUNK = 16


@dataclass(frozen=True)
class SlicePlan:
    """How many thin slices are painted for one of the scan: odd, so that one of them lies in its middle."""

    every: int
    thin_mm: float


def slice_plan(slice_mm: float) -> SlicePlan:
    """Slices over 1.5 mm are painted in 3 or 5 thin ones: the plane-surface mean fails for processes of 5 mm."""
    every = 1 if slice_mm <= 1.5 else (3 if slice_mm <= 4.5 else 5)
    return SlicePlan(every, slice_mm / every)


def gaussian(sigma_mm: float, step_mm: float) -> NDArray[np.float32]:
    """Half of a symmetric discrete Gaussian, integrated over the step, summing to one over both sides."""
    from scipy.special import erf

    reach = int(np.ceil(2.6 * sigma_mm / step_mm)) if sigma_mm > 0 else 0
    edges = (np.arange(reach + 2) - 0.5) * step_mm
    cumulative = erf(edges / (np.sqrt(2.0) * max(sigma_mm, 1e-6)))
    weights = 0.5 * np.diff(cumulative)
    return np.asarray(weights / (weights[0] + 2.0 * weights[1:].sum()), dtype=np.float32)


def noise_sd(options: PhantomOptions) -> float:
    """Noise in the middle of the patient, HU: as given, or from slice thickness, kernel and girth."""
    if options.noise_hu is not None:
        return options.noise_hu
    girth = 1.0 + 0.5 * options.obesity
    return 22.0 * NOISE_FACTOR[options.kernel] * girth * float(np.sqrt(1.0 / options.spacing_mm[2]))


def seen_at(hu: NDArray[np.float32], options: PhantomOptions) -> None:
    """Move soft tissue, painted as a 120 kVp beam sees it, to the patient's tube voltage and scanner, in place.

    Fat and muscle follow the beam as `tissue_hu` says, fat also the patient's own lipid content; air stays. What one
    scanner adds to bone (`scanner_slope`) is not a matter of its beam, so that fat does not betray it.
    """
    law = density_law(options.kvp).scaled(1.0, options.scanner_shift_hu)
    base = density_law(120.0)
    if law.slope_hu_per_mg_cm3 == base.slope_hu_per_mg_cm3 and not (options.scanner_shift_hu or options.fat_shift_hu):
        return
    painted = [tissue_hu("air", base), tissue_hu("fat", base), tissue_hu("muscle", base)]
    seen = [tissue_hu("air", base), tissue_hu("fat", law) + options.fat_shift_hu, tissue_hu("muscle", law)]
    for slab in hu:
        soft = slab < painted[2]
        shift = seen[2] - painted[2]
        slab[...] = np.where(soft, np.interp(slab, painted, seen), slab + np.float32(shift))


def scanned(hu: NDArray[np.float32], options: PhantomOptions, spread: NDArray[np.float32]) -> NDArray[np.int16]:
    """The CT (i, j, k) int16 of the true picture `hu`, which is overwritten; `spread` (i, j) scales the noise."""
    from pedicle.kernels.phantom_scan import blur_planes, finish

    plan = slice_plan(options.spacing_mm[2])
    sigma = BLUR_MM[options.kernel]
    along_k = gaussian(0.9 * options.spacing_mm[2] / 2.355, plan.thin_mm)
    along_j, along_i = (gaussian(sigma, options.spacing_mm[axis]) for axis in (1, 0))
    blurred = hu if plan.every == 1 else np.empty(options.shape, np.float32)
    blur_planes(hu, blurred, along_k, along_j, plan.every)
    out = np.empty(options.shape, np.int16)
    sd = noise_sd(options)
    scale = (spread * np.float32(sd)).astype(np.float32)
    for first, noise in noise_chunks(options, sd > 0.0):
        finish(blurred, along_i, noise, scale, first, out)
    return out


def noise_filter(options: PhantomOptions) -> NDArray[np.float32]:
    """Root of the noise power spectrum on the half plane of a slice, normalised to unit variance."""
    ni, nj = options.shape[:2]
    fi = np.fft.fftfreq(ni, options.spacing_mm[0])[:, None]
    fj = np.fft.rfftfreq(nj, options.spacing_mm[1])[None, :]
    f = np.hypot(fi, fj)
    cut = {"soft": 0.42, "standard": 0.55, "sharp": 0.72}[options.kernel]
    power = (0.06 + 0.94 * np.minimum(1.0, f / 0.1)) * np.exp(-((f / cut) ** 4)) + 0.5 * np.exp(-((f / 0.05) ** 2))
    streak = (fj / np.maximum(f, 1e-9)) ** 2
    power *= 1.0 + 0.6 * (1.0 + options.obesity) * streak
    weight = np.full(power.shape, 2.0)
    weight[:, 0] = 1.0
    power /= (power * weight).sum() / (ni * nj)
    return np.asarray(np.sqrt(power), dtype=np.float32)


def noise_chunks(options: PhantomOptions, wanted: bool) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pairs (first slice, noise (slices, ni, nj)); each slice has a generator of its own."""
    shape, slices = options.shape[:2], options.shape[2]
    colour = noise_filter(options)
    with ThreadPoolExecutor(2) as pool:
        before = _grain(options, -1, colour)
        for first in range(0, slices, CHUNK):
            last = min(first + CHUNK, slices)
            noise = np.zeros((last - first, *shape), np.float32)
            if wanted:
                fresh = pool.map(lambda k: _grain(options, k, colour), range(first, last))
                for n, grain in enumerate(fresh):
                    noise[n] = MIX[0] * grain + MIX[1] * before
                    before = grain
            yield first, noise


def _grain(options: PhantomOptions, slice_index: int, colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise of one slice before it is mixed with its neighbour: unit variance, drawn in the frequency plane."""
    from scipy.fft import irfft2

    chance = np.random.Generator(np.random.Philox(key=(options.seed, 10_000 + slice_index)))
    ni, nj = options.shape[:2]
    waves = chance.standard_normal((*colour.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    scale = np.float32(np.sqrt(0.5 * ni * nj))
    return np.asarray(irfft2(waves * (colour * scale), (ni, nj), workers=1), dtype=np.float32)
