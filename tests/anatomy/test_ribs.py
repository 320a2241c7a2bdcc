"""Where the last ribs hang is found by geometry: twelve, eleven or thirteen pairs, one side, short ones, a border that cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.anatomy.field import label_boxes
from pedicle.anatomy.order import count_levels
from pedicle.anatomy.ribs import RibCount, count_ribs, rib_conflict
from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import LabelMap, sorted_levels
from pedicle.model.volume import Volume

STEP = 2.0
SHAPE = (90, 60, 90)
LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3")


def drawn(ribs: dict[str, float], levels=LEVELS, landmarks=("sacrum",), one_sided=(), wide=True) -> LabelMap:
    """Blocks of 40 x 30 x 20 mm every 28 mm with ribs straight to both sides: level -> length in mm."""
    labels, bones = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    for n, level in enumerate(levels):
        top = 84 - 14 * n
        labels[35:55, 20:35, top - 10 : top] = verse_of_level(level)
        voxels = int(ribs.get(level, 0) / STEP)
        if voxels:
            bones[56 : min(56 + voxels, SHAPE[0]), 30:34, top - 5 : top - 2] = 1
        if voxels and level not in one_sided:
            bones[max(34 - voxels, 0) : 34, 30:34, top - 5 : top - 2] = 1
    matrix = np.diag([STEP, STEP, STEP, 1.0])
    if not wide:
        labels, bones, matrix[0, 3] = labels[32:58], bones[32:58], 32 * STEP
    grid = Grid(labels.shape, matrix)
    masks = {"ribs": Volume(grid, bones)} if bones.any() else None
    return LabelMap(Volume(grid, labels), "verse", landmarks=(*landmarks, "ribs"), structures=masks)


def counted(labels: LabelMap):
    ribs = count_ribs(labels, label_boxes(labels.volume))
    return ribs, count_levels(labels, labels.levels, ribs)


TWELVE = {"T10": 100, "T11": 90, "T12": 60}
FULL = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")


def test_the_last_rib_at_t12_counts_every_level_it_can_reach():
    ribs, counts = counted(drawn(TWELVE, landmarks=()))
    assert (ribs.last, ribs.firm, ribs.notices) == ("T12", True, ())
    assert {(c.basis, c.counts) for c in counts.values()} == {("ribs", 1)}


@pytest.mark.parametrize(("extra", "counts"), [("", 2), ("L6", 1), ("T13", 1)])
def test_sacrum_and_last_rib_are_two_counts_but_for_an_extra_vertebra(extra, counts):
    """Six lumbar vertebrae over a sacrum under the twelfth rib are as well five under a rib left out: only C2 tells."""
    names = sorted_levels([*FULL, *([extra] if extra else [])])
    last = "T13" if extra == "T13" else "T12"
    found = count_levels(drawn(TWELVE), names, RibCount(last, True, expected=last))
    assert {(c.basis, c.counts) for c in found.values()} == {("sacrum", counts)}


def relabelled(volume: Volume, names: dict[str, str]) -> Volume:
    """The same places under other names."""
    table = np.arange(256, dtype=np.uint8)
    for old, new in names.items():
        table[verse_of_level(old)] = verse_of_level(new)
    return volume.with_values(table[volume.values])


def test_a_map_named_one_level_too_low_is_contradicted():
    """Twelve pairs, every label one vertebra too low: L1 seems to carry ribs. What a numbering error looks like."""
    right = drawn(TWELVE)
    wrong = replace(right, volume=relabelled(right.volume, dict(zip(LEVELS, (*LEVELS[1:], "L4"), strict=True))))
    ribs, counts = counted(wrong)
    told = rib_conflict(ribs, proven=False)
    assert ribs.last == "L1"
    assert [(n.code, n.where, n.severity) for n in told] == [("rib-count", "L1", "danger")]
    assert "lumbar rib" in told[0].text
    assert {(c.conflict, c.counts) for c in counts.values()} == {(True, 0)}
    assert max(c.confidence for c in counts.values()) <= 0.5


def test_the_spine_says_what_the_ribs_contradict_and_the_level_says_why():
    right = drawn(TWELVE)
    wrong = replace(right, volume=relabelled(right.volume, dict(zip(LEVELS, (*LEVELS[1:], "L4"), strict=True))))
    told = {labels: find_vertebrae(None, labels) for labels in (right, wrong)}
    assert "rib-count" not in {notice.code for notice in told[right].warnings}
    assert [n.severity for n in told[wrong].warnings if n.code == "rib-count"] == ["danger"]
    (words,) = {n.text for v in told[wrong].vertebrae for n in v.warnings if n.code == "level-unverified"}
    assert words == "level unverified: taken from the label map; the last ribs say otherwise"


def test_an_extra_vertebra_names_the_only_landmark_that_settles_it():
    labels = drawn({"T12": 60, "T11": 90}, levels=("T11", "T12", "L1", "L2", "L3", "L6"), landmarks=())
    words = {n.text for v in find_vertebrae(None, labels).vertebrae for n in v.warnings if n.code == "level-unverified"}
    assert any("an extra vertebra (T13 or L6) is labelled, only C2 can settle it" in text for text in words)


def test_eleven_pairs_leave_the_choice_open():
    ribs, _ = counted(drawn({"T10": 100, "T11": 90}))
    (told,) = rib_conflict(ribs, proven=False)
    assert (ribs.last, told.severity) == ("T11", "danger")
    assert "not known" in told.text


def test_where_c2_and_sacrum_agree_ribs_only_inform():
    whole = ["C2", *[f"C{n}" for n in range(3, 8)], *[f"T{n}" for n in range(1, 13)], *[f"L{n}" for n in range(1, 6)]]
    labels = drawn({"T10": 100, "T11": 90}, landmarks=("sacrum", "c2"))
    ribs, _ = counted(labels)
    counts = count_levels(labels, whole, ribs)
    assert {(c.counts, c.conflict) for c in counts.values()} == {(2, False)}
    assert rib_conflict(ribs, proven=True)[0].severity == "caution"


def test_thirteen_pairs_are_settled_by_c2_alone():
    levels = ("T11", "T12", "T13", "L1", "L2", "L3")
    labels = drawn({"T11": 90, "T12": 90, "T13": 60}, levels=levels)
    ribs, counts = counted(labels)
    assert (ribs.last, rib_conflict(ribs, False)) == ("T13", [])
    assert max(c.counts for c in counts.values()) == 1


def test_a_thirteenth_vertebra_without_ribs_is_contradicted():
    ribs, counts = counted(drawn({"T11": 90, "T12": 60}, levels=("T11", "T12", "T13", "L1", "L2", "L3")))
    (told,) = rib_conflict(ribs, False)
    assert "T13 is labelled and carries no labelled rib" in told.text
    assert any(c.conflict for c in counts.values())


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (drawn(TWELVE, one_sided=("T12",)), "one side only, none on the right"),
        (drawn({**TWELVE, "T12": 20}), "shorter than 38 mm"),
    ],
    ids=["one side", "short"],
)
def test_a_doubtful_last_pair_is_said_and_does_not_count(labels, word):
    ribs, counts = counted(labels)
    assert (ribs.last, ribs.firm) == ("T12", False)
    assert any(word in notice.text for notice in ribs.notices)
    assert "ribs" not in {c.basis for c in counts.values()}


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (drawn({"T10": 100, "T11": 90, "T12": 60}, levels=LEVELS[:3]), "no level labelled below T12"),
        (drawn(TWELVE, wide=False), "cut by the border"),
        (drawn({"T12": 60}), "none at T11"),
    ],
    ids=["nothing below", "narrow scan", "ribs missing above"],
)
def test_what_the_scan_does_not_show_is_not_counted(labels, word):
    ribs, counts = counted(labels)
    assert ribs.last is None
    assert word in ribs.notices[0].text
    assert "ribs" not in {c.basis for c in counts.values()}
    assert not any(c.conflict for c in counts.values())


def test_without_ribs_there_is_nothing_to_count():
    assert count_ribs(drawn({}), label_boxes(drawn({}).volume)) is None


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 1.0), (3.0, 3.0, 3.0)])
def test_the_voxel_does_not_decide(spacing):
    coarse = drawn(TWELVE)
    shape = tuple(int(n * STEP / s) for n, s in zip(SHAPE, spacing, strict=True))
    grid = Grid(shape, np.diag([*spacing, 1.0]))
    assert coarse.structures is not None
    labels = replace(
        coarse,
        volume=coarse.volume.resampled(grid, order=0, fill=0),
        structures={"ribs": coarse.structures["ribs"].resampled(grid, order=0, fill=0)},
    )
    ribs, _ = counted(labels)
    assert (ribs.last, ribs.firm) == ("T12", True)
