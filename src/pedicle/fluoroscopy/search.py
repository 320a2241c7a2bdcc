"""Where to begin: the body's edges slid over all pictures at once, for a few turns, and the best places in space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from pedicle.fluoroscopy.climb import Body, look
from pedicle.fluoroscopy.columns import beam_axes
from pedicle.fluoroscopy.projection import Array
from pedicle.fluoroscopy.windows import Window
from pedicle.model.frames import Pose
from pedicle.model.se3 import moved

# Places are tried this far apart, and turns this much about each axis.
PLACE_STEP_MM, TURN_RAD = 2.0, np.radians(8.0)
# Two starts closer than this climb to the same end.
SAME_START_MM = 6.0


@dataclass(frozen=True, eq=False)
class Start:
    """A pose to begin from and how well it fits, -1 to 1."""

    pose: Pose
    score: float


def starts(body: Body, around: Body, windows: list[Window], start: Pose, reach_mm: float, count: int) -> list[Start]:
    """The best `count` starts within reach, best first, each farther than 6 mm or a turn from the others.

    `around` is the body with its neighbours, or the body again; both are slid. With one picture only places across its beam are tried.
    """
    bodies = [body] if around is body else [body, around]
    shifts = _shifts(body, windows, start, reach_mm)
    turns = [TURN_RAD * np.array(turn) for turn in product((0.0, 1.0, -1.0), repeat=3)]
    found: list[tuple[float, int, int]] = []
    for n, turn in enumerate(turns):
        pose = moved(start, body.centre_ct_mm, np.concatenate([np.zeros(3), turn]))
        total = np.mean([_scores(slid, window, pose, shifts) for window in windows for slid in bodies], axis=0)
        found += [(float(total[k]), n, int(k)) for k in np.argsort(total)[: -40 - 1 : -1]]
    kept: list[tuple[float, int, int]] = []
    for score, n, k in sorted(found, reverse=True):
        if all(m != n or np.linalg.norm(shifts[k] - shifts[j]) > SAME_START_MM for _, m, j in kept):
            kept.append((score, n, k))
    return [
        Start(moved(start, body.centre_ct_mm, np.concatenate([shifts[k], turns[n]])), score)
        for score, n, k in kept[:count]
    ]


def _shifts(body: Body, windows: list[Window], start: Pose, reach_mm: float) -> Array:
    """Shifts (n, 3) within reach, the start itself among them."""
    steps = np.arange(-np.floor(reach_mm / PLACE_STEP_MM), np.floor(reach_mm / PLACE_STEP_MM) + 1) * PLACE_STEP_MM
    depth = steps if len(windows) > 1 else np.zeros(1)
    grid = np.stack(np.meshgrid(steps, steps, depth, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.linalg.norm(grid, axis=1) <= reach_mm]
    return np.asarray(grid @ beam_axes(windows[0].beam, start @ body.centre_ct_mm))


def _scores(body: Body, window: Window, pose: Pose, shifts: Array) -> Array:
    """Correlation of edges with the shadow slid to where each shift takes the centre."""
    from scipy.ndimage import map_coordinates

    rows, columns = window.usable.shape
    drawn = look(body, window, pose).drawn
    size = (2 * rows, 2 * columns)
    moving, there = np.fft.rfft2(drawn, size), np.fft.rfft2(window.seen, size)
    overlap = np.fft.irfft2((moving.conj() * there).sum(axis=0), size)
    lit = ((drawn**2).sum(axis=0) > 0.02).astype(np.float32)
    power = np.fft.rfft2((window.seen**2).sum(axis=0), size)
    under = np.fft.irfft2(np.fft.rfft2(lit, size).conj() * power, size)
    whole = float((drawn**2).sum())
    # A shadow slid over empty picture must not win by dividing by nothing.
    alike = overlap / np.sqrt(max(whole, 1e-12) * np.maximum(under, 0.25 * under[0, 0] + 1e-12))
    centre = pose @ body.centre_ct_mm
    slide = window.beam.project(centre + shifts) - window.beam.project(centre)
    return np.asarray(map_coordinates(alike, slide[:, ::-1].T, order=1, mode="grid-wrap"))
