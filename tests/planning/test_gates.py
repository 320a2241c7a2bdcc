"""The gates a plan must not pass: each refuses, or only tells where nobody could verify its limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.frames import Pose
from pedicle.model.sourced import _parsed
from pedicle.planning.cement import cement_volume
from pedicle.planning.corridor import Corridor
from pedicle.planning.fields import side_fields
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan
from pedicle.planning.trajectories import site, trajectory

OPTIONS = PlanOptions(levels="L3", needles="two", draws=500)


def straight(vertebra, spine, entry, target):
    """A needle of 11 G through the left pedicle, from and to places of the vertebra's frame in mm."""
    place = site(spine, None, vertebra, side_fields(vertebra, "left"), OPTIONS)
    line = Corridor(place.fields, "paramedian", "transpedicular", np.array(entry), np.array(target), 0.0, 4.0)
    return trajectory(place, line, 11)[0]


@pytest.mark.parametrize(("place", "feasible"), [(-11.0, True), (-14.0, False)])
def test_a_tip_under_two_millimetres_inside_the_body_is_refused(analytic_vertebra, spine_of, place, feasible):
    """At 10 mm from the midline the body's front lies 13.4 mm before its middle (ellipse of 22 x 15 mm)."""
    vertebra = analytic_vertebra(radii=(6.0, 6.0), convergence_deg=0.0)
    found = straight(vertebra, spine_of(vertebra), [19.0, 36.0, 0.0], [10.0, place, 0.0])
    assert found.feasible == feasible, found.reasons
    assert ("tip only" in " ".join(found.reasons)) != feasible


def test_a_tip_that_stops_in_the_pedicle_is_refused(analytic_vertebra, spine_of):
    vertebra = analytic_vertebra(radii=(6.0, 6.0), convergence_deg=0.0)
    found = straight(vertebra, spine_of(vertebra), [17.5, 36.0, 0.0], [17.5, 20.0, 0.0])
    assert not found.feasible
    assert "tip outside the body of this level" in found.reasons


def test_the_longest_needle_is_the_one_in_the_room(analytic_vertebra, spine_of, skin_scan):
    """About 140 mm from the skin to the target: within the catalogue's 150 mm, not within the 120 mm that a user states."""
    scan = skin_scan(skin_mm=132.0, half=(80, 150, 60))
    spine = spine_of(analytic_vertebra())
    plenty = plan(spine, scan, OPTIONS)["L3"].trajectories
    assert [t.feasible for t in plenty] == [True, True]
    assert all(130.0 < t.skin_to_bone_mm + t.bone_to_target_mm < t.needle.length_mm for t in plenty)
    short = plan(spine, scan, replace(OPTIONS, longest_needle_mm=120.0))["L3"].trajectories
    assert not any(t.feasible for t in short)
    assert all("longer than the longest needle" in " ".join(t.reasons) for t in short)
    assert {t.needle.length_mm for t in short} == {120.0}


def test_a_longer_needle_in_the_room_reaches_further(analytic_vertebra, spine_of, skin_scan):
    scan = skin_scan(skin_mm=160.0, half=(80, 180, 60))
    spine = spine_of(analytic_vertebra())
    assert not any(t.feasible for t in plan(spine, scan, OPTIONS)["L3"].trajectories)
    longer = plan(spine, scan, replace(OPTIONS, longest_needle_mm=200.0))["L3"].trajectories
    assert all(t.feasible and t.needle.length_mm == 200.0 for t in longer)


def tipped(deg: float) -> Pose:
    """A vertebra whose front looks up (towards the head) by so many degrees."""
    a = np.radians(deg)
    axes = [[1.0, 0.0, 0.0], [0.0, np.cos(a), -np.sin(a)], [0.0, np.sin(a), np.cos(a)]]
    return Pose.from_axes("lps", "vertebra", axes, [0.0, 0.0, 0.0])


def test_each_view_beyond_reach_is_told_and_none_refuses(analytic_vertebra, spine_of, skin_scan):
    steep = analytic_vertebra(pose=tipped(55.0), radii=(5.0, 5.0), convergence_deg=0.0)
    level = plan(spine_of(steep), skin_scan(), OPTIONS)["L3"]
    told = [n.text for n in level.warnings if n.code == "carm-reach"]
    assert len(told) == 1
    assert told[0].startswith("true AP view")
    assert "not verified" in told[0]
    for found in level.trajectories:
        assert any(reason.startswith("bull's-eye view") for reason in found.reasons)
        assert found.feasible
    flat = plan(spine_of(analytic_vertebra()), skin_scan(), OPTIONS)["L3"]
    assert not any(n.code == "carm-reach" for n in flat.warnings)


def test_a_lateral_view_is_judged_by_its_angle_to_head_and_feet(analytic_vertebra, spine_of, skin_scan):
    a = np.radians(50.0)
    leaning = Pose.from_axes(
        "lps", "vertebra", [[np.cos(a), 0.0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]], [0.0] * 3
    )
    level = plan(spine_of(analytic_vertebra(pose=leaning)), skin_scan(), OPTIONS)["L3"]
    assert any(n.code == "carm-reach" and n.text.startswith("true lateral") for n in level.warnings)


@pytest.mark.parametrize("body_ml", [1.0, 5.0, 12.0, 40.0, 90.0])
def test_cement_is_never_more_than_the_body_can_take(analytic_vertebra, body_ml):
    """29.8 % of the body restored stiffness on average (Molloy 2003): no band goes over it, however small the body."""
    band = cement_volume(replace(analytic_vertebra(), body_volume_ml=body_ml))
    assert 0.0 < band.low <= band.planned <= band.high <= 0.298 * body_ml
    assert band.high <= band.cap_ml


def unverified_rows() -> list[tuple[str, str]]:
    names = ("planning/limits", "planning/cement", "needles")
    return [
        (name, key)
        for name in names
        for key, row in _parsed(name).items()
        if isinstance(row, dict) and row.get("evidence") == "unverified"
    ]


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_no_unverified_row_refuses_or_clears(analytic_vertebra, spine_of, skin_scan, monkeypatch, factor):
    """Rows that nobody verified, made absurd: what is feasible, advised and planned stays as it was.

    Needle lengths are apart: they are the products in the room, which a user states with `longest_needle_mm`.
    """
    spine = spine_of(
        analytic_vertebra(radii=(5.0, 3.0), convergence_deg=12.0),
        replace(analytic_vertebra(radii=(0.9, 5.0)), level="L4"),
    )

    def decided():
        made = plan(spine, skin_scan(), PlanOptions(levels="all", draws=500, needles="two", bending=0.0))
        return [
            (
                level.level,
                level.recommended,
                level.cement,
                level.refused,
                [(t.side, t.feasible) for t in level.trajectories],
            )
            for level in made.levels
        ]

    before = decided()
    rows = unverified_rows()
    assert ("planning/limits", "carm_tilt") in rows
    for name, key in rows:
        monkeypatch.setitem(_parsed(name)[key], "value", _parsed(name)[key]["value"] * factor)
    assert decided() == before
