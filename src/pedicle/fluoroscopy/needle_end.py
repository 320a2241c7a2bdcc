"""The needle's end fitted in a picture: its computed shadow against the pixels about it, background explained from both sides.

The picture about the end is background and the shadow of this needle, ground as it is, seen this much from the end. Where
along its line the end lies is the one thing sought; the turn about its own axis is not known, so that every turn has its
say by how well it fits. The answer's error comes from the background's own unevenness (`background`), not from a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.background import Field, Whitener, correlation, field_beside, level_beside
from pedicle.fluoroscopy.line_search import ASIDE_WIDTHS, Line
from pedicle.fluoroscopy.needle_shadow import STEEL, needle_shadows
from pedicle.fluoroscopy.strip import Bar, Look, Run, Steel, laid_along, strength
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import unit
from pedicle.model.placed import PlacedNeedle

Array = NDArray[np.float64]
# What is fitted, in widths: ahead of the end, behind it, to each side; how far the end is sought from where it seems to be.
_AHEAD, _BEHIND, _ASIDE, _SOUGHT = 2.5, 3.0, 1.6, 1.5
# The background is learnt from so many widths about the end, but not within these of the needle's axis and its end.
_LEARNT, _NEAR = 4.5, 0.8
# The background's level is a mean over so many widths; the share of primary light stays within these.
_LEVEL, _SHARES = 0.8, (0.02, 0.999)
# How the shaft fades is learnt over so many widths behind the end, and is thought to be this before.
_SHAFT, _USUAL_FADING = 9.0, 0.3
# Background hangs together over about so many widths.
_TOGETHER = 2.0
# The needle is as dark as its shaft to this share, and wavers by that one along itself: 1 SD in simulated pictures without
# noise (0.054), and how much its darkness changes along a patch beyond that.
_HEIGHT_SD, _WAVERING = 0.05, 0.03
# A point that the stylet fills fades into the background, and how its facets lie is not known: its place wavers by this share of
# a width beyond what pixels and turns tell. 1 SD in 26 simulated pairs of three patients; a cannula without it needs none.
_POINT_SD = 0.015
# A fit that still moves by more than this share of its SD after so many steps has not ended; from the fourth on they are
# halved, because pixels on the needle's rim make some swing.
_STEP, _REFINEMENTS, _SETTLED, _WHOLE = 0.5, 10, 0.3, 3
# An end found so many widths from where it was sought is sought once more.
_FAR = 0.3
_ROLLS = {"diamond": (120.0, 6), "bevel": (360.0, 12)}


@dataclass(frozen=True, eq=False)
class EndFit:
    """The end: `place` back along the line and `across` it, pixels, their covariance (2, 2); `height` is its darkness over the
    shaft's; `misfit` the mean squared error over the stated one. `over_none` and `over_more` say how much better (half the
    squared errors, a logarithm of likelihood) a needle that ends here fits than none, and than one that goes on. `beside` is
    the darkest thing left about the end, three quarters as wide as the needle, over the needle's own darkness. `settled`
    is False when the fit still moved at its last step.
    """

    place: float
    across: float
    covariance: Array
    height: float
    misfit: float
    over_none: float
    over_more: float
    beside: float
    settled: bool


@dataclass(frozen=True, eq=False)
class _Patch:
    """Pixels about the end: which (n, 2), their darkness, and a beam that holds them all, beginning at `first`."""

    pixels: Array
    dark: Array
    part: ConeBeam
    first: NDArray[np.int_]

    def taken(self, picture: NDArray[np.floating]) -> Array:
        """Values (n) of a picture of the part."""
        at = (self.pixels - self.first).astype(int)
        return np.asarray(picture[at[:, 1], at[:, 0]], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _View:
    """What does not change while the end is fitted."""

    beam: ConeBeam
    planned: PlacedNeedle
    line: Line
    bar: Bar
    patch: _Patch
    share: Array

    def shadow(self, back: float, across: float, roll_deg: float) -> NDArray[np.float64]:
        """Darkness of the needle over the part, its end at a place of the line."""
        run = replace(self.line.run, pixel=self.line.run.at(back, across))
        placed = replace(onto(self.beam, self.planned, run), roll_deg=roll_deg)
        steel = next(shadow for shadow in needle_shadows(placed, self.patch.part) if shadow.material == STEEL)
        return seen_dark(steel.whole(self.patch.part), self.bar.steel, self.line.look, self.share)

    @property
    def rolls(self) -> Array:
        """Turns about the axis that look different."""
        if not self.planned.stylet and self.planned.shape != "bevel":
            return np.zeros(1)
        turn, count = _ROLLS[self.planned.shape]
        return np.asarray(turn / count * np.arange(count), dtype=np.float64)


def seen_dark(steel_mm: NDArray[np.floating], steel: Steel, look: Look, share: Array) -> NDArray[np.float64]:
    """Darkness behind millimetres of steel (rows, columns), through the same eyes as the shaft on its line, where steel
    can take away so much (`share`, rows x columns) of the light.
    """
    # The look was learnt on a strip, whose sampling blurs by half a pixel.
    taken = 1.0 - blurred_by(steel.through(look.scale * steel_mm.astype(np.float64)), look.blur**2 - 0.25)
    return np.asarray(-np.log1p(-share * taken))


def blurred_by(picture: Array, variance: float) -> Array:
    """A picture (rows, columns) blurred by a Gauss of so many pixels squared, also where that is far less than a pixel.

    By the discrete Gauss exp(-t) I_n(t) (Lindeberg1990), whose variance is t: one sampled at whole pixels and cut off blurs by
    0.2 pixels when 0.36 are asked for, and then the thin end of a needle seems to lie too far back.
    """
    from scipy.ndimage import convolve1d
    from scipy.special import ive

    if variance <= 0.0:
        return picture
    reach = int(np.ceil(5.0 * np.sqrt(variance))) + 2
    weights = ive(np.arange(-reach, reach + 1), variance)
    weights /= weights.sum()
    return np.asarray(convolve1d(convolve1d(picture, weights, axis=0), weights, axis=1))


def _share(darkness: NDArray[np.floating], line: Line, bar: Bar, patch: _Patch, place: float) -> Array:
    """The part of the light that is not scatter over the patch's part. Scatter changes more slowly than what lies behind the
    needle: where less comes through, steel can take away less. How much less, the shaft's own darkness says (`_fading`).
    """
    width, margin = bar.width, int(7.0 * bar.width)
    low = np.maximum(patch.first - margin, 0)
    high = np.minimum(patch.first + [patch.part.columns, patch.part.rows] + margin, darkness.shape[::-1])
    around = darkness[low[1] : high[1], low[0] : high[0]]
    row, column = np.indices(around.shape)
    pixels = np.stack([column.ravel(), row.ravel()], axis=1) + low
    _, aside = _placed(pixels.astype(np.float64), line.run)
    level = level_beside(around, (np.abs(aside) > _NEAR * width).reshape(around.shape), _LEVEL * width)
    back = np.arange(place + 1.5 * width, place + _SHAFT * width)
    at = np.round(line.run.at(back) - low).astype(int)
    seen = ((at >= 0) & (at < [around.shape[1], around.shape[0]])).all(axis=1)
    beside = level[at[seen, 1], at[seen, 0]]
    looked = back[seen] < place + 6.0 * width
    learnt = float(beside[looked].mean()) if looked.any() else float(level.mean())
    fading = _fading(darkness, line, bar, back[seen], beside - learnt)
    first = patch.first - low
    here = level[first[1] : first[1] + patch.part.rows, first[0] : first[0] + patch.part.columns]
    return np.asarray(_share_at(line.look.share, fading, here - learnt))


def _share_at(share: float, fading: float, denser: Array) -> Array:
    """Share of primary light where the background is so much denser (logarithm) than where `share` was learnt; with `fading`
    1 scatter is the same everywhere, with 0 it follows the primary.
    """
    return np.clip(1.0 - (1.0 - share) * np.exp(fading * denser), *_SHARES)


def _fading(darkness: NDArray[np.floating], line: Line, bar: Bar, back: Array, denser: Array) -> float:
    """How strongly the shaft fades where its background is denser, 0 to 1, least squares along the shaft; near the usual
    where the background does not tell.
    """
    if len(back) < bar.width:
        return _USUAL_FADING
    aside = np.arange(-ASIDE_WIDTHS * bar.width, ASIDE_WIDTHS * bar.width + 0.5)
    dark = strength(laid_along(darkness, line.run, back, aside), aside, bar, line.look)[0]
    good = np.isfinite(dark)
    tried = np.linspace(0.0, 1.0, 11)
    predicted = np.stack([_share_at(line.look.share, float(one), denser[good]) / line.look.share for one in tried])
    scale = (predicted * dark[good]).sum(axis=1) / (predicted**2).sum(axis=1)
    left = dark[good] - scale[:, None] * predicted
    errors = (left**2).sum(axis=1)
    # Neighbouring places along the shaft share their error over about half a width.
    noise = errors.min() / max(len(left[0]) - 2, 1) * max(0.5 * bar.width, 1.0)
    return float(tried[int((errors / max(noise, 1e-9) + ((tried - _USUAL_FADING) / 0.3) ** 2).argmin())])


def onto(beam: ConeBeam, planned: PlacedNeedle, run: Run) -> PlacedNeedle:
    """The planned needle moved and turned the least so that it is seen on this line with its tip at the run's pixel."""
    depth = (planned.tip_lps_mm - beam.source_lps_mm) @ beam.normal_lps
    ray = beam.rays(run.pixel)
    tip = beam.source_lps_mm + ray * depth / (ray @ beam.normal_lps)
    normal = unit(np.cross(ray, beam.rays(run.pixel + run.forward)))
    direction = planned.direction_lps - (planned.direction_lps @ normal) * normal
    return replace(planned, tip_lps_mm=tip, direction_lps=unit(direction))


