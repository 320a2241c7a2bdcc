"""Signs of a failed posterior column on spines of simple solids, whose every turn and step is known, and on a synthetic patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pedicle.anatomy.fracture import with_bands
from pedicle.anatomy.spine import find_vertebrae
from pedicle.anatomy.tension_band import arch_gap_mm, junction_band, junctions, posterior_band, sign_sizes
from pedicle.io.documents import spine_document
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition, LabelMap, Scan
from pedicle.model.vertebra import (
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Fracture,
    Heights,
    LocalMaps,
    Vertebra,
)
from pedicle.model.volume import Volume
from pedicle.phantom.geometry import build_geometry
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions

LEVELS = ["T10", "T11", "T12", "L1", "L2", "L3", "L4"]
SPACING_MM = 1.5
HEIGHT_MM, DISC_MM = 26.0, 8.0
Matrix = NDArray[np.float64]


def solid(points: Matrix) -> NDArray[np.uint8]:
    """Canal, pedicles, lamina and spinous process as boxes in the vertebra's frame (left, back, head)."""
    x, y, z = np.moveaxis(points, -1, 0)
    parts = np.zeros(x.shape, np.uint8)
    parts[(np.abs(x) < 10) & (y > 15) & (y < 31)] = PART_CANAL
    pedicle = (np.abs(np.abs(x) - 13) < 3) & (y > 15) & (y < 31) & (np.abs(z - 4) < 7)
    parts[pedicle] = np.where(x[pedicle] > 0, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE)
    parts[(np.abs(x) < 16) & (y > 31) & (y < 37) & (np.abs(z + 1) < 12)] = PART_POSTERIOR
    parts[(np.abs(x) < 3) & (y > 37) & (y < 62) & (np.abs(z + 8) < 6)] = PART_POSTERIOR
    return parts


def vertebra(level: str, matrix: Matrix) -> Vertebra:
    pose = Pose("lps", "vertebra", matrix)
    grid = Grid.in_frame(pose, np.array([-21.0, 9.0, -24.0]), np.array([21.0, 66.0, 24.0]), SPACING_MM)
    parts = Volume(grid, solid(pose.inverse @ grid.centres_lps_mm()))
    heights = Heights(HEIGHT_MM, HEIGHT_MM, HEIGHT_MM, 0.3)
    return Vertebra(
        level,
        "given",
        1.0,
        True,
        matrix[:3, 3],
        pose,
        heights_mm=heights,
        wedge_deg=0.0,
        maps=LocalMaps(parts, parts, parts),
    )


def moved(turn_deg: float = 0.0, hinge_deg: float = 0.0, back_mm: float = 0.0, left_mm: float = 0.0) -> Matrix:
    """What is above the upper endplate, moved: hinged forward about the back of the plate, turned, slid."""
    hinge = np.eye(4)
    hinge[:3, :3] = Rotation.from_euler("x", hinge_deg, degrees=True).as_matrix()
    corner = np.array([0.0, 14.0, 0.5 * HEIGHT_MM])
    hinge[:3, 3] = corner - hinge[:3, :3] @ corner
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", turn_deg, degrees=True).as_matrix()
    turn[:3, 3] = [left_mm, back_mm, 0.0]
    return hinge @ turn


def spine(above: dict[str, Matrix] | None = None, alone: dict[str, Matrix] | None = None) -> list[Vertebra]:
    """Seven levels, each bent forward by 4 and turned by 3 degrees on the next; `above` moves all above a level, `alone` one level."""
    step = np.eye(4)
    step[:3, :3] = Rotation.from_euler("xz", [4.0, 3.0], degrees=True).as_matrix()
    step[:3, 3] = [0.0, 0.0, HEIGHT_MM + DISC_MM]
    matrix, found = np.eye(4), []
    for level in LEVELS[::-1]:
        found.append(vertebra(level, matrix @ (alone or {}).get(level, np.eye(4))))
        matrix = matrix @ (above or {}).get(level, np.eye(4)) @ step
    return found[::-1]


def words(vertebrae: list[Vertebra], level: str) -> str:
    return junction_band(level, junctions(vertebrae)).words


