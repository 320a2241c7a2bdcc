"""What the truth says is what the shapes are, at any voxel size and on either side."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pedicle.model.vertebra import PART_CANAL, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE
from pedicle.phantom.geometry import build_geometry
from pedicle.phantom.make import Phantom, grid_of, make_phantom
from pedicle.phantom.morphometry import spine_shapes
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.phantom.query import truth_density, truth_distance
from pedicle.phantom.truth import truth_of


def test_measured_heights_are_the_heights_drawn():
    """The shape meets the heights of the level's numbers at 12, 50 and 88 % of the depth, within 0.05 mm."""
    options = PhantomOptions(seed=8, body=False)
    geometry = build_geometry(options)
    for drawn in spine_shapes(options):
        measured = geometry.heights[drawn.level]
        assert measured == pytest.approx((drawn.height_front, drawn.middle, drawn.height_back), abs=0.05), drawn.level


@pytest.mark.parametrize(("shape", "worst"), [("wedge", 0), ("biconcave", 1), ("crush", 0)])
@pytest.mark.parametrize("loss", [22.0, 45.0])
def test_the_loss_asked_for_is_the_loss_measured(shape: str, worst: int, loss: float):
    fracture = FractureOptions(level="T12", shape=shape, loss_percent=loss)
    geometry = build_geometry(PhantomOptions(seed=9, body=False, fractures=(fracture,)))
    after, before = geometry.heights["T12"], geometry.heights_before["T12"]
    measured = [100.0 * (1.0 - a / b) for a, b in zip(after, before, strict=True)]
    assert measured[worst] == pytest.approx(loss, abs=0.5)
    assert max(measured) == pytest.approx(loss, abs=0.5)
    if shape == "wedge":
        assert measured[2] < 10.0


def test_heights_read_off_the_label_map_are_the_truth(small_phantom: Phantom):
    """Columns through the body's voxels along the true superior axis; a voxel of 1 mm allows 0.5 mm."""
    labels, parts = small_phantom.labels, small_phantom.parts
    truth = small_phantom.truth["T12"]
    body = labels.with_values(((labels.values == truth.verse) & (parts.values == 1)).astype(np.float32))
    across, up = np.arange(-3.0, 3.1, 1.0), np.arange(-20.0, 20.0, 0.1)
    for share, height in zip((0.12, 0.5, 0.88), truth.heights_mm, strict=True):
        back = truth.posterior_wall_mm - (1.0 - share) * truth.depth_mm
        local = np.stack(np.meshgrid(across, [back], up, indexing="ij"), axis=-1)
        inside = body.sampled(truth.lps_from_vertebra @ local, order=0, fill=0.0) > 0.5
        assert np.median(inside.sum(axis=-1)) * 0.1 == pytest.approx(height, abs=0.6)


def test_the_truth_does_not_know_the_slice_thickness(small_options: PhantomOptions):
    documents = []
    for thickness, slices in ((0.6, 184), (1.0, 110), (3.0, 37)):
        options = replace(small_options, spacing_mm=(1.0, 1.0, thickness), shape=(60, 60, slices), noise_hu=0.0)
        truth = make_phantom(options).truth
        levels = json.loads(json.dumps(truth.document()["levels"]))
        documents.append(
            [
                {k: v for k, v in level.items() if k not in ("whole", "cut")}
                for level in levels
                if level["level"] == "L1"
            ]
        )
    assert documents[0] == documents[1] == documents[2]


def test_left_stays_left(small_phantom: Phantom):
    """The left pedicle lies at greater LPS x than the canal, in the truth and in the part map."""
    truth, parts = small_phantom.truth["L2"], small_phantom.parts
    own = small_phantom.labels.values == truth.verse
    centre = truth.lps_from_vertebra.origin_mm[0]
    for code, side, sign in ((PART_LEFT_PEDICLE, "left", 1.0), (PART_RIGHT_PEDICLE, "right", -1.0)):
        voxels = np.argwhere(own & (parts.values == code))
        assert sign * (parts.grid.lps_from_index(voxels)[:, 0].mean() - centre) > 5.0
        assert sign * (truth.pedicles[side].centre_lps_mm[0] - centre) > 5.0


def test_mirroring_exchanges_the_pedicles(small_options: PhantomOptions):
    plain = build_geometry(small_options)
    mirror = build_geometry(replace(small_options, mirror=True))
    n = plain.index("L1")
    assert plain.links[n].shape.pedicle_widths == mirror.links[n].shape.pedicle_widths[::-1]
    assert plain.links[n].lps_from_vertebra.origin_mm * [-1, 1, 1] == pytest.approx(
        mirror.links[n].lps_from_vertebra.origin_mm, abs=1e-9
    )


def test_pedicle_width_is_the_width_of_the_section(small_phantom: Phantom):
    """Asked width against the least way across the composed shape: 0.25 mm, for the blends widen a pedicle a little."""
    for level in small_phantom.truth.levels:
        asked = small_phantom.geometry.links[small_phantom.geometry.index(level.level)].shape.pedicle_widths
        found = (level.pedicles["left"].width_mm, level.pedicles["right"].width_mm)
        assert found == pytest.approx(asked, abs=0.25)


