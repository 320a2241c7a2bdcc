"""From a corridor to a needle's plan: needle, skin, angles, clearances, probabilities, and whether it is feasible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pedicle.model.frames import Side, unit
from pedicle.model.levels import verse_of_level
from pedicle.model.needle import Needle, catalogue
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.standard_views import bulls_eye
from pedicle.model.trajectory import Approach, Clearance, Trajectory
from pedicle.model.vertebra import PART_BODY, Spine, Vertebra
from pedicle.planning.candidates import TIP_DEPTHS_MM, Aim
from pedicle.planning.corridor import Corridor, find_corridor
from pedicle.planning.fields import Floats, SideFields, boundary_matrix
from pedicle.planning.needles import gauges, needle_of
from pedicle.planning.neighbours import Way, close_by, in_the_way, neighbour_clearance
from pedicle.planning.options import PlanOptions
from pedicle.planning.placement import Breach, breach_probability, draw_errors
from pedicle.planning.skin import Skin, find_skin, skin_distances
from pedicle.planning.views import needle_angles, reach_words
from pedicle.planning.walls import SIDE_WALLS, Walls, measure_walls, needed_mm

# Steps of a mask that an entry may be moved over, mm.
LABEL_STEPS_MM = 4.0
# Where the skin is not in the scan, soft structures are looked for this far behind the bone.
LOOKED_BEHIND_MM = 120.0
GATED = (*SIDE_WALLS, "canal")


@dataclass(frozen=True, eq=False)
class Site:
    """What every needle of one side of one level shares."""

    spine: Spine
    scan: Scan | None
    vertebra: Vertebra
    fields: SideFields
    boundary: Floats
    options: PlanOptions

    @property
    def side(self) -> Side:
        """Left or right of the patient."""
        return self.fields.side


def site(spine: Spine, scan: Scan | None, vertebra: Vertebra, fields: SideFields, options: PlanOptions) -> Site:
    """The shared facts of one side; the boundary error comes from the label map's voxels unless it is given."""
    if options.segmentation_error_mm is not None:
        boundary = np.eye(3) * options.segmentation_error_mm
    else:
        share = quantity("planning/limits", "boundary_sd_voxels").value
        grid = spine.labels.grid
        boundary = boundary_matrix(grid.axes, grid.spacing_mm, fields, share)
    return Site(spine, scan, vertebra, fields, boundary, options)


def plan_side(place: Site, aim: Aim, approach: Approach = "transpedicular") -> Trajectory | None:
    """The best needle of one side: the thickest that is feasible, else the one that lacks least; None without a line."""
    found: list[tuple[int, Trajectory]] = []
    for gauge in gauges(place.vertebra.level, place.options):
        radius = next(needle.radius_mm for needle in catalogue() if needle.gauge == gauge)
        corridor = find_corridor(place.vertebra, place.fields, aim, radius, approach)
        if corridor is None:
            continue
        planned, lacks = trajectory(place, corridor, gauge)
        if planned.feasible:
            return planned
        found.append((lacks, planned))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def trajectory(place: Site, corridor: Corridor, gauge: int) -> tuple[Trajectory, int]:
    """Everything about a corridor with a needle of this gauge, and how many reasons it has not to be feasible."""
    fields = place.fields
    target = fields.lps(corridor.target_mm)
    entry = first_in_label(place, fields.lps(corridor.entry_mm), target)
    corridor = replace(corridor, entry_mm=fields.from_lps(entry))
    forward = unit(target - entry)
    skin = _skin(place.scan, entry, -forward)
    needle, reaches = _needle(place, gauge, skin, target)
    walls = measure_walls(corridor)
    draws = draw_errors(place.options, 0, needle)
    breach = breach_probability(corridor, needle.radius_mm, place.boundary, draws)
    clearance = _clearances(corridor, walls, needle.radius_mm, place.boundary, breach)
    start = entry - LOOKED_BEHIND_MM * forward if skin.point_lps_mm is None else skin.point_lps_mm
    way = Way(start, entry, target, needle.radius_mm)
    clearance |= neighbour_clearance(place.spine.structures, way, fields, place.options)
    view = bulls_eye(forward, place.side)
    lacks = _lacks(place, walls, needle.radius_mm) + _off_target(fields, corridor.target_mm)
    lacks += _too_short(reaches, needle) + in_the_way(clearance, needle.radius_mm)
    notes = [reach_words(view), skin.reason, _relaxed(corridor), *close_by(clearance)]
    axial, sagittal = needle_angles(forward, place.side)
    midline, spinous = skin_distances(fields, skin)
    planned = Trajectory(
        level=place.vertebra.level,
        side=place.side,
        approach=corridor.approach,
        aim=corridor.aim,
        needle=needle,
        bone_entry_lps_mm=entry,
        target_lps_mm=target,
        skin_entry_lps_mm=skin.point_lps_mm,
        posterior_wall_depth_mm=_wall_depth(corridor),
        skin_from_midline_mm=midline,
        skin_from_spinous_mm=spinous,
        axial_deg=axial,
        sagittal_deg=sagittal,
        bulls_eye=view,
        clearance=clearance,
        feasible=not lacks,
        reasons=tuple(lacks + [note for note in notes if note]),
        skin_reason=skin.reason,
    )
    return planned, len(lacks)


