"""The command line: every failure is one line with its exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pedicle.app.cli import main


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


def test_a_folder_without_a_case_is_named(tmp_path, capsys):
    assert leave(["plan", str(tmp_path), "--quiet"]) == 2
    assert one_line(capsys.readouterr().err).startswith("E601")


def test_json_failures_are_json_on_stdout(tmp_path, capsys):
    assert leave(["cite", str(tmp_path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["exit"] == 2
    assert found["error"].startswith("E601")


def test_python_m_pedicle_is_the_same_program():
    out = subprocess.run([sys.executable, "-m", "pedicle", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout.strip()
