"""What placement error does to a plan: many misplaced needles, each judged against every wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pedicle.model.needle import Needle, tip_curvature
from pedicle.model.sourced import quantity
from pedicle.planning.corridor import Corridor
from pedicle.planning.fields import Floats
from pedicle.planning.options import PlanOptions
from pedicle.planning.walls import SIDE_WALLS, needle_axes


@dataclass(frozen=True)
class Breach:
    """Probabilities that the needle's surface passes a wall, and passes it by over 2 mm; by wall and for any."""

    beyond: dict[str, float]
    beyond_2mm: dict[str, float]
    any_wall: float
    any_over_2mm: float


def draw_errors(options: PlanOptions, stream: int, needle: Needle | None = None) -> Floats:
    """Placement and boundary errors (n, 8): two shifts mm, two turns rad, advance mm, boundary in units of its SD, and two
    curvatures 1/mm of the bent needle; without a needle it is rigid.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([options.seed, stream], dtype=np.uint64)))
    scale = np.array([options.entry_error_mm] * 2 + [np.radians(options.direction_error_deg)] * 2)
    normal = generator.standard_normal((options.draws, 6))
    bent = generator.standard_normal((options.draws, 2))
    curvature = 0.0 if needle is None else tip_curvature(needle, options.bending)
    placed = normal * np.concatenate([scale, [options.entry_error_mm, 1.0]])
    return np.concatenate([placed, curvature * bent], axis=1)


def breach_probability(corridor: Corridor, radius_mm: float, boundary: Floats, draws: Floats) -> Breach:
    """Breach probabilities of a corridor by Monte Carlo; each draw counts for the wall of its deepest breach.

    The canal counts along the whole way in bone, `anterior` when the tip is outside the body.
    """
    from pedicle.kernels.corridor import misplaced

    fields = corridor.fields
    front, back = (fields.index([0.0, place, 0.0])[1] for place in corridor.zone_mm)
    roughness = quantity("planning/limits", "label_roughness").value
    rules = np.array([radius_mm, fields.spacing_mm, front, back, roughness])
    entry, target = fields.index(corridor.entry_mm), fields.index(corridor.target_mm)
    found = misplaced(fields.depth, fields.canal, entry, target, needle_axes(corridor), draws, boundary, rules)
    return _counted(found)


def _counted(found: Floats) -> Breach:
    deepest, wall, canal, tip = found.T
    passed, far = {}, {}
    for number, name in enumerate(SIDE_WALLS):
        mine = wall == number
        passed[name], far[name] = float((mine & (deepest > 0)).mean()), float((mine & (deepest > 2)).mean())
    passed["canal"], far["canal"] = float((canal > 0).mean()), float((canal > 2).mean())
    passed["anterior"], far["anterior"] = float((tip < 0).mean()), float((tip < -2).mean())
    for share in (passed, far):
        share["foramen"] = share["superior"] + share["inferior"]
    return Breach(passed, far, float((deepest > 0).mean()), float((deepest > 2).mean()))
