"""A needle's tip found in one picture: from the picture itself, near where the plan says.

The shaft is found as a long straight bar (`line_search`), the end roughly where the bar stops, then exactly by fitting the
needle's own computed end (`needle_end`). So a pointed tip, a bevel, foreshortening and blur move the answer no more than
they should.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.line_search import ASIDE_WIDTHS, Expected, Line, refined, search
from pedicle.fluoroscopy.machine import usual_technique
from pedicle.fluoroscopy.needle_end import EndFit, fitted_end
from pedicle.fluoroscopy.scatter import water_behind
from pedicle.fluoroscopy.strip import Bar, Run, Steel, best_look, is_as_wide, laid_along, robust_sd, strength
from pedicle.model.conebeam import ConeBeam
from pedicle.model.frames import unit
from pedicle.model.pick import TipPick
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Technique
from pedicle.model.sourced import quantity

Array = NDArray[np.float64]
# Seen from nearer its axis than this a needle is a dot, not a line.
END_ON_DEG = 12.0
# A line must stand out by this many standard deviations of its surroundings.
LEAST_SCORE = 5.0
# A needle that ends must fit better than none and than one that goes on by this logarithm of likelihood.
LEAST_GAIN = 12.0
# Errors left over about an end may be as large as stated; this much larger (mean square) they are not a needle's.
MOST_MISFIT = 3.0
# Nothing beside the end may be darker than this share of the needle's own darkness: other metal hides the end.
MOST_BESIDE = 0.65
# An end that lies beside its own shaft's line by more than this share of the width is drawn there by something else.
MOST_ACROSS = 0.07
# Beside the shaft no more of its darkness is left unexplained than this. 278 picks of needles alone on 7 patients left 0.059
# at most; of ten picks of another needle's end seven left 0.07 or more, the others another tip or rays that miss.
MOST_LEFT = 0.065
# A tip whose place along the needle is worse than this (mm at the needle) is not a tip.
WORST_SD_MM = 1.0
# What is left along and across the needle when noise and background are told, pixels rms: the ways in which the computed end
# is not the picture's (lag, spectrum, sampling; a line that bone draws aside). Errors in pictures without noise, weighed as with it.
FLOOR_PX = (0.045, 0.022)
# While the needle's direction is the plan's, its pointed end may be up to a tenth of a width longer or shorter than thought, and
# the fitted place moves by a part of it: 1 SD, widths.
ROUGH = 0.03
# A needle's sides are sharp: blurred wider than this share of its width, 1 SD, is something else.
MOST_BLUR = 0.35
# Pixels are joined until a needle is narrower than this: nothing is gained from more of them.
WIDEST_PX = 14.0
CROOKED = "what looks like the needle is not straight or leaves the picture"
NO_END = "the needle does not end clearly: something as dark goes on in front of it"
END_ON = f"the needle is seen end-on: less than {END_ON_DEG:.0f} deg from the beam"
OTHER = "what is seen there does not look like this needle"
OTHER_WIDTH = "what is seen there is narrower or wider than this needle"
OVERLAID = (
    "another needle, or something like it, lies over the shaft or close beside it. Turn the C-arm until they lie apart"
)
BESIDE = "something as dark as the needle lies beside its end"
AT_RIM = "the tip lies at the picture's rim"
_STEP = 0.5
# So many places of the end are looked at on a line.
_PLACES = 3
_DARKEST = 1e-5
# So many widths farther ahead the end is looked for where the needle goes on.
_ONWARD = 2.5
# The shaft is followed over so many widths to see that it is alone.
_FOLLOWED = 16
# The patient's thickness is read over so many widths to each side of the shaft's middle.
_SHAFT = 4.0
# The shaft is sought in pieces so many widths long when it is not known where along the line it lies for certain.
_PIECE = 6.0


@dataclass(frozen=True)
class Reach:
    """How far from the plan a needle is sought: its tip in mm, its direction in degrees.

    `strict`: the direction is known, and with it the needle's shadow, so that what is seen must be as wide, and alone.
    """

    shift_mm: float = 15.0
    turn_deg: float = 15.0
    strict: bool = False


WIDE, NARROW = Reach(), Reach(4.0, 4.0, True)


@dataclass(frozen=True, eq=False)
class Picture:
    """What was attenuated (`darkness`, rows x columns, natural logarithm), its geometry and the beam's quality.

    `joined` pixels of the picture as taken along both sides are one of these.
    """

    darkness: NDArray[np.float32]
    beam: ConeBeam
    technique: Technique
    joined: int = 1

    @classmethod
    def of(
        cls, signal: NDArray[np.floating], beam: ConeBeam, planned: PlacedNeedle, technique: Technique | None = None
    ) -> Picture:
        """A signal relative to the open beam, its pixels joined as far as the needle allows."""
        width = planned.needle.outer_diameter_mm * float(beam.magnification(planned.tip_lps_mm)) / min(beam.pixel_mm)
        count = max(int(np.ceil(width / WIDEST_PX)), 1)
        beam, rows, columns = beam.binned(count), beam.rows // count * count, beam.columns // count * count
        blocks = np.asarray(signal)[:rows, :columns].reshape(rows // count, count, columns // count, count)
        light = blocks.mean(axis=(1, 3)) if count > 1 else np.asarray(signal)
        darkness = -np.log(np.maximum(light, _DARKEST)).astype(np.float32)
        return cls(darkness, beam, technique or usual_technique(), count)

    def as_taken(self, pick: TipPick) -> TipPick:
        """A pick in pixels of the picture as taken."""
        if pick.pixel is None or pick.covariance_px2 is None or self.joined == 1:
            return pick
        n = float(self.joined)
        return replace(pick, pixel=n * pick.pixel + 0.5 * (n - 1.0), covariance_px2=n**2 * pick.covariance_px2)


def find_tip(
    signal: NDArray[np.floating],
    beam: ConeBeam,
    planned: PlacedNeedle,
    reach: Reach = WIDE,
    technique: Technique | None = None,
) -> TipPick:
    """The needle's tip in a picture; `signal` (rows, columns) is relative to the open beam, `planned` says roughly where.

    Not found, with the reason in words, when the needle is seen end-on, when nothing long, straight and dark enough
    lies within reach, or when it does not end clearly. `technique` tells how steel dims the beam, the usual one when not given.
    """
    if slant(beam, planned) < np.sin(np.radians(END_ON_DEG)):
        return TipPick(reason=END_ON)
    picture = Picture.of(signal, beam, planned, technique)
    said: list[str] = []
    for pick in candidates(picture, planned, reach):
        if pick.found:
            return pick
        said.append(pick.reason)
    return TipPick(reason=said[0])


def candidates(picture: Picture, planned: PlacedNeedle, reach: Reach) -> Iterator[TipPick]:
    """What may be the needle, the most conspicuous first, each with its tip or with why it has none; at least one."""
    expected = expected_in(picture, planned, reach)
    if isinstance(expected, str):
        yield TipPick(reason=expected)
        return
    seen_any = False
    for run, score, shaft in search(picture.darkness, expected):
        if score < LEAST_SCORE:
            break
        seen_any = True
        line = refined(picture.darkness, run, replace(expected, shafts=(shaft,)), score)
        if line is None:
            yield TipPick(reason=CROOKED)
        else:
            bar = _hardened(picture, line, expected.bar)
            known = replace(expected, shafts=(shaft,), bar=bar)
            yield picture.as_taken(_end(picture, planned, known, line, reach.strict))
    if not seen_any:
        yield TipPick(reason=f"no straight bar as wide as the needle within {reach.shift_mm:.0f} mm of the plan")


def slant(beam: ConeBeam, planned: PlacedNeedle) -> float:
    """Sine of the angle between a needle and the ray through its tip."""
    return float(np.linalg.norm(np.cross(unit(planned.tip_lps_mm - beam.source_lps_mm), planned.direction_lps)))


def expected_in(picture: Picture, planned: PlacedNeedle, reach: Reach) -> Expected | str:
    """Where the picture may hold the needle, or why it cannot be sought."""
    beam = picture.beam
    tip, behind = beam.project(planned.at(np.array([0.0, 10.0])))
    if not (np.array([0, 0]) <= tip).all() or not (tip <= [beam.columns - 1, beam.rows - 1]).all():
        return "the planned tip lies outside the picture"
    scale = float(beam.magnification(planned.tip_lps_mm)) / float(np.sqrt(np.prod(beam.pixel_mm)))
    angle, most = float(np.degrees(np.arcsin(slant(beam, planned)))), reach.turn_deg
    if angle + most < END_ON_DEG:
        return END_ON
    bar = bar_of(planned, scale, np.sin(np.radians(max(angle, END_ON_DEG))), Steel.behind_patient(picture.technique))
    sizes = beam.magnification(planned.at(np.array([0.0, 10.0])))
    along = max(float(np.linalg.norm(tip - behind)) / 10.0, 0.1 * scale)
    run = Run(tip, unit(tip - behind), float(sizes[1] / sizes[0] - 1.0) / (10.0 * along))
    # A plan seen from nearer its axis than its error may be turned any way in the picture.
    turn = np.arcsin(np.sin(np.radians(most)) / np.sin(np.radians(angle))) if angle > most else np.pi
    least = np.sin(np.radians(max(angle - most, END_ON_DEG))) * scale
    shafts = _shafts(planned.needle.length_mm * least, reach.shift_mm * scale, scale, bar.width)
    shafts = tuple(shaft for shaft in shafts if turn > 1.0 or _seen(beam, run, shaft))
    if not shafts:
        return "too little of the needle's shaft lies in the picture"
    return Expected(run, bar, shafts, reach.shift_mm * scale, float(turn))


def _shafts(length: float, reach: float, scale: float, width: float) -> tuple[tuple[float, float], ...]:
    """Where back of the expected tip the shaft lies for certain, pixels; where it may lie, piece by piece, when that is short."""
    first, last = reach + 3.0 * scale, min(length - reach, 80.0 * scale)
    if last - first >= _PIECE * width:
        return ((first, last),)
    starts = np.arange(width - reach, reach + 2.0 * width, 2.0 * width)
    return tuple((float(start), float(start + _PIECE * width)) for start in starts)


def _seen(beam: ConeBeam, run: Run, shaft: tuple[float, float]) -> bool:
    """Whether at least half of a piece of the line lies in the picture."""
    pixels = run.at(np.linspace(*shaft, 21))
    return bool(((pixels >= 0).all(axis=1) & (pixels <= [beam.columns - 1, beam.rows - 1]).all(axis=1)).mean() >= 0.5)


def bar_of(planned: PlacedNeedle, scale: float, slant: float, steel: Steel) -> Bar:
    """The needle's shaft in a picture of so many pixels a mm."""
    outer, inner = planned.needle.outer_diameter_mm, planned.needle.inner_diameter_mm
    core = inner - 2.0 * quantity("fluoroscopy/needle", "stylet", "gap").value if planned.stylet else 0.0
    return Bar(outer * scale, inner * scale, core * scale, outer, slant, steel)


