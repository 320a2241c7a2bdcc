"""The narrowest section of a pedicle: a bounded sweep of planes through the vertebra's signed distance.

Left free, a search for the narrowest section slides into the lamina or a process. It is held by three bounds: the
section is closed within 18 mm, its centre lies between the posterior wall and the canal's middle, and its axis is in
the body 14 mm ahead and still in bone 5 mm behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.model.frames import Side, unit
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, LocalMaps
from pedicle.model.volume import bounding_box

AHEAD_MM = 14.0
BEHIND_MM = 5.0
HALF_MM = 18.0
WALL_SLACK_MM = 1.0
CONVERGENCE_DEG = np.arange(-10.0, 41.0, 5.0)
CONVERGENCE_LIMITS_DEG = (-15.0, 45.0)
SAGITTAL_DEG = np.arange(-20.0, 21.0, 5.0)
REFINE = ((3.0, 0.5), (1.0, 0.25))
REFINE_ROUNDS = 8
GAP_SIDES_MM = (-2.5, -1.5, 1.5, 2.5)
GAP_SHARE = 0.4
GAP_MM2 = 15.0
BRIDGED_SHARE = 1.3
BRIDGE_MARGIN_MM = 6.0
BRIDGES_MM = (1.5, 3.0)
LYING = 0.85
ACROSS = 0.866
OVAL_RATIO = 1.6
LINE_MM = np.arange(-3.0, 3.1, 0.75)
LINE_TURN_DEG = 12.0


Place = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Section:
    """The narrowest section in the vertebra's own grid: centre and forward direction in cells; sizes in mm.

    `contour_mm` (n, 2) are points of its outline in the plane's axes (2, 3) about the centre; `width_direction` is the
    unit direction (2,) in them along which the width is taken. `bridged`: the label had a gap here, closed before measuring.
    """

    centre: NDArray[np.float64]
    direction: NDArray[np.float64]
    axes: NDArray[np.float64]
    contour_mm: NDArray[np.float64]
    width_mm: float
    height_mm: float
    width_direction: NDArray[np.float64]
    inscribed_mm: float
    bridged: bool = False


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep needs of the maps: the distance in mm on cells of `spacing_mm`, the body, and where centres may lie."""

    field: NDArray[np.float32]
    body: NDArray[np.bool_]
    bounds: NDArray[np.float64]
    spacing_mm: float
    inward: float

    def limits(self, step_mm: float) -> tuple[float, float, float, float]:
        """Bounds of the search in cells."""
        return (
            AHEAD_MM / self.spacing_mm,
            BEHIND_MM / self.spacing_mm,
            HALF_MM / self.spacing_mm,
            step_mm / self.spacing_mm,
        )


def narrowest_section(maps: LocalMaps, side: Side) -> Section | str:
    """The narrowest section of one pedicle, or in words why there is none."""
    code = PART_LEFT_PEDICLE if side == "left" else PART_RIGHT_PEDICLE
    pedicle = maps.parts.values == code
    if not pedicle.any():
        return "no bone beside the canal"
    sweep = _sweep(maps, side)
    seeds = _seeds(pedicle, sweep)
    if not len(seeds):
        return "no bone beside the canal"
    found = _searched(sweep, seeds)
    sound = found is not None and not _in_gap(sweep, *found)
    for reach_mm in BRIDGES_MM:
        wider = _bridged(sweep, maps, reach_mm)
        bridged = _searched(wider, seeds)
        if bridged is None or _in_gap(wider, *bridged):
            continue
        if sound and found is not None and not _much_larger(wider, bridged, sweep, found):
            break
        section = measure(wider, *_along_line(wider, *bridged))
        return section if isinstance(section, str) else replace(section, bridged=True)
    if found is None or not sound:
        return "no closed section between body and arch"
    return measure(sweep, *_along_line(sweep, *found))


def _much_larger(first: Sweep, one: Place, second: Sweep, other: Place) -> bool:
    """Whether the first sweep's section is larger than the second's by more than closing a sound label explains."""
    return _area_mm2(first, *one) > BRIDGED_SHARE * _area_mm2(second, *other)


