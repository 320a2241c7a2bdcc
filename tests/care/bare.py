"""A spine of bare facts and a plan of bare needles: care reads nothing else of them."""

from __future__ import annotations

import numpy as np

from pedicle.model.carm import View
from pedicle.model.frames import Pose, Side
from pedicle.model.grid import Grid
from pedicle.model.needle import Needle
from pedicle.model.patient import Patient
from pedicle.model.scan import Acquisition
from pedicle.model.trajectory import LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import Fracture, Spine, Vertebra
from pedicle.model.volume import Volume

# Every fact stated, nothing against it.
WELL = Patient(
    age_y=76,
    sex="F",
    weight_kg=58,
    height_cm=158,
    asa=2,
    pain_nrs=8,
    pain_level_confirmed="L1, L2, L3, T12",
    pain_despite_treatment=True,
    fracture_age_weeks=4,
    oedema={level: {"found": True, "by": "MRI"} for level in ("T12", "L1", "L2", "L3")},
    neurology="normal",
    inr=1.1,
    platelets_10e9_l=210,
    antithrombotics=(),
    allergies=(),
    infection=False,
    malignancy_history=False,
    fasting="solids 9 h, clear fluids 3 h",
    consent=True,
)


def fracture(wall: str = "intact", cleft: str = "none", loss: float = 30.0, shape: str = "wedge") -> Fracture:
    return Fracture(
        (loss, 20.0, 5.0), "neighbours", loss, 4.0, 2, (0.0, 0.2, 0.8, 0.0), shape, True, True, "OF3", cleft, wall, None, "shape"
    )  # fmt: skip


def make_spine(levels: tuple[str, ...] = ("L1",), **shape: object) -> Spine:
    grid = Grid.in_frame(Pose("lps", "box", np.eye(4)), np.zeros(3), np.full(3, 4.0), 2.0)
    vertebrae = tuple(
        Vertebra(level, "sacrum", 0.98, True, np.zeros(3), fracture=fracture(**shape))  # type: ignore[arg-type]
        for level in levels
    )
    return Spine(vertebrae, Volume(grid, np.zeros(grid.shape, np.uint8)), Acquisition(), "whole")


def needle(level: str, side: Side, skin: bool = True) -> Trajectory:
    entry, target = np.array([15.0, 30.0, 0.0]), np.array([5.0, -5.0, 0.0])
    view = View.towards("bull's-eye", np.array([0.0, 1.0, 0.0]))
    return Trajectory(
        level, side, "transpedicular", "paramedian", Needle(11, 100.0, 3.05, 2.39), entry, target,
        entry + np.array([0.0, 40.0, 0.0]) if skin else None, 20.0, 30.0, 30.0, 10.0, 5.0, view, {}, True,
        skin_reason="" if skin else "skin not in the scan",
    )  # fmt: skip


def make_plan(levels: tuple[str, ...] = ("L1",), sides: tuple[Side, ...] = ("left", "right")) -> Plan:
    planned = tuple(
        LevelPlan(level, tuple(needle(level, side) for side in sides), sides, (), None, None, None) for level in levels
    )
    return Plan(planned, "rehearse", "supine", needles_total=len(levels) * len(sides))
