"""Where in a picture the needle's shaft runs: a long straight bar of known width, darker than both its sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.strip import PLAIN, Bar, Look, Run, best_look, laid_along, robust_sd, strength

Array = NDArray[np.float64]
# Background is looked at to this many widths from the axis.
ASIDE_WIDTHS = 2.2
_FEWEST_PIECES = 4
# The surroundings of a needle are looked at to at least this many widths from where it is expected.
_SURROUNDINGS = 7.0


@dataclass(frozen=True)
class Expected:
    """What is known of a needle in a picture before it is sought, in pixels along the picture's line.

    `bar` is its shadow; the shaft fills at least one of `shafts`, each from and to so many pixels back of the expected tip,
    whatever the plan's error; `reach` is how far the tip may be off, `turn_rad` how far the direction.
    """

    run: Run
    bar: Bar
    shafts: tuple[tuple[float, float], ...]
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


def search(
    darkness: NDArray[np.floating], expected: Expected, most: int = 4
) -> list[tuple[Run, float, tuple[float, float]]]:
    """The best lines within reach, each apart from the better ones, with their scores and the piece of shaft seen.

    A score is how dark a line is for certain, in standard deviations of its surroundings.
    """
    searched = [_searched(darkness, expected, shaft) for shaft in expected.shafts]
    # One measure of the surroundings for all pieces and directions: a quiet corner of the picture makes no line stronger.
    noise = float(np.nanmedian([one.noise for one in searched]))
    if not np.isfinite(noise) or noise <= 0.0:
        return []
    found = [(run, score / noise, one.shaft) for one in searched for run, score in one.best(expected, most)]
    kept: list[tuple[Run, float, tuple[float, float]]] = []
    for run, score, shaft in sorted(found, key=lambda row: -row[1]):
        middle = run.at(0.5 * sum(shaft))
        if len(kept) < most and not any(_same(middle, run, other, expected.bar.width) for other, _, _ in kept):
            kept.append((run, score, shaft))
    return kept


def _same(middle: Array, run: Run, other: Run, width: float) -> bool:
    """Whether a line's middle lies on another line that runs the same way: one shadow seen twice."""
    beside = abs(float((middle - other.pixel) @ other.aside))
    return beside < 1.5 * width and float(run.forward @ other.forward) > 0.9


@dataclass(frozen=True, eq=False)
class _Searched:
    """Contrast scores (turns, offsets across) of all lines through one piece of shaft, not yet in units of `noise`."""

    shaft: tuple[float, float]
    turns: Array
    scores: Array
    noise: float

    def best(self, expected: Expected, most: int) -> list[tuple[Run, float]]:
        """The highest scores, each apart from the higher ones."""
        scores = self.scores.copy()
        aside = np.arange(scores.shape[1]) - expected.reach
        middle = -self.turns[:, None] * 0.5 * sum(self.shaft) + aside
        found: list[tuple[Run, float]] = []
        while len(found) < most and np.isfinite(scores.max()):
            at, place = np.unravel_index(int(scores.argmax()), scores.shape)
            run = expected.run.turned(float(self.turns[at]), float(aside[place]))
            found.append((run, float(scores[at, place])))
            near = np.abs(self.turns - self.turns[at])[:, None] < 0.5
            # The same shadow under another angle or beside itself is no other line.
            scores[near & (np.abs(middle - middle[at, place]) < 1.5 * expected.bar.width)] = -np.inf
        return found


def _searched(darkness: NDArray[np.floating], expected: Expected, shaft: tuple[float, float]) -> _Searched:
    length = shaft[1] - shaft[0]
    step = max(0.5 * expected.bar.width / length, 0.01)
    count = int(np.ceil(expected.turn_rad / step))
    turns: Array = step * np.arange(-count, count + 1).astype(np.float64)
    pieces = [_laid_pieces(darkness, expected.run.turned(float(turn)), expected, shaft) for turn in turns]
    noise = float(np.nanmedian([robust_sd(one) for one in pieces]))
    # The surroundings are looked at farther out than lines are sought, so that the needle itself is the smaller part of them.
    rim = _rim(expected)
    scores = np.stack([_scores(one[:, rim : one.shape[1] - rim]) for one in pieces])
    return _Searched(shaft, turns, scores, noise)


