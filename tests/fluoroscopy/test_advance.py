"""The rule of advance against straight lines and a cylinder: where the path crosses is known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.fluoroscopy.advance import rule_of_advance
from pedicle.fluoroscopy.views import standard_arm
from pedicle.model.conebeam import CArm
from pedicle.model.frames import Pose
from tests.fluoroscopy import simple_spine as simple

# Parallel rays, so that AP and lateral are plain projections of the vertebra's frame.
FAR = CArm(2.0e6, 1.0e6, 0.5, 512, 512)
BONE = simple.vertebra(spacing_mm=0.5)


def known_margin(shift_mm: float, convergence_deg: float) -> float:
    """Lateral distance of the needle's surface from the ring's inner edge when its axis meets the posterior wall."""
    turn = np.radians(convergence_deg)
    at_wall = simple.ISTHMUS[0] - shift_mm - (simple.ISTHMUS[1] - simple.WALL_MM) * np.tan(turn)
    # The ring is a piece of cylinder, 5 mm along its axis: on AP its inner edge is moved by half of that times the sine.
    lean = np.radians(simple.CONVERGENCE_DEG)
    edge = simple.ISTHMUS[0] - simple.PEDICLE_RADIUS_MM * np.cos(lean) - 2.5 * np.sin(lean)
    return float(at_wall - edge - simple.NEEDLE.radius_mm)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("shift_mm", "convergence_deg"), [(0.0, 8.0), (-2.0, 20.0), (0.0, 25.0), (3.0, 30.0)])
def test_margin_and_verdict(side, shift_mm, convergence_deg):
    """0.5 mm: the ring is made of voxels of 0.5 mm and compared in strips of 1 mm of its height."""
    path = simple.trajectory(side, shift_mm=shift_mm, convergence_deg=convergence_deg)
    found = rule_of_advance(simple.spine(BONE), BONE, path, FAR)
    wanted = known_margin(shift_mm, convergence_deg)
    assert found.margin_mm == pytest.approx(wanted, abs=0.5)
    assert found.wall_depth_mm == pytest.approx(path.posterior_wall_depth_mm, abs=0.15)
    assert abs(wanted) > 0.6  # or the verdict would be a matter of voxels
    assert found.holds is (wanted > 0)
    if found.holds is False:
        assert found.crossing_depth_mm < found.wall_depth_mm


def test_the_cone_of_the_c_arm_changes_the_answer_by_little():
    path = simple.trajectory("left", shift_mm=-2.0, convergence_deg=20.0)
    cone, parallel = (rule_of_advance(simple.spine(BONE), BONE, path, arm) for arm in (standard_arm(), FAR))
    # 20 mm beside the central ray at 560 mm, 15 mm between ring and wall: 0.5 mm.
    assert cone.margin_mm == pytest.approx(parallel.margin_mm, abs=0.6)
    assert cone.holds == parallel.holds


def test_a_turned_patient_keeps_the_answer():
    a = np.radians(20.0)
    axes = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    pose = Pose.from_axes("lps", "vertebra", axes, [-40.0, 12.0, 300.0])
    turned, straight = simple.vertebra(pose=pose, spacing_mm=0.5), BONE
    found = rule_of_advance(simple.spine(turned), turned, simple.trajectory("left", pose=pose, shift_mm=-2.0), FAR)
    wanted = rule_of_advance(simple.spine(straight), straight, simple.trajectory("left", shift_mm=-2.0), FAR)
    assert found.margin_mm == pytest.approx(wanted.margin_mm, abs=0.1)


def test_what_was_not_measured_is_not_judged():
    path = simple.trajectory("left")
    for bone in (replace(BONE, pedicles=None), replace(BONE, posterior_wall_mm=None), replace(BONE, maps=None)):
        found = rule_of_advance(simple.spine(bone), bone, path, FAR)
        assert found.holds is None
        assert found.margin_mm is None
        assert "cannot be judged" in found.reason
    short = replace(path, target_lps_mm=path.bone_entry_lps_mm + 5.0 * path.direction_lps)
    assert rule_of_advance(simple.spine(BONE), BONE, short, FAR).holds is None
