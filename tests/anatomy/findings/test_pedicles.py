"""Pedicles of elliptic cylinders, whose width, height and axis are known exactly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from pedicle.anatomy.pedicle_edge import Edge, border, falls
from pedicle.anatomy.pedicle_width import compared, weighed
from pedicle.anatomy.pedicles import find_pedicles
from pedicle.model.frames import Pose, angle_deg
from pedicle.model.vertebra import PART_LEFT_PEDICLE, Vertebra


def turned_pose() -> Pose:
    """A frame turned by 25, -12 and 9 degrees about its axes, away from the origin."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [25, -12, 9], degrees=True).as_matrix()
    matrix[:3, 3] = [12.0, -230.0, 415.0]
    return Pose("lps", "vertebra", matrix)


CASES = [(5.0, 10.0, 0.0, 0.0), (8.0, 14.0, 12.0, -8.0), (10.0, 15.0, 20.0, 8.0), (7.0, 12.0, -6.0, 4.0)]


@pytest.mark.parametrize("case", CASES)
def test_width_height_and_axis_of_a_known_pipe(anatomic: Any, pipe: Any, case: tuple[float, ...]) -> None:
    left, right = pipe(*case), pipe(case[0] + 1.5, case[1] + 1.0, case[2] * 0.5, -case[3])
    solid = replace(anatomic, left=left, right=right, pose=turned_pose())
    found = find_pedicles(solid.vertebra(), None, 1.0)
    for side, true in (("left", left), ("right", right)):
        got = found[side]
        assert got.visible
        assert got.width_mm == pytest.approx(true.width_mm, abs=0.3)
        assert got.height_mm == pytest.approx(true.height_mm, abs=0.6)
        assert got.inscribed_mm == pytest.approx(true.width_mm, abs=0.5)
        assert angle_deg(got.axis_lps, solid.pose.turn(solid.pedicle_axis(side))) < 3.0
        assert np.linalg.norm(got.centre_lps_mm - solid.pose @ solid.isthmus(side)) < 2.0


def test_the_axis_points_forward_and_left_is_the_patients_left(seen: Any) -> None:
    vertebra, _ = seen
    found = find_pedicles(vertebra, None, 1.0)
    assert found["left"].axis_lps @ vertebra.anterior > 0.9
    assert (found["left"].centre_lps_mm - found["right"].centre_lps_mm) @ vertebra.right < -20.0


def test_the_edge_of_the_ct_gives_the_width_too(seen: Any, anatomic: Any) -> None:
    vertebra, scan = seen
    found = find_pedicles(vertebra, scan, 1.0)
    # 0.5 mm: the blur that is taken off is a typical scanner's, not this formula's
    assert found["left"].ct_width_mm == pytest.approx(anatomic.left.width_mm, abs=0.5)
    assert found["right"].width_mm == pytest.approx(anatomic.right.width_mm, abs=0.4)
    assert found["left"].sigma_mm < find_pedicles(vertebra, None, 1.0)["left"].sigma_mm


def test_a_mirrored_vertebra_has_mirrored_pedicles(anatomic: Any) -> None:
    plain = find_pedicles(anatomic.vertebra(), None, 1.0)
    mirrored = find_pedicles(replace(anatomic, left=anatomic.right, right=anatomic.left).vertebra(), None, 1.0)
    assert mirrored["left"].width_mm == pytest.approx(plain["right"].width_mm, abs=0.05)
    assert mirrored["right"].width_mm == pytest.approx(plain["left"].width_mm, abs=0.05)


def with_slab_lost(vertebra: Vertebra, y_mm: float, rest: float) -> Vertebra:
    """The left pedicle without a slab of 1.5 mm, but for a thin rest of its section."""
    assert vertebra.maps is not None
    grid = vertebra.maps.parts.grid
    x, y, _ = np.moveaxis(vertebra.lps_from_vertebra.inverse @ grid.centres_lps_mm(), -1, 0)  # type: ignore[union-attr]
    slab = (np.abs(y - y_mm) < 0.8) & (vertebra.maps.parts.values == PART_LEFT_PEDICLE) & (x > 16.0 - 4.0 + rest)
    surface = np.where(slab, np.float32(0.4), vertebra.maps.surface_mm.values)
    parts = np.where(slab, 0, vertebra.maps.parts.values).astype(np.uint8)
    maps = replace(
        vertebra.maps,
        surface_mm=vertebra.maps.surface_mm.with_values(surface),
        parts=vertebra.maps.parts.with_values(parts),
    )
    return replace(vertebra, maps=maps)