def _hardened(picture: Picture, line: Line, bar: Bar) -> Bar:
    """The bar in the spectrum that is left behind this patient, whose thickness the primary light beside the shaft tells:
    in a spectrum that is too soft the thin steel of a pointed end seems too dark and the end too far back.
    """
    back = line.pivot + np.arange(-_SHAFT * bar.width, _SHAFT * bar.width)
    beside = laid_along(picture.darkness, line.run, back, bar.width * np.array([-1.5, 1.5]))
    primary = line.look.share * np.exp(-np.nanmedian(beside))
    return replace(bar, steel=Steel.behind_patient(picture.technique, float(water_behind(primary, picture.technique))))


def _end(picture: Picture, planned: PlacedNeedle, expected: Expected, line: Line, strict: bool) -> TipPick:
    """The tip on a line that was found, or why it cannot be told."""
    width, shaft = expected.bar.width, expected.shafts[0]
    back = np.arange(-expected.reach - 5.0 * width, max(shaft[1], expected.reach + 6.0 * width), _STEP)
    reason = AT_RIM
    for place in _coarse(picture.darkness, line, expected, back):
        looked, fit = _followed(picture, planned, expected, line, place)
        reason = AT_RIM if fit is None else _doubt(fit, looked, expected)
        if fit is not None and not reason and strict:
            reason = _unlike(picture.darkness, fit, looked, expected)
        if fit is not None and not reason:
            return _picked(looked, fit, 0.0 if strict else ROUGH * expected.bar.width)
        if reason == OVERLAID:
            break
    return TipPick(reason=reason)