def first_in_label(place: Site, entry: Floats, target: Floats) -> Floats:
    """The entry moved forward to where the line is in the label's own voxels, at most a few mm: a mask is steps.

    Unchanged where the label map does not hold the level along this line.
    """
    labels = place.spine.labels
    away = target - entry
    share = np.arange(0.0, LABEL_STEPS_MM, 0.1) / float(np.linalg.norm(away))
    inside = labels.sampled(entry + share[:, None] * away, order=0, fill=0) == verse_of_level(place.vertebra.level)
    if inside.all() or not inside.any():
        return entry
    last = int(np.flatnonzero(~inside)[-1])
    return np.asarray(entry + share[min(last + 1, len(share) - 1)] * away)


def _skin(scan: Scan | None, entry: Floats, back: Floats) -> Skin:
    return find_skin(scan.volume, entry, back) if scan is not None else Skin(None, "depth unknown: no CT")


def _needle(place: Site, gauge: int, skin: Skin, target: Floats) -> tuple[Needle, bool]:
    way = None if skin.point_lps_mm is None else float(np.linalg.norm(target - skin.point_lps_mm))
    return needle_of(gauge, way, place.options.longest_needle_mm)


def _too_short(reaches: bool, needle: Needle) -> list[str]:
    if reaches:
        return []
    return [
        f"skin to target is longer than the longest needle of the catalogue ({needle.length_mm:.0f} mm; state a longer one "
        "with --longest-needle-mm)"
    ]


def _off_target(fields: SideFields, target_mm: Floats) -> list[str]:
    """A tip that is not in the body of the level itself, by the label map's own parts."""
    index = np.rint(fields.index(target_mm)).astype(int)
    inside = bool((index >= 0).all() and (index < fields.parts.shape).all())
    if inside and fields.parts[tuple(index)] == PART_BODY:
        return []
    return ["tip outside the body of this level"]


def _relaxed(corridor: Corridor) -> str:
    if corridor.aim == "cleft" or corridor.relaxed_mm >= TIP_DEPTHS_MM[0]:
        return ""
    return f"little room for the tip: only {corridor.relaxed_mm:.1f} mm below the nearest surface of the body"


def _clearances(
    corridor: Corridor, walls: Walls, radius_mm: float, boundary: Floats, breach: Breach
) -> dict[str, Clearance]:
    found = {}
    for name, axis_mm in walls.axis_mm.items():
        # Ahead of the tip there is no radius: the distance is from the tip's point along the needle.
        mm = axis_mm if name == "anterior" else axis_mm - radius_mm
        sigma = float(np.linalg.norm(boundary @ walls.normals[name]))
        found[name] = Clearance(mm, sigma, breach.beyond.get(name), breach.beyond_2mm.get(name))
    if corridor.approach == "parapedicular":
        # The way lies in the foramen's own region, outside bone, where no label shows the root.
        found["foramen"] = Clearance(None, reason="not assessed: nerve root and segmental vessels beside the pedicle")
    return found


def _lacks(place: Site, walls: Walls, radius_mm: float) -> list[str]:
    """Why a needle is not feasible; empty when it is."""
    lacks = []
    for name in GATED:
        need = max(needed_mm(walls.normals[name], place.boundary), _ct_bias(place, name))
        mm = walls.axis_mm[name] - radius_mm
        if mm < need:
            lacks.append(f"{name} wall {mm:.1f} mm from the needle, {need:.1f} mm needed at this label resolution")
    tip = quantity("planning/limits", "tip_inside_body").value
    if walls.tip_mm < tip:
        lacks.append(f"tip only {walls.tip_mm:.1f} mm inside the body ({tip:.1f} mm needed)")
    return lacks


def _ct_bias(place: Site, wall: str) -> float:
    """How much further out the label map puts this wall than the CT's own edge, mm; 0 when not measured."""
    pedicle = (place.vertebra.pedicles or {}).get(place.side)
    if wall not in ("medial", "lateral") or pedicle is None or pedicle.ct_width_mm is None:
        return 0.0
    widest_mm = max(width or 0.0 for width in (pedicle.label_width_mm, pedicle.width_mm))
    return max(0.0, (widest_mm - pedicle.ct_width_mm) / 2.0)


def _wall_depth(corridor: Corridor) -> float:
    """Depth from bone entry at which the needle meets the plane of the posterior wall, mm."""
    share = (corridor.fields.wall_mm - corridor.entry_mm[1]) / (corridor.target_mm[1] - corridor.entry_mm[1])
    return float(np.clip(share, 0.0, 1.0) * corridor.length_mm)
