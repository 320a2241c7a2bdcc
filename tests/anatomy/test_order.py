"""Gaps, swaps and odd spacing are seen; counts say where they were counted from."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.anatomy.order import check_order, check_piece, count_levels
from pedicle.model.grid import Grid
from pedicle.model.scan import LabelMap
from pedicle.model.volume import Volume

NAMES = ["T11", "T12", "L1", "L2", "L3"]


def line(*z):
    return np.array([[0.0, 0.0, height] for height in z])


def codes(notices):
    return {(notice.code, notice.where) for notice in notices}


def test_a_usual_spine_has_nothing_to_say():
    assert check_order(NAMES, line(120, 95, 68, 38, 5)) == []


def test_a_missing_level_is_a_gap():
    assert codes(check_order(["T12", "L1", "L3"], line(90, 62, 0))) == {("level-gap", "L1-L3")}


def test_swapped_labels_are_out_of_order():
    assert ("level-order", "T12-L1") in codes(check_order(NAMES, line(120, 68, 95, 38, 5)))


def test_a_spine_upside_down_is_out_of_order():
    assert any(notice.severity == "danger" for notice in check_order(NAMES, line(5, 38, 68, 95, 120)))


def test_an_unlabelled_vertebra_shows_as_double_spacing():
    assert ("level-spacing", "L1-L2") in codes(check_order(NAMES, line(150, 122, 95, 35, 5)))


def test_two_labels_in_one_body_are_too_close():
    assert ("level-spacing", "L1-L2") in codes(check_order(NAMES, line(120, 95, 68, 60, 30)))


@pytest.mark.parametrize("extra", ["T13", "L6"])
def test_supernumerary_levels_are_said(extra):
    names = ["T12", "T13", "L1"] if extra == "T13" else ["L4", "L5", "L6"]
    assert codes(check_order(names, line(90, 62, 32))) == {("level-unusual", extra)}


def test_a_label_in_two_halves_is_said():
    halves = np.zeros((20, 20, 20), bool)
    halves[:, :, :8] = True
    halves[:, :, 12:] = True
    assert codes(check_piece("L2", halves)) == {("level-pieces", "L2")}
    halves[:, :, 8:12] = True
    assert check_piece("L2", halves) == []


def labels_with(*landmarks):
    return LabelMap(Volume(Grid((1, 1, 1), np.eye(4)), np.zeros((1, 1, 1), np.uint8)), "verse", landmarks=landmarks)


def test_counts_stop_at_a_gap():
    counts = count_levels(labels_with("sacrum"), ["T12", "L1", "L3", "L4", "L5"])
    assert {name: count.basis for name, count in counts.items()} == {
        "T12": "given", "L1": "given", "L3": "sacrum", "L4": "sacrum", "L5": "sacrum",
    }  # fmt: skip


def test_a_sacrum_far_below_counts_nothing():
    assert {c.basis for c in count_levels(labels_with("sacrum"), ["T11", "T12"]).values()} == {"given"}


def test_two_independent_counts_are_trusted_most():
    whole = ["C2", *[f"C{n}" for n in range(3, 8)], *[f"T{n}" for n in range(1, 13)], *[f"L{n}" for n in range(1, 6)]]
    both, one, none = (count_levels(labels_with(*marks), whole)["T8"] for marks in (("sacrum", "c2"), ("c2",), ()))
    assert (both.counts, one.counts, none.counts) == (2, 1, 0)
    assert both.confidence > one.confidence > none.confidence
    assert (both.basis, one.basis, none.basis) == ("sacrum", "c2", "given")