def _followed(
    picture: Picture, planned: PlacedNeedle, expected: Expected, line: Line, place: float
) -> tuple[Line, EndFit | None]:
    """The end fitted near a place; as long as a needle that goes on fits better, once more farther ahead."""
    while True:
        looked = _looked_at(picture.darkness, line, expected, place)
        fit = fitted_end(picture.darkness, picture.beam, planned, expected.bar, looked, place)
        place -= _ONWARD * expected.bar.width
        if fit is None or fit.over_more >= 0.0 or place < -expected.reach - expected.bar.width:
            return looked, fit


def _picked(line: Line, fit: EndFit, rough_px: float) -> TipPick:
    axes = np.stack([-line.run.forward, line.run.aside], axis=1)
    covariance = axes @ (fit.covariance + np.diag([FLOOR_PX[0] ** 2 + rough_px**2, FLOOR_PX[1] ** 2])) @ axes.T
    turn_sd = float(np.degrees(np.sqrt(line.covariance[1, 1])))
    return TipPick(line.run.at(fit.place, fit.across), covariance, line.run.forward, turn_sd, fit.height)


def _dark_along(darkness: NDArray[np.floating], line: Line, bar: Bar, back: Array) -> Array:
    """How dark the needle is at places along its line, its surroundings taken away; NaN beyond the picture."""
    aside = np.arange(-ASIDE_WIDTHS * bar.width, ASIDE_WIDTHS * bar.width + 0.5)
    return strength(laid_along(darkness, line.run, back, aside), aside, bar, line.look)[0]


