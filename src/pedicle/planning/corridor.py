"""The best straight line through one pedicle, by exhaustive search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.frames import unit
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Approach
from pedicle.model.vertebra import Vertebra
from pedicle.planning.candidates import (
    TIP_DEPTHS_MM,
    Aim,
    cleft_targets,
    entries,
    flank_entries,
    pedicle_middle,
    targets,
)
from pedicle.planning.fields import Floats, SideFields

# Weights of the score, in mm of clearance: what a line off the pedicle's middle or out of the usual angles is worth less.
BODY_NEED_MM, SATURATION_MM = 0.5, 2.5
# Lines with less than this are not looked at: a paramedian line a little outside is still shown with its reason, a single
# needle is only of use when it is inside.
FLOOR_MM: dict[Aim, float] = {"paramedian": -2.0, "midline": 0.3, "cleft": 0.3}
MIDDLE_COST_PER_MM = 0.1
CONVERGENCE_DEG, TILT_DEG, COST_PER_DEG = (-5.0, 35.0), 15.0, 0.05
ENTRY_SKIN_MM, CLEAR_BEHIND_MM, AXIS_DEPTH_MM = 2.0, 40.0, 1.0
# Beside the pedicle: usual angles, and how far behind the entry the body's flank may still be close.
PARA_CONVERGENCE_DEG, PARA_ENTRY_SKIN_MM, PARA_COST_PER_DEG = (10.0, 45.0), 6.0, 1.0
# The pedicle ends this far in front of the posterior wall.
BEYOND_WALL_MM = 2.0


@dataclass(frozen=True, eq=False)
class Corridor:
    """A line in the side's frame, mm: bone entry and target; `relaxed_mm` is the tip depth it was found with."""

    fields: SideFields
    aim: Aim
    approach: Approach
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

    @property
    def zone_mm(self) -> tuple[float, float]:
        """Where the walls count, as places along the back axis (front, back): the pedicle, or the body it enters beside it."""
        if self.approach == "transpedicular":
            return self.fields.wall_mm - BEYOND_WALL_MM, self.fields.canal_mm
        inside = self.entry_mm + min(PARA_ENTRY_SKIN_MM, 0.5 * self.length_mm) * self.forward
        return float(self.target_mm[1]), float(inside[1])


@dataclass(frozen=True, eq=False)
class _Search:
    """What the kernel searches over: entries, the pedicle's middle, its rules and angle limits."""

    approach: Approach
    entries: Floats
    middle: Floats
    rules: Floats
    limits: Floats


def find_corridor(
    vertebra: Vertebra, fields: SideFields, aim: Aim, radius_mm: float, approach: Approach = "transpedicular"
) -> Corridor | None:
    """The best line for a needle of this radius; None where no straight line is allowed."""
    from pedicle.kernels.corridor import best_corridor

    make = _through if approach == "transpedicular" else _beside
    search = make(vertebra, fields, radius_mm)
    search.rules[2] = FLOOR_MM[aim]
    if len(search.entries) == 0:
        return None
    for depth_mm in TIP_DEPTHS_MM if aim == "paramedian" else TIP_DEPTHS_MM[:1]:
        ends, cost = _ends(vertebra, fields, aim, depth_mm)
        if len(ends) == 0:
            continue
        score, row, column = best_corridor(
            fields.depth,
            fields.canal,
            fields.blocked,
            search.entries,
            ends,
            cost,
            search.middle,
            search.rules,
            search.limits,
        )
        if row >= 0:
            entry, target = _on_surface(fields, search.entries[row], ends[column])
            return Corridor(fields, aim, approach, entry, target, float(score), depth_mm)
    return None


def _through(vertebra: Vertebra, fields: SideFields, radius_mm: float) -> _Search:
    """Through the pedicle: its walls count from the canal's middle to just in front of the posterior wall."""
    wall = fields.index([0.0, fields.wall_mm - BEYOND_WALL_MM, 0.0])[1]
    canal = fields.index([0.0, fields.canal_mm, 0.0])[1]
    rules = _rules(fields, radius_mm, (wall, canal), (ENTRY_SKIN_MM, MIDDLE_COST_PER_MM))
    limits = np.array([*CONVERGENCE_DEG, TILT_DEG, COST_PER_DEG])
    return _Search("transpedicular", entries(fields), pedicle_middle(vertebra, fields), rules, limits)


def _beside(vertebra: Vertebra, fields: SideFields, radius_mm: float) -> _Search:
    """Beside the pedicle into the body's flank: all of the way in bone is body, the canal decides."""
    far = 1e6
    rules = _rules(fields, radius_mm, (far, far), (PARA_ENTRY_SKIN_MM, 0.0))
    limits = np.array([*PARA_CONVERGENCE_DEG, TILT_DEG, PARA_COST_PER_DEG])
    starts = flank_entries(fields, float(fields.point(pedicle_middle(vertebra, fields))[0]))
    return _Search("parapedicular", starts, np.array([0.0, far, 0.0]), rules, limits)


def _ends(vertebra: Vertebra, fields: SideFields, aim: Aim, depth_mm: float) -> tuple[Floats, Floats]:
    if aim == "cleft" and vertebra.bone is not None:
        return cleft_targets(fields, vertebra.bone.cleft, depth_mm - 1.5)
    return targets(fields, aim, depth_mm, quantity("planning/limits", "target_depth_fraction").value)


def _rules(fields: SideFields, radius_mm: float, planes: tuple[float, float], extra: tuple[float, float]) -> Floats:
    """The kernel's rules; `planes` are the pedicle's front and back as indices, `extra` the entry's skin and the middle's cost."""
    skin_mm, middle_cost = extra
    limits = [radius_mm, BODY_NEED_MM, 0.0, SATURATION_MM, fields.spacing_mm]
    return np.array([*limits, *planes, skin_mm, middle_cost, CLEAR_BEHIND_MM, AXIS_DEPTH_MM])


def _on_surface(fields: SideFields, start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Entry and target in mm, the entry moved along the line onto the bone's surface."""
    from pedicle.kernels.corridor import ray_length

    target, back = fields.point(end), unit(start - end)
    longest = float(np.linalg.norm(start - end)) * fields.spacing_mm + 4.0
    way = ray_length(fields.depth, end, back, longest, fields.spacing_mm)
    return target + way * back, target
