"""A vertebra is cut when its body, a pedicle or the arch meets the border; clipped processes do no harm."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.scan import LabelMap
from pedicle.model.volume import Volume


@pytest.fixture(scope="module")
def whole(solid, setup, posed, grid):
    return setup({"L2": solid()}, {"L2": posed((3.0, 2.0, 4.0))}).labels(grid((1.0, 1.0, 1.0)))


def clipped(labels, axis, side, keep_mm):
    """The map ends `keep_mm` from the origin on one side of one axis."""
    grid = labels.volume.grid
    at = grid.index_from_lps(side * keep_mm * np.eye(3)[axis])[axis]
    low, high = np.zeros(3, int), np.array(grid.shape)
    if side > 0:
        high[axis] = int(at)
    else:
        low[axis] = int(np.ceil(at))
    return LabelMap(labels.volume.cropped(low, high), "verse")


def test_nothing_touches(whole):
    assert find_vertebrae(None, whole)["L2"].complete


@pytest.mark.parametrize(
    ("axis", "side", "keep", "part"),
    [(2, 1, 10, "body"), (2, -1, 10, "body"), (1, -1, 14, "body"), (0, 1, 12, "pedicle"), (1, 1, 31, "arch")],
)
def test_cut_parts_are_named_and_nothing_is_measured(whole, axis, side, keep, part):
    """3 mm off an endplate leave believable heights: only the border tells."""
    found = find_vertebrae(None, clipped(whole, axis, side, keep))["L2"]
    assert not found.complete
    assert found.heights_mm is None
    assert part in found.warnings[0].text or "border" in found.warnings[0].text


@pytest.mark.parametrize(("axis", "side", "keep"), [(0, 1, 32), (0, -1, 32), (1, 1, 48)])
def test_clipped_processes_do_no_harm(whole, axis, side, keep):
    assert find_vertebrae(None, clipped(whole, axis, side, keep))["L2"].complete


def test_padding_counts_as_border(whole):
    """A scan that is padded to a block ends where its data end, not where its array does."""
    outside = np.zeros(whole.volume.values.shape, bool)
    top = int(whole.volume.grid.index_from_lps(np.array([0.0, 0.0, 10.0]))[2])
    outside[:, :, top:] = True
    values = np.where(outside, 0, whole.volume.values).astype(np.uint8)
    found = find_vertebrae(None, LabelMap(Volume(whole.volume.grid, values, outside), "verse"))["L2"]
    assert not found.complete
