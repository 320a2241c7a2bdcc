"""Loops over the pixels of an X-ray picture: path lengths to what a detector reads, blur, and a table look-up.

Everything is float32 and elementwise over a row, or a sum in one fixed order: the number of threads changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels.jit import kernel, parallel_kernel, prange, threads_for

# 2^f on -0.5..0.5 by its Taylor series in f ln 2: the next term is 1.2e-7 at the ends, a float's own rounding.
_TAYLOR = tuple(np.float32(np.log(2.0) ** n / np.prod(np.arange(1.0, n + 1.0))) for n in range(7))
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _TAYLOR
_LOG2E = np.float32(np.log2(np.e))
_LEAST = np.float32(-126.0)
# A pixel here is a few nanoseconds: so many are as much work as a cell elsewhere. A picture of 512 x 512 is made by one
# thread, which two would hardly hurry and a busy machine would make wait for each other.
_PIXELS = 8


@kernel
def _bin(paths: Any, row: int, mu: Any, weight: Any, bits: Any, scale: Any, power: Any, mean: Any, second: Any) -> None:
    """Adds one energy bin to a row: mean += weight[0] exp(-mu . paths), second the same with weight[1].

    `power` is scratch of a row; `bits` (int32) and `scale` (float32) are one memory: a power of two is written as the
    exponent of a float. Paths are not negative; below 2^-126 the exponential stays there.
    """
    count = power.shape[0]
    share = -mu[0] * _LOG2E
    for x in range(count):
        power[x] = share * paths[0, row, x]
    for c in range(1, mu.shape[0]):
        share = -mu[c] * _LOG2E
        for x in range(count):
            power[x] += share * paths[c, row, x]
    for x in range(count):
        p = max(power[x], _LEAST)
        whole = np.floor(p + np.float32(0.5))
        f = p - whole
        bits[x] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        power[x] = _C0 + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * _C6)))))
    for x in range(count):
        through = power[x] * scale[x]
        mean[x] += weight[0] * through
        second[x] += weight[1] * through


@parallel_kernel
def _signal(paths: Any, mu: Any, weights: Any, mean: Any, second: Any) -> None:
    rows, columns = mean.shape
    for r in prange(rows):
        power = np.empty(columns, np.float32)
        bits = np.empty(columns, np.int32)
        scale = bits.view(np.float32)
        mean[r], second[r] = np.float32(0.0), np.float32(0.0)
        for b in range(mu.shape[0]):
            _bin(paths, r, mu[b], weights[b], bits, scale, power, mean[r], second[r])


def signal(
    paths: NDArray[np.float32], mu: NDArray[np.float32], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums over energy bins b of ``weights[b, n] exp(-sum_c mu[b, c] paths[c])`` for n = 0, 1, each (rows, columns).

    `paths` is (channels, rows, columns) in mm, `mu` (bins, channels) in 1/mm. With detected energy and its square as the
    weights these are the mean of the signal and its variance.
    """
    mean, second = np.empty(paths.shape[1:], np.float32), np.empty(paths.shape[1:], np.float32)
    paths = np.ascontiguousarray(paths, np.float32)
    with threads_for(mean.size // _PIXELS):
        _signal(paths, np.ascontiguousarray(mu, np.float32), np.ascontiguousarray(weights, np.float32), mean, second)
    return mean, second


@kernel
def looked_up(values: Any, table: Any, out: Any) -> None:
    """out[c, n] = table[c, values[n] + 32768] for int16 values and a table (channels, 65536)."""
    for c in range(table.shape[0]):
        for n in range(values.shape[0]):
            out[c, n] = table[c, np.int64(values[n]) + 32768]


@parallel_kernel
def _blurred_rows(image: Any, weights: Any, sigma: Any, tile: Any, at: Any, out: Any) -> None:
    rows, columns = image.shape
    half = weights.shape[0] - 1
    for r in prange(rows):
        line = np.empty(columns + 2 * half, np.float32)
        down = np.empty(columns, np.float32)
        for x in range(columns):
            down[x] = weights[0] * image[r, x]
        for k in range(1, half + 1):
            a, b = max(r - k, 0), min(r + k, rows - 1)
            for x in range(columns):
                down[x] += weights[k] * (image[a, x] + image[b, x])
        line[half : half + columns] = down
        line[:half] = down[0]
        line[half + columns :] = down[columns - 1]
        unit = tile[(r + at[0]) % tile.shape[0]]
        for x in range(columns):
            out[r, x] = weights[0] * line[half + x] + sigma * unit[x + at[1]]
        for k in range(1, half + 1):
            for x in range(columns):
                out[r, x] += weights[k] * (line[half + x - k] + line[half + x + k])


def blurred(
    image: NDArray[np.float32],
    weights: NDArray[np.float32],
    sigma: np.float32,
    unit_noise: tuple[NDArray[np.float32], tuple[int, int]],
) -> NDArray[np.float32]:
    """Separable convolution of (rows, columns) with a symmetric kernel, `weights` from its middle outwards, and noise on it.

    The picture's border goes on beyond it. `sigma` is 1 SD of the noise; `unit_noise` as in `exposed`.
    """
    tile, at = unit_noise
    out = np.empty_like(image)
    with threads_for(out.size // _PIXELS):
        _blurred_rows(image, weights, np.float32(sigma), tile, at, out)
    return out


@kernel
def _line_of(coarse: Any, factor: int, row: int, line: Any) -> None:
    """A row of a coarse picture drawn out to full size, linear between the middles of its elements."""
    rows, columns = coarse.shape
    y = min(max((row + 0.5) / factor - 0.5, 0.0), rows - 1.0)
    i = min(int(y), max(rows - 2, 0))
    v = np.float32(y - i)
    upper, lower = coarse[i], coarse[min(i + 1, rows - 1)]
    step = np.float32(1.0 / factor)
    for j in range(-1, columns):
        left, right = max(j, 0), min(j + 1, columns - 1)
        value = upper[left] + v * (lower[left] - upper[left])
        slope = (upper[right] + v * (lower[right] - upper[right]) - value) * step
        # Pixels between the middles of elements j and j + 1.
        first = max(((2 * j + 1) * factor) // 2, 0)
        last = min(((2 * j + 3) * factor) // 2, line.shape[0])
        middle = np.float32((j + 0.5) * factor - 0.5)
        for x in range(first, last):
            line[x] = value + slope * (np.float32(x) - middle)


@parallel_kernel
def _exposed(
    primary: Any, second: Any, veil: Any, factor: int, direct: Any, per_pixel: Any, tile: Any, at: Any, out: Any
) -> None:
    rows, columns = primary.shape
    for r in prange(rows):
        line = np.empty(columns, np.float32)
        _line_of(veil, factor, r, line)
        unit = tile[(r + at[0]) % tile.shape[0]]
        for x in range(columns):
            mean = direct * primary[r, x] + line[x]
            variance = second[r, x] / primary[r, x] * mean * per_pixel
            out[r, x] = mean + np.sqrt(variance) * unit[x + at[1]]


def exposed(
    primary: NDArray[np.float32],
    second: NDArray[np.float32],
    veil: NDArray[np.float32],
    factor: int,
    shares: tuple[float, float],
    unit_noise: tuple[NDArray[np.float32], tuple[int, int]],
) -> NDArray[np.float32]:
    """What the phosphor takes: ``shares[0] primary + veil``, with quantum noise.

    `veil` is a coarse picture, `factor` pixels to an element. The variance is ``shares[1] second / primary`` times the mean:
    scattered quanta carry as much energy as the primary ones there. `unit_noise` is a tile of unit noise, repeated downwards,
    and where in it the picture begins; it must be wide enough.
    """
    tile, at = unit_noise
    out = np.empty(primary.shape, np.float32)
    first, per_pixel = np.float32(shares[0]), np.float32(shares[1])
    with threads_for(out.size // _PIXELS):
        _exposed(primary, second, veil, factor, first, per_pixel, tile, at, out)
    return out


@parallel_kernel
def _without(image: Any, coarse: Any, factor: int, part: Any, out: Any) -> None:
    rows, columns = image.shape
    for r in prange(rows):
        line = np.empty(columns, np.float32)
        _line_of(coarse, factor, r, line)
        for x in range(columns):
            out[r, x] = image[r, x] - part * line[x]


def without(image: NDArray[np.float32], coarse: NDArray[np.float32], factor: int, part: float) -> NDArray[np.float32]:
    """An image (rows, columns) less `part` of a coarse one, `factor` pixels to an element, drawn out to its size."""
    out = np.empty_like(image)
    with threads_for(out.size // _PIXELS):
        _without(image, coarse, factor, np.float32(part), out)
    return out


@parallel_kernel
def _toned(image: Any, middle: Any, scale: Any, room: Any, knee: Any, grey: Any, sign: Any, out: Any) -> None:
    rows, columns = image.shape
    for r in prange(rows):
        for x in range(columns):
            left = room + scale * (image[r, x] - middle)
            if left < knee:
                left = knee * knee / (knee + knee - left)
            shown = np.float32(255.0) * (grey + sign * (left - room))
            out[r, x] = np.uint8(min(max(shown, np.float32(0.0)), np.float32(255.0)))


def toned(
    image: NDArray[np.float32], middle: float, window: float, grey: float, knee: float, dark: bool
) -> NDArray[np.uint8]:
    """An image (rows, columns) as greys 0 to 255: `middle` at `grey` (0 to 1), `window` wide, low values dark or bright.

    A part `knee` of the scale before the end where low values lie is a toe: they come ever nearer to the end and never
    reach it, with no break in the slope. The other end is cut off.
    """
    out = np.empty(image.shape, np.uint8)
    room, sign = (grey, 1.0) if dark else (1.0 - grey, -1.0)
    given = [np.float32(number) for number in (middle, 1.0 / window, room, min(knee, room), grey, sign)]
    with threads_for(out.size // _PIXELS):
        _toned(image, *given, out)
    return out
