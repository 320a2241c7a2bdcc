"""The body's posterior wall: hollow, bulged or broken, and how far it narrows the canal.

The wall is felt for from the canal, height by height. An intact wall is hollow: it lies in front of the chord of its
own corners. A fragment of a corner moves the chord with it; it stands out behind where the neighbours' walls run on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Pose
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PosteriorWall, Vertebra

_FILE = "fracture/limits"
# Half width of the strip and the percentile of the places in it, front 0: over the wide strip a fragment off the
# mid-line counts; in the narrow one the canal's depth is the mid-sagittal one, as truths and pictures state it.
WIDE, MIDDLE = (6.0, 75.0), (2.5, 50.0)
CORNER_SHARE = 0.12
# What wavering labels and the scatter between levels do to a line between neighbours, by trial on synthetic spines.
NEIGHBOUR_SLACK_MM = 1.0
# No lordosis bends a wall farther before the chord of its neighbours: 48 mm between them, 19 degrees.
LORDOSIS_MM = 2.0


@dataclass(frozen=True)
class WallState:
    """State of the wall; bulge in mm behind where it should stand; canal narrowing in percent, None where not measurable.

    `alone`: a neighbour on one side at least shows no wall, and the narrowing is a lower bound.
    """

    state: PosteriorWall
    bulge_mm: float
    narrowing_percent: float | None
    alone: bool = False


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


def wall_line(vertebra: Vertebra, strip: tuple[float, float] = WIDE) -> WallLine | None:
    """The wall of a vertebra with maps; None without, or when fewer than six heights show it."""
    if vertebra.maps is None or vertebra.lps_from_vertebra is None:
        return None
    rows = _walked(vertebra, strip)
    if len(rows) < 6:
        return None
    x, z, y, canal = np.array(rows).T
    y = _median_of_three(y)
    pose = vertebra.lps_from_vertebra
    low, high = np.array([x[0], y[0], z[0]]), np.array([x[-1], y[-1], z[-1]])
    return WallLine(z, y, _median_of_three(canal), pose @ low, pose @ high)


def _walked(vertebra: Vertebra, strip: tuple[float, float]) -> list[tuple[float, float, float, float]]:
    """Middle of the canal, height, wall's place and canal's depth at each height of the body's back, feet to head, mm."""
    assert vertebra.maps is not None
    assert vertebra.lps_from_vertebra is not None
    grid = vertebra.maps.parts.grid
    parts, surface = vertebra.maps.parts.values, vertebra.maps.surface_mm.values
    spacing = float(grid.spacing_mm[0])
    origin = vertebra.lps_from_vertebra.inverse @ grid.lps_from_index(np.zeros(3))
    rows = []
    for k in back_heights(parts):
        canal = np.argwhere(parts[:, :, k] == PART_CANAL)
        if not len(canal):
            continue
        middle = canal.mean(axis=0)
        places = _forward(surface[:, :, k], middle, strip[0] / spacing)
        if len(places) < 4:
            continue
        place = float(np.percentile(places, strip[1]))
        column = canal[np.abs(canal[:, 0] - middle[0]) <= 2.0]
        depth = float(column[:, 1].max()) - place if len(column) else np.nan
        rows.append(
            (origin[0] + middle[0] * spacing, origin[2] + k * spacing, origin[1] + place * spacing, depth * spacing)
        )
    return rows


def back_heights(parts: NDArray[np.uint8]) -> NDArray[np.int_]:
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


def _forward(surface: NDArray[np.float32], middle: NDArray[np.float64], half_width: float) -> NDArray[np.float64]:
    """Second indices where walks from the canal's middle towards the front meet bone, over the strip."""
    reach = round(half_width)
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


def wall_states(vertebrae: Sequence[Vertebra], in_order: Sequence[float]) -> list[WallState | None]:
    """The state of every wall against its very next neighbours; `in_order` are the levels' places along the spine.

    The wide strip says whether the wall stands out, the narrow one may then say that it stands out more.
    """
    wide, middle = ([wall_line(v, strip) for v in vertebrae] for strip in (WIDE, MIDDLE))
    found: list[WallState | None] = []
    for n, vertebra in enumerate(vertebrae):
        state, narrow = (
            wall_state(vertebra, lines[n], _beside(lines, in_order, n, -1), _beside(lines, in_order, n, 1))
            for lines in (wide, middle)
        )
        out = state is not None and narrow is not None and state.state != "intact" and narrow.state != "intact"
        found.append(max((state, narrow), key=lambda s: s.bulge_mm) if out and state and narrow else state)
    return found


def _beside(lines: Sequence[WallLine | None], in_order: Sequence[float], n: int, step: int) -> WallLine | None:
    """The wall of the very next level, above (-1) or below (1); None when it is missing or not in order."""
    if not 0 <= n + step < len(lines) or in_order[n + step] - in_order[n] != step:
        return None
    return lines[n + step]


