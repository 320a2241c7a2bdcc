"""The best straight line through one pedicle, by exhaustive search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.frames import unit
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra
from pedicle.planning.candidates import TIP_DEPTHS_MM, Aim, cleft_targets, entries, pedicle_middle, targets
from pedicle.planning.fields import Floats, SideFields

# Weights of the score, in mm of clearance: what a line off the pedicle's middle or out of the usual angles is worth less.
BODY_NEED_MM, FLOOR_MM, SATURATION_MM = 1.0, -3.0, 2.5
MIDDLE_COST_PER_MM = 0.1
CONVERGENCE_DEG, TILT_DEG, COST_PER_DEG = (-5.0, 35.0), 15.0, 0.05
ENTRY_SKIN_MM, CLEAR_BEHIND_MM, NEIGHBOUR_REACH_MM = 2.0, 40.0, 1.5
# The pedicle ends this far in front of the posterior wall.
BEYOND_WALL_MM = 2.0


@dataclass(frozen=True, eq=False)
class Corridor:
    """A line in the side's frame, mm: bone entry and target; `relaxed_mm` is the tip depth it was found with."""

    fields: SideFields
    aim: Aim
    entry_mm: Floats
    target_mm: Floats
    score: float
    relaxed_mm: float

    @property
    def forward(self) -> Floats:
        """Unit direction in the side's frame."""
        return unit(self.target_mm - self.entry_mm)

    @property
    def length_mm(self) -> float:
        """From bone entry to target."""
        return float(np.linalg.norm(self.target_mm - self.entry_mm))


def find_corridor(vertebra: Vertebra, fields: SideFields, aim: Aim, radius_mm: float) -> Corridor | None:
    """The best transpedicular line for a needle of this radius; None where no straight line is allowed."""
    from pedicle.kernels.corridor import best_corridor, widen

    starts = entries(fields)
    if len(starts) == 0:
        return None
    blocked = widen(fields.blocked, (radius_mm + NEIGHBOUR_REACH_MM) / fields.spacing_mm)
    middle = pedicle_middle(vertebra, fields)
    for depth_mm in TIP_DEPTHS_MM:
        ends, cost = _ends(vertebra, fields, aim, depth_mm)
        if len(ends) == 0:
            continue
        score, row, column = best_corridor(
            fields.depth, fields.canal, blocked, starts, ends, cost, middle, _rules(fields, radius_mm), _limits()
        )
        if row >= 0:
            return _corridor(fields, aim, starts[row], ends[column], (float(score), depth_mm))
    return None


def _ends(vertebra: Vertebra, fields: SideFields, aim: Aim, depth_mm: float) -> tuple[Floats, Floats]:
    if aim == "cleft" and vertebra.bone is not None:
        return cleft_targets(fields, vertebra.bone.cleft, depth_mm - 1.5)
    return targets(fields, aim, depth_mm, quantity("planning/limits", "target_depth_fraction").value)


def _rules(fields: SideFields, radius_mm: float) -> Floats:
    wall = fields.index([0.0, fields.wall_mm - BEYOND_WALL_MM, 0.0])[1]
    canal = fields.index([0.0, fields.canal_mm, 0.0])[1]
    return np.array(
        [
            radius_mm,
            BODY_NEED_MM,
            FLOOR_MM,
            SATURATION_MM,
            fields.spacing_mm,
            wall,
            canal,
            ENTRY_SKIN_MM,
            MIDDLE_COST_PER_MM,
            CLEAR_BEHIND_MM,
        ]
    )


def _limits() -> Floats:
    return np.array([*CONVERGENCE_DEG, TILT_DEG, COST_PER_DEG])


def _corridor(fields: SideFields, aim: Aim, start: Floats, end: Floats, found: tuple[float, float]) -> Corridor:
    """The corridor with its entry moved along the line onto the bone's surface."""
    from pedicle.kernels.corridor import ray_length

    target, back = fields.point(end), unit(start - end)
    way = ray_length(
        fields.depth, end, back, float(np.linalg.norm(start - end)) * fields.spacing_mm + 4.0, fields.spacing_mm
    )
    return Corridor(fields, aim, target + way * back, target, *found)
