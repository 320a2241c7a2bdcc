"""The same vertebra drawn on other grids, in other axis orders, crushed or tilted, gives the same answer."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.io.read import read_labels
from pedicle.model.frames import Pose, angle_deg
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.scan import LabelMap
from pedicle.model.volume import Volume, bounding_box

ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def heights(vertebra):
    found = vertebra.heights_mm
    return np.array([found.anterior, found.middle, found.posterior])


def stored_as(volume, order, flips):
    """The same voxels in another axis order."""
    steps = tuple(slice(None, None, flip) for flip in flips)
    values = np.ascontiguousarray(volume.values.transpose(order)[steps])
    matrix = np.array(volume.grid.lps_from_ijk)[:, [*order, 3]]
    for axis, flip in enumerate(flips):
        if flip < 0:
            matrix[:3, 3] += matrix[:3, axis] * (values.shape[axis] - 1)
            matrix[:3, axis] *= -1
    return Volume(Grid(values.shape, matrix), values)


@pytest.fixture(scope="module")
def drawn(solid, setup, posed, grid):
    labels = setup({"L2": solid(wedge_deg=5)}, {"L2": posed((6.0, 4.0, -5.0))}).labels(grid((1.0, 1.1, 1.5)))
    return labels, find_vertebrae(None, labels)["L2"]


@pytest.mark.parametrize(("order", "flips"), ORDERS[5::11])
def test_axis_order_of_the_file_does_not_matter(drawn, order, flips):
    labels, before = drawn
    after = find_vertebrae(None, LabelMap(stored_as(labels.volume, order, flips).canonical(), "verse"))["L2"]
    assert heights(after) == pytest.approx(heights(before), abs=0.01)
    assert after.centroid_lps_mm == pytest.approx(before.centroid_lps_mm, abs=0.01)
    assert angle_deg(after.superior, before.superior) < 0.01


@pytest.mark.parametrize("wedge", [10.0])
def test_crushed_body_is_still_a_body(solid, setup, posed, grid, wedge):
    shape = solid(height_mm=9.0, wedge_deg=wedge)
    labels = setup({"L1": shape}, {"L1": posed((5.0, 3.0, 2.0))}).labels(grid((0.8, 0.8, 0.8)))
    assert heights(find_vertebrae(None, labels)["L1"]) == pytest.approx(np.array(shape.heights()), abs=0.5)


@pytest.mark.parametrize("tilt", [20.0])
def test_scoliotic_tilt_is_found_from_the_neighbours(solid, setup, posed, grid, tilt):
    """Three levels on a slope in the coronal plane: the curve gives the first direction, the endplates the last."""
    along = posed((0.0, tilt, 0.0))
    poses = {level: Pose("lps", "vertebra", _at(along, z)) for level, z in (("L1", 34.0), ("L2", 0.0), ("L3", -34.0))}
    labels = setup(dict.fromkeys(poses, solid()), poses).labels(grid((1.2, 1.2, 1.2), (62, 68, 62)))
    found = find_vertebrae(None, labels)["L2"]
    assert angle_deg(found.superior, along.axis(2)) < 1.0
    assert heights(found) == pytest.approx(26.0, abs=0.5)


def _at(pose, z_mm):
    matrix = np.array(pose.matrix)
    matrix[:3, 3] = pose.axis(2) * z_mm
    return matrix


# Mean and greatest difference to the native grid (1 x 1 x 2 mm, 2 mm from left to right) that other grids may make, mm:
# labels hold the nearest voxel, so an endplate is off by up to half a step on each side, more where it runs along slices.
GRIDS = {
    "turned": ((2.0, 1.0, 1.0), 15.0, 0.5, 1.5),
    "3 mm": ((3.0, 3.0, 3.0), 0.0, 1.0, 2.5),
    "5 mm slices": ((0.8, 0.8, 5.0), 0.0, 1.2, 3.5),
}
KEPT = ("T12", "L1", "L2", "L3")


@pytest.fixture(scope="module")
def native(shared_data):
    labels = read_labels(shared_data / "verse004-mask" / "sub-verse004_seg-vert_msk.nii.gz").volume
    kept = np.isin(labels.values, [verse_of_level(level) for level in KEPT])
    box = bounding_box(kept, 2)
    labels = labels.with_values(np.where(kept, labels.values, 0).astype(np.uint8)).cropped(*box)
    return labels, find_vertebrae(None, LabelMap(labels, "verse"))


@pytest.mark.data
@pytest.mark.parametrize("name", GRIDS)
def test_real_vertebrae_on_other_grids(native, name):
    spacing, turn, mean, greatest = GRIDS[name]
    labels, before = native
    after = find_vertebrae(None, LabelMap(redrawn(labels, spacing, turn), "verse"))
    change = np.abs([heights(after[level]) - heights(before[level]) for level in KEPT])
    assert change.mean() < mean
    assert change.max() < greatest


def redrawn(volume, spacing, turn_deg):
    """Labels at the voxel centres of a grid turned about the patient's long axis."""
    angle = np.radians(turn_deg)
    axes = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    corners = (volume.grid.corners_lps_mm() - volume.grid.centre_lps_mm) @ axes.T
    shape = tuple(int(n) for n in np.ceil((corners.max(axis=0) - corners.min(axis=0)) / spacing) + 2)
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T * np.array(spacing)
    matrix[:3, 3] = volume.grid.centre_lps_mm - matrix[:3, :3] @ (np.array(shape) - 1) / 2
    found = volume.resampled(Grid(shape, matrix), order=0)
    return Volume(found.grid, found.values).canonical()
