"""The page as a whole: well formed, closed in itself, the same bytes twice, and honest about what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pedicle.model.notices import Notice
from pedicle.report.dossier import Dossier
from pedicle.report.options import ReportOptions
from pedicle.report.render import render
from pedicle.report.words import RESEARCH_ONLY

COARSE = ReportOptions(pixels_per_mm=1.0)
VOID = {"meta", "br", "img", "link", "hr", "input"}
MakeDossier = Callable[..., Dossier]


class Checker(HTMLParser):
    """Elements nest, ids are unique; text and attributes are kept for the tests."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> repeats an attribute")
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "srcset", "poster", "data", "action", "xlink:href"):
                self.references.append(str(value))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in ("style", "script"):
            self.text.append(data)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    return checker


def text_of(page: str) -> str:
    return " ".join(" ".join(checked(page).text).split())


def test_elements_nest_and_ids_are_unique(page: str) -> None:
    found = checked(page)
    assert found.faults == []
    assert found.stack == []
    assert len(found.ids) == len(set(found.ids))
    assert page.startswith("<!doctype html>\n<html lang=")


def test_nothing_is_fetched_and_no_script_is_needed(page: str) -> None:
    found = checked(page)
    assert all(reference.startswith(("data:image/", "#")) for reference in found.references)
    assert {reference[1:] for reference in found.references if reference[0] == "#"} <= set(found.ids)
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"https?://|url\(|@import|\bon\w+=", page)


def test_same_case_same_bytes(dossier: Dossier, page: str, make_dossier: MakeDossier) -> None:
    assert render(make_dossier(), COARSE) == render(dossier, COARSE) == page


def test_case_text_never_becomes_markup(dossier: Dossier) -> None:
    evil = "<img src=x onerror=alert(1)> & \"'</style>"
    notice = Notice("X1", evil, evil, "danger")
    facts = replace(dossier.facts, versions={"pedicle": evil, evil: evil}, references=(evil,))
    vertebra = replace(dossier.spine.vertebrae[0], warnings=(notice,))
    spine = replace(dossier.spine, vertebrae=(vertebra, *dossier.spine.vertebrae[1:]), not_evaluable=(evil,))
    assert dossier.plan is not None
    level = dossier.plan.levels[0]
    trajectory = replace(level.trajectories[0], reasons=(evil,), skin_entry_lps_mm=None, skin_reason=evil)
    level = replace(level, trajectories=(trajectory, level.trajectories[1]), refused=(evil,), why=(evil,))
    plan = replace(dossier.plan, levels=(level, dossier.plan.levels[1]), open_gates=(evil,), purpose=evil)
    shown = render(replace(dossier, facts=facts, spine=spine, plan=plan), COARSE)
    found = checked(shown)
    assert found.faults == []
    assert "img" not in found.tags
    assert "<img" not in shown
    assert shown.count("</style>") == 1
    assert evil in text_of(shown)


def test_missing_values_are_explained_and_never_printed_raw(make_dossier: MakeDossier) -> None:
    whole = make_dossier()
    blank = replace(
        whole.spine.vertebrae[0], heights_mm=None, fracture=None, density=None, pedicles=None, body_width_mm=None,
        body_depth_mm=float("nan"), lps_from_vertebra=None, maps=None, complete=False,
    )  # fmt: skip
    spine = replace(whole.spine, vertebrae=(blank, *whole.spine.vertebrae[1:]), density=None)
    for case in (replace(whole, spine=spine, plan=None), make_dossier(planned=False, scanned=False, invented=False)):
        text = text_of(render(case, COARSE))
        assert not re.search(r"\b(nan|NaN|None|inf|null)\b", text)
        assert "not assessed: " in text


def test_every_figure_of_length_has_its_unit(page: str) -> None:
    text = text_of(page)
    # A spread is never left without a unit behind it.
    assert all(
        re.match(
            r"[\d.]+\s(mm|ml|%|HU|mg/cm³)|[\d.]+°| is one| are| \(1 SD\)", tail.replace("\xa0", " ").lstrip() or " "
        )
        or tail.startswith((" is", " (1"))
        for tail in re.findall(r"±(.{0,12})", text)
    )


def test_the_research_sentence_stands_first_last_and_on_every_sheet(page: str, dossier: Dossier) -> None:
    text = text_of(page)
    assert dossier.plan is not None
    assert text.count(RESEARCH_ONLY) == 2 + len(dossier.plan.levels)
    assert text.index(RESEARCH_ONLY) < text.index("Case")


def test_warnings_come_before_findings_and_the_gravest_first(dossier: Dossier) -> None:
    danger = Notice("X9", "L2", "bone cement already in this body", "danger")
    spine = replace(dossier.spine, warnings=(*dossier.spine.warnings, danger))
    # Behind the contents, which name the parts.
    text = text_of(render(replace(dossier, spine=spine), COARSE).split("</nav>", 1)[1])
    places = [
        text.index(word) for word in ("Stop and look", "Caution", "Note", "Not checked", "Summary", "Measurements")
    ]
    assert places == sorted(places)


def test_an_invented_patient_is_named_on_every_page(make_dossier: MakeDossier, page: str) -> None:
    assert '<div class="watermark"' in page
    assert page.count("INVENTED PATIENT") == 2 + 2
    real = render(make_dossier(invented=False), COARSE)
    assert "INVENTED" not in real
    assert "Invented" not in real


def test_without_a_plan_it_is_a_report_of_measurements(make_dossier: MakeDossier) -> None:
    text = text_of(render(make_dossier(planned=False), COARSE))
    assert "Spine measurements from CT" in text
    assert "No needle was planned" in text
    assert "STOP" not in text


def test_the_page_is_small_enough_to_send(page: str) -> None:
    assert len(page.encode()) < 8_000_000


@pytest.mark.parametrize("level", ["L1", "L2"])
def test_each_level_has_one_sheet(page: str, level: str) -> None:
    assert page.count(f'id="sheet-{level}"') == 1


def test_a_level_without_needles_has_a_sheet_and_no_empty_page(dossier: Dossier) -> None:
    assert dossier.plan is not None
    refused = replace(
        dossier.plan.levels[1], trajectories=(), recommended=(), why=(), true_ap=None, true_lateral=None, cement=None,
        refused=("cut by the border of the scan",),
    )  # fmt: skip
    shown = render(replace(dossier, plan=replace(dossier.plan, levels=(refused,))), COARSE)
    assert 'id="sheet-L2"' in shown
    assert 'id="details-L2"' not in shown
    assert "No needle here" in shown