def _area_mm2(sweep: Sweep, centre: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
    """Area of the section through a point; infinite when it is not closed."""
    from pedicle.kernels.section import plane_section

    half, step = HALF_MM / sweep.spacing_mm, 0.5 / sweep.spacing_mm
    report = plane_section(sweep.field, centre, direction, half, step)[3]
    return float(report[0]) * sweep.spacing_mm**2 if report[3] == 1.0 else np.inf


def _in_gap(sweep: Sweep, centre: NDArray[np.float64], direction: NDArray[np.float64]) -> bool:
    """Whether a section is a fault of the label: under 15 mm2, or under two fifths of those 1.5 and 2.5 mm to both sides.

    The thinnest thoracic pedicles measure 3 by 9 mm, and real ones do not widen that much within 2 mm.
    """
    areas = [_area_mm2(sweep, centre + n / sweep.spacing_mm * direction, direction) for n in (0.0, *GAP_SIDES_MM)]
    beside = [side for side in (min(areas[1:3]), min(areas[3:5])) if np.isfinite(side)]
    return bool(areas[0] < GAP_MM2 or areas[0] < GAP_SHARE * max(beside, default=0.0))


def _bridged(sweep: Sweep, maps: LocalMaps, reach_mm: float) -> Sweep:
    """The sweep on bone closed by a reach, the canal kept open: a slab that a segmenter lost is bone again."""
    from pedicle.kernels.distance import signed_distance

    near = np.isin(maps.parts.values, (PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE))
    box = bounding_box(near, round(BRIDGE_MARGIN_MM / sweep.spacing_mm))
    assert box is not None
    window = tuple(slice(int(low), int(high)) for low, high in zip(*box, strict=True))
    grown = signed_distance(sweep.field[window] < reach_mm, np.full(3, sweep.spacing_mm))
    closed = np.maximum(grown + np.float32(reach_mm), -maps.canal_mm.values[window])
    field = sweep.field.copy()
    field[window] = np.minimum(field[window], closed)
    return replace(sweep, field=field)


def _sweep(maps: LocalMaps, side: Side) -> Sweep:
    parts = maps.parts.values
    spacing = float(maps.parts.grid.spacing_mm[0])
    front = _back_of_body(parts) + WALL_SLACK_MM / spacing
    back = _middle_of_canal(parts)
    middle, body_half = _mid_line(parts)
    across = np.sort([middle, middle + body_half * (1.0 if side == "left" else -1.0)])
    bounds = np.stack([front, back, *(np.full(len(front), place) for place in across)])
    return Sweep(maps.surface_mm.values, parts == PART_BODY, bounds, spacing, -1.0 if side == "left" else 1.0)


def _mid_line(parts: NDArray[np.uint8]) -> tuple[float, float]:
    """First index of the canal's middle, and the body's half width in cells."""
    canal = np.flatnonzero((parts == PART_CANAL).any(axis=(1, 2)))
    body = np.flatnonzero((parts == PART_BODY).any(axis=(1, 2)))
    half = 0.5 * float(body[-1] - body[0]) if len(body) else 0.0
    return (float(canal.mean()) if len(canal) else parts.shape[0] / 2.0), half


def _back_of_body(parts: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Second index of the body's posterior wall at each height, about the canal's mid-line; held beyond the body."""
    middle = round(_mid_line(parts)[0])
    strip = (parts[max(middle - 4, 0) : middle + 5] == PART_BODY).any(axis=0)
    rows = np.arange(parts.shape[1])[:, None]
    last = np.where(strip, rows, -1).max(axis=0).astype(np.float64)
    return _filled(last, last >= 0)


def _middle_of_canal(parts: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Second index of the canal's middle at each height; held beyond its ends."""
    canal = parts == PART_CANAL
    count = canal.sum(axis=(0, 1))
    sums = (canal.sum(axis=0) * np.arange(parts.shape[1])[:, None]).sum(axis=0)
    return _filled(sums / np.maximum(count, 1), count > 0)


def _filled(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    places = np.arange(len(values))
    return np.asarray(np.interp(places, places[known], values[known])) if known.any() else np.zeros(len(values))


def _seeds(pedicle: NDArray[np.bool_], sweep: Sweep) -> NDArray[np.float64]:
    """The deepest cell of the pedicle's part in each coronal slice, about 1 mm apart, front to back."""
    depth = np.where(pedicle, sweep.field, np.inf)
    every = max(round(1.0 / sweep.spacing_mm), 1)
    slices = np.flatnonzero(pedicle.any(axis=(0, 2)))[::every]
    deepest = [np.unravel_index(int(depth[:, j, :].argmin()), depth[:, j, :].shape) for j in slices]
    return np.array([[i, j, k] for (i, k), j in zip(deepest, slices, strict=True)], dtype=np.float64)


def _directions(
    sweep: Sweep, convergence_deg: NDArray[np.float64], sagittal_deg: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Forward directions: convergence turns towards the mid-line, sagittal towards the head."""
    convergence_deg = np.unique(np.clip(convergence_deg, *CONVERGENCE_LIMITS_DEG))
    c, s = (np.radians(g).ravel() for g in np.meshgrid(convergence_deg, sagittal_deg))
    return np.stack([sweep.inward * np.sin(c) * np.cos(s), -np.cos(c) * np.cos(s), np.sin(s)], axis=1)


def _angles_deg(sweep: Sweep, direction: NDArray[np.float64]) -> tuple[float, float]:
    convergence = np.degrees(np.arctan2(sweep.inward * direction[0], -direction[1]))
    return float(convergence), float(np.degrees(np.arcsin(direction[2])))


def _searched(sweep: Sweep, seeds: NDArray[np.float64]) -> Place | None:
    """Centre and direction of the smallest section: a coarse sweep, then two finer ones about the best so far."""
    from pedicle.kernels.section import smallest_section

    coarse = _directions(sweep, CONVERGENCE_DEG, SAGITTAL_DEG)
    best = smallest_section(sweep.field, sweep.body, seeds, coarse, sweep.bounds, sweep.limits(0.75))
    if best is None:
        return None
    for turn_deg, slide_mm in REFINE:
        best = (np.inf, *best[1:])
        for _ in range(REFINE_ROUNDS):
            c, s = _angles_deg(sweep, best[2])
            about = np.array([-turn_deg, 0.0, turn_deg])
            points = best[1] + np.array([-1.0, 0.0, 1.0])[:, None] * slide_mm / sweep.spacing_mm * best[2]
            found = smallest_section(
                sweep.field,
                sweep.body,
                points,
                _directions(sweep, c + about, s + about),
                sweep.bounds,
                sweep.limits(0.4),
            )
            if found is None or found[0] >= best[0] * 0.999:
                break
            best = found
    return best[1], best[2]


def _along_line(
    sweep: Sweep, centre: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The direction turned half-way to the line through the centres of parallel sections about the narrowest one.

    The area of a round section hardly knows its direction; the line of centres does, but bends where processes join.
    """
    from pedicle.kernels.section import plane_section

    places, centres = [], []
    for offset in LINE_MM / sweep.spacing_mm:
        _, _, axes, report = plane_section(
            sweep.field, centre + offset * direction, direction, HALF_MM / sweep.spacing_mm, 0.5 / sweep.spacing_mm
        )
        if report[3] == 1.0 and report[0] > 0.0:
            places.append(offset)
            centres.append(centre + offset * direction + report[1] * axes[0] + report[2] * axes[1])
    if len(places) < 5:
        return centre, direction
    slope = np.polyfit(places, np.array(centres), 1)[0]
    line = unit(slope)
    apart = np.degrees(np.arccos(np.clip(line @ direction, -1.0, 1.0)))
    return centre, unit(line + direction) if apart <= LINE_TURN_DEG else direction


def measure(sweep: Sweep, centre: NDArray[np.float64], direction: NDArray[np.float64]) -> Section | str:
    """Width, height and inscribed diameter of the section through a centre, or why it is none."""
    from pedicle.kernels.section import plane_section

    step = 0.25 / sweep.spacing_mm
    mask, values, axes, report = plane_section(sweep.field, centre, direction, HALF_MM / sweep.spacing_mm, step)
    if report[3] != 1.0 or report[0] <= 0.0:
        return "the narrowest section is not closed"
    contour = _contour(mask, values) * 0.25
    calipers = _calipers(contour)
    inside = (np.argwhere(mask) - mask.shape[0] // 2) * 0.25
    nearest = np.sqrt(((inside[:, None, :] - contour[None, ::2, :]) ** 2).sum(axis=2).min(axis=1))
    return Section(centre, direction, axes, contour, *calipers, 2.0 * float(nearest.max()))


def _calipers(contour_mm: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64]]:
    """Width, height and the direction of the width.

    The least and largest Feret diameters; but where an oval lies on its side, as the lowest lumbar ones do, its least
    diameter is the height and the width is the least across, within 30 degrees of right and left.
    """
    angles = np.radians(np.arange(0.0, 180.0, 2.0))
    turned = np.stack([np.cos(angles), np.sin(angles)])
    reach = contour_mm @ turned
    feret = reach.max(axis=0) - reach.min(axis=0)
    least = int(feret.argmin())
    upright = abs(float(turned[0, least]))
    if upright < LYING or feret.max() > OVAL_RATIO * feret.min():
        return float(feret.min()), float(feret.max()), turned[:, least]
    across = np.flatnonzero(np.abs(turned[1]) >= ACROSS)
    width = int(across[feret[across].argmin()])
    return float(feret[width]), float(feret[least]), turned[:, width]


def _contour(mask: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points where the field passes zero on edges between a section's nodes and their outer neighbours, in steps."""
    points = []
    for axis in (0, 1):
        for step in (-1, 1):
            beside = np.roll(values, -step, axis=axis)
            edge = mask & ~np.roll(mask, -step, axis=axis) & (beside >= 0)
            index = np.argwhere(edge).astype(np.float64)
            share = values[edge] / (values[edge] - np.minimum(beside[edge], 1.0e3))
            index[:, axis] += step * share
            points.append(index)
    return np.asarray(np.concatenate(points) - mask.shape[0] // 2)