def test_a_bent_and_turned_spine_shows_no_sign_anywhere() -> None:
    found = junctions(spine())
    assert [(one.upper, one.lower) for one in found] == list(pairwise(LEVELS))
    for one in found:
        assert (one.turn_deg, one.bend_deg) == pytest.approx((3.0, 4.0), abs=0.3)
        assert (one.back_mm, one.side_mm) == pytest.approx((found[0].back_mm, found[0].side_mm), abs=0.5)
    for level in LEVELS[1:-1]:
        assert words(spine(), level) == "no sign of OF5 in bone; ligaments, and a step to front or back, not assessed"


@pytest.mark.parametrize(
    ("move", "sign"),
    [
        (moved(turn_deg=10.0), "T12 is turned 10 deg further on L1"),
        (moved(turn_deg=-13.0), "T12 is turned 13 deg further on L1"),
        (moved(left_mm=7.0), "T12 stands 7 mm further left of L1"),
    ],
)
def test_what_moved_is_told_with_its_size_at_its_level(move: Matrix, sign: str) -> None:
    torn = spine({"L1": move})
    assert words(torn, "L1") == f"OF5 to be excluded (or an old slip or curve): {sign} than the levels beside"
    for level in ("T11", "L2", "L3"):
        assert "to be excluded" not in words(torn, level)


def test_a_step_to_the_front_is_measured_and_not_told() -> None:
    found = junctions(spine({"L1": moved(back_mm=-6.0)}))
    sizes = {junction.upper: size["step"] for junction, size in sign_sizes("L1", found)}
    assert sizes["T12"] == pytest.approx(-6.0, abs=0.5)
    assert "not assessed" in junction_band("L1", found).words
    assert sign_sizes("T10", found) == []


@pytest.mark.parametrize(("hinge_deg", "told"), [(4.0, False), (14.0, True), (-14.0, False)])
def test_spinous_processes_that_gape_are_told_by_how_far(hinge_deg: float, told: bool) -> None:
    """The middle of bone in the mid-line lies 33 mm behind the hinge: 14 degrees lift it by 8 mm, 4 degrees by 2."""
    found = words(spine({"L1": moved(hinge_deg=hinge_deg)}), "L1")
    assert ("spinous processes of T12 and L1 gape" in found) == told


def test_a_crushed_levels_own_frame_makes_no_sign() -> None:
    """L1 alone turned by 9 degrees and moved by 5 mm: what is above stands on what is below as before."""
    for move in (moved(turn_deg=9.0), moved(back_mm=5.0)):
        assert (
            words(spine(alone={"L1": move}), "L1")
            == "no sign of OF5 in bone; ligaments, and a step to front or back, not assessed"
        )


def test_what_cannot_be_compared_says_why() -> None:
    whole = spine()
    short = whole[2:5]
    assert "not assessed: levels above, below" in words(short, "L1")
    assert "not assessed: levels above, below" in words(whole, "T10")
    body = replace(whole[3], maps=None)
    assert posterior_band(body, junctions(whole), None).words == "OF5 not assessed: no arch in the label"
    bare = whole[3].maps
    assert bare is not None
    values = np.where(bare.parts.values == PART_CANAL, PART_CANAL, 0).astype(np.uint8)
    open_arch = replace(whole[3], maps=replace(bare, parts=bare.parts.with_values(values)))
    assert "no spinous process" in posterior_band(open_arch, junctions(whole), None).words
    cut = replace(whole[3], complete=False)
    assert "cut by the border" in posterior_band(cut, junctions(whole), None).words


def fracture(grade: int) -> Fracture:
    return Fracture((0, 0, 0), "", 30, 3, grade, (0, 0, 1, 0), "wedge", True, True, "OF2", None, None, None, "found")


def test_only_fractured_levels_are_looked_at_and_signs_warn() -> None:
    torn = spine({"L1": moved(turn_deg=12.0)})
    graded = [replace(v, fracture=fracture(2 if v.level in ("L1", "L3") else 0)) for v in torn]
    found = {v.level: v for v in with_bands(graded, None)}
    told = {level: v.fracture.of5 for level, v in found.items() if v.fracture is not None and v.fracture.of5}
    assert set(told) == {"L1", "L3"}
    assert told["L3"].startswith("no sign")
    assert [notice.code for notice in found["L1"].warnings] == ["of5"]
    assert found["L1"].fracture is not None
    assert found["L1"].fracture.verdict == f"found; {told['L1']}"
    assert not found["L3"].warnings


