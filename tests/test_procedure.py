"""The steps in order: a case is made once, continued, changed in one place, and the same bytes come out again."""

from __future__ import annotations

import json
import os
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pedicle import procedure
from pedicle.io import fingerprint
from pedicle.model.case import Case
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.patient import Patient
from pedicle.planning.options import PlanOptions
from tests.coarse_case import COARSE


def labels_of(folder: Path) -> Path:
    return folder / "labels_seg-vert_msk.nii.gz"


def document(case: Path, name: str) -> dict:
    return json.loads((case / name).read_text(encoding="utf-8"))


def outcome(case: Path) -> dict[str, bytes]:
    """Every file but those that hold the times of the run."""
    files = [path for path in case.rglob("*") if path.is_file() and path.name not in ("case.json", ".lock")]
    return {str(path.relative_to(case)): path.read_bytes() for path in files}


def test_the_fractured_level_is_found_and_planned(finished):
    spine = {row["level"]: row for row in document(finished, "spine.json")["vertebrae"]}
    assert spine["L1"]["genant_grade"] >= 2  # 35 % loss, 5 points from the nearest threshold
    assert spine["L1"]["fracture_shape"] == "wedge"
    assert spine["T12"]["genant_grade"] == 0
    plan = document(finished, "plan.json")
    assert [level["level"] for level in plan["levels"]] == ["L1"]
    assert {t["side"] for t in plan["levels"][0]["trajectories"]} == {"left", "right"}
    assert (finished / "report.html").stat().st_size > 50_000


def test_the_case_names_what_made_it_and_no_one(finished):
    manifest = document(finished, "case.json")
    assert manifest["schema"] == "pedicle-case/1"
    assert {"read", "measure", "plan", "report"} <= set(manifest["steps"])
    assert all(len(row["sha256"]) == 64 for row in manifest["inputs"])
    assert "PHANTOM" not in json.dumps(manifest)
    assert manifest["references"]


def test_a_second_run_repeats_nothing(finished, patient_files):
    before = {name: step["seconds"] for name, step in document(finished, "case.json")["steps"].items()}
    said: list[str] = []
    procedure.run(
        patient_files / "ct", labels_of(patient_files), finished, COARSE, progress=lambda done, text: said.append(text)
    )
    assert {"measure: unchanged", "plan: unchanged", "report: unchanged"} <= set(said)
    assert {name: step["seconds"] for name, step in document(finished, "case.json")["steps"].items()} == before


def test_other_code_computes_again(finished, patient_files, tmp_path, monkeypatch):
    """A plan made by other code must not stand as this code's."""
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    monkeypatch.setattr(fingerprint, "code_fingerprint", lambda: "other code")
    said: list[str] = []
    options = procedure.RunOptions(upto="measure")
    files = (patient_files / "ct", labels_of(patient_files))
    procedure.run(*files, case, options, progress=lambda done, text: said.append(text))
    assert "measure: unchanged" not in said
    assert "plan" not in document(case, "case.json")["steps"]


def test_a_report_by_other_code_goes_through_all_that_had_been_done(finished, tmp_path, monkeypatch):
    """Its pictures are made anew, and the operation that stood on them with them: none is dropped."""
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    done = [step.name for step in procedure.STEPS if step.name in document(case, "case.json")["steps"]]
    performed: list[str] = []
    monkeypatch.setattr(
        import_module("pedicle.procedure.run"), "_perform", lambda case, step, *_: performed.append(step.name)
    )
    procedure.again(case, "report")
    assert performed == done[done.index("fluoroscopy") :]
    assert {"operate", "cure", "strength", "care", "report"} <= set(performed)


def test_another_folder_and_shuffled_files_give_identical_bytes(finished, patient_files, tmp_path):
    shuffled = tmp_path / "ct"
    shuffled.mkdir()
    for n, path in enumerate(sorted((patient_files / "ct").iterdir(), reverse=True)):
        shutil.copy(path, shuffled / f"{n:04d}.dcm")
    procedure.run(shuffled, labels_of(patient_files), tmp_path / "case", COARSE)
    here, there = outcome(tmp_path / "case"), outcome(finished)
    assert sorted(here) == sorted(there)
    assert [name for name in here if here[name] != there[name]] == []


