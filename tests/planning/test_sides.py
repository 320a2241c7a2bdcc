"""One needle or two, the cleft, and how much cement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.bone import Bone
from pedicle.planning.cement import cement_volume
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan
from pedicle.planning.views import reach_words


@pytest.fixture(scope="module")
def wide(analytic_vertebra):
    return analytic_vertebra(radii=(5.5, 5.5), convergence_deg=20.0)


def with_cleft(vertebra, wedge):
    """A gas cleft of 8 x 8 x 3 mm in the front of the body."""
    grid = vertebra.maps.parts.grid
    u, v, w = np.moveaxis(vertebra.lps_from_vertebra.inverse @ grid.centres_lps_mm(), -1, 0)
    cleft = (np.abs(u) < 4) & (np.abs(v + 8) < 4) & (np.abs(w - 6) < 1.5)
    volume = vertebra.maps.parts.with_values(cleft)
    bone = Bone(vertebra.level, vertebra.maps.surface_mm, vertebra.maps.parts, volume, volume)
    return replace(vertebra, bone=bone, fracture=replace(wedge, cleft="gas"))


def test_a_cleft_is_aimed_at(wide, wedge, spine_of, skin_scan):
    level = plan(spine_of(with_cleft(wide, wedge)), skin_scan(), PlanOptions(draws=500))["L3"]
    assert len(level.recommended) == 1
    used = next(found for found in level.trajectories if found.side == level.recommended[0])
    assert used.aim == "cleft"
    assert "cleft" in level.why[0]
    u, v, w = used.target_lps_mm
    # Within the cleft or 2 mm of it.
    assert abs(u) < 6
    assert abs(v + 8) < 6
    assert abs(w - 6) < 3.5


def test_one_or_two_needles_as_asked_and_with_a_reason(wide, spine_of, skin_scan):
    spine, scan = spine_of(wide), skin_scan()
    one = plan(spine, scan, PlanOptions(levels="L3", needles="one", draws=500))
    two = plan(spine, scan, PlanOptions(levels="L3", needles="two", draws=500))
    assert (one.needles_total, two.needles_total) == (1, 2)
    assert abs(one["L3"].trajectories[0].target_lps_mm[0]) <= 3.0
    assert {t.aim for t in two["L3"].trajectories} == {"paramedian"}
    assert one["L3"].why
    assert two["L3"].why


def test_one_feasible_side_is_used_alone(analytic_vertebra, spine_of, skin_scan):
    lame = analytic_vertebra(radii=(4.5, 0.8), convergence_deg=12.0)
    level = plan(spine_of(lame), skin_scan(), PlanOptions(levels="L3", needles="two", draws=500))["L3"]
    assert "left" in level.recommended
    assert "right" not in {t.side for t in level.trajectories if t.feasible and t.approach == "transpedicular"}


def test_cement_is_a_band_of_the_body_and_never_over_the_cap(wide):
    small = cement_volume(replace(wide, body_volume_ml=20.0))
    # 16.2 % restored strength in 120 bodies; no embolism below 3.5 ml.
    assert small.planned == pytest.approx(3.24)
    assert small.low <= small.planned <= small.high <= small.cap_ml
    large = cement_volume(replace(wide, body_volume_ml=60.0))
    assert large.high == large.cap_ml == pytest.approx(7.0)
    assert cement_volume(replace(wide, body_volume_ml=None)) is None


def test_session_totals_add_up(wide, spine_of, skin_scan):
    spine = spine_of(*(replace(wide, level=name) for name in ("L1", "L2", "L3", "L4")))
    made = plan(spine, skin_scan(), PlanOptions(levels="all", needles="two", draws=500))
    assert made.needles_total == 8
    assert made.cement_total_ml == pytest.approx(sum(level.cement.planned for level in made.levels))
    assert any("4 levels" in notice.text and "not verified" in notice.text for notice in made.warnings)


def test_a_view_beyond_the_usual_reach_is_said_but_not_refused():
    from pedicle.model.carm import View

    assert reach_words(View.from_dicom_angles("v", 160.0, 10.0)) == ""
    for far in (View.from_dicom_angles("v", 160.0, 50.0), View.from_dicom_angles("v", 100.0, 0.0)):
        assert "not verified" in reach_words(far)


def test_the_errors_behind_the_probabilities_are_stated(wide, spine_of, skin_scan):
    made = plan(spine_of(wide, voxel=(0.8, 0.8, 2.0)), skin_scan(), PlanOptions(levels="L3", needles="two", draws=500))
    assert made.placement["entry_error_mm"] == 1.5
    assert made.placement["direction_error_deg"] == 3.0
    assert made.placement["boundary_coarse_mm"] > made.placement["boundary_fine_mm"] > 0.0


def test_without_a_measured_pedicle_the_bone_beside_the_canal_is_its_middle(wide, spine_of, skin_scan):
    options = PlanOptions(levels="L3", needles="two", draws=500)
    known = plan(spine_of(wide), skin_scan(), options)["L3"].trajectories
    unknown = plan(spine_of(replace(wide, pedicles=None)), skin_scan(), options)["L3"].trajectories
    assert all(found.feasible for found in unknown)
    for a, b in zip(known, unknown, strict=True):
        # The middle is only a preference: both lines lie in the same pedicle.
        assert np.linalg.norm(a.bone_entry_lps_mm - b.bone_entry_lps_mm) < 6.0


def test_maps_without_a_canal_are_refused_on_both_sides(wide, spine_of, skin_scan):
    from pedicle.model.vertebra import PART_CANAL, PART_NONE

    parts = wide.maps.parts
    empty = np.where(parts.values == PART_CANAL, PART_NONE, parts.values).astype(np.uint8)
    blind = replace(wide, maps=replace(wide.maps, parts=parts.with_values(empty)))
    level = plan(spine_of(blind), skin_scan(), PlanOptions(levels="L3", draws=500))["L3"]
    assert level.trajectories == ()
    assert [words.split(":")[0] for words in level.refused] == ["left", "right"]
    assert "no canal" in level.refused[0]


def test_a_needle_that_would_have_to_be_thinner_is_no_gain(analytic_vertebra, spine_of, skin_scan):
    """From a straight pedicle the midline is reached only obliquely: with a thin needle, or not at all."""
    straight = analytic_vertebra(radii=(3.6, 3.6), convergence_deg=12.0)
    level = plan(spine_of(straight), skin_scan(), PlanOptions(levels="L3", draws=500))["L3"]
    assert level.recommended == ("left", "right")
    assert "thinner" in level.why[0] or "cannot reach the middle" in level.why[0]


def test_suspicion_and_metal_are_passed_on(wide, spine_of, skin_scan):
    odd = replace(wide, suspicious=("tumour or infection not excluded: biopsy?",))
    level = plan(spine_of(odd), skin_scan(), PlanOptions(levels="L3", needles="two", draws=500))["L3"]
    assert [n.severity for n in level.warnings if n.code == "suspicious"] == ["danger"]


def test_progress_ends_at_one(wide, spine_of, skin_scan):
    seen = []
    options = PlanOptions(levels="L3", needles="two", draws=500)
    plan(spine_of(wide), skin_scan(), options, progress=lambda done, text: seen.append((done, text)))
    assert seen[0] == (0.0, "plan L3")
    assert seen[-1][0] == 1.0


def test_entries_start_in_the_labels_own_voxels(wide, spine_of, skin_scan):
    """A label map of 1.5 mm steps: from the bone entry on every sample of the axis is in the level's own voxels."""
    from pedicle.model.grid import Grid
    from pedicle.model.levels import verse_of_level
    from pedicle.model.volume import Volume

    spine = spine_of(wide)
    grid = Grid.in_frame(wide.lps_from_vertebra, [-36, -24, -24], [36, 60, 24], 1.5)
    bone = wide.maps.surface_mm.resampled(grid, order=1, fill=9.0).values < 0
    labels = Volume(grid, np.where(bone, verse_of_level("L3"), 0).astype(np.uint8))
    options = PlanOptions(levels="L3", needles="two", draws=500, segmentation_error_mm=0.3)
    for found in plan(replace(spine, labels=labels), skin_scan(), options)["L3"].trajectories:
        way = np.arange(0.0, found.bone_to_target_mm, 0.1)[:, None] * found.direction_lps
        assert (labels.sampled(found.bone_entry_lps_mm + way, order=0, fill=0) == verse_of_level("L3")).all()
