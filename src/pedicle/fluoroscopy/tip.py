"""A needle's tip found in a picture: from the picture itself, near where the plan says.

The shaft is found as a long straight bar (`line_search`), the tip by sliding the needle's own computed end along it: how
dark the bar is at every place along the shaft is compared with what this needle, seen this much from the end, with this
tip's shape, would give. So a pointed tip, a bevel, foreshortening and blur move the answer no more than they should.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.line_search import ASIDE_WIDTHS, Expected, Line, refined, search
from pedicle.fluoroscopy.needle_shadow import STEEL, needle_shadows
from pedicle.fluoroscopy.strip import Bar, Run, best_look, laid_along, robust_sd, strength
from pedicle.fluoroscopy.triangulate import NOTHING_UNSEEN, Sight, Unseen, line_direction, triangulated
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import unit
from pedicle.model.pick import TipPick
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Shot, TipEstimate
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
# Seen from nearer its axis than this a needle is a dot, not a line.
END_ON_DEG = 12.0
# A line must stand out by this many standard deviations of its surroundings.
LEAST_SCORE = 5.0
# In front of the tip at most this share of the needle's darkness may go on.
MOST_AHEAD = 0.45
# A tip whose place along the needle is worse than this (mm at the needle) is not a tip.
WORST_SD_MM = 1.0
# Sampling of the picture and the needle's computed end: what is left when nothing else is, pixels.
FLOOR_PX = 0.08
CROOKED = "what looks like the needle is not straight or leaves the picture"
_STEP = 0.5
_DARKEST = 1e-5


@dataclass(frozen=True)
class Reach:
    """How far from the plan a needle is sought: its tip in mm, its direction in degrees."""

    shift_mm: float = 15.0
    turn_deg: float = 15.0


WIDE, NARROW = Reach(), Reach(4.0, 4.0)


def find_tip(signal: NDArray[np.floating], beam: ConeBeam, planned: PlacedNeedle, reach: Reach = WIDE) -> TipPick:
    """The needle's tip in a picture; `signal` (rows, columns) is relative to the open beam, `planned` says roughly where.

    Not found, with the reason in words, when the needle is seen end-on, when nothing long, straight and dark enough
    lies within reach, or when it does not end clearly.
    """
    darkness = -np.log(np.maximum(signal, _DARKEST)).astype(np.float32)
    expected = expected_in(beam, planned, reach)
    if isinstance(expected, str):
        return TipPick(reason=expected)
    said = []
    for run, score in search(darkness, expected):
        if score < LEAST_SCORE:
            break
        line = refined(darkness, run, expected, score)
        pick = TipPick(reason=CROOKED) if line is None else _end(darkness, beam, planned, expected, line)
        if pick.found:
            return pick
        said.append(pick.reason)
    none = f"no straight bar as wide as the needle within {reach.shift_mm:.0f} mm of the plan"
    return TipPick(reason=said[0] if said else none)


def expected_in(beam: ConeBeam, planned: PlacedNeedle, reach: Reach) -> Expected | str:
    """Where the picture may hold the needle, or why it cannot be sought."""
    tip, behind = beam.project(planned.at(np.array([0.0, 10.0])))
    if not (np.array([0, 0]) <= tip).all() or not (tip <= [beam.columns - 1, beam.rows - 1]).all():
        return "the planned tip lies outside the picture"
    ray = unit(planned.tip_lps_mm - beam.source_lps_mm)
    slant = float(np.linalg.norm(np.cross(ray, planned.direction_lps)))
    if slant < np.sin(np.radians(END_ON_DEG)):
        return f"the needle is seen end-on: less than {END_ON_DEG:.0f} deg from the beam"
    scale = float(beam.magnification(planned.tip_lps_mm)) / float(np.sqrt(np.prod(beam.pixel_mm)))
    needle, bar = planned.needle, bar_of(planned, scale)
    along = float(np.linalg.norm(tip - behind)) / 10.0
    last = min(needle.length_mm * along - reach.shift_mm * scale, 80.0 * scale)
    first = max(min((reach.shift_mm + 3.0) * scale, last - 5.0 * bar.width), bar.width)
    turn = np.arcsin(min(np.sin(np.radians(reach.turn_deg)) / slant, np.sin(np.radians(50.0))))
    sizes = beam.magnification(planned.at(np.array([0.0, 10.0])))
    run = Run(tip, unit(tip - behind), float(sizes[1] / sizes[0] - 1.0) / (10.0 * along))
    last = _within(beam, run, first, max(last, first + 4.0 * bar.width))
    if last - first < 3.0 * bar.width:
        return "too little of the needle's shaft lies in the picture"
    return Expected(run, bar, (first, last), reach.shift_mm * scale, float(turn))


def bar_of(planned: PlacedNeedle, scale: float) -> Bar:
    """The needle's shaft in a picture of so many pixels a mm."""
    outer, inner = planned.needle.outer_diameter_mm, planned.needle.inner_diameter_mm
    core = inner - 2.0 * quantity("fluoroscopy/needle", "stylet", "gap").value if planned.stylet else 0.0
    return Bar(outer * scale, inner * scale, core * scale, outer)


