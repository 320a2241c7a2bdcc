"""What stands in the beam: a body that the CT cuts, cement and needles that add up, and what is not drawn twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.fluoroscopy import looks
from pedicle.fluoroscopy.bins import whole_signal
from pedicle.fluoroscopy.materials import shares
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.projection import exact, rms_percent
from pedicle.fluoroscopy.scene import Scene, cut_notices
from pedicle.fluoroscopy.shoot import pulse, shoot
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import unit
from pedicle.model.grid import Grid
from pedicle.model.needle import Needle
from pedicle.model.placed import PlacedCement, PlacedNeedle
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.shot import Technique
from pedicle.model.volume import Volume

ARM = CArm(source_to_detector_mm=1100.0, source_to_isocentre_mm=700.0, pixel_mm=2.0, rows=120, columns=128)
CLEAN = PictureOptions(scatter=False, noise=False, blur_mm=0.0, noise_reduction=0.0)
TECHNIQUE = Technique(kvp=80.0, aluminium_mm=0.0, copper_mm=0.1, mas_per_pulse=0.1, pulses_per_s=7.5)
NEEDLE = Needle(11, 120.0, 3.05, 2.4)
FORWARD = unit([0.3, -1.0, 0.1])


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


def muscle(depth_mm: float = 120.0) -> Scan:
    """A block of 55 HU, 2 mm voxels, 180 mm wide and high, about the origin."""
    grid = centred((90, round(depth_mm / 2.0), 90), 2.0)
    return Scan(Volume(grid, np.full(grid.shape, 55, np.int16)), Acquisition(kvp=120.0))


def centred(shape: tuple[int, int, int], spacing_mm: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Grid:
    matrix = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    matrix[:3, 3] = np.array(centre) - spacing_mm * (np.array(shape) - 1) / 2.0
    return Grid(shape, matrix)


def cube(side: int = 24, material: str = "cement_barium", spacing_mm: float = 0.5) -> PlacedCement:
    """A mask with a cube of cement of `side` voxels in the middle of a grid half as wide again."""
    grid = centred((side + side // 2,) * 3, spacing_mm, (1.0, -2.0, 3.0))
    values = np.zeros(grid.shape, bool)
    values[(slice(side // 4, side // 4 + side),) * 3] = True
    return PlacedCement(Volume(grid, values), material)


def beam_of(primary: float, secondary: float = 0.0, arm: CArm = ARM) -> ConeBeam:
    view = View.from_dicom_angles("v", primary, secondary)
    return ConeBeam.aimed(arm, [0.0, 0.0, 0.0], view.detector_lps, [0.0, 0.0, 1.0])


@pytest.mark.parametrize("material", ["cement_barium", "cement_zirconia"])
@pytest.mark.parametrize("primary", [0.0, 90.0])
def test_cement_darkens_a_shot_by_what_beer_and_lambert_say(material, primary):
    """12 mm of cement in the place of as much of 120 or 180 mm of muscle, on the ray through its middle, against the sum over every keV. The millimetres are
    right to 1e-4; 1 % of the signal is what the eight energies may err.
    """
    cement = cube(24, material)
    plain = Scene.of(muscle(), (0.0, 0.0), ARM)
    filled = plain.with_cement(cement)
    beam = beam_of(primary)
    column, row = np.rint(beam.project([1.0, -2.0, 3.0])).astype(int)
    slant = np.abs(beam.rays([column, row])[1 if primary == 0.0 else 0])
    paths = filled.paths(beam)[:, row, column].astype(float)
    assert filled.materials[-1] == material
    assert paths[-1] == pytest.approx(12.0 / slant, rel=1e-4)
    view = View.from_dicom_angles("v", primary, 0.0)
    dark, light = (
        shoot(s, view, beam, technique=TECHNIQUE, options=CLEAN).signal[row, column] for s in (filled, plain)
    )
    depth = (120.0 if primary == 0.0 else 180.0) / slant
    tissue = depth * shares(np.array([55.0]))[:, 0]
    names = filled.materials[:3]
    soft = np.array([1.0, 0.0, 0.0])
    true = [
        whole_signal(np.array([*(tissue - mm * soft), mm])[:, None], (*names, material), TECHNIQUE)[0]
        for mm in (12.0 / slant, 0.0)
    ]
    assert dark / light == pytest.approx(true[0] / true[1], rel=0.01)
    assert dark == pytest.approx(true[0], rel=0.02)


def test_cement_and_needle_hide_each_other_by_adding_up_whatever_the_order():
    placed = PlacedNeedle(NEEDLE, np.array([1.0, -2.0, 3.0]), FORWARD)
    plain = Scene.of(muscle(), (0.0, 0.0), ARM)
    filled, beam = plain.with_cement(cube(), cube(16, "cement_zirconia")), beam_of(160.0)
    both, needle, cement, none = (
        filled.paths(beam, (placed,)), plain.paths(beam, (placed,)), filled.paths(beam), plain.paths(beam),
    )  # fmt: skip
    np.testing.assert_allclose(both[1:5], needle[1:], atol=1e-5)
    np.testing.assert_allclose(both[5:], cement[5:], atol=1e-5)
    np.testing.assert_allclose(both[0] + both[5:].sum(axis=0), none[0], atol=1e-4)
    crossed = (both[3] > 0) & (both[5] > 0)
    assert crossed.any()
    assert plain.materials == ("soft_tissue", "adipose", "hydroxyapatite", "steel_316l", "pmma")


def test_cement_that_is_none_is_refused():
    with pytest.raises(ValueError, match="cement_barium"):
        cube(material="bone_wax")
    grid = centred((4, 4, 4), 1.0)
    for bad in (-0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            PlacedCement(Volume(grid, np.full(grid.shape, bad, np.float32)))


def rough() -> Scan:
    """Muscle with lumps of 10 mm between fat and dense bone, air around."""
    scan = muscle()
    noise = np.random.default_rng(2).uniform(-100, 800, (18, 12, 18))
    values = noise.repeat(5, 0).repeat(5, 1).repeat(5, 2)
    values[[0, -1]] = values[:, [0, -1]] = -1000
    return replace(scan, volume=scan.volume.with_values(values.astype(np.int16)))


def moved_detectors(beam: ConeBeam) -> dict[str, ConeBeam]:
    """The same source: the picture turned about its middle, a detector panned, the middle magnified twice."""
    turn = np.radians(30.0)
    right, down = beam.column_step_lps_mm, beam.row_step_lps_mm
    turned_right, turned_down = (
        np.cos(turn) * right + np.sin(turn) * down, np.cos(turn) * down - np.sin(turn) * right,
    )  # fmt: skip
    middle = beam.pixel_lps_mm([63.5, 59.5])
    return {
        "rolled": replace(
            beam,
            corner_lps_mm=middle - 63.5 * turned_right - 59.5 * turned_down,
            column_step_lps_mm=turned_right,
            row_step_lps_mm=turned_down,
        ),
        "panned": replace(beam, corner_lps_mm=beam.corner_lps_mm + 9.0 * right - 12.0 * down),
        "zoomed": replace(
            beam, corner_lps_mm=beam.pixel_lps_mm([32, 30]), column_step_lps_mm=right / 2, row_step_lps_mm=down / 2
        ),
    }


def test_pan_roll_and_zoom_cost_a_look_and_are_as_right_as_a_new_sum(monkeypatch):
    """One more sum, with room, where the first detector does not reach; from then on none. Against the exact integrals, 0.3 % for
    voxels of 2 mm whose values jump: a new sum on elements of half a voxel errs by 0.25 %. (One made for the zoomed detector
    alone would err by 0.08 %.)
    """
    scene, beam, sums = Scene.of(rough(), (0.0, 0.0), ARM), beam_of(150.0, 10.0), []
    monkeypatch.setattr(looks, "cast", lambda *given: sums.append(given) or real(*given))
    scene.paths(beam)
    assert len(sums) == 1
    scene.paths(moved_detectors(beam)["zoomed"])
    assert len(sums) == 1
    for name, moved in moved_detectors(beam).items():
        assert rms_percent(scene.paths(moved)[2], exact(scene.looks.absorber, moved)[2]) <= 0.3, name
    assert len(sums) == 2
    scene.paths(beam_of(149.0, 10.0))
    assert len(sums) == 3


real = looks.cast


def test_what_stands_still_is_drawn_once_and_what_moves_each_time(monkeypatch):
    drawn = {"needle": 0, "cement": 0, "cast": 0}

    def counted(name, action):
        def call(*given):
            drawn[name] += 1
            return action(*given)

        return call

    monkeypatch.setattr(looks, "cast", counted("cast", looks.cast))
    monkeypatch.setattr(looks, "needle_shadows", counted("needle", looks.needle_shadows))
    monkeypatch.setattr(looks, "cement_shadow", counted("cement", looks.cement_shadow))
    scene, beam = Scene.of(rough(), (0.0, 0.0), ARM).with_cement(cube()), beam_of(170.0)
    tips = ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    frames = [pulse(scene, beam, (PlacedNeedle(NEEDLE, np.array(tip), FORWARD),)) for tip in tips]
    assert drawn == {"needle": 2, "cement": 1, "cast": 1}
    grown = scene.with_cement(cube(26))
    pulse(grown, beam, ())
    assert drawn == {"needle": 2, "cement": 2, "cast": 1}
    assert (frames[0].signal == frames[1].signal).all()
    assert (frames[0].signal != frames[2].signal).any()


def test_a_picture_does_not_depend_on_those_before():
    """A scene that has been looked at from elsewhere, and from the same source with other detectors: 1e-5, a float's rounding."""
    beam = beam_of(170.0, 5.0)
    used, fresh = Scene.of(rough(), (0.0, 0.0), ARM), Scene.of(rough(), (0.0, 0.0), ARM)
    for other in (beam_of(20.0), *moved_detectors(beam).values()):
        used.paths(other)
    np.testing.assert_allclose(used.paths(beam), fresh.paths(beam), rtol=1e-4, atol=1e-3)


def test_pulses_of_a_run_are_shots_with_a_memory():
    scene, beam = Scene.of(muscle(), (0.0, 0.0), ARM), beam_of(180.0)
    first = pulse(scene, beam)
    shot = shoot(scene, View.from_dicom_angles("v", 180.0, 0.0), beam)
    assert (shot.signal == first.signal).all()
    assert shot.technique == first.state.technique
    second = pulse(scene, beam, previous=first.state)
    assert second.state.frames == 2
    middle = np.s_[40:80, 40:80]
    assert second.signal[middle].std() < 0.9 * first.signal[middle].std()