@pytest.mark.parametrize("rest", [0.0, 1.5])
def test_a_gap_in_the_label_is_bridged_and_said(anatomic: Any, rest: float) -> None:
    vertebra = with_slab_lost(anatomic.vertebra(), anatomic.isthmus("left")[1] + 1.0, rest)
    got = find_pedicles(vertebra, None, 1.0)["left"]
    assert got.visible
    # closing a gap rounds its edges: 1 mm
    assert got.width_mm == pytest.approx(anatomic.left.width_mm, abs=1.0)
    assert "gap" in got.reason


def test_a_missing_pedicle_is_not_a_number(anatomic: Any) -> None:
    got = find_pedicles(replace(anatomic, missing=("left",)).vertebra(), None, 1.0)
    assert not got["left"].visible
    assert got["left"].width_mm is None
    assert got["left"].reason
    assert got["right"].visible


def test_a_section_at_the_border_of_the_scan_is_never_measured(seen: Any, anatomic: Any) -> None:
    vertebra, scan = seen
    edge = scan.volume.grid.index_from_lps(vertebra.lps_from_vertebra @ np.array([18.0, 0.0, 0.0]))[0]
    cut = replace(scan, volume=scan.volume.cropped([0, 0, 0], [int(edge), *scan.volume.grid.shape[1:]]))
    got = find_pedicles(vertebra, cut, 1.0)
    assert not got["left"].visible
    assert "border" in got["left"].reason
    assert got["right"].visible


def test_padding_counts_as_border(seen: Any) -> None:
    vertebra, scan = seen
    outside = np.zeros(scan.volume.values.shape, bool)
    x = (vertebra.lps_from_vertebra.inverse @ scan.volume.grid.centres_lps_mm())[..., 0]
    outside[x < -18.0] = True
    got = find_pedicles(vertebra, replace(scan, volume=replace(scan.volume, outside=outside)), 1.0)
    assert not got["right"].visible
    assert got["left"].visible


def test_the_lowest_level_has_no_height_and_a_cut_one_nothing(anatomic: Any) -> None:
    lowest = find_pedicles(anatomic.vertebra("L5"), None, 1.0)["left"]
    assert lowest.height_mm is None
    assert lowest.inscribed_mm is not None
    assert "no closed oval" in lowest.reason
    cut = find_pedicles(replace(anatomic.vertebra(), complete=False), None, 1.0)["left"]
    assert not cut.visible
    assert not find_pedicles(replace(anatomic.vertebra(), maps=None), None, 1.0)["left"].visible


def test_an_oval_on_its_side_keeps_its_width_across(anatomic: Any, pipe: Any) -> None:
    lying = replace(anatomic, left=pipe(16.0, 12.5), right=pipe(16.0, 12.5), half_width_mm=26.0)
    got = find_pedicles(lying.vertebra("L4"), None, 1.0)["left"]
    assert got.width_mm == pytest.approx(16.0, abs=1.0)
    assert got.height_mm == pytest.approx(12.5, abs=0.6)


def test_label_and_edge_far_apart_are_not_mixed() -> None:
    assert weighed(8.0, Edge(14.0, 0.3), 1.0) == (8.0, 6.0)
    assert weighed(4.2, Edge(1.7, 0.3), 1.0) == (4.2, 2.5)
    assert 9.0 < weighed(10.0, Edge(9.0, 0.3), 3.0)[0] < 9.1


def test_the_spread_grows_where_label_and_edge_disagree() -> None:
    agree, differ = weighed(8.1, Edge(8.0, 0.3), 1.0)[1], weighed(10.5, Edge(8.0, 0.3), 1.0)[1]
    assert agree < 0.35
    assert differ > 2.0 * agree
    # a network's map at 3 mm and nothing else cannot carry a claim under a millimetre
    assert weighed(8.0, None, 3.0)[1] > 1.5


@pytest.mark.parametrize(
    ("profile", "places"),
    [
        ([600.0] * 10 + [100.0] * 10, [9.5]),
        ([100.0] * 20, []),
        ([np.nan] * 20, []),
        # a pedicle's cortex, a gap, a rib twice as dense
        ([200.0] * 5 + [400.0] * 5 + [0.0] * 5 + [800.0] * 5, [9.5]),
        ([400.0] * 5 + [0.0] * 5 + [800.0] * 5 + [0.0] * 5, [4.5, 14.5]),
    ],
)
def test_falls_of_steps(profile: list[float], places: list[float]) -> None:
    assert falls(np.array(profile)) == pytest.approx(places)


def test_a_border_needs_three_lines() -> None:
    places = np.arange(-2.0, 2.0 + 1e-6, 0.1)
    step, flat = np.where(places < 0.33, 500.0, 0.0), np.zeros(len(places))
    found = border(np.array([step, step, flat, step, flat]), places)
    assert found == pytest.approx((0.35, 0.0))
    assert border(np.array([step, step, flat, flat, flat]), places) is None


