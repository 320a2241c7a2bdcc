"""From a case folder to the page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.report.citations import cited, line_of
from pedicle.report.dossier import Dossier
from pedicle.report.options import ReportOptions
from pedicle.report.render import render
from pedicle.report.write import write_report


def filled(folder: Path, dossier: Dossier, upto: str) -> Case:
    with Case.writing(folder) as case:
        case.manifest["inputs"] = [vars(item) for item in dossier.facts.inputs]
        case.manifest["versions"] = dict(dossier.facts.versions)
        results = {
            "read": {"scan": dossier.scan, "labels": dossier.labels, "patient": dossier.patient},
            "measure": dossier.spine,
            "plan": dossier.plan,
        }
        for step, result in results.items():
            case.commit(step, step, result, {}, {})
            if step == upto:
                break
    return Case.open(folder)


def test_a_case_gives_the_page_of_its_nouns(tmp_path: Path, dossier: Dossier, page: str) -> None:
    files = write_report(filled(tmp_path / "a", dossier, "plan"), ReportOptions(pixels_per_mm=1.0))
    assert list(files) == ["report.html"]
    assert files["report.html"].decode() == page


def test_another_folder_gives_the_same_bytes(tmp_path: Path, dossier: Dossier) -> None:
    first = write_report(filled(tmp_path / "Miller, Anna 1947", dossier, "measure"))
    second = write_report(filled(tmp_path / "b", dossier, "measure"))
    assert first == second
    assert b"Miller" not in first["report.html"]


def test_steps_that_did_not_run_are_named(tmp_path: Path, dossier: Dossier) -> None:
    case = filled(tmp_path / "c", dossier, "read")
    with pytest.raises(InputError) as refused:
        write_report(case)
    assert refused.value.code == 604


def test_five_levels_are_drawn_in_time(make_dossier: Callable[..., Dossier]) -> None:
    five = make_dossier(levels=("T12", "L1", "L2", "L3", "L4"), spacing_mm=2.0)
    start = time.process_time()
    html = render(five)
    # 8 s is the promise on an idle machine; processor time, so that a busy one does not count.
    assert time.process_time() - start < 8.0
    assert len(html) < 8_000_000


def without_pictures(page: str) -> str:
    return re.sub(r"data:image/jpeg;base64,[^\"]+", "", page)


def test_picture_options_change_the_pictures_alone(dossier: Dossier, page: str) -> None:
    coarse = render(dossier, ReportOptions(pixels_per_mm=1.0, jpeg_quality=40))
    assert coarse != page
    assert without_pictures(coarse) == without_pictures(page)


def test_references_are_lines_without_addresses_to_follow() -> None:
    entry = "@misc{X, author = {A and B}, title = {{Spine} things}, year = 2020, url = {https://example.org/x}}"
    assert line_of(entry) == "A; B. Spine things. 2020. example.org/x"
    assert cited(("Nowhere",)) == [("Nowhere", "no entry in references.bib")]