def test_a_pedicle_centre_is_in_bone_and_half_its_width_from_the_wall(small_phantom: Phantom):
    for level in ("T12", "L2"):
        for pedicle in small_phantom.truth[level].pedicles.values():
            found = truth_distance(small_phantom.geometry, level, pedicle.centre_lps_mm[None])
            assert found.surface[0] == pytest.approx(-0.5 * pedicle.width_mm, abs=0.4)
            assert found.canal[0] > 1.0


def test_distances_agree_with_the_label_map(small_phantom: Phantom):
    """Bone voxels are inside and the canal is outside; the exact distance grows by 1 mm a mm off the front wall."""
    labels, truth = small_phantom.labels, small_phantom.truth["L2"]
    voxels = np.argwhere(labels.values == truth.verse)[::97]
    found = truth_distance(small_phantom.geometry, "L2", labels.grid.lps_from_index(voxels), exact=False)
    assert found.surface.max() < 0.0
    canal = np.argwhere(small_phantom.parts.values == PART_CANAL)
    points = small_phantom.parts.grid.lps_from_index(canal)
    near = np.abs(truth.lps_from_vertebra.inverse @ points)[:, 2] < 5.0
    assert truth_distance(small_phantom.geometry, "L2", points[near][::31], exact=False).canal.max() < 0.0
    front = truth.posterior_wall_mm - truth.depth_mm
    line = truth.lps_from_vertebra @ np.array([[0.0, front - t, 0.0] for t in (2.0, 4.0, 6.0, 8.0)])
    assert np.diff(truth_distance(small_phantom.geometry, "L2", line).surface) == pytest.approx(2.0, abs=0.1)


def test_density_of_the_standard_region_is_what_was_asked_for():
    """Mean over levels and seeds within 5 %: texture makes single levels differ, the options say the patient's mean."""
    ratios = []
    for seed in range(3):
        options = PhantomOptions(seed=seed, body=False, level_noise=0.0, density_mg_cm3=100.0)
        geometry = build_geometry(options)
        ratios += [t.density_mg_cm3 / t.density_asked_mg_cm3 for t in truth_of(geometry, grid_of(geometry)).levels]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


def test_density_can_be_asked_anywhere(small_phantom: Phantom):
    truth = small_phantom.truth["L2"]
    points = truth.lps_from_vertebra @ np.random.default_rng(1).uniform(-6.0, 6.0, (400, 3))
    found = truth_density(small_phantom.geometry, "L2", points)
    assert found.min() > 0.0
    assert found.mean() == pytest.approx(truth.density_mg_cm3, rel=0.25)


def test_a_fragment_in_the_canal_narrows_it(small_options: PhantomOptions):
    fracture = FractureOptions(level="L1", shape="crush", loss_percent=40.0, posterior_bulge_mm=5.0, retropulsion=True)
    geometry = build_geometry(replace(small_options, fractures=(fracture,)))
    plain = build_geometry(small_options)
    n = geometry.index("L1")
    back = np.linspace(5.0, 30.0, 126)
    height = 0.27 * geometry.heights["L1"][2]  # 0.55 of the half height: where the fragment stands out most
    line = np.array([[0.0, v, height] for v in back])

    def first_canal(g):  # type: ignore[no-untyped-def]
        pose = g.links[n].lps_from_vertebra
        inside = truth_distance(g, "L1", pose @ line, exact=False).canal < 0.0
        return back[np.argmax(inside)]

    assert first_canal(geometry) - first_canal(plain) == pytest.approx(5.0, abs=1.0)


def test_a_pedicle_beside_a_rib_is_as_wide_as_it_is_painted() -> None:
    """The truth is what is painted, to 0.5 mm (a voxel), and T12's ribs take nothing away from its pedicles."""
    options = PhantomOptions(
        seed=7, top="T12", bottom="T12", body=True, shape=(120, 150, 50), spacing_mm=(0.5, 0.8, 0.8), noise_hu=0.0
    )
    made = make_phantom(options)
    alone = {p.side: p.width_mm for p in make_phantom(replace(options, body=False)).truth["T12"].pedicles.values()}
    level = made.truth["T12"]
    for side, pedicle in level.pedicles.items():
        across = np.cross(pedicle.axis_lps, level.lps_from_vertebra.axis(2))
        way = np.arange(-8.0, 8.0, 0.02)
        on = made.labels.sampled(pedicle.centre_lps_mm + way[:, None] * across, order=0, fill=0) == level.verse
        painted = 0.02 * on.sum()
        assert painted == pytest.approx(pedicle.width_mm, abs=0.5)
        assert pedicle.width_mm == pytest.approx(alone[side], abs=0.05)


def test_cut_is_the_body_pedicles_or_lamina_and_never_a_whole_level(small_phantom: Phantom) -> None:
    levels = small_phantom.truth.levels
    assert not any(level.cut and level.whole for level in levels)
    options = small_phantom.geometry.options
    low = make_phantom(replace(options, shape=(*options.shape[:2], options.shape[2] // 2), noise_hu=0.0))
    voxels = {level.verse: (low.labels.values == level.verse) for level in low.truth.levels}
    for level in low.truth.levels:
        if level.cut:
            at_border = voxels[level.verse][..., [0, -1]].any()
            assert at_border or not voxels[level.verse].any()
    assert any(level.cut for level in low.truth.levels)