def fitted_end(
    darkness: NDArray[np.floating], beam: ConeBeam, planned: PlacedNeedle, bar: Bar, line: Line, place: float
) -> EndFit | None:
    """The end near `place` back along a line; None when the picture ends before the fit does.

    An end found far from there is fitted once more about itself: pixels and errors were chosen for the place given.
    """
    fit = _fitted_at(darkness, beam, planned, bar, line, place)
    if fit is None or (fit.settled and abs(fit.place - place) <= _FAR * bar.width):
        return fit
    return _fitted_at(darkness, beam, planned, bar, line, fit.place)


def _fitted_at(
    darkness: NDArray[np.floating], beam: ConeBeam, planned: PlacedNeedle, bar: Bar, line: Line, place: float
) -> EndFit | None:
    """One fit about a place."""
    patch = _patch(darkness, beam, line.run, place, bar.width)
    if patch is None:
        return None
    view = _View(beam, planned, line, bar, patch, _share(darkness, line, bar, patch, place))
    field = _field(darkness, line.run, place, bar.width)
    if not np.isfinite(field.noise):
        return None
    return _fitted(view, field, place)


def _patch(darkness: NDArray[np.floating], beam: ConeBeam, run: Run, place: float, width: float) -> _Patch | None:
    """The pixels within the fitted oblong."""
    corners = run.at(place + width * np.array([-_AHEAD, -_AHEAD, _BEHIND, _BEHIND]), width * _ASIDE * _SIGNS)
    low, high = np.floor(corners.min(axis=0)).astype(int) - 3, np.ceil(corners.max(axis=0)).astype(int) + 4
    if (low < 0).any() or (high > [beam.columns, beam.rows]).any():
        return None
    row, column = np.mgrid[low[1] : high[1], low[0] : high[0]]
    pixels = np.stack([column.ravel(), row.ravel()], axis=1).astype(np.float64)
    back, aside = _placed(pixels, run)
    inside = (np.abs(aside) <= _ASIDE * width) & (back - place >= -_AHEAD * width) & (back - place <= _BEHIND * width)
    part = beam.cropped((int(low[0]), int(low[1])), int(high[1] - low[1]), int(high[0] - low[0]))
    kept = pixels[inside]
    dark = darkness[kept[:, 1].astype(int), kept[:, 0].astype(int)].astype(np.float64)
    return _Patch(kept, dark, part, low)


