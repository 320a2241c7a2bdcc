"""The climb to the best pose at one fineness: Levenberg-Marquardt on six numbers, one scale a picture left free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pedicle.fluoroscopy.columns import columns, shadow
from pedicle.fluoroscopy.projection import Absorber, Array
from pedicle.fluoroscopy.similarity import Fit, Floats, bounded, bounded_change, edges, fit, knee_of
from pedicle.fluoroscopy.windows import Window
from pedicle.model.frames import Pose
from pedicle.model.se3 import moved

# A turn counts as the way of a point this far from the centre, about a vertebra's half width.
RADIUS_MM = 25.0
# A step smaller than this part of a joined pixel's width ends the climb.
SMALL_STEP_PX = 0.03
# No step is longer than this: beyond, other edges are met.
LONGEST_STEP_MM = 6.0
TRIES = 10


@dataclass(frozen=True, eq=False)
class Body:
    """What is moved: its absorber and its centre, both in the CT's frame; `drawn` counts its pictures."""

    absorber: Absorber
    centre_ct_mm: Array
    drawn: list[int] = field(default_factory=lambda: [0])

    def shadow(self, window: Window, pose: Pose) -> Floats:
        """Its picture in a window."""
        self.drawn[0] += 1
        return shadow(self.absorber, window.beam, pose)


@dataclass(frozen=True, eq=False)
class Look:
    """One picture at one pose: the drawn edges before and after bounding, and how they fit."""

    image: Floats
    gradient: Floats
    knee: float
    drawn: Floats
    fit: Fit


@dataclass(frozen=True, eq=False)
class State:
    """A pose, how each picture looks there, and the cost; `small` says that the last step was too small to matter."""

    pose: Pose
    looks: tuple[Look, ...]
    cost: float
    small: bool = False

    @property
    def similarity(self) -> float:
        """Mean correlation of edges over the pictures."""
        return float(np.mean([look.fit.similarity for look in self.looks]))


def look(body: Body, window: Window, pose: Pose, knee: float | None = None) -> Look:
    """Draw the body into a window and compare."""
    image = body.shadow(window, pose)
    gradient = edges(image, window.fineness.blur_px)
    knee = knee if knee is not None else max(knee_of(gradient), 1e-12)
    drawn = bounded(gradient, knee) * window.usable
    return Look(image, gradient, knee, drawn, fit(window.seen, drawn))


def look_columns(body: Body, window: Window, pose: Pose, there: Look) -> tuple[Floats, Array]:
    """Change of the explained edges with six motions, (6, 2 x pixels), orthogonal to the free scale; see `columns`."""
    body.drawn[0] += 3
    change, amounts = columns(body.absorber, window.beam, pose, body.centre_ct_mm, there.image)
    moving = bounded_change(there.gradient, edges(change, window.fineness.blur_px), there.knee) * window.usable
    flat = moving.transpose(1, 0, 2, 3).reshape(6, -1)
    drawn = there.drawn.reshape(-1)
    power = float(drawn @ drawn)
    if power > 0.0:
        flat = flat - np.outer(flat @ drawn / power, drawn)
    return np.asarray(np.float32(there.fit.share) * flat), amounts


def state_at(body: Body, windows: list[Window], pose: Pose, like: State | None = None) -> State:
    """The state at a pose; knees and noise are those of `like`, so that costs can be compared."""
    knees = [old.knee for old in like.looks] if like else [None] * len(windows)
    looks = tuple(look(body, w, pose, knee) for w, knee in zip(windows, knees, strict=True))
    noises = [old.fit.noise for old in (like.looks if like else looks)]
    cost = sum(float((seen.fit.rest**2).sum()) / noise for seen, noise in zip(looks, noises, strict=True))
    looks = tuple(replace(s, fit=replace(s.fit, noise=n)) for s, n in zip(looks, noises, strict=True))
    return State(pose, looks, cost)


def normal_equations(body: Body, windows: list[Window], state: State) -> tuple[Array, Array]:
    """Gauss-Newton matrix (6, 6) and right side (6,) in units of the noise."""
    matrix, side = np.zeros((6, 6)), np.zeros(6)
    for window, there in zip(windows, state.looks, strict=True):
        rows, amounts = look_columns(body, window, state.pose, there)
        matrix += amounts.T @ (rows @ rows.T).astype(np.float64) @ amounts / there.fit.noise
        side += amounts.T @ (rows @ there.fit.rest.reshape(-1)).astype(np.float64) / there.fit.noise
    return matrix, side


def climb(body: Body, windows: list[Window], pose: Pose, iterations: int) -> State:
    """The best pose that can be reached downhill from here; `small` is False when steps ran out first."""
    state, damping = state_at(body, windows, pose), 1e-2
    enough = SMALL_STEP_PX * _pixel_at(body, windows[0], pose)
    for _ in range(iterations):
        matrix, side = normal_equations(body, windows, state)
        state, damping, size = _step(body, windows, state, (matrix, side), damping)
        if size < enough:
            return replace(state, small=True)
    return state


def _step(
    body: Body, windows: list[Window], state: State, equations: tuple[Array, Array], damping: float
) -> tuple[State, float, float]:
    """The first step that lowers the cost, with the damping it needed and its size in mm at the rim."""
    matrix, side = equations
    scale = np.diag(matrix) + 1e-9 * max(float(np.trace(matrix)), 1e-300)
    size = 0.0
    for _ in range(TRIES):
        motion = np.linalg.solve(matrix + damping * np.diag(scale), side)
        size = float(np.linalg.norm(motion * [1, 1, 1, RADIUS_MM, RADIUS_MM, RADIUS_MM]))
        if size < LONGEST_STEP_MM:
            trial = state_at(body, windows, moved(state.pose, body.centre_ct_mm, motion), state)
            if trial.cost < state.cost:
                return trial, max(damping / 5.0, 1e-4), size
        damping *= 5.0
    return state, damping, 0.0


def _pixel_at(body: Body, window: Window, pose: Pose) -> float:
    """Width of a joined pixel at the body, mm."""
    return float(window.beam.pixel_mm[0] / window.beam.magnification(pose @ body.centre_ct_mm))
