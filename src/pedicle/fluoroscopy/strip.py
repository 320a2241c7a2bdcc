"""A picture laid along a needle: columns run back along it, rows across it; and how strongly a needle is seen there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.fluoroscopy.bins import energy_bins
from pedicle.fluoroscopy.needle_shadow import STEEL
from pedicle.model.shot import Technique

Array = NDArray[np.float64]
# A patient's thickness of water before the picture tells.
_PATIENT_MM = 200.0


@dataclass(frozen=True, eq=False)
class Run:
    """A line in a picture: a pixel on it (column, row) and its unit direction `forward`, from hub to tip.

    What runs along it grows by the share `taper` a pixel back along the line: a needle's hub is nearer to the detector
    than its tip, or farther, and a line in space is magnified linearly along its picture.
    """

    pixel: Array
    forward: Array
    taper: float = 0.0

    @property
    def aside(self) -> Array:
        """Unit direction across the line."""
        return np.array([-self.forward[1], self.forward[0]])

    def at(self, back: ArrayLike, aside: ArrayLike = 0.0) -> Array:
        """Pixels (..., 2) so many pixels back along the line and beside it; `aside` is counted at the run's own pixel."""
        back, aside = np.broadcast_arrays(np.asarray(back, dtype=np.float64), np.asarray(aside, dtype=np.float64))
        aside = aside * (1.0 + self.taper * back)
        return np.asarray(self.pixel - back[..., None] * self.forward + aside[..., None] * self.aside)

    def turned(self, angle_rad: float, aside: float = 0.0) -> Run:
        """The line turned about its pixel and then moved across itself."""
        c, s = np.cos(angle_rad), np.sin(angle_rad)
        forward = np.array([c * self.forward[0] - s * self.forward[1], s * self.forward[0] + c * self.forward[1]])
        return Run(Run(self.pixel, forward).at(0.0, aside), forward, self.taper)


def laid_along(picture: NDArray[np.floating], run: Run, back: Array, aside: Array) -> Array:
    """Values (back, aside) of a picture at places along a line, linear between pixels; NaN beyond the picture."""
    from scipy.ndimage import map_coordinates

    pixels = run.at(back[:, None], aside[None, :])
    return np.asarray(
        map_coordinates(picture, [pixels[..., 1], pixels[..., 0]], output=np.float64, order=1, cval=np.nan)
    )


@dataclass(frozen=True, eq=False)
class Steel:
    """How steel dims a spectrum: what is left behind t mm is the sum of weight exp(-per_mm t); weights add to 1."""

    per_mm: Array
    weight: Array

    @classmethod
    def behind_patient(cls, technique: Technique, water_mm: float = _PATIENT_MM) -> Steel:
        """A technique's spectrum behind a patient as thick as so much water."""
        bins = energy_bins(technique, ("water", STEEL))
        seen = bins.weights[:, 0] * np.exp(-water_mm * bins.mu[:, 0])
        return cls(bins.mu[:, 1], seen / seen.sum())

    def through(self, mm: Array) -> Array:
        """What is left behind so many millimetres (any shape)."""
        return np.asarray(np.exp(-np.asarray(mm)[..., None] * self.per_mm) @ self.weight)


@dataclass(frozen=True, eq=False)
class Bar:
    """A tube of steel in a picture, with a rod in it: diameters `width`, `bore` and `core` in pixels; `diameter_mm` of `width`.

    `slant` is the sine of the angle between it and the rays, which cross it by so much longer a way.
    """

    width: float
    bore: float
    core: float
    diameter_mm: float
    slant: float
    steel: Steel

    def widened(self, factor: float) -> Bar:
        """The same with all diameters so many times as large."""
        return replace(
            self,
            width=factor * self.width,
            bore=factor * self.bore,
            core=factor * self.core,
            diameter_mm=factor * self.diameter_mm,
        )