_SIGNS = np.array([-1.0, 1.0, -1.0, 1.0])


def _placed(pixels: Array, run: Run) -> tuple[Array, Array]:
    """Where pixels lie along a run: back, aside."""
    away = pixels - run.pixel
    return -away @ run.forward, away @ run.aside


def _field(darkness: NDArray[np.floating], run: Run, place: float, width: float) -> Field:
    """The background beside the needle and ahead of it."""
    middle, reach = np.round(run.at(place)).astype(int), int(_LEARNT * width)
    low = np.maximum(middle - reach, 0)
    high = np.minimum(middle + reach + 1, [darkness.shape[1], darkness.shape[0]])
    part = darkness[low[1] : high[1], low[0] : high[0]]
    row, column = np.indices(part.shape)
    back, aside = _placed(np.stack([column.ravel(), row.ravel()], axis=1) + low, run)
    needle = (np.abs(aside) < _NEAR * width) & (back > place - _SOUGHT * width)
    return field_beside(part, ~needle.reshape(part.shape), _TOGETHER * width)


def _fitted(view: _View, field: Field, place: float) -> EndFit:
    """Place by place and turn by turn, then refined at the best turn."""
    shadows = [view.shadow(place, 0.0, roll) for roll in view.rolls]
    together = correlation(view.patch.pixels, field.length)
    white = Whitener(together, field, view.patch.taken(shadows[0]), _WAVERING)
    moves = np.arange(-_SOUGHT * view.bar.width, _SOUGHT * view.bar.width + _STEP, _STEP)
    errors = np.array([_errors(view, white, _moved(view, shadow, moves)) for shadow in shadows])
    best = np.unravel_index(int(errors.argmin()), errors.shape)
    start, roll = place + float(moves[best[1]]), float(view.rolls[best[0]])
    white = Whitener(together, field, view.patch.taken(view.shadow(start, 0.0, roll)), _WAVERING)
    return _refined(view, white, (start, roll), _over_rolls(errors))


