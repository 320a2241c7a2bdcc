"""What the sheet says in large type is what the plan holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from pedicle.report.dossier import Dossier
from pedicle.report.sheet import sheet_of
from pedicle.report.words import SPACE

MakeDossier = Callable[..., Dossier]


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


def number(text: str) -> float:
    return float(plain(text).split()[0])


def test_three_depths_add_up_from_the_skin(dossier: Dossier) -> None:
    assert dossier.plan is not None
    level = dossier.plan["L2"]
    trajectory, card = level.trajectories[0], sheet_of(dossier, level).cards[0]
    assert trajectory.skin_to_bone_mm is not None
    skin = trajectory.skin_to_bone_mm
    shown = [number(reach.figure) for reach in card.depths]
    expected = [skin, skin + trajectory.posterior_wall_depth_mm, skin + trajectory.bone_to_target_mm]
    # Whole millimetres: half a millimetre of rounding.
    assert shown == pytest.approx(expected, abs=0.5)
    assert card.sketch is not None
    assert card.sketch.wall_mm == pytest.approx(expected[1])


def test_unknown_skin_is_said_and_depths_start_at_the_bone(dossier: Dossier) -> None:
    assert dossier.plan is not None
    level = dossier.plan["L2"]
    blind = replace(
        level.trajectories[0], skin_entry_lps_mm=None, skin_from_midline_mm=None, skin_from_spinous_mm=None,
        skin_reason="the line leaves the scan before the skin",
    )  # fmt: skip
    level = replace(level, trajectories=(blind,))
    card = sheet_of(replace(dossier, plan=replace(dossier.plan, levels=(level,))), level).cards[0]
    assert card.depths[0].figure == "unknown"
    assert number(card.depths[2].figure) == pytest.approx(blind.bone_to_target_mm, abs=0.5)
    assert "Depths are from the BONE" in card.depth_note
    assert "the line leaves the scan before the skin" in card.skin
    assert card.sketch is None


def test_the_nearest_wall_leads(dossier: Dossier) -> None:
    assert dossier.plan is not None
    card = sheet_of(dossier, dossier.plan["L2"]).cards[0]
    assert plain(card.nearest) == "Medial pedicle wall 1.3 ± 0.8 mm; chance of crossing 6 %"


def test_dicom_angles_stand_beside_the_sentence_and_no_bare_lao(dossier: Dossier, page: str) -> None:
    assert dossier.plan is not None
    level = dossier.plan["L2"]
    view, card = level.trajectories[0].bulls_eye, sheet_of(dossier, level).cards[0]
    assert f"primary +{view.dicom_primary_deg:.0f}°" in card.dicom
    assert "LAO" not in page
    assert "RAO" not in page


def test_a_refused_level_says_why_and_shows_no_needle(dossier: Dossier) -> None:
    assert dossier.plan is not None
    level = replace(
        dossier.plan["L2"], recommended=(), trajectories=(), refused=("cut by the border of the scan",), cement=None
    )
    made = sheet_of(replace(dossier, plan=replace(dossier.plan, levels=(level,))), level)
    assert made.cards == ()
    assert made.refused == ("cut by the border of the scan",)
    assert made.cement == "not assessed: no volume planned"


def test_no_placement_error_means_no_chance_given(dossier: Dossier) -> None:
    assert dossier.plan is not None
    plan = replace(dossier.plan, placement={})
    made = sheet_of(replace(dossier, plan=plan), plan["L2"])
    assert made.uncertainty.startswith("Placement error: not stated")


def test_an_uncounted_level_is_called_unsure(dossier: Dossier) -> None:
    assert dossier.plan is not None
    spine = dossier.spine
    vague = tuple(replace(v, basis="given", confidence=0.6) for v in spine.vertebrae)
    assert not sheet_of(replace(dossier, spine=replace(spine, vertebrae=vague)), dossier.plan["L2"]).sure
    assert sheet_of(dossier, dossier.plan["L2"]).sure


def test_long_texts_shrink_the_type_within_bounds(dossier: Dossier) -> None:
    assert dossier.plan is not None
    plan = replace(dossier.plan, open_gates=tuple(f"gate {n} that nobody has answered yet" for n in range(40)))
    long, short = sheet_of(replace(dossier, plan=plan), plan["L1"]), sheet_of(dossier, dossier.plan["L2"])
    assert 0.7 <= long.scale < short.scale <= 1.0


def test_the_sheet_says_what_the_skin_point_is_measured_from(dossier: Dossier) -> None:
    assert dossier.plan is not None
    level = dossier.plan["L2"]
    turned = replace(level.trajectories[0], skin_from_midline_mm=41.0, skin_from_spinous_mm=56.0)
    level = replace(level, trajectories=(turned,))
    card = sheet_of(replace(dossier, plan=replace(dossier.plan, levels=(level,))), level).cards[0]
    assert plain(card.skin) == "41 mm LEFT of midplane"
    assert "midplane of this vertebra" in plain(card.skin_note)
    assert "56 mm from the tip of its spinous process (from behind)" in plain(card.skin_note)


def test_the_sheet_says_whether_bending_is_in_the_chances(dossier: Dossier) -> None:
    assert dossier.plan is not None
    for bending, words in ((0.0, "a rigid needle"), (1.0, "a needle that bends")):
        plan = replace(dossier.plan, placement=dossier.plan.placement | {"bending": bending})
        assert words in sheet_of(replace(dossier, plan=plan), plan["L2"]).uncertainty


def test_the_spread_of_a_needle_is_shift_turn_and_bend(dossier: Dossier) -> None:
    """1.5 mm, 3 deg over 40 mm, and a parabola of the bent needle, as the root of the sum of squares."""
    from pedicle.model.needle import Needle, tip_curvature
    from pedicle.report.needles import spread_mm

    assert dossier.plan is not None
    needle = Needle(15, 150.0, 1.829, 1.372)
    plan = replace(dossier.plan, placement={"entry_error_mm": 1.5, "direction_error_deg": 3.0, "bending": 10.0})
    bent = 0.5 * tip_curvature(needle, 10.0) * 40.0**2
    assert bent > 3.0
    expected = math.sqrt(1.5**2 + (40.0 * math.tan(math.radians(3.0))) ** 2 + bent**2)
    assert spread_mm(plan, needle, 40.0) == pytest.approx(expected)


def test_every_neighbour_has_its_row_and_its_reason(dossier: Dossier) -> None:
    from pedicle.model.trajectory import Clearance
    from pedicle.report.tables import clearance_table

    assert dossier.plan is not None
    found = dossier.plan["L2"].trajectories[0]
    blind = Clearance(None, reason="not assessed: no label of cava in the scan")
    shown = clearance_table((replace(found, clearance=found.clearance | {"great_vessel": blind}),))
    rows = {row[0]: row[1] for row in shown.rows}
    assert "Kidney" in rows
    assert rows["Aorta and cava"] == "not assessed: no label of cava in the scan"
    assert "root itself is in no label" in shown.note
