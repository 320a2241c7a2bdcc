"""A segmenter's errors are as large as they are said to be."""

from __future__ import annotations

import numpy as np

from pedicle.phantom.make import Phantom
from pedicle.phantom.segmenter import SegmenterOptions, segmented


def test_borders_waver_by_up_to_a_voxel(small_phantom: Phantom):
    """2 SD of the shift is one voxel: nearly all changed voxels lie within 2 mm of the true border; volume holds."""
    from scipy.ndimage import distance_transform_edt

    how = SegmenterOptions(seed=3, gap_share=0.0, bleed_share=0.0)
    found = segmented(small_phantom.labels, small_phantom.parts, how)
    number = small_phantom.truth["L2"].verse
    true, drawn = small_phantom.labels.values == number, found.values == number
    assert 0.02 < (true ^ drawn).sum() / true.sum() < 0.25
    assert abs(drawn.sum() / true.sum() - 1.0) < 0.08
    away = np.maximum(distance_transform_edt(true), distance_transform_edt(~true))
    assert np.quantile(away[true ^ drawn], 0.99) <= 2.3


def test_gaps_open_pedicles(small_phantom: Phantom):
    how = SegmenterOptions(seed=3, border_mm=0.0, gap_share=1.0, bleed_share=0.0)
    found = segmented(small_phantom.labels, small_phantom.parts, how)
    lost = (small_phantom.labels.values > 0) & (found.values == 0)
    assert set(np.unique(small_phantom.parts.values[lost])) >= {3, 4}


def test_the_same_seed_errs_the_same(small_phantom: Phantom):
    first = segmented(small_phantom.labels, small_phantom.parts)
    second = segmented(small_phantom.labels, small_phantom.parts)
    assert np.array_equal(first.values, second.values)
