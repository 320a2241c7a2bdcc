"""Left stays left: in words, in letters, and when the patient is mirrored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pedicle.report.dossier import Dossier
from pedicle.report.figures import Studio, needle_figures
from pedicle.report.front import warnings_of
from pedicle.report.options import ReportOptions
from pedicle.report.prone import prone_figure
from pedicle.report.render import render
from pedicle.report.sheet import Sheet, sheet_of
from pedicle.report.sides import midline_words, side_of

MakeDossier = Callable[..., Dossier]


def sheet(dossier: Dossier, level: str) -> Sheet:
    assert dossier.plan is not None
    return sheet_of(dossier, dossier.plan[level])


def swapped(text: str) -> str:
    turn = {"LEFT": "RIGHT", "RIGHT": "LEFT", "left": "right", "right": "left"}
    return re.sub(r"LEFT|RIGHT|left|right", lambda found: turn[found[0]], text)


def test_side_words_come_from_geometry(dossier: Dossier) -> None:
    card = sheet(dossier, "L2").cards[0]
    assert dossier.plan is not None
    trajectory = dossier.plan["L2"].trajectories[0]
    vertebra = dossier.spine["L2"]
    # LPS: x grows to the patient's left.
    assert trajectory.bone_entry_lps_mm[0] > vertebra.centroid_lps_mm[0]
    assert card.side == "LEFT"
    assert "LEFT of midplane" in card.skin
    assert "toward the patient's left" in card.carm


def test_a_mirrored_patient_gives_mirrored_words(make_dossier: MakeDossier) -> None:
    plain, mirrored = sheet(make_dossier(), "L2").cards[0], sheet(make_dossier(mirror=True), "L2").cards[0]
    assert mirrored.side == "RIGHT"
    assert mirrored.skin == swapped(plain.skin)
    assert mirrored.carm == swapped(plain.carm)
    assert (mirrored.depths, mirrored.nearest) == (plain.depths, plain.nearest)


def test_words_at_the_edges_of_a_mirrored_patient_stay_where_they_belong(make_dossier: MakeDossier) -> None:
    """The camera does not move when the patient is mirrored: edges keep their words, the needle changes its half."""
    places = []
    for mirror in (False, True):
        dossier = make_dossier(mirror=mirror)
        assert dossier.plan is not None
        trajectory = next(t for t in dossier.plan["L2"].trajectories if t.feasible)
        studio = Studio.of(dossier, dossier.spine["L2"], ReportOptions(pixels_per_mm=1.0))
        axial, _, coronal, probe = needle_figures(studio, trajectory)
        for figure in (axial, coronal):
            # In a picture seen from the feet or the front the patient's right is at the picture's left.
            assert first_letter(figure.svg) == ("R", "start")
        assert first_letter(probe.svg) == ("L", "start")
        assert ("LEFT" if not mirror else "RIGHT") + " of the midline" in str(coronal.svg)
        places.append(cross_x(coronal.svg))
    # Both crosses lie 4 mm to either side of the middle of an 84 mm picture.
    assert places[0] == pytest.approx(42.0 + 4.0, abs=0.2)
    assert places[1] == pytest.approx(42.0 - 4.0, abs=0.2)


def first_letter(svg: str) -> tuple[str, str]:
    found = re.search(r'class="side" text-anchor="(\w+)">([LR])<', svg)
    assert found is not None
    return found[2], found[1]


def cross_x(svg: str) -> float:
    found = re.search(r'd="M([\d.]+) ([\d.]+)L([\d.]+) \2" class="cross"', svg)
    assert found is not None
    return (float(found[1]) + float(found[3])) / 2


def test_a_flipped_affine_shows_the_bright_side_at_the_other_letter(make_dossier: MakeDossier) -> None:
    """The picture is read through the affine: turning the affine's first axis turns the picture, not the words."""
    from pedicle.model.grid import Grid
    from pedicle.model.volume import Volume
    from pedicle.report.figures import slice_of
    from pedicle.report.views import facing

    dossier = make_dossier()
    assert dossier.scan is not None
    volume = dossier.scan.volume
    values = np.full(volume.grid.shape, -1000, np.int16)
    values[volume.grid.shape[0] // 2 + 5 :] = 1500
    matrix = np.array(volume.grid.lps_from_ijk)
    plane = facing(volume.grid.centre_lps_mm, [1, 0, 0], [0, 1, 0], (80.0, 80.0))
    bright = {}
    for name, sign in (("as it is", 1.0), ("flipped", -1.0)):
        turned = matrix.copy()
        turned[:3, 0] *= sign
        if sign < 0:
            turned[:3, 3] += matrix[:3, 0] * (volume.grid.shape[0] - 1)
        scan = replace(dossier.scan, volume=Volume(Grid(volume.grid.shape, turned), values))
        grey = slice_of(replace(dossier, scan=scan), plane, ReportOptions(pixels_per_mm=1.0)).astype(float)
        bright[name] = "right" if grey[:, 60:].mean() > grey[:, :20].mean() else "left"
    assert plane.edges["right"] == "left"
    # High index is the patient's left in the first affine (picture right) and the patient's right in the flipped one.
    assert bright == {"as it is": "right", "flipped": "left"}


def test_a_needle_named_for_the_wrong_side_is_withheld(dossier: Dossier) -> None:
    assert dossier.plan is not None
    level = dossier.plan["L2"]
    wrong = replace(level.trajectories[0], side="right")
    level = replace(level, trajectories=(wrong,), recommended=("right",))
    case = replace(dossier, plan=replace(dossier.plan, levels=(level,)))
    made = sheet(case, "L2")
    assert made.cards == ()
    assert "withheld" in made.refused[0]
    first = warnings_of(case)[0]
    assert (first.severity, first.where) == ("danger", "L2 right")
    assert "its bone entry lies left" in first.text
    assert 'id="needle-L2-right"' not in render(case, ReportOptions(pixels_per_mm=1.0))


def test_side_is_read_in_the_vertebras_own_frame(dossier: Dossier) -> None:
    vertebra = dossier.spine["L2"]
    assert side_of(vertebra, vertebra.centroid_lps_mm + np.array([3.0, 40.0, 0.0])) == "left"
    assert side_of(vertebra, vertebra.centroid_lps_mm - np.array([3.0, 40.0, 0.0])) == "right"
    assert midline_words(vertebra, vertebra.centroid_lps_mm + np.array([0.2, 5.0, 0.0])) == "on the midline"


@pytest.mark.parametrize(("side", "place"), [("LEFT", "L"), ("RIGHT", "R")])
def test_the_small_figure_marks_the_side_of_its_letter(side: str, place: str) -> None:
    drawing = str(prone_figure([side]))
    entry = re.search(r'cx="([\d.]+)"[^>]*class="entry"', drawing)
    letters = {letter: float(x) for x, letter in re.findall(r'<text x="([\d.]+)"[^>]*>([LR])<', drawing)}
    assert entry is not None
    other = "R" if place == "L" else "L"
    assert abs(float(entry[1]) - letters[place]) < abs(float(entry[1]) - letters[other])
