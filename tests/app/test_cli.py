"""The command line: every failure is one line with its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pedicle.app.cli import main
from pedicle.model.case import Case


def leave(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def one_line(text: str) -> str:
    assert len(text.strip().splitlines()) == 1, text
    assert "Traceback" not in text
    return text.strip()


def test_run_without_labels_says_how_to_get_one(tmp_path, capsys):
    (tmp_path / "ct.nii").write_bytes(b"x")
    assert leave(["run", str(tmp_path / "ct.nii"), "--out", str(tmp_path / "case"), "--quiet"]) == 2
    line = one_line(capsys.readouterr().err)
    assert line.startswith("E100 ct.nii: no label map")
    assert "--labels" in line
    assert not (tmp_path / "case").exists()


def test_an_unknown_option_is_bad_input(capsys):
    assert leave(["run", "ct", "--nonsense", "3"]) == 2
    assert one_line(capsys.readouterr().err).startswith("E102 command line")


def test_an_option_outside_its_bounds_is_bad_input(capsys):
    assert leave(["plan", "case", "--entry-error-mm", "12"]) == 2
    assert "less than or equal to 5" in one_line(capsys.readouterr().err)


def test_an_option_of_another_kind_is_named_in_one_line_and_in_json(capsys):
    assert leave(["plan", "case", "--gauge", "abc", "--json"]) == 2
    said = capsys.readouterr()
    line = one_line(said.err)
    assert line.startswith("E102 command line: --gauge abc: input should be a valid integer")
    assert "http" not in line
    assert json.loads(said.out) == {"error": line, "exit": 2}


@pytest.mark.parametrize("arguments", [["run", "", "--out", "x"], ["run", "ct", "--labels", ""], ["plan", ""]])
def test_an_empty_path_is_not_the_current_folder(arguments, capsys):
    assert leave(arguments) == 2
    assert "empty argument" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999999"])
def test_a_seed_no_generator_takes_is_bad_input(seed, tmp_path, capsys):
    assert leave(["phantom", "--seed", seed, "--out", str(tmp_path / "p")]) == 2
    assert one_line(capsys.readouterr().err).startswith("E102")
    assert leave(["plan", str(tmp_path), "--seed", seed]) == 2
    assert one_line(capsys.readouterr().err).startswith("E102 command line: --seed")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line():
    command = f"{sys.executable} -m pedicle phantom --name nonsense --out x --json > /dev/full"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert one_line(done.stderr).startswith("E641 stdout")


def test_a_reader_that_went_away_is_no_failure(tmp_path):
    with Case.writing(tmp_path / "case") as case:
        case.commit("measure", "d", {}, {}, {"references": {"AssumedHere"}})
    command = f"{sys.executable} -m pedicle cite {tmp_path / 'case'}"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command.split(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_without_a_case_is_named(tmp_path, capsys):
    assert leave(["plan", str(tmp_path), "--quiet"]) == 2
    assert one_line(capsys.readouterr().err).startswith("E601")


def test_json_failures_are_json_on_stdout(tmp_path, capsys):
    assert leave(["cite", str(tmp_path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["exit"] == 2
    assert found["error"].startswith("E601")


def test_an_interrupt_while_a_command_is_imported_is_one_line(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pedicle.app.cli.app", interrupted)
    assert leave(["cite", "case"]) == 130
    assert one_line(capsys.readouterr().err).startswith("E130")


def test_python_m_pedicle_is_the_same_program():
    out = subprocess.run([sys.executable, "-m", "pedicle", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout.strip()


def test_verify_prints_computed_beside_exact_and_leaves_with_zero(capsys):
    import json

    from pedicle.app.cli import main

    with pytest.raises(SystemExit) as left:
        main(["verify", "--solver", "ordered", "--json"])
    assert left.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == 0
    assert {"ordered", "delivery", "heat", "elastic"} == {row["solver"] for row in found["answers"]}
    assert len(found["answers"]) > 30
