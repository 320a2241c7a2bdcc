"""Labels that miss the bone are found out, whichever way they were moved, and good ones are left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pedicle.anatomy.spine import find_vertebrae
from pedicle.io.labelmap.fit import DOUBT_SHARE, LEAST_SHARE, bone_notices, fits
from pedicle.io.read import read_ct, read_labels
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition, LabelMap, Scan
from pedicle.model.volume import Volume

SHAPE = (60, 60, 80)
FAULTS = {
    "6 mm along i": lambda v: np.roll(v, 3, axis=0),
    "6 mm along j": lambda v: np.roll(v, -3, axis=1),
    "6 mm along k": lambda v: np.roll(v, 3, axis=2),
    "9 mm askew": lambda v: np.roll(v, (3, 2, -3), axis=(0, 1, 2)),
}


def bone(trabecular_hu: float, noise_hu: float = 20.0) -> tuple[LabelMap, Scan]:
    """Three half-ellipsoids with a 2 mm shell of 500 HU in tissue of 40 HU, blurred by 1.5 mm; labels exact, 2 mm voxels."""
    i, j, k = np.indices(SHAPE) * 2.0
    hu, labels = np.full(SHAPE, 40.0), np.zeros(SHAPE, np.uint8)
    for number, middle in ((20, 120.0), (21, 90.0), (22, 60.0)):
        away = np.sqrt(((i - 62) / 22) ** 2 + ((j - 58) / 17) ** 2 + ((k - middle) / 12) ** 2)
        solid = (away <= 1) & (j < 66)
        shell = solid & ((away > 0.88) | (j > 62))
        hu[solid], hu[shell], labels[solid] = trabecular_hu, 500.0, number
    hu = gaussian_filter(hu, 0.75) + np.random.default_rng(1).normal(0, noise_hu, SHAPE)
    grid = Grid(SHAPE, np.diag([2.0, 2.0, 2.0, 1.0]))
    return LabelMap(Volume(grid, labels), "verse"), Scan(Volume(grid, hu.astype(np.float32)), Acquisition())


def moved(labels: LabelMap, how) -> LabelMap:
    return LabelMap(labels.volume.with_values(how(labels.volume.values).copy()), "verse")


@pytest.mark.parametrize("trabecular_hu", [30.0, 250.0])
def test_a_label_in_place_stands_out_whatever_the_density(trabecular_hu):
    labels, scan = bone(trabecular_hu)
    assert min(fit.share or 0.0 for fit in fits(labels, scan)) > 1.3
    assert bone_notices(labels, scan) == ()


@pytest.mark.parametrize("voxels", [(2, 0, 0), (0, -3, 0), (0, 0, 4), (2, 2, -2)])
def test_the_distance_to_the_bone_is_the_distance_moved(voxels):
    labels, scan = bone(120.0)
    found = fits(moved(labels, lambda v: np.roll(v, voxels, axis=(0, 1, 2))), scan)
    for fit in found:
        assert fit.away_mm == pytest.approx(2.0 * np.linalg.norm(voxels), abs=2.1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_moved_map_is_a_danger(fault):
    labels, scan = bone(60.0)
    told = bone_notices(moved(labels, FAULTS[fault]), scan)
    assert told[0].code == "labels-off-bone"
    assert told[0].severity == "danger"


def test_one_label_moved_is_told_of_that_level_alone():
    labels, scan = bone(120.0)

    def one(values):
        aside = np.where(np.roll(values, 3, axis=0) == 21, 21, 0)
        return np.where(values == 21, 0, values) + np.where((values == 0) | (values == 21), aside, 0).astype(np.uint8)

    assert [(n.code, n.where, n.severity) for n in bone_notices(moved(labels, one), scan)] == [
        ("label-off-bone", "L2", "danger")
    ]


def test_the_spine_keeps_what_was_said_of_a_level_with_that_level():
    labels, scan = bone(120.0)
    told = Notice("label-off-bone", "L2", "label does not end where the bone ends", "danger")
    spine = find_vertebrae(scan, replace(labels, warnings=(told,)))
    assert told in spine["L2"].warnings
    assert "label-off-bone" not in {notice.code for notice in (*spine.warnings, *spine["L1"].warnings)}


def test_a_label_whose_surroundings_lie_outside_the_scan_is_not_judged():
    labels, scan = bone(120.0)
    outside = labels.volume.values == 0
    hidden = Scan(Volume(scan.volume.grid, scan.volume.values, outside), Acquisition())
    assert {fit.share for fit in fits(labels, hidden)} == {None}
    assert bone_notices(labels, hidden) == ()


REAL = {
    "verse014-l1-l5": ("sub-verse014_ct.nii.gz", "sub-verse014_seg-vert_msk.nii.gz"),
    "totalsegmentator-example": ("example_ct.nii.gz", "totalseg.nii.gz"),
}


@pytest.mark.data
@pytest.mark.parametrize("folder", REAL)
def test_real_maps_in_place_pass_and_moved_ones_do_not(folder: str, shared_data: Path):
    """Two public CTs (1 x 1 x 2 mm, a strip 80 mm wide; 3 mm): every axis, both ways, mirrored; 4 mm are told at least."""
    ct, mask = REAL[folder]
    scan = read_ct(shared_data / folder / ct)
    labels = read_labels(shared_data / folder / mask, scan)
    assert not [notice for notice in labels.warnings if "off-bone" in notice.code]
    spacing = scan.volume.grid.spacing_mm
    for axis in range(3):
        for voxels in (int(np.ceil(6.0 / spacing[axis])), -int(np.ceil(6.0 / spacing[axis]))):
            told = bone_notices(moved(labels, lambda v, n=voxels, a=axis: np.roll(v, n, axis=a)), scan)
            assert told[0].code == "labels-off-bone", (axis, voxels)
    vertebra = int(np.rint(33.0 / spacing[2]))
    for voxels in (vertebra, -vertebra):
        told = bone_notices(moved(labels, lambda v, n=voxels: np.roll(v, n, axis=2)), scan)
        assert told[0].code == "labels-off-bone", "about one vertebra along the spine"
    for axis in range(3):
        mirrored = bone_notices(moved(labels, lambda v, a=axis: np.flip(v, axis=a)), scan)
        assert mirrored[0].code == "labels-off-bone", f"mirrored along {axis}"
        four = int(np.rint(4.0 / spacing[axis]))
        shares = [fit.share for fit in fits(moved(labels, lambda v, n=four, a=axis: np.roll(v, n, axis=a)), scan)]
        assert np.median([share for share in shares if share is not None]) < DOUBT_SHARE + 0.15 * (spacing[axis] > 2.5)


def test_the_limits_keep_their_order():
    assert 0.0 < LEAST_SHARE < DOUBT_SHARE < 1.3
