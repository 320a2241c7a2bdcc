"""From what lies in the beam to the picture on the screen.

In order: energies, scatter and glare, quantum noise, blur, electronic noise, lag and noise reduction, collimator,
harmonisation, window.
Signals are in units of the open beam: 1 without a patient, whatever the charge; the charge decides the noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.bins import energy_bins
from pedicle.fluoroscopy.machine import measuring_field, number, open_kerma_ugy, open_kev_per_pixel
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.scatter import coarse, element, veil
from pedicle.kernels.xray import blurred, exposed, signal, toned, without
from pedicle.model.conebeam import ConeBeam
from pedicle.model.shot import Technique

Image = NDArray[np.float32]
# Part of the beam the collimator's blades let through.
_LEAK = 1e-3
_TILE_ROWS = 1024
# Brighter than this (logarithm of half the open beam) is air beside the patient.
_DIRECT = float(np.log(0.5))
# The automatic window: so much wider than twice the shorter side of the spread in the measuring field without its tails
# (percent), within these widths. The shorter side: a bright rim or a pocket of air on the other widens nothing.
_ROOM, _TAIL, _WINDOWS = 3.0, 10.0, (0.8, 4.0)


@dataclass(frozen=True, eq=False)
class FrameState:
    """What a picture leaves to the next: the machine's running picture, how many there were, how the last one was taken.

    `held` is the last-image hold: what the screen shows while no radiation is given.
    """

    running: Image
    frames: int
    held: NDArray[np.uint8]
    technique: Technique


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture: `signal` (rows, columns) in units of the open beam, `picture` uint8 as shown, and the state it leaves."""

    signal: Image
    picture: NDArray[np.uint8]
    state: FrameState


def render(
    paths: NDArray[np.float32],
    materials: tuple[str, ...],
    beam: ConeBeam,
    technique: Technique,
    options: PictureOptions,
    previous: FrameState | None = None,
) -> Frame:
    """One pulse: `paths` (channels, rows, columns) in mm of each material, by name of data/fluoroscopy/beam.toml.

    `previous` is the state the picture before left; of another size it is forgotten. The same paths, seed and number of
    pictures before give the same picture. ValueError when `paths` do not belong to `materials` and `beam`.
    """
    if paths.shape != (len(materials), beam.rows, beam.columns):
        raise ValueError(f"paths {paths.shape} are not ({len(materials)}, {beam.rows}, {beam.columns})")
    frames = previous.frames if previous is not None else 0
    read = detector_reading(paths, materials, beam, technique, options, frames)
    keep = kept_part(options)
    if previous is not None and previous.running.shape == read.shape:
        read += np.float32(keep) * (previous.running - read)
    shown = displayed(read, beam, options)
    return Frame(read, shown, FrameState(read, frames + 1, shown, technique))


def primary_signal(paths: NDArray[np.float32], materials: tuple[str, ...], technique: Technique) -> tuple[Image, Image]:
    """Signal without scatter, and its variance times the open beam's energy in a pixel (keV)."""
    bins = energy_bins(technique, materials)
    return signal(paths, bins.mu.astype(np.float32), bins.weights.astype(np.float32))


def detector_reading(
    paths: NDArray[np.float32],
    materials: tuple[str, ...],
    beam: ConeBeam,
    technique: Technique,
    options: PictureOptions,
    frame: int = 0,
) -> Image:
    """What the detector reads of one pulse, before lag: `frame` chooses the noise."""
    primary, second = primary_signal(paths, materials, technique)
    if _is_collimated(options):
        opening = field(beam, options)
        primary, second = primary * opening, second * opening
    cover, direct = veil(primary, beam, technique, options)
    per_pixel = 1.0 / open_kev_per_pixel(technique, beam, options.grid) if options.noise else 0.0
    tile = unit_noise(options.seed, beam.columns)
    quantum, electronic = _places(options.seed, frame, beam.columns)
    taken = exposed(primary, second, cover, element(beam), (direct, per_pixel), (tile, quantum))
    sigma = electronic_sigma(technique, beam, options) if options.noise else np.float32(0.0)
    return blurred(taken, blur_weights(beam, options), sigma, (tile, electronic))


def kept_part(options: PictureOptions) -> float:
    """Part of the running picture that stays when a new one comes: noise reduction and lag together.

    After many pictures of what does not move, noise variance is (1 - part) / (1 + part) of one picture's.
    """
    return 1.0 - (1.0 - options.noise_reduction) * (1.0 - number("detector", "lag"))


def electronic_sigma(technique: Technique, beam: ConeBeam, options: PictureOptions) -> np.float32:
    """1 SD of electronic noise in units of the open beam: the quantum noise at the kerma the data file names."""
    bins = energy_bins(technique, ("water",))
    per_pixel = open_kev_per_pixel(technique, beam, options.grid)
    mean_kev = float((bins.share * bins.kev).sum())
    part = number("detector", "electronic") / 1000.0 / open_kerma_ugy(technique, beam)
    return np.float32(np.sqrt(mean_kev / per_pixel * part))


@lru_cache(maxsize=32)
def _gauss(sigma_pixels: float) -> Image:
    reach = np.arange(max(1, int(np.ceil(3.0 * sigma_pixels))) + 1)
    weights = np.exp(-0.5 * (reach / sigma_pixels) ** 2) if sigma_pixels > 0.05 else (reach == 0).astype(float)
    return np.asarray(weights / (2.0 * weights.sum() - weights[0]), dtype=np.float32)