@dataclass(frozen=True)
class Look:
    """How steel looks in a picture: what is left of the light is 1 - share + share through(scale t), then blurred.

    `share` is less than 1 where scatter adds light. `scale` is 1 but for another alloy, spectrum or slant than thought.
    `blur` is a Gauss in pixels.
    """

    blur: float
    scale: float
    share: float

    def light(self, steel: Steel, mm: Array) -> Array:
        """What is left of the light, before blurring."""
        return np.asarray(1.0 - self.share + self.share * steel.through(self.scale * mm))


PLAIN = Look(0.8, 1.0, 0.6)
# Bounds of blur (pixels), scale and share.
_BOUNDS = ((0.3, 0.2, 0.05), (6.0, 5.0, 0.999))
# A look is as likely off by a factor e in its scale as a mean profile by so much darkness at one place.
_SCALE_WEIGHT = 0.1
# Needles of other gauges are this much narrower or wider.
_OTHER, _AS_GOOD = 0.17, 1.1


def cross_section(aside: Array, bar: Bar, look: Look) -> Array:
    """Darkness (natural logarithm) of a bar across itself; `aside` in pixels from its axis."""
    fine = (np.arange(161) - 80.0) / 160.0 * bar.width
    sizes = np.array([bar.width, bar.bore, bar.core])[:, None]
    chord = np.array([1.0, -1.0, 1.0]) @ np.sqrt(np.maximum(sizes**2 - (2.0 * fine) ** 2, 0.0))
    taken = 1.0 - look.light(bar.steel, chord * bar.diameter_mm / bar.width / bar.slant)
    weight = np.exp(-0.5 * ((aside[:, None] - fine) / look.blur) ** 2)
    scale = (fine[1] - fine[0]) / (look.blur * np.sqrt(2.0 * np.pi))
    return np.asarray(-np.log1p(-np.minimum(scale * (weight @ taken), 0.9999)))


def strength(strip: Array, aside: Array, bar: Bar, look: Look) -> tuple[Array, Array, Array]:
    """For each column of a strip (back, aside): how dark the bar is there, darkness times its offset, and what is left over.

    Least squares of background (constant, slope and bow across), the bar's section and its derivative. NaN where the
    strip leaves the picture.
    """
    section = cross_section(aside, bar, look)
    columns = np.c_[section, -np.gradient(section, aside), _background(aside)]
    found = strip @ np.linalg.pinv(columns).T
    return found[:, 0], found[:, 1], strip - found @ columns.T


def _background(aside: Array) -> Array:
    """Constant, slope and bow across, (aside, 3)."""
    share = aside / np.abs(aside).max()
    return np.stack([np.ones_like(share), share, share**2], axis=1)


def best_look(profile: Array, aside: Array, bar: Bar) -> tuple[Look, float]:
    """The look that explains a mean profile across the needle best, and the rms of what it leaves: background free and
    the darkness as it is: a law that may be scaled as well would be told apart from its neighbours by the faint edges alone.
    """
    from scipy.optimize import least_squares

    background = _background(aside)
    flat = np.linalg.pinv(background)

    def left(x: Array) -> Array:
        rest = profile - cross_section(aside, bar, Look(*map(float, x)))
        return np.append(rest - background @ (flat @ rest), _SCALE_WEIGHT * np.log(x[1]))

    start = (PLAIN.blur, PLAIN.scale, PLAIN.share)
    found = least_squares(left, start, bounds=_BOUNDS, x_scale=(1.0, 0.5, 0.2), max_nfev=30)
    return Look(*map(float, found.x)), float(np.sqrt(np.mean(found.fun[:-1] ** 2)))


def is_as_wide(profile: Array, aside: Array, bar: Bar) -> bool:
    """Whether a profile looks more like this bar than like one a sixth narrower or wider, or as good as that."""
    rms = [best_look(profile, aside, bar.widened(factor))[1] for factor in (1.0 - _OTHER, 1.0, 1.0 + _OTHER)]
    return rms[1] <= _AS_GOOD * min(rms[0], rms[2])


def robust_sd(values: Array) -> float:
    """Standard deviation from the median distance to the median; NaN are left out."""
    values = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else float("nan")