def _moved(view: _View, shadow: NDArray[np.float64], moves: Array) -> Array:
    """The shadow at the pixels, (n, moves), moved back along the line by so many pixels."""
    from scipy.ndimage import map_coordinates

    at = view.patch.pixels - view.patch.first
    places = (at + move * view.line.run.forward for move in moves)
    return np.stack([map_coordinates(shadow, place[:, ::-1].T, order=1, mode="nearest") for place in places], axis=1)


def _plain(view: _View) -> Array:
    """Background without bounds: constant and slopes, (n, 3)."""
    away = view.patch.pixels - view.patch.pixels.mean(axis=0)
    return np.asarray(np.c_[np.ones(len(away)), away / np.abs(away).max()], dtype=np.float64)


def _errors(view: _View, white: Whitener, shapes: Array) -> Array:
    """Squared errors left with each shadow (n, shadows): background without bounds, the darkness near the shaft's."""
    columns = white(np.c_[view.patch.dark, _plain(view), shapes])
    flat = np.linalg.qr(columns[:, 1:4])[0]
    rest = columns - flat @ (flat.T @ columns)
    dark, needles = rest[:, 0], rest[:, 4:]
    prior = 1.0 / _HEIGHT_SD**2
    height = (needles.T @ dark + prior) / ((needles**2).sum(axis=0) + prior)
    left = dark[:, None] - needles * height
    return np.asarray((left**2).sum(axis=0) + prior * (height - 1.0) ** 2)


def _refined(view: _View, white: Whitener, start: tuple[float, float], rolls: tuple[float, float]) -> EndFit:
    """Gauss-Newton on place, place across, height and plain background from (place, turn); then what else would fit.

    `rolls` is how far the mean over all turns lies behind the best one's place, and its variance.
    """
    plain, (place, roll) = _plain(view), start
    priors, means = _priors(view.line, place)
    found: Array = np.array([place, 0.0, 1.0, 0.0, 0.0, 0.0])
    normal, misfit, settled = np.eye(6), 1.0, False
    for number in range(_REFINEMENTS):
        shape, along, aside = _shapes(view, found, roll)
        rest = view.patch.dark - found[2] * shape - plain @ found[3:]
        left = white(np.c_[rest, found[2] * along, found[2] * aside, shape, plain])
        misfit = float((left[:, 0] ** 2).mean())
        normal = left[:, 1:].T @ left[:, 1:] + np.diag(priors)
        step = np.linalg.solve(normal, left[:, 1:].T @ left[:, 0] + priors * (means - found))
        step[:2] = np.clip(step[:2], -1.0, 1.0)
        found = np.asarray(found + (step if number < _WHOLE else 0.5 * step))
        settled = bool((np.abs(step) < _SETTLED * np.sqrt(np.diag(np.linalg.inv(normal))))[:2].all())
        if settled:
            break
    covariance: Array = np.asarray(max(misfit, 1.0) * np.linalg.inv(normal)[:2, :2])
    covariance[0, 0] += rolls[1] + (_POINT_SD * view.bar.width * view.planned.stylet) ** 2
    shape = view.patch.taken(view.shadow(float(found[0]), float(found[1]), roll))
    gains = _gains(view, white, shape, (place, roll))
    beside = _beside(view, view.patch.dark - found[2] * shape) / float(found[2] * shape.max())
    return EndFit(
        float(found[0]) + rolls[0], float(found[1]), covariance, float(found[2]), misfit, *gains, beside, settled
    )


