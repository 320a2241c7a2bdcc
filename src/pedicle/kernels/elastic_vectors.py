"""Sums and updates of long vectors for the elastic solver, in blocks, so that threads change neither order nor bytes.

Loops are short and write one array each: only such loops are turned into vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import parallel_kernel, prange

BLOCK = 4096


@parallel_kernel
def smooth_first(d: Any, x: Any, b: Any, inverse: Any, step: Any) -> None:
    """x = d = step D^-1 b: the first step of a smoother from rest."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, x.size)
        for n in range(start, stop):
            d[n] = step * inverse[n] * b[n]
        for n in range(start, stop):
            x[n] = d[n]


@parallel_kernel
def smooth_next(d: Any, x: Any, b: Any, ax: Any, inverse: Any, keep: Any, step: Any) -> None:
    """d = keep d + step D^-1 (b - A x), x += d; `ax` is 0 again afterwards."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, x.size)
        for n in range(start, stop):
            d[n] = keep * d[n] + step * inverse[n] * (b[n] - ax[n])
        for n in range(start, stop):
            x[n] += d[n]
        ax[start:stop] = 0


@parallel_kernel
def residual(r: Any, b: Any, ax: Any, free: Any) -> None:
    """r = b - A x where `free` is not 0, else 0; `ax` is 0 again afterwards."""
    for block in prange((r.size + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, r.size)
        for n in range(start, stop):
            r[n] = b[n] - ax[n] if free[n] != 0 else b[n] - b[n]
        ax[start:stop] = 0


@parallel_kernel
def dot(a: Any, b: Any) -> float:
    """Sum of products, float64, summed by halves within blocks and then block by block."""
    blocks = (a.size + BLOCK - 1) // BLOCK
    sums = np.zeros(blocks)
    for block in prange(blocks):
        start = block * BLOCK
        count = min(BLOCK, a.size - start)
        held = np.zeros(BLOCK)
        for n in range(count):
            held[n] = np.float64(a[start + n]) * np.float64(b[start + n])
        half = BLOCK // 2
        while half > 0:
            for n in range(half):
                held[n] += held[half + n]
            half //= 2
        sums[block] = held[0]
    total = 0.0
    for block in range(blocks):
        total += sums[block]
    return total


@parallel_kernel
def add_scaled(a: Any, factor: Any, b: Any) -> None:
    """a += factor b."""
    for block in prange((a.size + BLOCK - 1) // BLOCK):
        for n in range(block * BLOCK, min((block + 1) * BLOCK, a.size)):
            a[n] += factor * b[n]


@parallel_kernel
def take_away(a: Any, factor: Any, b: Any, free: Any) -> None:
    """a -= factor b where `free` is not 0."""
    for block in prange((a.size + BLOCK - 1) // BLOCK):
        for n in range(block * BLOCK, min((block + 1) * BLOCK, a.size)):
            a[n] -= factor * b[n] if free[n] != 0 else b[n] - b[n]


@parallel_kernel
def scale_add(p: Any, factor: Any, z: Any) -> None:
    """p = factor p + z, whatever p was when the factor is 0."""
    for block in prange((p.size + BLOCK - 1) // BLOCK):
        for n in range(block * BLOCK, min((block + 1) * BLOCK, p.size)):
            p[n] = factor * p[n] + z[n]


@parallel_kernel
def scaled_to(out: Any, factor: Any, a: Any) -> None:
    """out = factor a, in the precision of `out`."""
    for block in prange((a.size + BLOCK - 1) // BLOCK):
        for n in range(block * BLOCK, min((block + 1) * BLOCK, a.size)):
            out[n] = factor * a[n]
