"""Every good and bad label map of the book comes out as its row says: right level at the right place, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.inputs_labels import ANY, CASES, CT, MASK, VERSE, boxes, judge, labels
from benchmarks.inputs_nifti import HU, MATRIX
from benchmarks.nifti_maker import Nifti
from pedicle.io.labelmap.reader import bodies_mask, bodies_with_levels, no_labels_error
from pedicle.io.nifti import read_nifti_labels
from pedicle.io.options import ImportOptions
from pedicle.io.read import read_ct, read_labels
from pedicle.model.errors import InputError


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_case_comes_out_as_its_row_says(case, tmp_path: Path):
    outcome = judge(case, tmp_path)
    assert outcome.holds, outcome.verdict


def test_the_book_is_large_enough():
    assert len([case for case in CASES if case.code is not None]) >= 30


def test_no_number_means_a_level_by_itself(tmp_path: Path):
    """20 is L1 in VerSe, L3 in TotalSegmentator 1, the colon in version 2: without a name nobody knows."""
    labels(ANY, boxes({"L1": 20}))(tmp_path)
    with pytest.raises(InputError, match="--scheme"):
        read_labels(tmp_path / ANY)
    meant = {
        name: read_labels(tmp_path / ANY, None, ImportOptions(scheme=name)).levels
        for name in ("verse", "totalsegmentator-v1")
    }
    assert meant == {"verse": ["L1"], "totalsegmentator-v1": ["L3"]}
    with pytest.raises(InputError, match="no vertebra"):
        read_labels(tmp_path / ANY, None, ImportOptions(scheme="totalsegmentator-v2"))


def test_mirrored_ct_and_labels_are_mirrored_together(tmp_path: Path):
    flip = np.diag([-1.0, 1, 1, 1])
    places = []
    for name, matrix in (("a", MATRIX), ("b", flip @ MATRIX)):
        folder = tmp_path / name
        folder.mkdir()
        Nifti(HU, matrix).save(folder / CT)
        labels(MASK, boxes(VERSE), matrix=matrix)(folder)
        found = read_labels(folder / MASK, read_ct(folder / CT)).volume
        places.append(found.grid.lps_from_index(np.argwhere(found.values == 20)).mean(axis=0))
    np.testing.assert_allclose(places[1], places[0] * [-1, 1, 1], atol=1e-4)


def test_labels_alone_keep_their_own_grid(tmp_path: Path):
    labels(MASK, boxes(VERSE))(tmp_path)
    found = read_labels(tmp_path / MASK)
    assert found.volume.grid.same_place(read_nifti_labels(tmp_path / MASK).volume.grid, 1e-6)
    assert found.volume.values.dtype == np.uint8


def test_bodies_take_their_level_from_the_map_they_lie_in(tmp_path: Path):
    whole, bodies = boxes(VERSE), boxes({"T12": 1, "L1": 1})
    bodies[:30] = 0
    labels(MASK, whole)(tmp_path)
    labels(ANY, bodies)(tmp_path)
    levels = read_labels(tmp_path / MASK)
    mask = bodies_mask(read_nifti_labels(tmp_path / ANY, ImportOptions(scheme="vertebrae-body")), "vertebrae-body")
    found = bodies_with_levels(mask, levels)
    assert (found.coverage, found.levels) == ("body", ["T12", "L1"])
    expected = np.where(bodies > 0, whole, 0)
    assert (found.volume.values == expected).all()


def test_bodies_without_a_body_label_are_refused(tmp_path: Path):
    labels(ANY, boxes({"L1": 2}))(tmp_path)
    with pytest.raises(InputError, match="no vertebral bodies"):
        bodies_mask(read_nifti_labels(tmp_path / ANY, ImportOptions(scheme="vertebrae-body")), "vertebrae-body")


def test_spineps_keeps_ribs_and_drops_discs(tmp_path: Path):
    labels(MASK, boxes({"T12": 19, "L1": 51, "L2": 119}))(tmp_path)
    found = read_labels(tmp_path / MASK, None, ImportOptions(scheme="spineps"))
    assert found.levels == ["T12"]
    assert found.landmarks == ("ribs",)
    assert found.structures is not None
    assert (found.structures["ribs"].values == (boxes({"L1": 1}) > 0)).all()


PARTS = "sub-x_seg-spine_msk.nii.gz"


@pytest.mark.parametrize(
    ("name", "values", "fix"),
    [
        (PARTS, {"T12": 50, "L1": 41}, "--labels sub-x_seg-vert_msk.nii.gz --scheme spineps"),
        (ANY, {"T12": 50, "L1": 41}, "SPINEPS map of parts"),
        (ANY, {"T12": 50, "L1": 20}, "label numbers without names ("),
        (MASK, {"T12": 19, "L1": 119}, "--scheme spineps"),
        (MASK, {"T12": 19, "L1": 90}, "--scheme NAME"),
    ],
    ids=["parts by name", "parts without names", "no parts", "discs beside vertebrae", "unknown"],
)
def test_what_spineps_writes_is_refused_with_the_file_or_scheme_that_helps(name, values, fix, tmp_path: Path):
    labels(name, boxes(values))(tmp_path)
    with pytest.raises(InputError) as caught:
        read_labels(tmp_path / name)
    assert caught.value.code == 52
    assert fix in str(caught.value)


def test_a_missing_label_map_is_told_with_the_way_to_get_one():
    line = str(no_labels_error("ct.nii.gz"))
    assert line.startswith("E100 ct.nii.gz: no label map")
    assert "TotalSegmentator" in line
    assert "--labels" in line


def test_labels_alone_in_metres_are_refused(tmp_path: Path):
    matrix = np.diag([0.001, 0.001, 0.001, 1.0]) @ MATRIX
    labels(MASK, boxes(VERSE), matrix=matrix)(tmp_path)
    with pytest.raises(InputError, match="unit of length") as caught:
        read_labels(tmp_path / MASK)
    assert caught.value.code == 27


def masks(folder: Path, **given: np.ndarray) -> Path:
    """A folder as TotalSegmentator leaves it: one mask a class."""
    folder.mkdir()
    for name, values in given.items():
        Nifti(values, MATRIX, dtype="<u1").save(folder / f"{name}.nii.gz")
    return folder


def test_a_folder_of_masks_is_one_label_map(tmp_path: Path):
    truth = boxes({"T12": 19, "L1": 20})
    folder = masks(
        tmp_path / "segmentations",
        vertebrae_T12=truth == 19,
        vertebrae_L1=truth == 20,
        aorta=boxes({"L2": 1}),
        liver=np.ones(truth.shape),
    )
    found = read_labels(folder)
    assert (found.scheme, found.levels, list(found.structures or ())) == (
        "totalsegmentator-v2",
        ["T12", "L1"],
        ["aorta"],
    )
    assert (found.volume.values == truth).all()


def test_a_sixth_lumbar_mask_keeps_its_name(tmp_path: Path):
    folder = masks(
        tmp_path / "s", vertebrae_L5=boxes({"T12": 1}), vertebrae_L6=boxes({"L1": 1}), vertebrae_S1=boxes({"L2": 1})
    )
    found = read_labels(folder)
    assert found.levels == ["L5", "L6"]
    assert found.landmarks == ("sacrum",)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"liver": boxes({"L1": 1})}, 52),
        ({"vertebrae_L1": boxes({"L1": 7})}, 52),
        ({"vertebrae_L1": boxes({"L1": 1}), "vertebrae_L2": boxes({"L1": 1})}, 52),
        ({"vertebrae_L1": boxes({"L1": 1}), "vertebrae_L2": boxes({"L2": 1})[1:]}, 51),
        ({"aorta": boxes({"L1": 1})}, 52),
    ],
)
def test_folders_that_are_no_label_map_are_refused(tmp_path: Path, given, code):
    with pytest.raises(InputError) as caught:
        read_labels(masks(tmp_path / "s", **given))
    assert caught.value.code == code
