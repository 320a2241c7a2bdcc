"""The second opinion on the split: a box of known size opened by a ball."""

from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.split import OPENING_MM, opened_share
from pedicle.kernels.distance import signed_distance
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.volume import Volume

SIZE_MM = np.array([40.0, 32.0, 26.0])


def box_with_stub() -> tuple[Volume, Any]:
    """A box, and behind it a pedicle of 8 mm that the ball does not fit into."""
    pose = Pose("lps", "vertebra", np.eye(4))
    grid = Grid.in_frame(pose, np.full(3, -30.0), np.array([30.0, 50.0, 30.0]), 1.0)
    points = np.abs(grid.centres_lps_mm() - np.array([0.1, 0.2, 0.3]))
    box = (points <= SIZE_MM / 2).all(axis=-1)
    stub = (points <= np.array([4.0, 40.0, 6.0])).all(axis=-1) & (grid.centres_lps_mm()[..., 1] > 0)
    return Volume(grid, signed_distance(box | stub, np.ones(3))), box


def test_a_box_loses_its_edges_and_corners() -> None:
    view, box = box_with_stub()
    inner, r = SIZE_MM - 2 * OPENING_MM, OPENING_MM
    faces = 2 * r * (inner[0] * inner[1] + inner[1] * inner[2] + inner[0] * inner[2])
    opened = inner.prod() + faces + np.pi * r**2 * inner.sum() + 4 / 3 * np.pi * r**3
    # Steiner's formula; cells of 1 mm on a ball of 6
    assert opened_share(view, box) == pytest.approx(opened / SIZE_MM.prod(), rel=0.06)


def test_half_a_body_has_twice_the_share_and_a_crushed_one_none() -> None:
    view, box = box_with_stub()
    half = box & (np.indices(box.shape)[0] < 30)
    assert opened_share(view, half) > 1.8 * opened_share(view, box)
    assert opened_share(view.with_values(view.values + 10.0), box) == 0.0
    assert opened_share(view, np.zeros_like(box)) == 0.0