def _rim(expected: Expected) -> int:
    """How many pixels beyond the reach the surroundings go on to each side."""
    return int(max(_SURROUNDINGS * expected.bar.width - expected.reach, 0.0))


def _laid_pieces(darkness: NDArray[np.floating], run: Run, expected: Expected, shaft: tuple[float, float]) -> Array:
    """Contrast of lines of one direction, (pieces along, offsets across from -reach to reach)."""
    rim = np.ceil(ASIDE_WIDTHS * expected.bar.width)
    back = np.arange(shaft[0], shaft[1] + 1.0)
    reach = expected.reach + _rim(expected)
    aside = np.arange(-reach - rim, reach + rim + 1.0)
    pieces = _pieces(_contrast(laid_along(darkness, run, back, aside), expected.bar.width), expected.bar.width)
    return pieces[:, int(rim) : len(aside) - int(rim)]


def _scores(pieces: Array) -> Array:
    """Scores of all lines of one direction; a piece counts no more than its line's median piece.

    One strong shadow on the way makes no line.
    """
    count = np.isfinite(pieces).sum(axis=0)
    filled = np.nan_to_num(pieces, nan=0.0)
    limited = np.minimum(filled, np.median(filled, axis=0))
    score = limited.sum(axis=0) / np.sqrt(np.maximum(count, 1))
    return np.where(count >= min(_FEWEST_PIECES, len(pieces)), score, -np.inf)


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
    """The line fitted to the middle of the first of the shafts, piece by piece, with outliers weighed down; None when pieces do not line up.

    The blur is the one that leaves least over. Covariance from the scatter of the pieces about the line.
    """
    width, line = expected.bar.width, run
    aside = np.arange(-ASIDE_WIDTHS * width, ASIDE_WIDTHS * width + 0.5)
    back = np.arange(expected.shafts[0][0], expected.shafts[0][1] + 1.0)
    pivot = float(back.mean())
    look, scatter = PLAIN, float("inf")
    covariance: Array = np.eye(2)
    for turn_number in range(4):
        strip = laid_along(darkness, line, back, aside)
        seen = np.isfinite(strip).all(axis=1)
        if seen.sum() < 3 * width:
            return None
        look = look if turn_number % 2 else best_look(strip[seen].mean(axis=0), aside, expected.bar)[0]
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
    offsets = np.clip(beside / np.maximum(dark, max(0.3 * usual, 1e-6)), -0.5 * bar.width, 0.5 * bar.width)
    return offsets, places


def _fit(places: Array, offsets: Array) -> tuple[Array, Array, float]:
    """Offset and slope of a straight line with outliers weighed down, their covariance (2, 2), and the scatter."""
    basis = np.stack([np.ones_like(places), places], axis=1)
    weight: Array = np.ones_like(places)
    found: Array = np.zeros(2)
    left: Array = offsets
    for _ in range(10):
        found = np.asarray(np.linalg.solve(basis.T @ (weight[:, None] * basis), basis.T @ (weight * offsets)))
        left = np.asarray(offsets - basis @ found)
        sd = max(robust_sd(left), 1e-3)
        weight = np.asarray(1.0 / np.maximum(1.0, np.abs(left) / (1.5 * sd)))
    freedom = max(float(weight.sum()) - 2.0, 1.0)
    variance = float((weight * left**2).sum()) / freedom
    covariance: Array = np.asarray(variance * np.linalg.inv(basis.T @ (weight[:, None] * basis)))
    return found, covariance, float(np.sqrt(variance))