def _coarse(darkness: NDArray[np.floating], line: Line, expected: Expected, back: Array) -> list[float]:
    """Likely places of the end to a few pixels, best first: in front nothing, behind it at least half as dark as the shaft.

    Each place along the line has a limited say, and bone's edges are reckoned with: differences count in units of what
    stands out of the lines beside the needle, and of a fifth of the needle's darkness at least.
    """
    width, shaft = expected.bar.width, expected.shafts[0]
    dark = _dark_along(darkness, line, expected.bar, back)
    beside = [
        _dark_along(darkness, replace(line, run=line.run.turned(0.0, n * width)), expected.bar, back)
        for n in (-4, -3, 3, 4)
    ]
    usual = max(float(np.nanmedian(dark[(back >= shaft[0]) & (back <= shaft[1])])), 0.0)
    noise = max(robust_sd(np.concatenate(beside)), 0.2 * usual, 1e-3)
    nothing = np.minimum((dark / noise) ** 2, 9.0)
    something = np.minimum((np.maximum(0.5 * usual - dark, 0.0) / noise) ** 2, 9.0)
    # Behind the shaft that was found nothing need be steel: another end there is the hub's.
    known = back <= shaft[1]
    gain = np.cumsum(np.where(known, np.nan_to_num(something - nothing), 0.0))
    gain[(np.abs(back) > expected.reach + width) | (back > shaft[1])] = -np.inf
    found: list[float] = []
    while len(found) < _PLACES and np.isfinite(gain.max()):
        found.append(float(back[int(gain.argmax())]))
        gain[np.abs(back - found[-1]) < 1.5 * width] = -np.inf
    return found