def carved(keep: Callable[[Matrix], NDArray[np.bool_]], dark: bool) -> float:
    """Gap of an arch of which `keep` is labelled; the CT shows bone there, and where the label lost it unless `dark`."""
    whole = vertebra("L1", np.eye(4))
    assert whole.maps is not None
    grid = whole.maps.parts.grid
    points = grid.centres_lps_mm()
    parts = solid(points)
    bone = np.isin(parts, (PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE))
    left = bone & keep(points)
    hu = np.where(left if dark else bone, 400, 45).astype(np.int16)
    labelled = np.where(bone & ~left, 0, parts).astype(np.uint8)
    maps = replace(whole.maps, parts=Volume(grid, labelled))
    return arch_gap_mm(replace(whole, maps=maps), Scan(Volume(grid, hu), Acquisition(kvp=120.0)))


def test_an_arch_split_across_is_told_and_a_lost_slab_or_an_open_arch_is_not() -> None:
    def across(points: Matrix) -> NDArray[np.bool_]:
        return np.asarray(np.abs(points[..., 2] + 3.5) > 2.5)

    def along(points: Matrix) -> NDArray[np.bool_]:
        return np.asarray(np.abs(points[..., 0]) > 3.5)

    assert carved(across, dark=True) == pytest.approx(5.0, abs=SPACING_MM + 0.1)
    assert carved(across, dark=False) == 0.0
    assert carved(along, dark=True) == 0.0
    assert carved(lambda points: np.ones(points.shape[:-1], bool), dark=True) == 0.0


@pytest.mark.parametrize("change", [{"distraction_mm": 6.0}, {"turn_deg": 10.0}, {"slide_mm": 5.0}])
def test_the_phantom_moves_what_is_above_by_what_was_asked(change: dict[str, float]) -> None:
    broken = FractureOptions(level="L1", loss_percent=30.0)
    options = PhantomOptions(level_noise=0.0, fractures=(broken,))
    poses = []
    for one in (options, replace(options, fractures=(replace(broken, **change),))):
        links = {link.shape.level: link for link in build_geometry(one).links}
        poses.append(links["L1"].lps_from_vertebra.inverse.matrix @ links["T12"].lps_from_vertebra.matrix)
    shape = links["T12"].shape
    middle = 0.25 * (shape.depth_top + shape.depth_bottom) + shape.canal_depth + 0.5 * shape.spine_length
    point = np.array([0.0, middle, -8.0, 1.0])
    before, after = (pose @ point for pose in poses)
    turned = Rotation.from_matrix(poses[0][:3, :3].T @ poses[1][:3, :3]).as_rotvec(degrees=True)
    expected_turn = change.get("turn_deg", 0.0)
    assert turned[2] == pytest.approx(expected_turn, abs=0.01)
    if "slide_mm" in change:
        assert after - before == pytest.approx([0.0, -5.0, 0.0, 0.0], abs=0.01)
    if "distraction_mm" in change:
        # The hinge lies at the back of L1's upper plate, of which the spinous process of T12 is one canal further
        assert float(np.linalg.norm(after - before)) == pytest.approx(6.0, abs=1.0)
        assert after[2] > before[2] + 4.0


def test_a_torn_synthetic_patient_is_told_and_a_wedge_alone_is_not() -> None:
    broken = FractureOptions(level="L1", loss_percent=35.0)
    torn = replace(broken, turn_deg=13.0)
    told = []
    for one in (broken, torn):
        options = PhantomOptions(
            top="T11", bottom="L3", shape=(80, 96, 92), spacing_mm=(1.4, 1.4, 2.0), seed=7, body=False, fractures=(one,)
        )
        phantom = make_phantom(options)
        assert phantom.truth["L1"].torn == (one is torn)
        found = find_vertebrae(None, LabelMap(phantom.labels, "verse"))
        row = next(row for row in spine_document(found)["vertebrae"] if row["level"] == "L1")
        assert row["verdict"].endswith(row["of5"])
        told.append(row["of5"])
    assert told[0] == "no sign of OF5 in bone; ligaments, and a step to front or back, not assessed"
    assert "T12 is turned 1" in told[1]
