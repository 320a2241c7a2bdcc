"""Real label maps against heights, volumes and bodies that others measured or drew."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.io.read import read_ct, read_labels
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import LabelMap
from pedicle.model.vertebra import PART_BODY
from pedicle.model.volume import Volume

# Mid-sagittal heights at 12, 50, 88 % of the depth, read off the same maps by hand (+- 2 mm): see the data's README.
BY_HAND_014 = {
    "L1": (24.4, 23.8, 26.6), "L2": (27.9, 26.7, 28.1), "L3": (30.1, 26.0, 28.1), "L4": (29.2, 27.6, 27.2),
    "L5": (27.9, 26.2, 25.7),
}  # fmt: skip
BY_HAND_004 = {
    "T9": (17.2, 16.1, 20.2), "T10": (18.0, 17.0, 21.0), "T11": (23.5, 22.5, 24.7), "T12": (24.3, 23.3, 26.3),
    "L1": (15.3, 9.2, 15.7), "L2": (30.1, 26.0, 27.9),
}  # fmt: skip
LUMBAR = ("L1", "L2", "L3", "L4", "L5")


def heights(vertebra):
    found = vertebra.heights_mm
    return np.array([found.anterior, found.middle, found.posterior])


@pytest.fixture(scope="module")
def spine_014(shared_data):
    folder = shared_data / "verse014-l1-l5"
    scan = read_ct(folder / "sub-verse014_ct.nii.gz")
    return find_vertebrae(scan, read_labels(folder / "sub-verse014_seg-vert_msk.nii.gz", scan))


@pytest.fixture(scope="module")
def spine_004(shared_data):
    return find_vertebrae(None, read_labels(shared_data / "verse004-mask" / "sub-verse004_seg-vert_msk.nii.gz"))


@pytest.fixture(scope="module")
def network(shared_data):
    folder = shared_data / "totalsegmentator-example"
    whole, body = read_labels(folder / "totalseg.nii.gz"), body_map(folder)
    return find_vertebrae(None, whole), find_vertebrae(None, body), body


def body_map(folder):
    """The network's own map of vertebral bodies, told apart by its map of whole vertebrae."""
    import nibabel

    whole = read_labels(folder / "totalseg.nii.gz")
    image = nibabel.load(folder / "totalseg_vertebrae_body.nii.gz")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    shape = tuple(int(n) for n in image.shape)
    bodies = Volume(Grid(shape, lps), np.asarray(image.dataobj)).canonical()
    named = np.where(bodies.values == 1, whole.volume.values, 0).astype(np.uint8)
    return LabelMap(whole.volume.with_values(named), "vertebrae-body", "body")


@pytest.mark.data
@pytest.mark.parametrize("level", BY_HAND_014)
def test_heights_of_an_oblique_degenerated_spine(spine_014, level):
    assert heights(spine_014[level]) == pytest.approx(np.array(BY_HAND_014[level]), abs=2.0)


@pytest.mark.data
@pytest.mark.parametrize("level", BY_HAND_004)
def test_heights_beside_and_in_a_crushed_vertebra(spine_004, level):
    assert heights(spine_004[level]) == pytest.approx(np.array(BY_HAND_004[level]), abs=2.5 if level == "L1" else 2.0)


@pytest.mark.data
def test_side_border_clips_processes_but_no_body(spine_014):
    """The mask of every level touches the side border; body, pedicles and arch of none do."""
    assert [v.level for v in spine_014.vertebrae if v.complete] == list(LUMBAR)


@pytest.mark.data
def test_a_mask_alone_claims_no_density(spine_004):
    assert spine_004.density is None
    assert all(v.density is None or v.density.mean_hu is None for v in spine_004.vertebrae)


@pytest.mark.data
@pytest.mark.parametrize("level", LUMBAR)
def test_bodies_cut_from_whole_vertebrae_are_those_of_the_body_map(network, level):
    """Same definitions on both maps: heights to 2.5 mm at 3 mm voxels, volume to 6 %; L5 has no step to its pedicles."""
    whole, body, _ = network
    assert heights(whole[level]) == pytest.approx(heights(body[level]), abs=2.5)
    assert whole[level].body_volume_ml == pytest.approx(body[level].body_volume_ml, rel=0.15 if level == "L5" else 0.06)


@pytest.mark.data
@pytest.mark.parametrize("level", LUMBAR)
def test_body_part_overlaps_the_body_map(network, level):
    whole, _, bodies = network
    inside = np.argwhere(whole.labels.values == verse_of_level(level))
    points = whole.labels.grid.lps_from_index(inside)
    ours = whole[level].maps.parts.sampled(points, order=0, fill=0) == PART_BODY
    theirs = bodies.volume.values[tuple(inside.T)] > 0
    dice = 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
    assert dice > (0.93 if level == "L5" else 0.96)


@pytest.mark.data
def test_volumes_of_a_body_map_are_its_voxels(shared_data):
    folder = shared_data / "totalsegmentator-example"
    spine = find_vertebrae(None, read_labels(folder / "totalseg_vertebrae_pp_refined.nii.gz"))
    report = json.loads((folder / "spine_report.json").read_text())
    published = {level: report["results"][f"vertebrae_{level}_volume_ml"] for level in LUMBAR}
    assert {level: spine[level].body_volume_ml for level in LUMBAR} == pytest.approx(published, rel=1e-3)
    assert all(spine[level].maps is None for level in LUMBAR)
    assert all(any(w.code == "body-only" for w in spine[level].warnings) for level in LUMBAR)


@pytest.mark.data
def test_vertebrae_cut_by_the_border_are_said_to_be(network):
    whole, _, _ = network
    for level in ("T11", "T12"):
        assert not whole[level].complete
        assert whole[level].heights_mm is None
        assert "cut by the border" in whole[level].warnings[0].text
    assert any(w.where == "sacrum" and "never planned" in w.text for w in whole.warnings)


@pytest.mark.data
def test_levels_counted_from_the_sacrum_stay_unverified(network):
    whole, _, _ = network
    assert {v.basis for v in whole.vertebrae} == {"sacrum"}
    assert all(any(w.code == "level-unverified" for w in v.warnings) for v in whole.vertebrae)


def test_an_empty_map_is_refused():
    empty = Volume(Grid((8, 8, 8), np.eye(4)), np.zeros((8, 8, 8), np.uint8))
    with pytest.raises(InputError, match="no vertebra is labelled"):
        find_vertebrae(None, LabelMap(empty, "verse"))
