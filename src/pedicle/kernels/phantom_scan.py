"""What the scanner does to the true picture: slice profile and in-plane blur as separable Gaussians, noise, rounding."""

from __future__ import annotations

import numpy as np

from pedicle.kernels.jit import kernel, parallel_kernel, prange


@kernel
def blur_line(line, out, weights, every):
    """Convolve a line with a symmetric kernel (edges repeat) and keep the middle one of each group of `every`."""
    n, reach = line.shape[0], weights.shape[0] - 1
    for m in range(out.shape[0]):
        k = m * every + every // 2
        total = weights[0] * line[k]
        for d in range(1, reach + 1):
            low, high = k - d, k + d
            total += weights[d] * (line[low if low > 0 else 0] + line[high if high < n else n - 1])
        out[m] = total


@parallel_kernel
def blur_planes(hu, out, along_k, along_j, every):
    """Slice profile along k and blur along j, plane by plane; `out` (ni, nj, nk // every) may be `hu` when `every` is 1."""
    ni, nj, _nk = hu.shape
    slices = out.shape[2]
    reach = along_j.shape[0] - 1
    for i in prange(ni):
        plane = np.empty((nj, slices), np.float32)
        for j in range(nj):
            blur_line(hu[i, j], plane[j], along_k, every)
        for j in range(nj):
            for k in range(slices):
                out[i, j, k] = along_j[0] * plane[j, k]
            for d in range(1, reach + 1):
                low, high = max(j - d, 0), min(j + d, nj - 1)
                for k in range(slices):
                    out[i, j, k] += along_j[d] * (plane[low, k] + plane[high, k])


@parallel_kernel
def finish(hu, along_i, noise, spread, first, out):
    """Blur along i, add noise (slices, ni, nj) times `spread` (ni, nj) and round into `out` from slice `first` on."""
    ni, nj, _nk = hu.shape
    reach = along_i.shape[0] - 1
    slices = noise.shape[0]
    for i in prange(ni):
        line = np.empty(slices, np.float32)
        for j in range(nj):
            for k in range(slices):
                line[k] = along_i[0] * hu[i, j, first + k] + noise[k, i, j] * spread[i, j]
            for d in range(1, reach + 1):
                low, high = max(i - d, 0), min(i + d, ni - 1)
                for k in range(slices):
                    line[k] += along_i[d] * (hu[low, j, first + k] + hu[high, j, first + k])
            for k in range(slices):
                value = np.rint(line[k])
                out[i, j, first + k] = np.int16(-1024.0 if value < -1024.0 else (3071.0 if value > 3071.0 else value))