def _within(beam: ConeBeam, run: Run, first: float, last: float) -> float:
    """How far back a line stays in the picture."""
    back = np.arange(first, last + 1.0)
    pixels = run.at(back)
    inside = (pixels >= 0).all(axis=1) & (pixels <= [beam.columns - 1, beam.rows - 1]).all(axis=1)
    return float(back[inside].max()) if inside.any() else first


def _end(
    darkness: NDArray[np.floating], beam: ConeBeam, planned: PlacedNeedle, expected: Expected, line: Line
) -> TipPick:
    """The tip on a line that was found, or why it cannot be told."""
    width = expected.bar.width
    back = np.arange(-expected.reach - 5.0 * width, max(expected.shaft[1], expected.reach + 6.0 * width), _STEP)
    place = _coarse(darkness, line, expected, back)
    line = _looked_at(darkness, line, expected.bar, place)
    dark = _dark_along(darkness, line, expected.bar, back)
    model = _computed_end(beam, planned, expected.bar, line)
    fit = _fine(back, dark, model, place, width)
    if fit is None:
        return TipPick(reason="the tip lies at the picture's rim")
    scale = width / expected.bar.diameter_mm
    reason = _doubt(fit, expected, scale)
    if reason:
        return TipPick(reason=reason)
    forward = line.run.forward
    # Across: the line's own error carried from its middle to the tip.
    carry = np.array([1.0, fit.place - line.pivot])
    across = float(carry @ line.covariance @ carry) + FLOOR_PX**2
    axes = np.stack([forward, line.run.aside], axis=1)
    covariance = axes @ np.diag([fit.sd**2 + FLOOR_PX**2, across]) @ axes.T
    turn_sd = float(np.degrees(np.sqrt(line.covariance[1, 1])))
    return TipPick(line.run.at(fit.place), covariance, forward, turn_sd, fit.height)


def _dark_along(darkness: NDArray[np.floating], line: Line, bar: Bar, back: Array) -> Array:
    """How dark the needle is at places along its line, its surroundings taken away; NaN beyond the picture."""
    aside = np.arange(-ASIDE_WIDTHS * bar.width, ASIDE_WIDTHS * bar.width + 0.5)
    return strength(laid_along(darkness, line.run, back, aside), aside, bar, line.look)[0]


@dataclass(frozen=True, eq=False)
class _Model:
    """The computed end: darkness (1 on the shaft) at places `back` of the tip."""

    back: Array
    dark: Array

    def at(self, back: Array) -> Array:
        return np.interp(back, self.back, self.dark)


def _computed_end(beam: ConeBeam, planned: PlacedNeedle, bar: Bar, line: Line) -> _Model:
    """What this needle's end would look like on the line, through the same eyes as the picture."""
    from scipy.ndimage import gaussian_filter

    placed = _onto(beam, planned, line.run)
    reach = round(9.0 * bar.width)
    tip = line.run.pixel
    first = (int(tip[0]) - reach, int(tip[1]) - reach)
    part = beam.cropped(first, 2 * reach + 1, 2 * reach + 1)
    steel = next(shadow for shadow in needle_shadows(placed, part) if shadow.material == STEEL).whole(part)
    # Pixels and the sampling between them blur by half a pixel already.
    blur = np.sqrt(max(line.look.blur**2 - 0.25, 0.0))
    # The look was learnt across the shaft, where a ray's way is counted square to the needle.
    slant = float(np.linalg.norm(np.cross(beam.rays(tip), placed.direction_lps)))
    dark = -np.log(gaussian_filter(line.look.light(slant * steel.astype(np.float64)), blur))
    back = np.arange(-3.0 * bar.width, 6.0 * bar.width, _STEP / 2.0)
    local = replace(line, run=replace(line.run, pixel=tip - first))
    profile = _dark_along(dark, local, bar, back)
    return _Model(back, profile / profile[-round(2.0 * bar.width) :].mean())


