"""What the sheet says in large type is what the plan holds."""

from __future__ import annotations

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