def beside_a_rib(solid: Any, gap_mm: float, rib_hu: float) -> Any:
    """Fat beside the left pedicle's outer wall and, behind a gap, a bar as a rib's neck; the canal's side stays soft."""

    def lump(p: Any, hu: Any) -> Any:
        x, y, _ = np.moveaxis(p, -1, 0)
        outside = 0.5 * (1 + erf(solid.surface(p) / (np.sqrt(2) * solid.blur_mm)))
        bar = 0.5 * (1 + erf((x - 16.0 - 0.5 * solid.left.width_mm - gap_mm) / (np.sqrt(2) * solid.blur_mm)))
        near = (np.abs(y - solid.isthmus("left")[1]) < 9.0) & (x > 16.0)
        return hu + np.where(near, outside * (-140.0 + (rib_hu + 100.0) * bar), 0.0)

    return replace(solid, lump=lump)


@pytest.mark.parametrize(("blur_mm", "gap_mm", "wide_mm"), [(0.4, 2.0, 0.0), (0.6, 1.8, 0.7), (0.75, 2.0, 0.7)])
def test_a_rib_beside_the_pedicle_does_not_draw_its_edge(
    anatomic: Any, pipe: Any, blur_mm: float, gap_mm: float, wide_mm: float
) -> None:
    narrow = pipe(5.0, 12.0)
    solid = beside_a_rib(replace(anatomic, left=narrow, right=narrow, blur_mm=blur_mm), gap_mm, 1100.0)
    vertebra = solid.vertebra("T8")
    maps = replace(
        vertebra.maps, surface_mm=vertebra.maps.surface_mm.with_values(vertebra.maps.surface_mm.values - wide_mm)
    )
    found = find_pedicles(replace(vertebra, maps=maps), solid.scan((0.7, 0.7, 1.0)), 1.0)
    for got in found.values():
        assert got.ct_width_mm == pytest.approx(5.0, abs=0.5)
        assert got.width_mm == pytest.approx(5.0, abs=0.6)
        assert got.label_width_mm == pytest.approx(5.0 + 2 * wide_mm, abs=0.4)
        assert abs(got.width_mm - 5.0) < 2.0 * got.sigma_mm


def test_a_coarse_scan_has_a_wide_spread(seen: Any, anatomic: Any) -> None:
    vertebra, fine = seen
    sigma = [find_pedicles(vertebra, scan, 3.0)["left"].sigma_mm for scan in (fine, anatomic.scan((3.0, 3.0, 3.0)))]
    assert sigma[1] > max(1.0, 1.5 * sigma[0])


def test_doubts_widen_the_spread_and_leave_the_width(anatomic: Any, pipe: Any) -> None:
    found = find_pedicles(anatomic.vertebra("L3"), None, 1.0)
    assert compared(found, "L3") == found
    far = {"left": replace(found["left"], width_mm=13.0), "right": replace(found["right"], width_mm=8.0)}
    for side, pedicle in compared(far, "L3").items():
        assert pedicle.width_mm == far[side].width_mm
        assert pedicle.sigma_mm >= 2.5
        assert "differ by 5 mm" in pedicle.reason
    thick = compared({"left": replace(found["left"], width_mm=12.0)}, "T5")["left"]
    assert thick.sigma_mm > 4.0
    assert "implausible width" in thick.reason


def test_a_section_that_runs_into_a_process_has_a_wide_spread(anatomic: Any, pipe: Any) -> None:
    slanted = replace(anatomic, left=pipe(18.0, 12.0), right=pipe(18.0, 12.0), half_width_mm=26.0)
    got = find_pedicles(slanted.vertebra("L5"), slanted.scan(), 1.0)["left"]
    assert got.width_mm == got.label_width_mm
    assert got.sigma_mm >= 1.5
    tall = find_pedicles(replace(anatomic, left=pipe(12.0, 22.0)).vertebra("L5"), None, 1.0)["left"]
    lying = find_pedicles(replace(anatomic, left=pipe(22.0, 12.0), half_width_mm=30.0).vertebra("L5"), None, 1.0)[
        "left"
    ]
    # lying this flat, the least diameter is the height: the spread has to reach half-way to the width
    assert lying.width_mm > 18.0 or lying.sigma_mm > 4.0
    assert tall.sigma_mm < 2.5


def test_no_edge_no_width(changed: Callable[..., Any]) -> None:
    vertebra, scan = changed(cortex_hu=60.0, marrow_hu=45.0)
    assert find_pedicles(vertebra, scan, 1.0)["left"].ct_width_mm is None
