"""How well a pose is known: the curvature of the fit, judged by the misfit that is really there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pedicle.fluoroscopy.climb import Body, State, look, look_columns
from pedicle.fluoroscopy.projection import Array
from pedicle.fluoroscopy.similarity import Floats
from pedicle.fluoroscopy.windows import Window
from pedicle.model.conebeam import ConeBeam

# What is left over hangs together over about this many joined pixels: neighbours' edges, ribs, a needle.
PATCH_PX = 12
# The rest of the misfit hangs together over the whole vertebra: bone is not drawn as it is. By as much, errors of simulated
# pictures drawn by another model are larger than their patches say (benchmarks/registration.py).
MODEL_MISFIT = 2.0


def covariance(body: Body, windows: list[Window], state: State, distance_error_mm: float) -> Array | None:
    """Covariance (6, 6) of shift (mm) and turn (rad) about the centre; None when some motion is not seen at all.

    The misfit of neighbouring pixels is one misfit, not many: the pull of each patch of the picture counts as one draw
    (a sandwich estimate clustered by patch; LiangZeger1986). A wrong distance from source to detector moves the
    answer without a misfit, so that its effect is drawn and added.
    """
    matrix, pull = np.zeros((6, 6)), np.zeros((6, 6))
    drifts = []
    for n, (window, there) in enumerate(zip(windows, state.looks, strict=True)):
        rows, amounts = look_columns(body, window, state.pose, there)
        matrix += amounts.T @ (rows @ rows.T).astype(np.float64) @ amounts / there.fit.noise
        patches: Array = amounts.T @ _patch_sums(rows, there.fit.rest) / there.fit.noise
        pull += patches @ patches.T * (patches.shape[1] / max(patches.shape[1] - 6, 1))
        change = _distance_change(body, window, state, n).reshape(-1)
        drifts.append(amounts.T @ (rows @ change).astype(np.float64) / there.fit.noise)
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        return None
    inverse = np.linalg.inv(matrix)
    total = MODEL_MISFIT**2 * inverse @ pull @ inverse
    for drift in drifts:
        moved = inverse @ drift
        total += distance_error_mm**2 * np.outer(moved, moved)
    return np.asarray(total)


def _patch_sums(rows: Floats, rest: Floats) -> Array:
    """Sums over square patches of slope times rest, (6, patches)."""
    _, height, width = rest.shape
    product = (rows.reshape(6, *rest.shape) * rest).sum(axis=1)
    down, across = np.arange(0, height, PATCH_PX), np.arange(0, width, PATCH_PX)
    sums = np.add.reduceat(np.add.reduceat(product, down, axis=1), across, axis=2)
    flat = sums.reshape(6, -1).astype(np.float64)
    return np.asarray(flat[:, np.abs(flat).sum(axis=0) > 0])


def farther(beam: ConeBeam, by_mm: float) -> ConeBeam:
    """The same detector with its source moved straight away from it."""
    return replace(beam, source_lps_mm=beam.source_lps_mm - by_mm * beam.normal_lps)


def _distance_change(body: Body, window: Window, state: State, n: int) -> Array:
    """Change of the explained edges per mm that the source is farther away, (2, rows, columns)."""
    there = state.looks[n]
    moved = look(body, replace(window, beam=farther(window.beam, 1.0)), state.pose, there.knee)
    return np.asarray(np.float32(there.fit.share) * (moved.drawn - there.drawn))
