"""A CT that does not hold the whole body is told: a strip about the spine, against a body with air around it."""

from __future__ import annotations

import numpy as np

from pedicle.fluoroscopy.scene import cut_notices
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume


def body(low: int, high: int, pad: int = 0) -> Volume:
    """Tissue from column `low` to `high` of 60 x 60 x 10 voxels, the rest air; `pad` rims without data."""
    values = np.full((60, 60, 10), -1000, np.int16)
    values[low:high, low:high] = 40
    outside = np.zeros(values.shape, bool)
    if pad:
        outside[:] = True
        outside[pad:-pad, pad:-pad] = False
    return Volume(Grid(values.shape, np.diag([5.0, 5.0, 5.0, 1.0])), values, outside)


def test_a_body_with_air_around_it_is_whole():
    assert cut_notices(body(10, 50)) == ()
    assert cut_notices(body(10, 50, pad=5)) == ()


def test_a_strip_of_a_body_is_told_with_and_without_padding():
    assert cut_notices(body(0, 60))[0].code == "body-cut"
    assert cut_notices(body(10, 50, pad=18))[0].code == "body-cut"