def wall_state(
    vertebra: Vertebra, line: WallLine | None, above: WallLine | None, below: WallLine | None
) -> WallState | None:
    """The wall's state against its own chord and the neighbours' walls; None without a wall line.

    Displaced corners are seen only between two neighbours; without both the narrowing is a lower bound.
    """
    if line is None or vertebra.lps_from_vertebra is None:
        return None
    chord = _behind(line, line.z_mm[[0, -1]], line.y_mm[[0, -1]])
    reference = _reference(vertebra.lps_from_vertebra.inverse, line, above, below)
    sure = np.maximum(chord, line.y_mm - reference.sure_mm - NEIGHBOUR_SLACK_MM)
    taken = np.maximum(chord, line.y_mm - reference.likely_mm)
    beside = [other for other in (above, below) if other is not None]
    limit = {name: quantity(_FILE, "wall", name).value for name in ("bulge", "broken")}
    if sure.max() < limit["bulge"]:
        return WallState("intact", float(sure.max()), 0.0, len(beside) < 2)
    bulge = float(taken.max())
    state: PosteriorWall = "broken" if bulge >= limit["broken"] else "bulged"
    return WallState(state, bulge, _narrowing(bulge, line, beside), len(beside) < 2)


def _behind(line: WallLine, z_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the wall lies behind the straight line through two points (height, place), mm, at each height."""
    return np.asarray(line.y_mm - _chord(line.z_mm, z_mm, y_mm))


def _chord(at_mm: NDArray[np.float64], z_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(y_mm[0] + (at_mm - z_mm[0]) / (z_mm[1] - z_mm[0]) * (y_mm[1] - y_mm[0]))


@dataclass(frozen=True, eq=False)
class _Reference:
    """Where the neighbours say that the wall should stand, mm, at its heights: the rearmost likely place, and the best."""

    sure_mm: NDArray[np.float64]
    likely_mm: NDArray[np.float64]


def _reference(vertebra_from_lps: Pose, line: WallLine, above: WallLine | None, below: WallLine | None) -> _Reference:
    """What the neighbours say; without any, nothing stands behind.

    One neighbour says how far, not whether: a level that slipped or tilts against it is not broken. Its near corner and
    the wall's own far one give a straight line, which shows a fragment at the end towards it only.
    """
    nowhere = np.full(len(line.z_mm), np.inf)
    if above is not None and below is not None:
        return _between(vertebra_from_lps, line.z_mm, above, below)
    if above is not None:
        _, y, z = vertebra_from_lps @ above.lower_lps_mm
        return _Reference(nowhere, _chord(line.z_mm, np.array([line.z_mm[0], z]), np.array([line.y_mm[0], y])))
    if below is not None:
        _, y, z = vertebra_from_lps @ below.upper_lps_mm
        return _Reference(nowhere, _chord(line.z_mm, np.array([z, line.z_mm[-1]]), np.array([y, line.y_mm[-1]])))
    return _Reference(nowhere, nowhere)


def _between(vertebra_from_lps: Pose, at_mm: NDArray[np.float64], above: WallLine, below: WallLine) -> _Reference:
    """Where the wall would stand if the neighbours' walls ran on through this level.

    The cubic through the neighbours' near corners that leaves them along their own walls follows a spine that bends; a
    straight chord would call a body in a kyphosis displaced. Where a neighbour's own wall is bent by a fragment the cubic
    swings to the front: the chord is the rearmost place, and the cubic is believed as far as lordosis goes.
    """
    ends = [below.lower_lps_mm, below.upper_lps_mm, above.lower_lps_mm, above.upper_lps_mm]
    _, y, z = (vertebra_from_lps @ np.array(ends)).T
    slope_low, slope_high = (y[1] - y[0]) / (z[1] - z[0]), (y[3] - y[2]) / (z[3] - z[2])
    length = z[2] - z[1]
    s = (at_mm - z[1]) / length
    chord = _chord(at_mm, z[1:3], y[1:3])
    rise = (y[2] - y[1]) / length
    bent = s * (1.0 - s) * ((1.0 - s) * (slope_low - rise) - s * (slope_high - rise)) * length
    return _Reference(chord + np.maximum(bent, 0.0), chord + np.maximum(bent, -LORDOSIS_MM))


def _narrowing(taken_mm: float, line: WallLine, beside: list[WallLine]) -> float | None:
    """What the wall takes of the canal as it was, percent; None where no depth is known.

    The canal as it was is the neighbours', as on a sagittal picture; without them the level's own. The level's own depth
    is no witness beside them: a fragment tilts the line of sight through the canal, and the lamina lies farther back.
    """
    depths = [depth for depth in map(_open_depth_mm, beside or [line]) if depth is not None]
    return 100.0 * min(taken_mm / float(np.mean(depths)), 1.0) if depths else None


def _open_depth_mm(line: WallLine) -> float | None:
    """Median depth of the canal behind the chord of the wall's corners; None when no height shows it."""
    depth = line.canal_mm + _behind(line, line.z_mm[[0, -1]], line.y_mm[[0, -1]])
    seen = depth[np.isfinite(depth)]
    return float(np.median(seen)) if len(seen) else None