def test_a_named_file_that_was_changed_is_written_again(finished, patient_files, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    truth = (case / "plan.json").read_bytes()
    (case / "plan.json").write_text("{}")
    procedure.run(patient_files / "ct", labels_of(patient_files), case, COARSE)
    assert (case / "plan.json").read_bytes() == truth


def test_purpose_plan_needs_levels_named_by_the_user(finished, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    with pytest.raises(RefusedError):
        procedure.again(case, "plan", PlanOptions(levels="fractured", purpose="plan"))
    assert (case / "plan.json").read_bytes() == (finished / "plan.json").read_bytes()


def test_an_unknown_level_is_bad_input(finished, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    with pytest.raises(InputError):
        procedure.again(case, "plan", PlanOptions(levels="L9"))


def test_a_refused_input_leaves_no_folder(tmp_path, patient_files):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        procedure.run(tmp_path / "empty", labels_of(patient_files), tmp_path / "case")
    assert not (tmp_path / "case").exists()


def test_another_spine_in_the_same_folder_takes_the_old_plan_away(finished, patient_files, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    procedure.run(None, labels_of(patient_files), case, procedure.RunOptions(upto="measure"))
    assert {"measure"} == set(document(case, "case.json")["steps"]) - {"read"}
    assert not (case / "plan.json").exists()
    assert not (case / "report.html").exists()
    procedure.again(case, "report")
    assert "plan" not in document(case, "case.json")["steps"]


def test_an_object_that_was_lost_or_changed_is_made_again(finished, patient_files, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    steps = document(case, "case.json")["steps"]
    (case / "objects" / steps["measure"]["result"]).unlink()
    (case / "objects" / steps["report"]["files"]["report.html"]).write_bytes(b"other")
    procedure.run(patient_files / "ct", labels_of(patient_files), case, COARSE)
    assert outcome(case) == outcome(finished)


def test_options_that_this_version_does_not_know_are_bad_input(finished, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(finished, case)
    manifest = document(case, "case.json")
    manifest["options"]["plan"]["draws"] = "many"
    (case / "case.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="options"):
        procedure.again(case, "report")


def test_a_plan_without_a_ct_is_refused(tmp_path, patient_files):
    with pytest.raises(InputError, match="no CT"):
        procedure.run(None, labels_of(patient_files), tmp_path / "case")


def test_stated_sex_is_used_for_norms(patient_files, tmp_path):
    options = procedure.RunOptions(upto="measure")
    procedure.run(patient_files / "ct", labels_of(patient_files), tmp_path / "case", options, Patient(sex="F"))
    assert document(tmp_path / "case", "case.json")["steps"]["measure"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a folder cannot be closed to its superuser")
def test_a_read_only_folder_is_an_environment_fault(tmp_path, patient_files):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Exception, match="cannot write"):
        procedure.run(patient_files / "ct", labels_of(patient_files), tmp_path / "closed" / "case")


def test_labels_moved_aside_are_a_danger_in_the_spine_and_never_planned(patient_files, tmp_path):
    """A label map 9 mm to the left is another patient's bone: said in spine.json, and no plan is written."""
    import nibabel

    image = nibabel.load(labels_of(patient_files))
    moved = image.affine.copy()
    values = np.roll(np.asanyarray(image.dataobj), round(9.0 / np.linalg.norm(moved[:, 0])), axis=0)
    shifted = nibabel.Nifti1Image(values, image.affine, image.header)
    nibabel.save(shifted, tmp_path / "moved_seg-vert_msk.nii.gz")
    options = procedure.RunOptions(upto="plan", plan=PlanOptions(levels="all"))
    with pytest.raises(RefusedError, match="E403"):
        procedure.run(patient_files / "ct", tmp_path / "moved_seg-vert_msk.nii.gz", tmp_path / "case", options)
    told = document(tmp_path / "case", "spine.json")["warnings"]
    assert any(row["severity"] == "danger" and row["where"] == "labels" for row in told)
    assert not (tmp_path / "case" / "plan.json").exists()


@pytest.fixture(scope="session")
def shot_case(finished, tmp_path_factory) -> Path:
    """The finished case with two pictures taken, by the command."""
    from pedicle.app.cli import main

    case = tmp_path_factory.mktemp("shots") / "case"
    shutil.copytree(finished, case)
    for asked in (["--at", "posterior-wall", "--dicom"], ["--view", "true-lateral", "--at", "stay"]):
        with pytest.raises(SystemExit) as left:
            main(["shoot", str(case), *asked, "--quiet"])
        assert left.value.code == 0
    return case


def test_shoot_leaves_picture_words_dicom_and_log_in_the_case(shot_case):
    names = sorted(path.name for path in shot_case.glob("shot-*"))
    assert [name.rsplit(".", 1)[1] for name in names] == ["dcm", "json", "png", "json", "png"]
    lines = [json.loads(line) for line in (shot_case / "operation.jsonl").read_text().splitlines()]
    # After the scripted operation: the needle is put where it was asked, and two pictures are taken.
    after = len(Case.open(shot_case).load("care")["events"])
    done, rest = lines[:-after], lines[-after:]
    assert [line["event"] for line in done[-3:]] == ["needle_moved", "view_taken", "view_taken"]
    before = sum(line["event"] == "view_taken" for line in done[:-3])
    # What followed the operation still does, and the clock never runs back.
    assert rest[-1]["event"] == "discharged"
    assert [line["t_s"] for line in lines] == sorted(line["t_s"] for line in lines)
    assert Case.open(shot_case).load("care")["state"].shots == before + 2
    first, second = (document(shot_case, name) for name in names if name.endswith(".json"))
    assert first["needles"][0]["tip_lps_mm"] == second["needles"][0]["tip_lps_mm"]
    assert (first["edges"]["left"], second["seen_from"]) == ("left", "left")
    assert first["patient_position"] == "HFP"
    assert second["dose_so_far"]["pulses"] == before + 2
    assert Case.open(shot_case).is_whole("operate")


def test_the_picture_is_of_the_plans_bulls_eye(shot_case):
    from pedicle.io.xa.read import read_xa

    level = document(shot_case, "plan.json")["levels"][0]
    needle = next(row for row in level["trajectories"] if row["side"] == level["recommended"][0])
    file = next(shot_case.glob("shot-*.dcm"))
    shot = json.loads(file.with_suffix(".json").read_text())
    found = read_xa(file, shot["isocentre_lps_mm"])
    assert found.view.dicom_primary_deg == pytest.approx(needle["carm_bulls_eye"]["dicom_primary_deg"], abs=0.01)
    assert found.view.dicom_secondary_deg == pytest.approx(needle["carm_bulls_eye"]["dicom_secondary_deg"], abs=0.01)
    np.testing.assert_allclose(found.beam.source_lps_mm, shot["source_lps_mm"], atol=0.01)
    # Down the needle its target, its bone entry and its tip are one point of the picture, to a tenth of the needle.
    ends = found.beam.project(np.array([needle["bone_entry_lps_mm"], needle["target_lps_mm"]]))
    assert np.abs(ends[0] - ends[1]).max() * found.beam.pixel_mm[0] < 0.3


def test_the_same_shots_give_the_same_bytes(shot_case, finished, tmp_path):
    from pedicle.fluoroscopy.options import ShotOptions

    case = tmp_path / "case"
    shutil.copytree(finished, case)
    procedure.shoot(case, ShotOptions(at="posterior-wall", dicom=True))
    procedure.shoot(case, ShotOptions(view="true-lateral", at="stay"))
    for path in [*shot_case.glob("shot-*"), shot_case / "operation.jsonl"]:
        assert (case / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_plan_takes_what_stood_on_the_old_one_away_and_writes_the_report_anew(shot_case, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(shot_case, case)
    before = (case / "report.html").read_bytes()
    procedure.again(case, "plan", PlanOptions(levels="L2"))
    assert [level["level"] for level in document(case, "plan.json")["levels"]] == ["L2"]
    assert (case / "report.html").read_bytes() != before
    assert Case.open(case).manifest["options"]["plan"]["levels"] == "L2"
    assert not list(case.glob("shot-*"))
    assert not (case / "injection-L1.json").exists()
    assert '"level": "L1"' not in (case / "operation.jsonl").read_text()
    assert "fluoroscopy" in document(case, "case.json")["steps"]


def test_the_report_shows_the_expected_pictures_and_the_rule_of_advance(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert 'id="shots-L1"' in page
    assert "Rule of advance" in page
    shown = Case.open(finished).load("fluoroscopy").levels[0]
    assert {shot.kind for shot in shown.shots} == {"AP", "lateral", "bull's-eye"}
    assert len(shown.shots) == 3 * (2 + len(shown.advance))
