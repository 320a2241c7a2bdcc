"""Sums and updates of long vectors for the elastic solver, in blocks, so that threads change neither order nor bytes.

Loops are short, write one array each and count from 0 in a piece of it: only such loops are turned into vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.kernels.jit import kernel, parallel_kernel, prange

BLOCK = 4096


@kernel
def _product_into(d: Any, factor: Any, a: Any, b: Any) -> None:
    for n in range(d.size):
        d[n] = factor * a[n] * b[n]


@kernel
def _add_into(x: Any, d: Any) -> None:
    for n in range(x.size):
        x[n] += d[n]


@kernel
def _blend_into(d: Any, keep: Any, step: Any, inverse: Any, b: Any, ax: Any) -> None:
    for n in range(d.size):
        d[n] = keep * d[n] + step * inverse[n] * (b[n] - ax[n])


@kernel
def _less_into(r: Any, b: Any, ax: Any, free: Any) -> None:
    for n in range(r.size):
        r[n] = b[n] - ax[n] if free[n] != 0 else b[n] - b[n]


@kernel
def _scaled_add_into(a: Any, factor: Any, b: Any) -> None:
    for n in range(a.size):
        a[n] += factor * b[n]


@kernel
def _take_into(a: Any, factor: Any, b: Any, free: Any) -> None:
    for n in range(a.size):
        a[n] -= factor * b[n] if free[n] != 0 else b[n] - b[n]


@kernel
def _scale_into(p: Any, factor: Any, z: Any) -> None:
    for n in range(p.size):
        p[n] = factor * p[n] + z[n]


@kernel
def _copy_into(out: Any, factor: Any, a: Any) -> None:
    for n in range(out.size):
        out[n] = factor * a[n]


@kernel
def _products(held: Any, a: Any, b: Any) -> None:
    for n in range(a.size):
        held[n] = np.float64(a[n]) * np.float64(b[n])


@parallel_kernel
def smooth_first(d: Any, x: Any, b: Any, inverse: Any, step: Any) -> None:
    """x = d = step D^-1 b: the first step of a smoother from rest."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, x.size))
        _product_into(d[part], step, inverse[part], b[part])
        x[part] = d[part]


@parallel_kernel
def smooth_next(d: Any, x: Any, b: Any, ax: Any, inverse: Any, keep: Any, step: Any) -> None:
    """d = keep d + step D^-1 (b - A x), x += d; `ax` is 0 again afterwards."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, x.size))
        _blend_into(d[part], keep, step, inverse[part], b[part], ax[part])
        _add_into(x[part], d[part])
        ax[part] = 0


@parallel_kernel
def residual(r: Any, b: Any, ax: Any, free: Any) -> None:
    """r = b - A x where `free` is not 0, else 0; `ax` is 0 again afterwards."""
    for block in prange((r.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, r.size))
        _less_into(r[part], b[part], ax[part], free[part])
        ax[part] = 0


@parallel_kernel
def dot(a: Any, b: Any) -> float:
    """Sum of products, float64, summed by halves within blocks and then block by block."""
    blocks = (a.size + BLOCK - 1) // BLOCK
    sums = np.zeros(blocks)
    for block in prange(blocks):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, a.size))
        held = np.zeros(BLOCK)
        _products(held, a[part], b[part])
        half = BLOCK // 2
        while half > 0:
            _add_into(held[:half], held[half : 2 * half])
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
        part = slice(block * BLOCK, min((block + 1) * BLOCK, a.size))
        _scaled_add_into(a[part], factor, b[part])


@parallel_kernel
def take_away(a: Any, factor: Any, b: Any, free: Any) -> None:
    """a -= factor b where `free` is not 0."""
    for block in prange((a.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, a.size))
        _take_into(a[part], factor, b[part], free[part])


@parallel_kernel
def scale_add(p: Any, factor: Any, z: Any) -> None:
    """p = factor p + z."""
    for block in prange((p.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, p.size))
        _scale_into(p[part], factor, z[part])


@parallel_kernel
def scaled_to(out: Any, factor: Any, a: Any) -> None:
    """out = factor a, in the precision of `out`."""
    for block in prange((a.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, a.size))
        _copy_into(out[part], factor, a[part])
