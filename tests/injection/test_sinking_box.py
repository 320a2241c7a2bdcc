"""Cement that sinks is looked for where it is: the box around it loses none, whatever its shape."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pedicle.kernels import flow_gravity


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_the_box_holds_all_cement_and_one_cell_around_it(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    shape = tuple(int(n) for n in chance.integers(1, 9, 3))
    saturation = np.zeros(shape)
    saturation.ravel()[chance.integers(0, saturation.size, count)] = 0.5
    whole = np.stack([np.zeros(3, np.int64), np.array(shape)], axis=1)
    box = flow_gravity.cement_box(np.array(shape), saturation.ravel(), whole)
    if not count:
        assert not box.any()
        return
    at = np.argwhere(saturation)
    assert np.array_equal(box[:, 0], np.maximum(at.min(axis=0) - 1, 0))
    assert np.array_equal(box[:, 1], np.minimum(at.max(axis=0) + 2, shape))
