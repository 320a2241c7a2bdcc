"""Needles in a picture, at their true outer diameter."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pedicle.model.needle import Needle, tip_curvature
from pedicle.model.trajectory import Plan, Trajectory
from pedicle.report import svg
from pedicle.report.canvas import Canvas
from pedicle.report.words import figure

Array = NDArray[np.float64]
# 95 % of a two-dimensional normal error lies within 2.45 standard deviations of its centre.
_RADIAL_95 = 2.448
_OUTSIDE_MM = 12.0
_LONGEST_LINE_MM = 12.0


def draw_shaft(canvas: Canvas, trajectory: Trajectory, class_: str, plan: Plan | None = None) -> None:
    """The needle seen from the side, from beyond the skin to the tip; with the placement band where a plan states it."""
    start, tip = canvas.plane.place([_hub(trajectory), trajectory.target_lps_mm])[:, :2]
    length = float(np.linalg.norm(tip - start))
    if length < 2.0 * trajectory.needle.radius_mm:
        draw_section(canvas, trajectory)
        return
    forward = (tip - start) / length
    across = np.array([-forward[1], forward[0]]) * trajectory.needle.radius_mm
    shoulder = tip - forward * min(1.2 * trajectory.needle.outer_diameter_mm, 0.5 * length)
    if plan is not None:
        _band(canvas, plan, trajectory)
    canvas.add(svg.polygon([start + across, shoulder + across, tip, shoulder - across, start - across], class_))


def _hub(trajectory: Trajectory) -> Array:
    skin = trajectory.skin_entry_lps_mm
    if skin is not None:
        return np.asarray(skin - _OUTSIDE_MM * trajectory.direction_lps)
    return np.asarray(trajectory.bone_entry_lps_mm - 120.0 * trajectory.direction_lps)


def draw_target(canvas: Canvas, trajectory: Trajectory) -> None:
    """Marks where the needle meets bone, the posterior wall and its target, and the skin where it is known."""
    small = 0.010 * canvas.plane.width_mm
    wall = trajectory.bone_entry_lps_mm + trajectory.posterior_wall_depth_mm * trajectory.direction_lps
    canvas.dot(trajectory.bone_entry_lps_mm, "mark", small)
    canvas.dot(wall, "mark", small)
    if trajectory.skin_entry_lps_mm is not None:
        canvas.dot(trajectory.skin_entry_lps_mm, "mark", small)
    x, y, _ = canvas.plane.place(trajectory.target_lps_mm)
    reach = 2.6 * small
    canvas.add(
        svg.polyline([[x - reach, y], [x + reach, y]], "cross"), svg.polyline([[x, y - reach], [x, y + reach]], "cross")
    )


def draw_section(canvas: Canvas, trajectory: Trajectory) -> None:
    """The round section of a needle that is seen end on."""
    canvas.dot(trajectory.target_lps_mm, "shaft", trajectory.needle.radius_mm)


def spread_mm(plan: Plan | None, needle: Needle, depth_mm: float) -> float | None:
    """Standard deviation per axis of the needle's place at a depth past the bone entry; None when not stated."""
    placement = plan.placement if plan else {}
    entry, turn = placement.get("entry_error_mm"), placement.get("direction_error_deg")
    if entry is None or turn is None:
        return None
    bent = 0.5 * tip_curvature(needle, placement.get("bending", 0.0)) * depth_mm**2
    return float(np.hypot(np.hypot(entry, depth_mm * np.tan(np.radians(turn))), bent))


def placement_ring(canvas: Canvas, plan: Plan | None, trajectory: Trajectory, depth_mm: float) -> bool:
    """The ring that holds the needle's surface in 95 % of placements at this depth; False when no error is stated."""
    sigma = spread_mm(plan, trajectory.needle, depth_mm)
    if sigma is None:
        return False
    centre = trajectory.bone_entry_lps_mm + depth_mm * trajectory.direction_lps
    canvas.dot(centre, "band", trajectory.needle.radius_mm + _RADIAL_95 * sigma)
    return True


def _band(canvas: Canvas, plan: Plan, trajectory: Trajectory) -> None:
    """Two dashed lines beside the needle that hold its surface in 95 % of placements, seen from the side."""
    depths = np.linspace(0.0, trajectory.bone_to_target_mm, 7)
    spread = [spread_mm(plan, trajectory.needle, float(depth)) for depth in depths]
    if spread[0] is None:
        return
    line = canvas.plane.place(trajectory.bone_entry_lps_mm + depths[:, None] * trajectory.direction_lps)[:, :2]
    forward = line[-1] - line[0]
    across = np.array([-forward[1], forward[0]]) / float(np.linalg.norm(forward))
    reach = trajectory.needle.radius_mm + 1.96 * np.array(spread, dtype=np.float64)
    canvas.add(*(svg.polyline(line + side * reach[:, None] * across, "band") for side in (-1.0, 1.0)))


def draw_clearances(canvas: Canvas, trajectory: Trajectory, centre_mm: Array, ways: dict[str, Array]) -> None:
    """The clearance to each wall as a line of its true length from the needle's surface, with its figure."""
    middle = canvas.plane.place(centre_mm)[:2]
    for wall, way in ways.items():
        clearance = trajectory.clearance.get(wall)
        if clearance is None or clearance.mm is None:
            continue
        forward = canvas.plane.place(centre_mm + way)[:2] - middle
        forward /= float(np.linalg.norm(forward))
        start = middle + forward * trajectory.needle.radius_mm
        end = start + forward * float(np.clip(clearance.mm, 0.0, _LONGEST_LINE_MM))
        canvas.add(svg.polyline([start, end], "reach"), _tick(end, forward))
        size = canvas.type_mm
        at = end + forward * (0.5 if abs(forward[0]) > 0.7 else 0.9) * size
        anchor = "middle" if abs(forward[0]) <= 0.7 else "start" if forward[0] > 0 else "end"
        canvas.add(svg.cased(f"{wall} {figure(clearance.mm, 1)}", (at[0], at[1]), 0.9 * size, "tag", anchor))


def _tick(end: Array, forward: Array) -> Markup:
    across = np.array([-forward[1], forward[0]]) * 0.7
    return svg.polyline([end - across, end + across], "reach")