def _onto(beam: ConeBeam, planned: PlacedNeedle, run: Run) -> PlacedNeedle:
    """The planned needle moved and turned the least so that it is seen on this line with its tip at the run's pixel."""
    depth = (planned.tip_lps_mm - beam.source_lps_mm) @ beam.normal_lps
    ray = beam.rays(run.pixel)
    tip = beam.source_lps_mm + ray * depth / (ray @ beam.normal_lps)
    normal = unit(np.cross(ray, beam.rays(run.pixel + run.forward)))
    direction = planned.direction_lps - (planned.direction_lps @ normal) * normal
    return replace(planned, tip_lps_mm=tip, direction_lps=unit(direction))


def _coarse(darkness: NDArray[np.floating], line: Line, expected: Expected, back: Array) -> float:
    """The place of the end to a few pixels: in front of it nothing, behind it something, each place with a limited say.

    Something is what stands out of the lines beside the needle, and, once its height is known, half as dark as the needle.
    """
    width = expected.bar.width
    dark = _dark_along(darkness, line, expected.bar, back)
    beside = [
        _dark_along(darkness, replace(line, run=line.run.turned(0.0, n * width)), expected.bar, back)
        for n in (-4, -3, 3, 4)
    ]
    noise = max(robust_sd(np.concatenate(beside)), 1e-3)
    least, place = 4.0 * noise, 0.0
    for _ in range(3):
        nothing = np.minimum((dark / noise) ** 2, 9.0)
        something = np.minimum((np.maximum(least - dark, 0.0) / noise) ** 2, 9.0)
        gain = np.cumsum(np.nan_to_num(something - nothing))
        inner = np.abs(back) <= expected.reach + width
        place = float(back[inner][int(gain[inner].argmax())])
        near = (back > place + width) & (back < place + 4.0 * width)
        least = max(4.0 * noise, 0.5 * float(np.nanmedian(dark[near]))) if near.any() else least
    return place


def _looked_at(darkness: NDArray[np.floating], line: Line, bar: Bar, place: float) -> Line:
    """The line with the look of the shaft just behind the end: scatter, and with it the contrast, changes along a needle."""
    aside = np.arange(-ASIDE_WIDTHS * bar.width, ASIDE_WIDTHS * bar.width + 0.5)
    back = np.arange(place + 1.5 * bar.width, place + 6.0 * bar.width)
    strip = laid_along(darkness, line.run, back, aside)
    seen = np.isfinite(strip).all(axis=1)
    return replace(line, look=best_look(strip[seen].mean(axis=0), aside, bar)) if seen.sum() > bar.width else line


@dataclass(frozen=True)
class _Fit:
    place: float
    sd: float
    height: float
    ahead: float


def _fine(back: Array, dark: Array, model: _Model, place: float, width: float) -> _Fit | None:
    """Place, darkness and background of the end by least squares; None when the picture ends before the fit does."""
    found = np.array([place, 1.0, 0.0, 0.0])
    for _ in range(15):
        near = (back > found[0] - 2.5 * width) & (back < found[0] + 4.0 * width) & np.isfinite(dark)
        if near.sum() < 5.0 * width / _STEP:
            return None
        shape, slope = _shapes(model, back[near] - found[0])
        away = (back[near] - found[0]) / width
        basis = np.stack([-found[1] * slope, shape, np.ones_like(shape), away * shape], axis=1)
        left = dark[near] - (found[1] + found[3] * away) * shape - found[2]
        step = np.linalg.lstsq(basis, left, rcond=None)[0]
        found = found + [float(np.clip(step[0], -0.5 * width, 0.5 * width)), *step[1:]]
        if abs(step[0]) < 1e-4:
            break
    ahead = near & (back < found[0] - 0.7 * width)
    share = float(np.mean(dark[ahead]) / found[1]) if found[1] > 0 else 1.0
    return _Fit(float(found[0]), _place_sd(back, dark, model, found, width), float(found[1]), share)


