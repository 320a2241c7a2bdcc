"""Where in a picture the needle's shaft runs: a long straight bar of known width, darker than both its sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.strip import PLAIN, Bar, Look, Run, best_look, laid_along, robust_sd, strength

Array = NDArray[np.float64]
# Background is looked at to this many widths from the axis.
ASIDE_WIDTHS = 2.2
# A piece of the shaft counts at most this many standard deviations: one strong shadow is no line.
_MOST_SD = 4.0
_FEWEST_PIECES = 4


@dataclass(frozen=True)
class Expected:
    """What is known of a needle in a picture before it is sought, in pixels along the picture's line.

    `bar` is its shadow; the shaft lies for certain from `shaft[0]` to `shaft[1]` back of the expected tip, whatever the
    plan's error; `reach` is how far the tip may be off, `turn_rad` how far the direction.
    """

    run: Run
    bar: Bar
    shaft: tuple[float, float]
    reach: float
    turn_rad: float


@dataclass(frozen=True, eq=False)
class Line:
    """A shaft found: its run, with the pixel level with the expected tip; `score` in standard deviations of the surroundings.

    `covariance` (2, 2) of (place across in pixels at `pivot` back of the run's pixel, turn in rad).
    """

    run: Run
    score: float
    covariance: Array
    pivot: float
    look: Look
    scatter: float


def search(darkness: NDArray[np.floating], expected: Expected) -> tuple[Run, float]:
    """The best line within reach, and its score: how dark it is for certain, in standard deviations of its surroundings."""
    best, score = expected.run, -np.inf
    length = expected.shaft[1] - expected.shaft[0]
    step = max(0.5 * expected.bar.width / length, 0.01)
    for angle in np.arange(-expected.turn_rad, expected.turn_rad + step, step):
        run = expected.run.turned(float(angle))
        value, aside = _best_offset(darkness, run, expected)
        if value > score:
            best, score = run.turned(0.0, aside), value
    return best, score


def _best_offset(darkness: NDArray[np.floating], run: Run, expected: Expected) -> tuple[float, float]:
    """The darkest line of one direction: score and offset across."""
    width = expected.bar.width
    rim = ASIDE_WIDTHS * width
    back = np.arange(expected.shaft[0], expected.shaft[1] + 1.0)
    aside = np.arange(-expected.reach - rim, expected.reach + rim + 1.0)
    strip = laid_along(darkness, run, back, aside)
    pieces = _pieces(_contrast(strip, width), width)
    noise = robust_sd(pieces)
    if not np.isfinite(noise) or noise <= 0.0:
        return -np.inf, 0.0
    inner = np.abs(aside) <= expected.reach
    clipped = np.clip(pieces[:, inner] / noise, -_MOST_SD, _MOST_SD)
    count = np.isfinite(clipped).sum(axis=0)
    score = np.where(count >= min(_FEWEST_PIECES, len(clipped)), np.nansum(clipped, axis=0), -np.inf)
    score = score / np.sqrt(np.maximum(count, 1))
    at = int(score.argmax())
    return float(score[at]), float(aside[inner][at])


def _contrast(strip: Array, width: float) -> Array:
    """Middle of a bar against both its sides, for every place across; NaN near the rim and beyond the picture."""
    middle, side = max(round(0.35 * width), 1), max(round(0.5 * width), 1)
    total = np.cumsum(np.pad(strip, ((0, 0), (1, 0))), axis=1)
    count = strip.shape[1]
    found = np.full(strip.shape, np.nan)
    far = middle + side + max(round(0.35 * width), 1)
    at = np.arange(far, count - far)

    def mean(low: NDArray[np.int_], high: NDArray[np.int_]) -> Array:
        return np.asarray((total[:, high + 1] - total[:, low]) / (high - low + 1))

    sides = 0.5 * (mean(at - far, at - far + side) + mean(at + far - side, at + far))
    found[:, at] = mean(at - middle, at + middle) - sides
    return found


def _pieces(contrast: Array, width: float) -> Array:
    """Means over pieces one width long, (pieces, across)."""
    length = max(round(width), 2)
    count = max(len(contrast) // length, 1)
    return np.asarray(contrast[: count * length].reshape(count, -1, contrast.shape[1]).mean(axis=1))


def refined(darkness: NDArray[np.floating], run: Run, expected: Expected, score: float) -> Line | None:
    """The line fitted to the shaft's middle, piece by piece, with outliers weighed down; None when pieces do not line up.

    The blur is the one that leaves least over. Covariance from the scatter of the pieces about the line.
    """
    width, line = expected.bar.width, run
    aside = np.arange(-ASIDE_WIDTHS * width, ASIDE_WIDTHS * width + 0.5)
    back = np.arange(expected.shaft[0], expected.shaft[1] + 1.0)
    pivot = float(back.mean())
    look, covariance, scatter = PLAIN, np.eye(2), np.inf
    for turn_number in range(4):
        strip = laid_along(darkness, line, back, aside)
        seen = np.isfinite(strip).all(axis=1)
        if seen.sum() < 3 * width:
            return None
        look = look if turn_number % 2 else best_look(strip[seen].mean(axis=0), aside, expected.bar)
        offsets, places = _offsets(strip[seen], back[seen], aside, expected.bar, look)
        (shift, slope), covariance, scatter = _fit(places - pivot, offsets * (1.0 + line.taper * places))
        turn = float(np.arctan(slope))
        line = line.turned(-turn, 0.0)
        moved = shift - pivot * slope
        line = line.turned(0.0, float(moved))
    if scatter > 0.3 * width:
        return None
    return Line(line, score, covariance, pivot, look, scatter)


def _offsets(strip: Array, back: Array, aside: Array, bar: Bar, look: Look) -> tuple[Array, Array]:
    """How far the needle's middle lies beside the line, and where along it, in pieces one width long."""
    length = max(round(bar.width), 2)
    count = len(strip) // length
    means = strip[: count * length].reshape(count, length, -1).mean(axis=1)
    places = back[: count * length].reshape(count, length).mean(axis=1)
    dark, beside, _ = strength(means, aside, bar, look)
    usual = float(np.median(dark))
    offsets = np.clip(beside / max(usual, 1e-6), -0.5 * bar.width, 0.5 * bar.width)
    return offsets, places


def _fit(places: Array, offsets: Array) -> tuple[Array, Array, float]:
    """Offset and slope of a straight line with outliers weighed down, their covariance (2, 2), and the scatter."""
    basis = np.stack([np.ones_like(places), places], axis=1)
    weight = np.ones_like(places)
    found = np.zeros(2)
    for _ in range(10):
        found = np.linalg.solve(basis.T @ (weight[:, None] * basis), basis.T @ (weight * offsets))
        left = offsets - basis @ found
        sd = max(robust_sd(left), 1e-3)
        weight = 1.0 / np.maximum(1.0, np.abs(left) / (1.5 * sd))
    freedom = max(float(weight.sum()) - 2.0, 1.0)
    variance = float((weight * left**2).sum()) / freedom
    covariance = variance * np.linalg.inv(basis.T @ (weight[:, None] * basis))
    return found, covariance, float(np.sqrt(variance))

