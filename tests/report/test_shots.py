"""The pages of expected pictures: what they say is what the case holds, and a withheld needle is never shown."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.expected import STAGES, Advance, Expected, ExpectedLevel, ExpectedShot
from pedicle.model.frames import SUPERIOR
from pedicle.model.notices import Notice
from pedicle.model.orientation import mirrored
from pedicle.model.shot import Dose
from pedicle.report.front import warnings_of
from pedicle.report.options import ReportOptions
from pedicle.report.render import render
from pedicle.report.shots import rule_words, shot_pages

ARM = CArm(1100.0, 700.0, 1.5, 96, 96)
DOSE = Dose(0.0021, 0.031, 0.13, 1, "computed")


def shot(stage, kind, primary, sides, flip=False) -> ExpectedShot:
    view = View.from_dicom_angles("v", primary, 0.0)
    beam = ConeBeam.aimed(ARM, [0.0, 0.0, 0.0], view.detector_lps, SUPERIOR)
    beam = mirrored(beam) if flip else beam
    tips = beam.project(np.array([[12.0 if side == "left" else -12.0, 3.0, 5.0] for side in sides]))
    return ExpectedShot(stage, kind, view, beam, sides, tips, np.full((96, 96), 120, np.uint8), DOSE)


def expected(flip=False) -> Expected:
    both = ("left", "right")
    shots = [shot(stage, "AP", 180.0, both, flip) for stage in STAGES]
    shots += [shot(stage, "lateral", 90.0, both, flip) for stage in STAGES]
    shots += [
        shot(stage, "bull's-eye", 155.0 if side == "left" else -155.0, (side,), flip)
        for side in both
        for stage in STAGES
    ]
    rules = (Advance("L1", "left", True, 2.4, 18.2, 22.3), Advance("L1", "right", False, -1.3, 19.0, 17.5))
    return Expected((ExpectedLevel("L1", tuple(shots), rules, Dose(0.025, 0.37, 1.6, 12, "computed")),))


@pytest.fixture(scope="module")
def page(make_dossier) -> str:
    return render(replace(make_dossier(), expected=expected()), ReportOptions(pixels_per_mm=1.0))


def test_a_level_shows_each_view_at_the_three_stages(page):
    section = page.split('id="shots-L1"')[1].split("</section>")[0]
    assert re.findall(r"<h3>([^<]+) <small", section) == [
        "AP", "Lateral", "Bull&#39;s-eye of the LEFT needle", "Bull&#39;s-eye of the RIGHT needle",
    ]  # fmt: skip
    assert section.count("<figure") == 12
    assert section.count('class="tip"') == 6 * 2 + 6
    assert "0.025" in section
    assert "0.37" in section


def test_the_rule_of_advance_is_said_for_each_needle(page):
    section = " ".join(page.split('id="shots-L1"')[1].split("</section>")[0].split())
    assert "LEFT needle</dt><dd>holds: " in section
    assert "RIGHT needle</dt><dd>DOES NOT HOLD: " in section
    assert "no error" not in section


def test_words_of_a_rule():
    broken = rule_words(Advance("L1", "right", False, -1.3, 19.0, 17.5)).replace("\N{NO-BREAK SPACE}", " ")
    assert broken.startswith("DOES NOT HOLD: it crosses the medial wall on AP 17.5 mm past the bone entry")
    assert "1.3 mm medial" in broken
    assert rule_words(Advance("L1", "left", None, reason="no isthmus measured")) == "not assessed: no isthmus measured"


def test_a_level_without_expected_pictures_has_no_page(page, make_dossier):
    assert 'id="shots-L2"' not in page
    assert "X-ray pictures" in render(make_dossier(), ReportOptions(pixels_per_mm=1.0)).split("Not checked")[1]


def test_a_withheld_needle_is_not_drawn():
    pages = shot_pages(expected(), "L1", ("left",), 70)
    assert pages is not None
    assert [row.title for row in pages.rows] == ["Bull's-eye of the LEFT needle"]
    assert [name for name, _ in pages.rules] == ["LEFT needle"]
    assert shot_pages(expected(), "L1", (), 70) is None


@pytest.mark.parametrize("flip", [False, True])
def test_the_side_letters_stand_where_the_left_tip_is_drawn(flip):
    """The tip of the left needle is left of the midline: it is drawn on the side of the L, flipped or not."""
    pages = shot_pages(expected(flip), "L1", ("left", "right"), 70)
    assert pages is not None
    ap = str(pages.rows[0].figures[0].svg)
    letters = dict(re.findall(r'class="side" text-anchor="(\w+)">([LR])<', ap))
    tip = float(re.findall(r'<circle cx="([\d.]+)"', ap)[0])
    assert letters["start" if tip < 48 else "end"] == "L"
    assert (letters["start"] == "L") is not flip


def test_a_lateral_says_from_where_it_is_seen():
    pages = shot_pages(expected(), "L1", ("left", "right"), 70)
    assert pages is not None
    assert "seen from the patient&#39;s LEFT" in str(pages.rows[1].figures[0].svg)


def test_what_is_missing_in_the_pictures_stands_with_the_warnings(make_dossier):
    cut = Notice("body-cut", "scan", "the CT does not hold the whole body")
    warned = warnings_of(replace(make_dossier(), expected=replace(expected(), warnings=(cut,))))
    assert any("does not hold the whole body" in row.text for row in warned)