def _priors(line: Line, place: float) -> tuple[Array, Array]:
    """Weights and means of what is known of place, place across, height and plain background before the end is looked at."""
    carry = np.array([1.0, place - line.pivot])
    across = float(carry @ line.covariance @ carry)
    weights = np.array([0.0, 1.0 / across, 1.0 / _HEIGHT_SD**2, 0.0, 0.0, 0.0])
    return weights, np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def _gains(view: _View, white: Whitener, shape: Array, start: tuple[float, float]) -> tuple[float, float]:
    """How much better (logarithm of likelihood) a shadow fits than none, and than that of a needle that goes on."""
    place, roll = start
    more = view.patch.taken(view.shadow(place - (_AHEAD + 1.0) * view.bar.width, 0.0, roll))
    kept, without, longer = _errors(view, white, np.stack([shape, 0.0 * more, more], axis=1))
    return 0.5 * float(without - kept), 0.5 * float(longer - kept)


def _beside(view: _View, rest: Array) -> float:
    """The darkest spot three quarters of a width wide in what the needle leaves, above its plane."""
    from scipy.ndimage import uniform_filter

    size = max(round(0.75 * view.bar.width), 1)
    at = (view.patch.pixels - view.patch.first).astype(int)
    plain = _plain(view)
    level: Array = np.asarray(plain @ np.linalg.lstsq(plain, rest, rcond=None)[0])
    values, seen = (np.zeros((view.patch.part.rows, view.patch.part.columns)) for _ in range(2))
    values[at[:, 1], at[:, 0]], seen[at[:, 1], at[:, 0]] = rest - level, 1.0
    share = uniform_filter(seen, size)
    return float((uniform_filter(values, size) / np.maximum(share, 1e-6))[share > 0.9].max(initial=0.0))


def _shapes(view: _View, found: Array, roll: float) -> tuple[Array, Array, Array]:
    """The shadow at the pixels, and its change a pixel back along the line and across it."""
    place, across = float(found[0]), float(found[1])

    def at(back: float, aside: float) -> Array:
        return view.patch.taken(view.shadow(back, aside, roll))

    return (
        at(place, across),
        at(place + 0.5, across) - at(place - 0.5, across),
        at(place, across + 0.5) - at(place, across - 0.5),
    )


def _over_rolls(errors: Array) -> tuple[float, float]:
    """How far (pixels) the end's mean over all turns about the axis lies behind that of the best turn, and its variance:
    `errors` (turns, places) by which each has its say. Places are those of a parabola through the least errors.
    """
    at = np.clip(errors.argmin(axis=1), 1, errors.shape[1] - 2)
    low, least, high = (errors[np.arange(len(errors)), at + step] for step in (-1, 0, 1))
    bend = np.maximum(low - 2.0 * least + high, 1e-9)
    away = np.clip(0.5 * (low - high) / bend, -1.0, 1.0)
    fits = np.minimum(least - 0.125 * (low - high) ** 2 / bend, errors.min(axis=1))
    places = _STEP * (at + away)
    weight = np.exp(-0.5 * (fits - fits.min()))
    weight /= weight.sum()
    mean = float(weight @ places)
    best = int(np.unravel_index(int(errors.argmin()), errors.shape)[0])
    return mean - float(places[best]), float(weight @ (places - mean) ** 2)