def _shapes(model: _Model, back: Array) -> tuple[Array, Array]:
    """The end's darkness and its change a pixel, at places back of the tip."""
    return model.at(back), model.at(back + 0.25) * 2.0 - model.at(back - 0.25) * 2.0


def _place_sd(back: Array, dark: Array, model: _Model, found: Array, width: float) -> float:
    """1 SD of the end's place: what the same fit would make of the unevenness seen on the shaft and in front of the tip.

    The unevenness (noise, and bone that crosses the needle) is slid along under the fit; half the variance from
    either side, since the end is half needle and half not.
    """
    local = np.arange(-2.5 * width, 4.0 * width, _STEP)
    shape, slope = _shapes(model, local)
    basis = np.stack([-found[1] * slope, shape, np.ones_like(shape), local / width * shape], axis=1)
    pull = np.linalg.pinv(basis)[0]
    away = (back - found[0]) / width
    left = dark - (found[1] + found[3] * away) * model.at(back - found[0]) - found[2]
    variances = []
    for side in (back > found[0] + 1.5 * width, back < found[0] - 0.5 * width):
        rest = left[side & np.isfinite(left)]
        if len(rest) > len(pull) + 8:
            moved = np.convolve(rest - rest.mean(), pull[::-1], mode="valid")
            variances.append(float(np.mean(moved**2)))
    return float(np.sqrt(np.mean(variances))) if variances else float("inf")


def _doubt(fit: _Fit, expected: Expected, scale: float) -> str:
    """Why the end found is not to be trusted, or ""."""
    if fit.height <= 0.0 or fit.ahead > MOST_AHEAD:
        return "the needle does not end clearly: something as dark goes on in front of it"
    if abs(fit.place) > expected.reach + expected.bar.width:
        return "the needle ends beyond the reach of the search"
    if fit.sd > WORST_SD_MM * scale:
        return f"the needle's end is not clear: {fit.sd / scale:.1f} mm along the needle is 1 SD"
    return ""


@dataclass(frozen=True, eq=False)
class Located:
    """A needle found in two pictures: its tip and its direction; or None and the reason. Both picks are kept."""

    picks: tuple[TipPick, TipPick]
    tip: TipEstimate | None = None
    direction_lps: Array | None = None
    reason: str = ""


def locate(first: Shot, second: Shot, planned: PlacedNeedle, unseen: Unseen = NOTHING_UNSEEN) -> Located:
    """Tip and direction of a needle from two pictures, found in each near the plan, then once more near each other.

    The second look knows the needle's direction in space, and with it how its end looks in each picture.
    RefusedError 451 when the views are as good as one.
    """
    shots, place, reach = (first, second), planned, WIDE
    found = Located((TipPick(), TipPick()))
    for _ in range(2):
        one, two = (find_tip(shot.signal, shot.beam, place, reach) for shot in shots)
        for name, pick in (("first", one), ("second", two)):
            if not pick.found:
                return Located((one, two), reason=f"tip not found in the {name} picture: {pick.reason}")
        tip = triangulated(_sight(first, one), _sight(second, two), unseen)
        direction = line_direction(_seen_line(first, one), _seen_line(second, two))
        found = Located((one, two), tip, direction)
        if direction is None:
            break
        place = replace(planned, tip_lps_mm=tip.tip_lps_mm, direction_lps=direction)
        reach = NARROW
    return found


def _sight(shot: Shot, pick: TipPick) -> Sight:
    if pick.pixel is None or pick.covariance_px2 is None:
        raise ValueError(f"no tip in this picture: {pick.reason}")
    return Sight(shot.beam, pick.pixel, pick.covariance_px2)


def _seen_line(shot: Shot, pick: TipPick) -> tuple[ConeBeam, Array, Array]:
    if pick.pixel is None or pick.forward is None:
        raise ValueError(f"no needle in this picture: {pick.reason}")
    return shot.beam, pick.pixel, pick.forward
