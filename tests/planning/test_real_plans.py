"""Plans on real label maps, judged on the voxels themselves."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.io.read import read_ct, read_labels
from pedicle.model.levels import verse_of_level
from pedicle.model.vertebra import PART_CANAL
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

pytestmark = pytest.mark.data
OPTIONS = PlanOptions(levels="all", draws=500)


def case(folder, ct, labels):
    scan = read_ct(folder / ct)
    spine = find_vertebrae(scan, read_labels(folder / labels, scan))
    return scan, spine, plan(spine, scan, OPTIONS)


@pytest.fixture(scope="module")
def verse014(shared_data):
    folder = shared_data / "verse014-l1-l5"
    return case(folder, "sub-verse014_ct.nii.gz", "sub-verse014_seg-vert_msk.nii.gz")


@pytest.fixture(scope="module")
def example(shared_data):
    return case(shared_data / "totalsegmentator-example", "example_ct.nii.gz", "totalseg.nii.gz")


def needles(made):
    return [found for level in made.levels for found in level.trajectories]


def test_ten_needles_of_which_eight_feasible(verse014):
    made = verse014[2]
    assert [level.level for level in made.levels] == ["L1", "L2", "L3", "L4", "L5"]
    assert len(needles(made)) == 10
    assert sum(found.feasible for found in needles(made)) >= 8


@pytest.mark.parametrize("name", ["verse014", "example"])
def test_the_axis_stays_in_the_vertebras_own_mask(name, request):
    _scan, spine, made = request.getfixturevalue(name)
    for found in needles(made):
        if not found.feasible:
            continue
        depth = np.arange(0.0, found.bone_to_target_mm, 0.25)
        points = found.bone_entry_lps_mm + depth[:, None] * found.direction_lps
        inside = spine.labels.sampled(points, order=0, fill=0) == verse_of_level(found.level)
        assert inside.all(), (found.level, found.side, depth[~inside])


def test_no_canal_voxel_lies_within_the_needle(verse014):
    _scan, spine, made = verse014
    for found in needles(made):
        parts = spine[found.level].maps.parts
        canal = parts.grid.lps_from_index(np.argwhere(parts.values == PART_CANAL))
        along = (canal - found.bone_entry_lps_mm) @ found.direction_lps
        beside = np.linalg.norm(canal - found.bone_entry_lps_mm - along[:, None] * found.direction_lps, axis=1)
        within = (beside < found.needle.radius_mm) & (along > 0) & (along < found.bone_to_target_mm)
        assert within.sum() == 0, (found.level, found.side)


def test_lines_that_leave_the_strip_or_end_in_padding_say_depth_unknown(verse014):
    scan, _spine, made = verse014
    unknown = [found for found in needles(made) if found.skin_entry_lps_mm is None]
    assert unknown  # an 80 mm wide strip cannot show all of them
    for found in unknown:
        assert found.skin_reason.startswith("depth unknown")
        assert found.skin_to_bone_mm is None
    for found in needles(made):
        if found.skin_entry_lps_mm is not None:
            on_skin(scan, found)


def on_skin(scan, found):
    """Tissue two voxels in front of the skin point, air 4 mm behind it, and not padding."""
    two = 2.0 * float(scan.volume.grid.spacing_mm.max())
    front = scan.volume.sampled(found.skin_entry_lps_mm + two * found.direction_lps)
    behind = scan.volume.sampled(found.skin_entry_lps_mm - 4.0 * found.direction_lps)
    assert front > -300, (found.level, found.side)
    assert -1100 < behind < -300, (found.level, found.side)


def test_skin_entries_lie_on_skin_in_a_wide_scan(example):
    scan, _spine, made = example
    found = [needle for needle in needles(made) if needle.skin_entry_lps_mm is not None]
    assert len(found) == len(needles(made)) == 10
    for needle in found:
        on_skin(scan, needle)


def test_no_needle_is_called_feasible_that_is_too_short(example):
    for found in needles(example[2]):
        long = found.skin_to_bone_mm + found.bone_to_target_mm > found.needle.length_mm
        assert not (found.feasible and long)
        assert not long or "longest needle" in " ".join(found.reasons)


def test_cut_levels_are_not_planned(example):
    made = example[2]
    for level in ("T11", "T12"):
        assert made[level].trajectories == ()
        assert "cut" in made[level].refused[0]
    assert "sacrum" not in [level.level for level in made.levels]


@pytest.mark.parametrize("name", ["verse014", "example"])
def test_sides_are_the_patients(name, request):
    _scan, spine, made = request.getfixturevalue(name)
    for found in needles(made):
        sideways = (found.bone_entry_lps_mm - spine[found.level].centroid_lps_mm) @ -spine[found.level].right
        assert (sideways > 0) == (found.side == "left")
        assert found.bulls_eye.detector_over == "back"
        assert 90.0 < abs(found.bulls_eye.dicom_primary_deg) <= 180.0
        assert (found.bulls_eye.dicom_primary_deg > 0) == (found.side == "left") or found.axial_deg < 0
