"""What a page says of fills, gaps and neighbours: each sentence from its number, nothing about what was not computed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pedicle.mechanics.strength import assess_strength
from pedicle.model import codec
from pedicle.report.borne import borne_facts, fill_chart
from pedicle.report.hardening import strength_pages
from pedicle.report.words import SPACE
from tests.injection.simple_bone import simple_bone
from tests.mechanics.test_strength import COARSE, share_of, vertebra
from tests.mechanics.test_unit import pose_of, stacked


@pytest.fixture(scope="module")
def found():
    open_front = simple_bone(pose=pose_of(0), spacing=2.0, cleft=lambda x, y, z: (abs(z) < 2.0) & (y < 0.0))
    treated = vertebra(open_front, loss=(6.0, 4.0, 2.0))
    options = replace(COARSE, curve=4, neighbours_cell_mm=2.0)
    return assess_strength(
        treated, share_of(treated.bone, 10.0), options, neighbours={"upper": stacked(1), "lower": None}
    )


def test_each_part_has_its_sentence_with_its_numbers(found):
    facts = {name: text.replace(SPACE, " ") for name, text in borne_facts(found)}
    assert list(facts) == ["Gap", "The upper neighbour", "The lower neighbour", "Fill", "Neighbours break?"]
    gap = found.states["fractured"].gap_mm, found.states["augmented"].gap_mm
    assert f"{gap[0]:.2f} mm nearer under 400 N" in facts["Gap"]
    assert f"{100 * (1 - gap[1] / gap[0]):.0f} % of the motion is gone" in facts["Gap"]
    assert f"{100 * found.load_transfer['upper']:+.1f} %" in facts["The upper neighbour"]
    assert "not in the scan" in facts["The lower neighbour"]
    for name, at in zip(
        ("Stiffness", "load at 0.2 %"), (found.fill_curve.intact_at[k] for k in ("stiffness", "screen")), strict=True
    ):
        passing = "does not pass" if at is None else f"passes it at {at[0]:.1f} ml ({at[1]:.0f} % of the body)"
        assert f"{name} {passing}" in facts["Fill"]
    assert "AlAli2009" in facts["Neighbours break?"]
    assert "Borensztein2017" in facts["Neighbours break?"]


def test_the_chart_is_the_same_every_time_and_absent_without_a_curve(found):
    assert fill_chart(found) == fill_chart(found)
    assert "cement in the body, ml" in fill_chart(found)
    assert strength_pages(found).fills is not None
    plain = replace(found, fill_curve=None, neighbours=None, load_transfer=None)
    assert strength_pages(plain).fills is None
    assert [name for name, _ in borne_facts(plain)] == ["Gap"]


def test_a_case_keeps_curve_and_neighbours(found):
    kept = {}

    def put(array):
        kept[str(len(kept))] = array
        return str(len(kept) - 1)

    text = json.dumps(codec.encode(found, put))
    back = codec.decode(json.loads(text), kept.__getitem__)
    assert np.array_equal(back.fill_curve.stiffness_n_mm, found.fill_curve.stiffness_n_mm)
    assert back.neighbours["upper"] == found.neighbours["upper"] or (
        back.neighbours["upper"].high_strain == found.neighbours["upper"].high_strain
    )
    assert back.neighbours["lower"] is None
    assert back.load_transfer == found.load_transfer
