"""The whole chain on real data nobody here made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pedicle import procedure
from pedicle.model.errors import RefusedError
from pedicle.planning.options import PlanOptions

pytestmark = pytest.mark.data


def outcome(case: Path) -> tuple[dict, dict]:
    return tuple(json.loads((case / name).read_text(encoding="utf-8")) for name in ("spine.json", "plan.json"))


def test_verse014_is_planned_on_all_five_levels(shared_data, tmp_path):
    folder = shared_data / "verse014-l1-l5"
    options = procedure.RunOptions(upto="plan", plan=PlanOptions(levels="all"))
    procedure.run(
        folder / "sub-verse014_ct.nii.gz", folder / "sub-verse014_seg-vert_msk.nii.gz", tmp_path / "case", options
    )
    spine, plan = outcome(tmp_path / "case")
    assert [row["level"] for row in spine["vertebrae"]] == ["L1", "L2", "L3", "L4", "L5"]
    needles = [needle for level in plan["levels"] for needle in level["trajectories"]]
    assert len(needles) == 10
    assert sum(needle["feasible"] for needle in needles) >= 8
    assert all(needle["feasible"] or needle["reasons"] for needle in needles)
    for needle in needles:
        assert needle["skin_entry_lps_mm"] is not None or "depth unknown" in " ".join(
            needle["reasons"] + [needle["skin_reason"]]
        )


def test_totalsegmentator_map_counts_from_the_sacrum_and_leaves_cut_levels_out(shared_data, tmp_path):
    folder = shared_data / "totalsegmentator-example"
    options = procedure.RunOptions(upto="plan", plan=PlanOptions(levels="all"))
    procedure.run(folder / "example_ct.nii.gz", folder / "totalseg.nii.gz", tmp_path / "case", options)
    spine, plan = outcome(tmp_path / "case")
    cut = {row["level"] for row in spine["vertebrae"] if not row["complete"]}
    assert {"T11", "T12"} <= cut
    planned = [level["level"] for level in plan["levels"] if any(t["feasible"] for t in level["trajectories"])]
    assert not {"T11", "T12"} & set(planned)
    for level in plan["levels"]:
        for needle in level["trajectories"]:
            depth = needle["depth_mm"]
            if needle["feasible"] and depth["skin_to_bone"] is not None:
                assert depth["skin_to_bone"] + depth["bone_to_target"] <= needle["needle"]["length_mm"]


def test_bodies_without_pedicles_are_measured_and_not_planned(shared_data, tmp_path):
    folder = shared_data / "totalsegmentator-example"
    labels = folder / "totalseg_vertebrae_pp_refined.nii.gz"
    measured = procedure.RunOptions(upto="measure")
    procedure.run(folder / "example_ct.nii.gz", labels, tmp_path / "case", measured)
    with pytest.raises(RefusedError, match="no pedicle can be seen"):
        procedure.again(tmp_path / "case", "plan", PlanOptions(levels="L3"))


def test_a_mask_alone_is_measured_without_density(shared_data, tmp_path):
    labels = shared_data / "verse004-mask" / "sub-verse004_seg-vert_msk.nii.gz"
    procedure.run(None, labels, tmp_path / "case", procedure.RunOptions(upto="measure"))
    rows = {row["level"]: row for row in json.loads((tmp_path / "case" / "spine.json").read_text())["vertebrae"]}
    assert rows["L1"]["genant_grade"] == 3
    assert rows["L1"]["fracture_shape"] in ("biconcave", "crush")
    assert all(row["density_mg_cm3"] is None for row in rows.values())