def blur_weights(beam: ConeBeam, options: PictureOptions) -> Image:
    """Weights of the blur from its middle outwards; one side."""
    blur_mm = number("detector", "blur") if options.blur_mm is None else options.blur_mm
    return _gauss(blur_mm / beam.pixel_mm[0])


@lru_cache(maxsize=4)
def unit_noise(seed: int, columns: int) -> Image:
    """A tile of normal noise, twice as wide as a picture; each picture begins elsewhere in it."""
    generator = np.random.Generator(np.random.Philox(seed))
    tile = generator.standard_normal((_TILE_ROWS, 2 * columns), dtype=np.float32)
    return np.asarray(tile)


def _places(seed: int, frame: int, columns: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where in the tile the quantum and the electronic noise of a picture begin."""
    generator = np.random.Generator(np.random.Philox(key=[seed, frame]))
    found = generator.random(4)
    return (
        (int(found[0] * _TILE_ROWS), int(found[1] * columns)),
        (int(found[2] * _TILE_ROWS), int(found[3] * columns)),
    )


def _is_collimated(options: PictureOptions) -> bool:
    return any(size is not None for size in (options.field_width_mm, options.field_height_mm, options.iris_mm))


def field(beam: ConeBeam, options: PictureOptions) -> Image:
    """Part of the beam the collimator lets through, (rows, columns): 1 in the field, a soft rim of one pixel."""
    width, height, iris = options.field_width_mm, options.field_height_mm, options.iris_mm
    return _field(beam.rows, beam.columns, beam.pixel_mm, (width, height, iris))


@lru_cache(maxsize=8)
def _field(
    rows: int, columns: int, pixel_mm: tuple[float, float], opening_mm: tuple[float | None, float | None, float | None]
) -> Image:
    width, height, iris = opening_mm
    across = np.abs(np.arange(columns) - 0.5 * (columns - 1)) * pixel_mm[0]
    down = np.abs(np.arange(rows) - 0.5 * (rows - 1)) * pixel_mm[1]
    inside = np.full((rows, columns), np.inf)
    if width is not None:
        inside = np.minimum(inside, 0.5 * width - across[None, :])
    if height is not None:
        inside = np.minimum(inside, 0.5 * height - down[:, None])
    if iris is not None:
        inside = np.minimum(inside, 0.5 * iris - np.hypot(across[None, :], down[:, None]))
    lit = np.clip(inside / pixel_mm[0] + 0.5, 0.0, 1.0)
    return np.asarray(_LEAK + (1.0 - _LEAK) * lit, dtype=np.float32)


def displayed(read: Image, beam: ConeBeam, options: PictureOptions) -> NDArray[np.uint8]:
    """A reading as the screen shows it: logarithm, less of what changes slowly, median to its grey, window, toe, polarity.

    The toe keeps a needle in cement visible: what attenuates more is always shown as more. Median and spread are those of the measuring field. What the collimator covers is black with either polarity. Row 0 is
    at the top.
    """
    covered = field(beam, options) < 0.5 if _is_collimated(options) else None
    log = np.log(np.maximum(read, np.float32(1e-6)))
    even = harmonised(log, beam, options, covered) if options.harmonisation else log
    low, median, high = np.percentile(_in_field(even, log, beam, covered), [_TAIL, 50.0, 100.0 - _TAIL])
    spread = 2.0 * min(high - median, median - low)
    window = options.window or float(np.clip(_ROOM * spread, *_WINDOWS))
    dark = options.polarity == "dark bone"
    shown = toned(even, float(median), window, options.brightness, number("display", "toe"), dark)
    if covered is not None:
        shown[covered] = 0
    return shown


def harmonised(log: Image, beam: ConeBeam, options: PictureOptions, covered: NDArray[np.bool_] | None = None) -> Image:
    """The logarithm of a reading with part of what changes slowly over the patient taken out.

    Air beside the patient and what the collimator covers (rows, columns) do not count, so that they leave no rim in it.
    """
    from scipy.ndimage import gaussian_filter

    step = element(beam)
    counts = log < _DIRECT if covered is None else (log < _DIRECT) & ~covered
    weight = counts.astype(np.float32)
    spread = number("display", "harmonised_spread") / (step * beam.pixel_mm[0])
    blocks, shares = (gaussian_filter(coarse(each, step), spread, mode="nearest") for each in (log * weight, weight))
    # Far from the patient there is nothing to even out: what lies there is set against the mean patient.
    few = np.float32(1e-3)
    mean = blocks.sum() / max(float(shares.sum()), 1e-6)
    slow = np.where(shares > few, blocks / np.maximum(shares, few), np.float32(mean))
    return without(log, slow, step, options.harmonisation)


def _in_field(even: Image, log: Image, beam: ConeBeam, covered: NDArray[np.bool_] | None) -> Image:
    """What is shown in the measuring field, without what no patient covers, if a twentieth of it is left."""
    part = measuring_field(beam)
    open_field = np.ones(log[part].shape, bool) if covered is None else ~covered[part]
    patient = even[part][open_field & (log[part] < _DIRECT)]
    if 20 * patient.size >= open_field.size:
        return patient
    return even[part][open_field] if open_field.any() else even


def pulse_number(seconds: float, pulses_per_s: float) -> int:
    """How many pulses were given until `seconds` after the pedal went down; the first comes at once.

    A screen that runs faster than the pulses shows the held picture while this number stays.

    >>> [pulse_number(t, 7.5) for t in (0.0, 0.1, 0.2)]
    [1, 1, 2]
    """
    return int(np.floor(seconds * pulses_per_s + 1e-9)) + 1
