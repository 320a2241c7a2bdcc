"""The body's posterior wall: hollow, bulged or broken, and how far it narrows the canal.

The wall is felt for from the canal, height by height. An intact wall is hollow: it lies in front of the chord of its
own corners. A fragment of a corner moves the chord with it; it stands out behind the chord of the neighbours' corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PosteriorWall, Vertebra

_FILE = "fracture/limits"
STRIP_MM = 6.0
CORNER_SHARE = 0.12
# The spine bends about 1 mm behind the chord over one level and two discs.
NEIGHBOUR_SLACK_MM = 1.5


@dataclass(frozen=True)
class WallState:
    """State of the wall; bulge in mm behind its chord; canal narrowing in percent, None where not measurable."""

    state: PosteriorWall
    bulge_mm: float
    narrowing_percent: float | None


@dataclass(frozen=True, eq=False)
class WallLine:
    """The wall's place along the front-to-back axis against height in the vertebra's frame, and the canal's depth there.

    `lower_lps_mm` and `upper_lps_mm` are the wall's corners.
    """

    z_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    canal_mm: NDArray[np.float64]
    lower_lps_mm: NDArray[np.float64]
    upper_lps_mm: NDArray[np.float64]


def wall_line(vertebra: Vertebra) -> WallLine | None:
    """The wall of a vertebra with maps; None without, or when fewer than six heights show it."""
    if vertebra.maps is None or vertebra.lps_from_vertebra is None:
        return None
    rows = _walked(vertebra)
    if len(rows) < 6:
        return None
    x, z, y, canal = np.array(rows).T
    y = _median_of_three(y)
    pose = vertebra.lps_from_vertebra
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[-1], y[-1], z[-1]])
    return WallLine(z, y, _median_of_three(canal), pose @ low, pose @ high)


def _walked(vertebra: Vertebra) -> list[tuple[float, float, float, float]]:
    """Middle of the canal, height, wall's place and canal's depth at each height of the body's back, feet to head, mm."""
    assert vertebra.maps is not None
    assert vertebra.lps_from_vertebra is not None
    grid = vertebra.maps.parts.grid
    parts, surface = vertebra.maps.parts.values, vertebra.maps.surface_mm.values
    spacing = float(grid.spacing_mm[0])
    origin = vertebra.lps_from_vertebra.inverse @ grid.lps_from_index(np.zeros(3))
    rows = []
    for k in _back_heights(parts):
        canal = np.argwhere(parts[:, :, k] == PART_CANAL)
        if not len(canal):
            continue
        middle = canal.mean(axis=0)
        places = _forward(surface[:, :, k], middle, spacing)
        if len(places) < 4:
            continue
        place = float(np.percentile(places, 75))
        column = canal[np.abs(canal[:, 0] - middle[0]) <= 2.0]
        depth = float(column[:, 1].max()) - place if len(column) else np.nan
        rows.append(
            (origin[0] + middle[0] * spacing, origin[2] + k * spacing, origin[1] + place * spacing, depth * spacing)
        )
    return rows


def _back_heights(parts: NDArray[np.uint8]) -> NDArray[np.int_]:
    """Third indices of the rear third of the body about its middle, without the rounded rim at both ends.

    Not of its rearmost cells: those of a bulge hold the bulge alone.
    """
    body = parts == PART_BODY
    if not body.any():
        return np.empty(0, int)
    columns = np.flatnonzero(body.any(axis=(1, 2)))
    middle = int(columns.mean())
    strip = body[max(middle - 6, 0) : middle + 7].any(axis=0)
    depth = np.flatnonzero(strip.any(axis=1))
    rear = depth[-1] - (depth[-1] - depth[0]) // 3
    columns_there = strip[rear : depth[-1] + 1].sum(axis=0)
    heights = np.flatnonzero(columns_there >= max(0.3 * columns_there.max(), 1))
    rim = round(CORNER_SHARE * len(heights))
    return heights[rim : len(heights) - rim]


def _forward(surface: NDArray[np.float32], middle: NDArray[np.float64], spacing_mm: float) -> NDArray[np.float64]:
    """Second indices where walks from the canal's middle towards the front meet bone, over the strip."""
    reach = round(STRIP_MM / spacing_mm)
    start = round(float(middle[1]))
    found = []
    for i in range(max(round(float(middle[0])) - reach, 0), min(round(float(middle[0])) + reach + 1, surface.shape[0])):
        line = surface[i, : start + 1][::-1]
        inside = np.flatnonzero(line < 0)
        if line[0] < 0 or not len(inside):
            continue
        n = int(inside[0])
        found.append(start - n + float(line[n] / (line[n] - line[n - 1])))
    return np.array(found)


def _median_of_three(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, 3, mode="nearest"))


def wall_state(
    vertebra: Vertebra, line: WallLine | None, above: WallLine | None, below: WallLine | None
) -> WallState | None:
    """The wall's state against its own chord and that of the neighbours' corners; None without a wall line."""
    if line is None or vertebra.lps_from_vertebra is None:
        return None
    behind = _behind(line, line.z_mm[[0, -1]], line.y_mm[[0, -1]])
    if above is not None and below is not None:
        ends = vertebra.lps_from_vertebra.inverse @ np.array([below.upper_lps_mm, above.lower_lps_mm])
        behind = np.maximum(behind, _behind(line, ends[:, 2], ends[:, 1]) - NEIGHBOUR_SLACK_MM)
    bulge = float(behind.max())
    limit = {name: quantity(_FILE, "wall", name).value for name in ("bulge", "broken")}
    state: PosteriorWall = "intact"
    if bulge >= limit["bulge"]:
        state = "broken" if bulge >= limit["broken"] else "bulged"
    return WallState(state, bulge, _narrowing(line, behind) if state != "intact" else 0.0)


def _behind(line: WallLine, z_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the wall lies behind the straight line through two points (height, place), mm, at each height."""
    chord = y_mm[0] + (line.z_mm - z_mm[0]) / (z_mm[1] - z_mm[0]) * (y_mm[1] - y_mm[0])
    return np.asarray(line.y_mm - chord)


def _narrowing(line: WallLine, behind_mm: NDArray[np.float64]) -> float | None:
    """Largest share of the canal's depth that the wall takes at one height, percent; None where a depth is missing."""
    if not np.isfinite(line.canal_mm).all():
        return None
    taken = np.maximum(behind_mm, 0.0)
    return float((100.0 * taken / (line.canal_mm + taken)).max())