def _looked_at(darkness: NDArray[np.floating], line: Line, expected: Expected, place: float) -> Line:
    """The line with the look of the shaft just behind the end: scatter, and with it the contrast, changes along a needle."""
    profile = _profile(darkness, line, expected, place)
    return line if profile is None else replace(line, look=best_look(*profile, expected.bar)[0])


def _profile(
    darkness: NDArray[np.floating], line: Line, expected: Expected, place: float
) -> tuple[Array, Array] | None:
    """Darkness across the shaft behind an end, and the places across; None when too little of it is in the picture.

    The light is what pixels and the strip average: means of its logarithm make the needle's sides too dark.
    """
    width = expected.bar.width
    aside = np.arange(-ASIDE_WIDTHS * width, ASIDE_WIDTHS * width + 0.5)
    strip = laid_along(np.exp(-darkness), line.run, np.arange(place + 1.5 * width, place + 6.0 * width), aside)
    seen = np.isfinite(strip).all(axis=1)
    return (-np.log(strip[seen].mean(axis=0)), aside) if seen.sum() > width else None


def _unlike(darkness: NDArray[np.floating], fit: EndFit, line: Line, expected: Expected) -> str:
    """Why what is seen is not this needle or not it alone, or ""."""
    if fit.beside > MOST_BESIDE or abs(fit.across) > MOST_ACROSS * expected.bar.width:
        return BESIDE
    profile = _profile(darkness, line, expected, fit.place)
    if profile is None or not is_as_wide(*profile, expected.bar):
        return OTHER_WIDTH
    return OVERLAID if _left_beside(darkness, fit, line, expected.bar) > MOST_LEFT else ""


def _left_beside(darkness: NDArray[np.floating], fit: EndFit, line: Line, bar: Bar) -> float:
    """What a piece of the shaft, one width long, leaves at most about it when background and the needle itself are explained,
    rms over the needle's darkness behind its end: another needle beside it or over it, at a small angle, leaves the more.
    """
    length = max(round(bar.width), 2)
    aside = np.arange(-ASIDE_WIDTHS * bar.width, ASIDE_WIDTHS * bar.width + 0.5)
    back: Array = fit.place + 1.5 * bar.width + np.arange(float(_FOLLOWED * length))
    pieces = laid_along(darkness, line.run, back, aside).reshape(_FOLLOWED, length, -1).mean(axis=1)
    dark, _, left = strength(pieces[np.isfinite(pieces).all(axis=1)], aside, bar, line.look)
    return (
        float(np.sqrt((left**2).mean(axis=1)).max(initial=0.0) / max(np.median(dark[:4]), 1e-6)) if len(dark) else 0.0
    )


def _doubt(fit: EndFit, line: Line, expected: Expected) -> str:
    """Why the end found is not to be trusted, or ""."""
    bar = expected.bar
    if not fit.settled:
        return OTHER
    if fit.over_none < LEAST_GAIN or fit.over_more < LEAST_GAIN:
        return NO_END
    if fit.misfit > MOST_MISFIT or abs(fit.across) > 0.3 * bar.width or line.look.blur > MOST_BLUR * bar.width:
        return OTHER
    if abs(fit.place) > expected.reach + bar.width:
        return "the needle ends beyond the reach of the search"
    sd_mm = float(np.sqrt(fit.covariance[0, 0])) * bar.diameter_mm / bar.width
    if sd_mm > WORST_SD_MM:
        return f"the needle's end is not clear: {sd_mm:.1f} mm along the needle is 1 SD"
    return ""
