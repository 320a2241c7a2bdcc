"""Where a needle may enter bone and where its tip may come to rest."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.model.volume import Volume
from pedicle.planning.fields import Floats, SideFields

Aim = Literal["midline", "paramedian", "cleft"]
TARGET_STEP_MM = 1.5
ENTRY_REACH_MM = 34.0
# Depth in mm that a tip keeps from every surface of the body, relaxed in this order where a crushed body has no room.
TIP_DEPTHS_MM = (4.0, 3.25, 2.5)
COST_PER_MM = 0.05


def entries(fields: SideFields) -> Floats:
    """Index points (n, 3) on the bone's surface behind the canal's middle and lateral of the canal, about 1 mm apart."""
    near = (fields.depth > 0.0) & (fields.depth <= fields.spacing_mm)
    where = np.argwhere(near)
    points = fields.point(where)
    behind = (points[:, 1] > fields.canal_mm + 2.0) & (points[:, 1] < fields.canal_mm + ENTRY_REACH_MM)
    lateral = points[:, 0] > 0.6 * fields.canal_edge_mm
    level = np.abs(points[:, 2]) < 25.0
    chosen = where[behind & lateral & level]
    return np.ascontiguousarray(chosen[chosen.sum(axis=1) % 2 == 0], dtype=np.float64)


def flank_entries(fields: SideFields, pedicle_mm: float) -> Floats:
    """Index points (n, 3) on the body's flank in front of the canal and lateral of the pedicle's middle, about 1 mm apart."""
    where = np.argwhere((fields.depth > 0.0) & (fields.depth <= fields.spacing_mm))
    points = fields.point(where)
    lateral = points[:, 0] > pedicle_mm + 1.0
    beside = (points[:, 1] > fields.wall_mm - 12.0) & (points[:, 1] < fields.wall_mm + 3.0)
    level = np.abs(points[:, 2]) < 20.0
    chosen = where[lateral & beside & level]
    return np.ascontiguousarray(chosen[chosen.sum(axis=1) % 2 == 0], dtype=np.float64)


def targets(fields: SideFields, aim: Aim, tip_depth_mm: float, fraction: float) -> tuple[Floats, Floats]:
    """Index points (m, 3) in the front `fraction` of the body and what each costs in mm of clearance (m,).

    Costs are for lying off the middle height, off the middle of the front part and off the wished distance from the midline.
    """
    where = np.argwhere((fields.parts == PART_BODY) & (fields.depth >= tip_depth_mm))
    points = fields.point(where)
    body = fields.wall_mm - fields.front_mm
    keep = points[:, 1] <= fields.front_mm + fraction * body
    keep &= _sideways(points[:, 0], aim)
    where, points = where[keep], points[keep]
    stride = max(round(TARGET_STEP_MM / fields.spacing_mm), 1)
    keep = (where % stride == 0).all(axis=1) if len(where) > 40 else np.ones(len(where), bool)
    where, points = where[keep], points[keep]
    if len(where) == 0:
        return np.empty((0, 3)), np.empty(0)
    wish = 0.0 if aim == "midline" else 8.0
    cost = COST_PER_MM * (
        np.abs(points[:, 2] - points[:, 2].mean())
        + 0.5 * np.abs(points[:, 1] - fields.front_mm - 0.25 * body)
        + np.abs(points[:, 0] - wish)
    )
    return np.ascontiguousarray(where, dtype=np.float64), cost


def _sideways(sideways_mm: Floats, aim: Aim) -> NDArray[np.bool_]:
    if aim == "midline":
        return np.abs(sideways_mm) <= 3.0
    return (sideways_mm >= 4.0) & (sideways_mm <= 13.0)


def cleft_targets(fields: SideFields, cleft: Volume, tip_depth_mm: float) -> tuple[Floats, Floats]:
    """Index points of the body within 2 mm of the cleft, deep enough; cost is the distance off the midline."""
    where = np.argwhere((fields.parts == PART_BODY) & (fields.depth >= tip_depth_mm))
    stride = max(round(TARGET_STEP_MM / fields.spacing_mm), 1)
    where = where[(where % stride == 0).all(axis=1)]
    if len(where) == 0:
        return np.empty((0, 3)), np.empty(0)
    inside = cleft.grid.lps_from_index(np.argwhere(cleft.values))
    lps = fields.lps(fields.point(where))
    nearest = np.array([np.linalg.norm(inside - point, axis=1).min() for point in lps])
    chosen = nearest <= 2.0
    sideways = np.abs(fields.point(where[chosen])[:, 0])
    return np.ascontiguousarray(where[chosen], dtype=np.float64), COST_PER_MM * sideways


def pedicle_middle(vertebra: Vertebra, fields: SideFields) -> Floats:
    """Index point of the pedicle's isthmus; where it was not measured, the middle of the bone beside the canal's front."""
    pedicle = (vertebra.pedicles or {}).get(fields.side)
    if pedicle is not None and pedicle.centre_lps_mm is not None:
        return fields.index(fields.from_lps(pedicle.centre_lps_mm))
    place = 0.5 * (fields.wall_mm + fields.canal_mm)
    j = round(float(fields.index([0.0, place, 0.0])[1]))
    plane = np.argwhere(fields.depth[:, j] > 1.0)
    points = fields.point(np.insert(plane.astype(float), 1, j, axis=1))
    beside = points[(points[:, 0] > 0.6 * fields.canal_edge_mm) & (np.abs(points[:, 2]) < 20.0)]
    middle = beside.mean(axis=0) if len(beside) else np.array([fields.canal_edge_mm + 5.0, place, 0.0])
    return fields.index(middle)
