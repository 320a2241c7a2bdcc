"""The answer in the vertebra's words, on a body of known shape: an elliptic cylinder with two pedicles and a canal."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.fluoroscopy.tip_words import place_in, tip_words, track_notices
from pedicle.model.frames import Pose, unit
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.shot import TipEstimate
from pedicle.model.vertebra import LocalMaps, Vertebra
from pedicle.model.volume import Volume

CENTRE = np.array([10.0, -30.0, 200.0])
HALF_WIDTH, HALF_DEPTH, HALF_HEIGHT = 22.0, 16.0, 13.0
CANAL_HALF = (11.0, 8.0)  # to the side, to the back; its middle lies 8 mm behind the posterior wall
PEDICLE_X, PEDICLE_HALF = 16.0, (5.0, 7.0)


def body(points: np.ndarray) -> np.ndarray:
    """Signed distance to the body, to a tenth of a millimetre near its wall: rounded in front, flat behind."""
    x, y, z = np.moveaxis(points, -1, 0)
    q = np.hypot(x / HALF_WIDTH, np.minimum(y, 0) / HALF_DEPTH)
    slope = np.hypot(x / HALF_WIDTH**2, np.minimum(y, 0) / HALF_DEPTH**2) / np.maximum(q, 1e-9)
    side = (q - 1.0) / np.maximum(slope, 1.0 / HALF_WIDTH)
    return np.maximum.reduce([side, y - HALF_DEPTH, np.abs(z) - HALF_HEIGHT])


def vertebra() -> Vertebra:
    pose = Pose.from_axes("lps", "vertebra", np.eye(3), CENTRE)
    grid = Grid.in_frame(pose, [-32, -26, -20], [32, 46, 20], 0.8)
    points = grid.centres_lps_mm() - CENTRE
    x, y, z = np.moveaxis(points, -1, 0)
    pedicles = np.maximum.reduce([
        np.abs(np.abs(x) - PEDICLE_X) - PEDICLE_HALF[0],
        np.abs(z - 4.0) - PEDICLE_HALF[1],
        y - 40.0,
        HALF_DEPTH - 2.0 - y,
    ])  # fmt: skip
    canal = np.maximum(np.abs(x) - CANAL_HALF[0], np.abs(y - HALF_DEPTH - CANAL_HALF[1]) - CANAL_HALF[1])
    surface = np.minimum(body(points), pedicles)
    maps = LocalMaps(
        Volume(grid, np.zeros(grid.shape, np.uint8)),
        Volume(grid, surface.astype(np.float32)),
        Volume(grid, canal.astype(np.float32)),
    )
    return Vertebra("L2", "sacrum", 1.0, True, CENTRE, pose, posterior_wall_mm=HALF_DEPTH, maps=maps)


BONE = vertebra()


def tip_at(local, sd=(0.3, 0.3, 0.3), warnings=()) -> TipEstimate:
    return TipEstimate(CENTRE + np.asarray(local, float), np.diag(np.square(sd)), 84.0, 0.1, warnings)


def test_the_sentence_names_depth_side_and_nearest_wall():
    """Straight ahead of (2, -11.9, 0) the ellipse lies at y = -16 sqrt(1 - (2/22)2) = -15.93: 4.0 mm; the same wall is nearest."""
    words = tip_words(tip_at([2.0, -11.9, 0.0], sd=(0.3, 0.6, 0.3)), BONE)
    assert words == (
        "tip 4.0 +- 0.6 mm behind the anterior wall, 2 mm left of the midline, nearest wall: anterior, 4.0 +- 0.6 mm; "
        "two views 84 deg apart; not included: movement after the shot; errors of the CT's labels and of where the CT "
        "lies in the picture"
    )
    assert "confirm" not in words


@pytest.mark.parametrize(
    ("local", "wall", "mm"),
    [
        ([18.0, 2.0, 0.0], "left lateral", 4.0),
        ([-19.0, 2.0, 0.0], "right lateral", 3.0),
        ([0.0, 2.0, 11.0], "upper endplate", 2.0),
        ([0.0, 2.0, -10.0], "lower endplate", 3.0),
        ([0.0, 13.0, 0.0], "posterior", 3.0),
        ([15.0, 26.0, 4.0], "medial", 4.0),
        ([18.5, 26.0, 4.0], "left lateral", 2.5),
        ([-13.0, 26.0, 4.0], "medial", 2.0),
    ],
)
def test_every_wall_has_its_name_and_its_distance(local, wall, mm):
    found = place_in(tip_at(local), BONE)
    assert found is not None
    assert found.wall == wall
    assert found.wall_mm == pytest.approx(mm, abs=0.3)
    assert found.wall_sd_mm == pytest.approx(0.3, abs=1e-6)


def test_the_spread_named_is_the_one_across_that_wall():
    found = place_in(tip_at([18.0, 2.0, 0.0], sd=(0.9, 0.2, 0.1)), BONE)
    assert found is not None
    assert found.wall_sd_mm == pytest.approx(0.9, abs=0.05)
    assert found.left_sd_mm == pytest.approx(0.9)


def test_inside_both_silhouettes_but_outside_the_rounded_front():
    """(17, -13, 0): its x lies inside the AP silhouette (22), its y inside the lateral one (16), and it is not in the body."""
    local = np.array([17.0, -13.0, 0.0])
    assert abs(local[0]) < HALF_WIDTH
    assert abs(local[1]) < HALF_DEPTH
    assert np.hypot(local[0] / HALF_WIDTH, local[1] / HALF_DEPTH) > 1.1
    words = tip_words(tip_at(local), BONE)
    assert words.startswith("tip measured OUTSIDE the bone of L2")
    assert "behind the anterior wall" not in words
    assert tip_words(tip_at([12.0, -9.0, 0.0]), BONE).startswith("tip ")
    assert "OUTSIDE" not in tip_words(tip_at([12.0, -9.0, 0.0]), BONE)


def test_a_wall_nearer_than_two_sd_is_said_to_be_in_doubt():
    assert "may be through" in tip_words(tip_at([0.0, -14.8, 0.0], sd=(0.7, 0.7, 0.7)), BONE)
    assert "may be through" not in tip_words(tip_at([0.0, -10.0, 0.0], sd=(0.7, 0.7, 0.7)), BONE)


def test_rays_that_missed_each_other_are_said_first():
    danger = Notice("tip-rays-miss", "tip", "the rays miss each other by 4.0 mm", "danger")
    assert tip_words(tip_at([0.0, 0.0, 0.0], warnings=(danger,)), BONE).startswith("the rays miss each other")


def codes(tip_local, entry_local, radius=1.5, **kwargs) -> dict[str, Notice]:
    tip, entry = np.asarray(tip_local, float), np.asarray(entry_local, float)
    found = track_notices(tip_at(tip), unit(tip - entry), BONE, radius, **kwargs)
    return {notice.code: notice for notice in found}


def test_a_track_through_the_pedicle_is_silent():
    assert codes([13.0, -6.0, 4.0], [17.0, 40.0, 4.0], radius=1.2) == {}


def test_a_track_that_broke_the_medial_wall_is_found_though_its_tip_looks_right():
    """The tip lies well in the body, on the midline in AP and in the front half in lateral; on the way it crossed the canal's corner."""
    tip = [2.0, -6.0, 4.0]
    assert tip_words(tip_at(tip), BONE).startswith("tip 9.")
    found = codes(tip, [19.0, 40.0, 4.0])
    assert found["track-in-canal"].severity == "danger"
    assert "medial wall" in found["track-in-canal"].text
    assert found["track-left-bone"].severity == "danger"
    assert "medial wall" in found["track-left-bone"].text


def test_a_track_that_left_the_pedicle_upwards_and_came_back():
    """Out through the pedicle's top (z = 11) and in again where the body (z = 13) stands higher."""
    found = codes([12.0, 4.0, 12.4], [16.0, 38.0, 9.4], radius=1.0)
    assert set(found) == {"track-left-bone"}
    assert "through the superior wall" in found["track-left-bone"].text


def test_a_near_canal_counts_with_the_direction_s_own_error():
    tip, entry = [12.0, -6.0, 4.0], [14.6, 40.0, 4.0]
    assert "track-near-canal" not in codes(tip, entry, radius=1.2)
    assert "track-near-canal" in codes(tip, entry, radius=1.2, turn_sd_deg=2.0)


def test_what_cannot_be_assessed_says_so():
    bare = Vertebra("T9", "given", 0.5, True, CENTRE)
    assert place_in(tip_at([0, 0, 0]), bare) is None
    assert "not within the maps of T9" in tip_words(tip_at([0, 0, 0]), bare)
    assert track_notices(tip_at([0, 0, 0]), [0, -1, 0], bare, 1.5)[0].code == "track-not-assessed"
    assert place_in(tip_at([500.0, 0, 0]), BONE) is None
