"""The rule of advance, computed for a planned path: AP and lateral looked at together while the needle goes in.

The tip must not cross the medial wall of the pedicle on AP before it reaches the posterior wall of the body on lateral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.views import Aim, set_up
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.expected import Advance
from pedicle.model.frames import Side
from pedicle.model.trajectory import Trajectory
from pedicle.model.vertebra import PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, Spine, Vertebra

Array = NDArray[np.float64]
_STEP_MM = 0.1
# The ring of the pedicle on AP: its narrowest part, this far to both sides along its axis, within this reach of the isthmus.
_RING_HALF_MM, _RING_REACH_MM = 2.5, 14.0
# Height of the strip of the ring that a tip is compared with.
_STRIP_MM = 1.0


@dataclass(frozen=True, eq=False)
class Rule:
    """What a tip is held against on AP and lateral pictures of one vertebra: the pedicle's ring, the posterior wall."""

    vertebra: Vertebra
    side: Side
    ring: Array
    ap: ConeBeam
    lateral: ConeBeam
    radius_mm: float

    def along(self, tips: Array) -> tuple[Array, Array]:
        """For tips (n, 3), LPS mm: how far the needle is lateral of the ring's inner edge, and how far behind the wall, mm."""
        medial = _medial_margin(self.ap, self.vertebra, self.side, self.ring, tips) - self.radius_mm
        return medial, _behind_wall_mm(self.lateral, self.vertebra, tips)

    def at(self, tip: Array) -> tuple[float, float]:
        """The same for one tip."""
        medial, behind = self.along(np.asarray(tip, dtype=np.float64)[None])
        return float(medial[0]), float(behind[0])


def rule_for(spine: Spine, vertebra: Vertebra, trajectory: Trajectory, arm: CArm | None = None) -> Rule | str:
    """The rule of a trajectory's pedicle, in true views of its vertebra; what is lacking where it cannot be judged."""
    ring = _ring(vertebra, trajectory.side)
    if ring is None:
        return "no isthmus measured"
    if vertebra.posterior_wall_mm is None:
        return "no posterior wall measured"
    aim = Aim(spine, vertebra, side=trajectory.side, trajectory=trajectory)
    ap, lateral = set_up("true-ap", aim, arm)[1], set_up("true-lateral", aim, arm)[1]
    return Rule(vertebra, trajectory.side, ring, ap, lateral, trajectory.needle.radius_mm)


def rule_of_advance(spine: Spine, vertebra: Vertebra, trajectory: Trajectory, arm: CArm | None = None) -> Advance:
    """Whether the planned path keeps the rule, with its margin; no error of placement is in it.

    On AP the medial wall is the inner edge of the pedicle's ring at the height of the tip, on lateral the posterior wall is
    the body's at mid-height. Both are looked at in true views of this vertebra, with the cone of the C-arm.
    """
    side, rule = trajectory.side, rule_for(spine, vertebra, trajectory, arm)
    if isinstance(rule, str):
        return Advance(vertebra.level, side, None, reason=f"{rule}: the rule cannot be judged")
    depths = np.arange(0.0, trajectory.bone_to_target_mm + _STEP_MM / 2, _STEP_MM)
    margins, behind = rule.along(trajectory.bone_entry_lps_mm + depths[:, None] * trajectory.direction_lps)
    reached = np.flatnonzero(behind <= 0.0)
    crossed = np.flatnonzero(margins < 0.0)
    crossing = float(depths[crossed[0]]) if len(crossed) else None
    if not len(reached):
        return Advance(
            vertebra.level, side, None, crossing_depth_mm=crossing, reason="the path ends behind the posterior wall"
        )
    wall = int(reached[0])
    holds = crossing is None or crossing >= depths[wall]
    return Advance(vertebra.level, side, bool(holds), float(margins[wall]), float(depths[wall]), crossing)


def _ring(vertebra: Vertebra, side: Side) -> Array | None:
    """Centres of the voxels about the isthmus of a pedicle, LPS mm (n, 3); None where it was not measured."""
    pedicle = (vertebra.pedicles or {}).get(side)
    if vertebra.maps is None or pedicle is None or pedicle.centre_lps_mm is None or pedicle.axis_lps is None:
        return None
    parts = vertebra.maps.parts
    code = PART_LEFT_PEDICLE if side == "left" else PART_RIGHT_PEDICLE
    points = parts.grid.lps_from_index(np.argwhere(parts.values == code))
    offset = points - pedicle.centre_lps_mm
    near = (np.abs(offset @ pedicle.axis_lps) < _RING_HALF_MM) & (np.linalg.norm(offset, axis=-1) < _RING_REACH_MM)
    return np.asarray(points[near]) if near.any() else None


def _medial_margin(ap: ConeBeam, vertebra: Vertebra, side: Side, ring: Array, tips: Array) -> Array:
    """How far tips (n, 3) are lateral of the ring's inner edge on AP, in mm at the vertebra; positive = not crossed."""
    scale = float(ap.magnification(vertebra.centroid_lps_mm)) / ap.pixel_mm[0]
    voxel = float(vertebra.maps.parts.grid.spacing_mm.max()) if vertebra.maps else 0.0
    # Columns grow towards the patient's left on some pictures and right on others: the beam says which.
    outward = (1.0 if side == "left" else -1.0) * np.sign(ap.column_step_lps_mm @ -vertebra.right)
    edge, tip = ap.project(ring) / scale, ap.project(tips) / scale
    across, height = outward * edge[:, 0], edge[:, 1]
    rows = np.clip(tip[:, 1], height.min(), height.max())
    inner = [across[np.abs(height - row) <= _STRIP_MM].min() for row in rows]
    return np.asarray(outward * tip[:, 0] - (np.array(inner) - voxel / 2))


def _behind_wall_mm(lateral: ConeBeam, vertebra: Vertebra, tips: Array) -> Array:
    """How far tips (n, 3) are seen behind the posterior wall on lateral, in mm at the vertebra's middle plane."""
    assert vertebra.lps_from_vertebra is not None
    assert vertebra.posterior_wall_mm is not None
    into = vertebra.lps_from_vertebra.inverse
    source, seen = into @ lateral.source_lps_mm, into @ tips
    share = source[0] / (source[0] - seen[:, 0])
    on_middle = source[1] + share * (seen[:, 1] - source[1])
    return np.asarray(on_middle - vertebra.posterior_wall_mm)
