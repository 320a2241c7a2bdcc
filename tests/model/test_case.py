"""The case store: what is committed is found again, whole, and nothing else is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pedicle.model.case import Case
from pedicle.model.errors import BusyError, EnvironmentFault, InputError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.volume import Volume


def some_volume() -> Volume:
    return Volume(Grid((3, 4, 5), np.diag([1.0, 2.0, 3.0, 1.0])), np.arange(60, dtype=np.int16).reshape(3, 4, 5))


def test_a_noun_comes_back_as_it_was(tmp_path):
    notice = Notice("level", "L1", "counted from the sacrum", "note")
    with Case.writing(tmp_path / "case") as case:
        result = {"volume": some_volume(), "names": ("L1", "L2"), "none": None, "ratio": 0.25}
        case.commit("measure", "d1", result, {"spine.json": b"{}"}, {"warnings": (notice,), "references": {"B", "A"}})
    again = Case.open(tmp_path / "case")
    found = again.load("measure")
    assert np.array_equal(found["volume"].values, some_volume().values)
    assert found["volume"].grid.same_place(some_volume().grid, 0.0)
    assert found["names"] == ("L1", "L2")
    assert again.step("measure").warnings == (notice,)
    assert again.manifest["references"] == ["A", "B"]
    assert (tmp_path / "case" / "spine.json").read_bytes() == b"{}"


def test_loaded_arrays_do_not_change_the_store(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.commit("measure", "d", some_volume(), {}, {})
    Case.open(tmp_path / "case").load("measure").values[...] = 7
    assert np.array_equal(Case.open(tmp_path / "case").load("measure").values, some_volume().values)


def test_a_second_writer_is_told_to_wait(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.save_manifest()
        with pytest.raises(BusyError, match="another run"), Case.writing(tmp_path / "case"):
            pass


def test_a_run_that_stored_nothing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), Case.writing(tmp_path / "case"):
        raise RuntimeError("the input was refused")
    assert not (tmp_path / "case").exists()


def test_a_changed_object_is_named(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.commit("measure", "d", some_volume(), {}, {})
    for blob in (tmp_path / "case" / "objects").iterdir():
        blob.write_bytes(b"other")
    with pytest.raises(InputError, match="missing or changed"):
        Case.open(tmp_path / "case").load("measure")


@pytest.mark.parametrize("text", ["[]", "{", '{"schema": "pedicle-case/2"}'])
def test_another_schema_is_refused(tmp_path, text):
    (tmp_path / "case.json").write_text(text)
    with pytest.raises(InputError):
        Case.open(tmp_path)


def test_a_case_file_cannot_name_other_code(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        key = case.put_bytes(json.dumps({"$noun": "Popen", "args": "x"}).encode())
        case.manifest["steps"]["measure"] = {"digest": "d", "result": key, "files": {}, "seconds": 0, "warnings": []}
        case.save_manifest()
    with pytest.raises(InputError, match="Popen"):
        Case.open(tmp_path / "case").load("measure")


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot write"), Case.writing(tmp_path / "file" / "case"):
        pass


def test_a_step_not_run_names_the_command(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.save_manifest()
        with pytest.raises(InputError, match="--upto plan"):
            case.load("plan")


def _without_steps(manifest):
    del manifest["steps"]


def _list_of_steps(manifest):
    manifest["steps"] = []


def _empty_record(manifest):
    manifest["steps"]["measure"] = {}


def _strange_warning(manifest):
    manifest["steps"]["measure"]["warnings"] = [{"a": 1}]


def _file_outside(manifest):
    manifest["steps"]["measure"]["files"] = {"../spine.json": manifest["steps"]["measure"]["result"]}


@pytest.mark.parametrize("edit", [_without_steps, _list_of_steps, _empty_record, _strange_warning, _file_outside])
def test_a_manifest_of_another_shape_is_refused(tmp_path, edit):
    with Case.writing(tmp_path / "case") as case:
        case.commit("measure", "d", some_volume(), {"spine.json": b"{}"}, {})
    manifest = json.loads((tmp_path / "case" / "case.json").read_text())
    edit(manifest)
    (tmp_path / "case" / "case.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="E603"):
        Case.open(tmp_path / "case")


def test_a_forgotten_step_takes_its_files_along(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.commit("measure", "d", some_volume(), {"spine.json": b"{}"}, {})
        case.commit("plan", "e", some_volume(), {"plan.json": b"{}"}, {})
        case.forget(["plan", "report"])
    assert not (tmp_path / "case" / "plan.json").exists()
    assert (tmp_path / "case" / "spine.json").exists()
    assert Case.open(tmp_path / "case").step("plan") is None


def test_what_a_killed_run_had_begun_to_write_is_swept_by_the_next_one(tmp_path):
    folder = tmp_path / "case"
    with Case.writing(folder) as case:
        case.put_bytes(b"whole")
        case.save_manifest()
    begun = [folder / ".report.html.17.part", folder / "objects" / ".abc.17.part"]
    for path in begun:
        path.write_bytes(b"half")
    with Case.writing(folder):
        pass
    assert not any(path.exists() for path in begun)
    assert (folder / "case.json").exists()
