"""A needle found in pictures whose truth is known: simple light (scatter, blur, noise) over smooth and edged backgrounds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pedicle.fluoroscopy.background import correlation, field_beside
from pedicle.fluoroscopy.bins import whole_signal
from pedicle.fluoroscopy.line_search import Line
from pedicle.fluoroscopy.machine import usual_technique
from pedicle.fluoroscopy.needle_end import _over_rolls, blurred_by
from pedicle.fluoroscopy.needle_shadow import needle_shadows
from pedicle.fluoroscopy.strip import Look, Steel, best_look
from pedicle.fluoroscopy.tip import SEVERAL, Located, _answer, _claimed, _Needle, _Pair, locate
from pedicle.fluoroscopy.tip_pick import NARROW, OVERLAID, Picture, Reach, _hardened, _profile, expected_in, find_tip
from pedicle.fluoroscopy.triangulate import NOTHING_UNSEEN
from pedicle.fluoroscopy.two_lines import SeenLine, direction_near
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR, unit
from pedicle.model.needle import Needle, catalogue
from pedicle.model.notices import Notice
from pedicle.model.pick import TipPick
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Dose, Shot, Technique, TipEstimate

NEEDLE = next(n for n in catalogue() if n.gauge == 11 and n.length_mm == 125.0)
CENTRE = np.array([12.0, -20.0, 135.0])
ARM = CArm(1100.0, 700.0, 0.58, 400, 400)
FORWARD = unit([-0.42, -0.9, -0.12])


def beam_at(primary_deg: float) -> ConeBeam:
    view = View.from_dicom_angles("", primary_deg, 0.0)
    return ConeBeam.aimed(ARM, CENTRE, view.detector_lps, SUPERIOR)


def bone(beam: ConeBeam) -> np.ndarray:
    """Attenuation behind a patient: a broad hill, blocks with sharp walls (vertebrae) and a bright stripe (a rib)."""
    row, column = np.indices((beam.rows, beam.columns), dtype=float)
    hill = 3.0 - ((column - 200) / 400) ** 2
    blocks = 0.5 * ((np.abs(column - 190) < 55) & (np.abs((row % 110) - 50) < 38))
    rib = 0.25 * (np.abs(row - 0.4 * column - 60) < 7)
    return gaussian_filter(hill + blocks + rib, 1.0)


def signal(beam: ConeBeam, needle: PlacedNeedle | None, seed: int = 0, photons: float = 500.0) -> np.ndarray:
    steel = needle_shadows(needle, beam)[0].whole(beam) if needle is not None else 0.0
    primary = np.exp(-bone(beam) - 0.8 * steel)
    seen = gaussian_filter(primary + 0.3 * np.exp(-3.0), 0.8)
    chance = np.random.default_rng(seed)
    per = photons / np.exp(-3.0)
    return chance.poisson(seen * per).clip(1).astype(np.float32) / np.float32(per)


def needle_at(tip=CENTRE, **kwargs) -> PlacedNeedle:
    return PlacedNeedle(NEEDLE, np.asarray(tip, float), FORWARD, **kwargs)


@pytest.mark.parametrize("primary", [180.0, 155.0, 90.0])
@pytest.mark.parametrize("kwargs", [{"stylet": True}, {"stylet": False}])
def test_without_noise_the_tip_is_right_to_a_third_of_a_pixel(primary, kwargs):
    """Blur, scatter, foreshortening (25 to 80 degrees off the beam), bone edges, a pointed or a hollow end."""
    beam, true = beam_at(primary), needle_at(roll_deg=50.0, **kwargs)
    if primary == 155.0:
        true = replace(true, direction_lps=unit([-0.85, -0.5, -0.1]))
    found = find_tip(signal(beam, true, photons=1e7), beam, replace(true, roll_deg=0.0))
    assert found.found, found.reason
    assert np.linalg.norm(found.pixel - beam.project(true.tip_lps_mm)) < 0.35


def test_the_plan_may_be_far_off():
    """13 mm beside and 12 degrees turned: the same needle is found, within what it states (3.5 SD)."""
    beam, true = beam_at(90.0), needle_at()
    aside = unit(np.cross(FORWARD, [0.3, 0.1, 1.0]))
    plan = replace(
        true,
        tip_lps_mm=CENTRE + 9.0 * aside - 9.0 * FORWARD,
        direction_lps=unit(FORWARD + np.tan(np.radians(12)) * aside),
    )
    found = find_tip(signal(beam, true, 1), beam, plan)
    assert found.found, found.reason
    away = found.pixel - beam.project(CENTRE)
    assert away @ np.linalg.solve(found.covariance_px2, away) < 3.5**2
    assert abs(np.cross([*found.forward, 0], [*unit(beam.project(CENTRE) - beam.project(true.at(20.0))), 0])[2]) < 0.01


def test_what_is_not_there_is_not_found():
    """No needle; a needle elsewhere; a needle too short of contrast: words, no numbers."""
    beam = beam_at(90.0)
    for given in (signal(beam, None, 2), signal(beam, needle_at(CENTRE + [0.0, 0.0, 45.0]), 3)):
        found = find_tip(given, beam, needle_at())
        assert not found.found
        assert found.reason
        assert found.pixel is None


def test_end_on_and_out_of_the_picture_are_said():
    beam = ConeBeam.aimed(ARM, CENTRE, -FORWARD, SUPERIOR)
    assert "end-on" in find_tip(signal(beam, needle_at(), 4), beam, needle_at()).reason
    part = beam_at(90.0).cropped((0, 0), 100, 100)
    assert "outside the picture" in find_tip(np.ones((100, 100), np.float32), part, needle_at()).reason


def shot(beam: ConeBeam, needle: PlacedNeedle, seed: int) -> Shot:
    technique = Technique(80.0, 0.0, 0.1, 0.2, 7.5)
    picture = np.zeros((beam.rows, beam.columns), np.uint8)
    return Shot(
        View.towards("", beam.normal_lps), beam, technique, signal(beam, needle, seed), picture, Dose(0, 0, 0, 1)
    )


def test_two_pictures_give_tip_and_direction():
    """Four noisy pairs with the plan off by 8 mm: errors under 0.7 mm, within the stated covariance (chi-square, 12 degrees
    of freedom, 99.9 % from above), the needle's direction to a degree."""
    total = 0.0
    for seed in range(4):
        tip = CENTRE + np.random.default_rng(seed).normal(0.0, 4.0, 3)
        true = needle_at(tip, stylet=seed % 2 == 0, roll_deg=47.0 * seed)
        plan = replace(true, tip_lps_mm=tip + unit([seed - 2.5, 1.0, -2.0]) * 8.0, roll_deg=0.0)
        found = locate(shot(beam_at(195.0), true, 2 * seed), shot(beam_at(110.0), true, 2 * seed + 1), plan)
        assert found.tip is not None, found.reason
        away = found.tip.tip_lps_mm - tip
        assert np.linalg.norm(away) < 0.7
        assert found.direction_lps @ FORWARD > np.cos(np.radians(1.0))
        total += away @ np.linalg.solve(found.tip.covariance_mm2, away)
    assert total < 32.9


def test_a_tip_missing_in_one_picture_is_not_measured():
    found = locate(
        shot(beam_at(195.0), needle_at(), 1), shot(beam_at(110.0), needle_at(CENTRE + [0, 0, 60.0]), 2), needle_at()
    )
    assert found.tip is None
    assert "second picture" in found.reason


def wire_at(tip=CENTRE) -> PlacedNeedle:
    return PlacedNeedle(Needle(16, 200.0, 1.5, 0.1), np.asarray(tip, float), FORWARD)


@pytest.mark.parametrize("there", [None, wire_at(), replace(needle_at(), needle=Needle(4, 45.0, 6.0, 0.1))])
def test_other_metal_and_nothing_are_not_taken_for_the_needle(there):
    """Nothing, a wire of half the width, a rod of twice the width, all in the needle's own place: no tip, words."""
    found = locate(shot(beam_at(195.0), there, 5), shot(beam_at(110.0), there, 6), needle_at())
    assert found.tip is None
    assert found.reason


@pytest.mark.parametrize("higher_mm", [3.0, 16.0])
def test_two_needles_in_view_are_told_apart_or_said(higher_mm):
    """The other side's needle is in view: with room between both the right one is measured; where they cross in the lateral
    view, it is measured right or not at all."""
    other = PlacedNeedle(NEEDLE, CENTRE + [-14.0, 4.0, higher_mm], unit([0.42, -0.9, -0.12]))
    shots = []
    for n, primary in enumerate((195.0, 110.0)):
        beam = beam_at(primary)
        both = signal(beam, needle_at(), n) * np.exp(-0.8 * needle_shadows(other, beam)[0].whole(beam))
        shots.append(replace(shot(beam, needle_at(), n), signal=both.astype(np.float32)))
    found = locate(*shots, needle_at(CENTRE + [3.0, -3.0, 2.0]))
    if higher_mm > 10.0:
        assert found.tip is not None, found.reason
    assert found.tip is None or np.linalg.norm(found.tip.tip_lps_mm - CENTRE) < 0.7


def both_seen(mine: PlacedNeedle, other: PlacedNeedle) -> list[Shot]:
    """Pictures from behind and from the side with two needles in the beam."""
    shots = []
    for n, primary in enumerate((195.0, 110.0)):
        beam = beam_at(primary)
        both = signal(beam, mine, n) * np.exp(-0.8 * needle_shadows(other, beam)[0].whole(beam))
        shots.append(replace(shot(beam, mine, n), signal=both.astype(np.float32)))
    return shots


@pytest.mark.parametrize(("beside_px", "said"), [(3.0, "second"), (20.0, "")])
def test_an_end_that_two_needles_claim_is_nobodys(monkeypatch, beside_px, said):
    """The other needle's end lies 3 or 20 pixels from this one's in the second picture, 60 in the first; the needle is 8 wide."""
    found = needle_found(CENTRE, pixels=([200.0, 200.0], [200.0, 200.0]))
    other = needle_found(CENTRE, pixels=([260.0, 200.0], [200.0, 200.0 + beside_px]))
    shots = shot(beam_at(195.0), needle_at(), 1), shot(beam_at(110.0), needle_at(), 2)
    monkeypatch.setattr(_Pair, "looked", lambda *_: [other])
    assert _claimed(_Pair(shots, needle_at(), NOTHING_UNSEEN), found, [needle_at()]) == said
    assert _claimed(_Pair(shots, needle_at(), NOTHING_UNSEEN), found, []) == ""


def test_a_needle_over_the_shaft_is_seen_from_what_it_leaves_beside_it():
    """Another needle crosses the shaft 15 mm behind the end at a small angle in the lateral picture."""
    deeper = beam_at(110.0).normal_lps
    across = unit(np.cross(deeper, FORWARD))
    direction = unit(FORWARD + np.tan(np.radians(9.0)) * across)
    other = PlacedNeedle(NEEDLE, CENTRE - 15.0 * FORWARD + 25.0 * deeper + 8.0 * direction, direction)
    found = locate(*both_seen(needle_at(), other), needle_at(CENTRE + [2.0, -2.0, 1.0]))
    assert found.tip is None
    assert OVERLAID in found.reason


@dataclass
class Allowing:
    """Two pictures that allow these needles, at both looks."""

    allowed: list[_Needle]
    planned: PlacedNeedle = field(default_factory=needle_at)

    def looked(self, near: PlacedNeedle, reach: Reach, miss_mm: float, first_clear: bool = False) -> list[_Needle]:
        if not first_clear:
            return self.allowed
        return [min(self.allowed, key=lambda one: np.linalg.norm(one.tip.tip_lps_mm - near.tip_lps_mm))]


def needle_found(tip: np.ndarray, missed: bool = False, pixels=([0.0, 0.0], [0.0, 0.0])) -> _Needle:
    warnings = (Notice("tip-rays-miss", "tip", "", "danger"),) if missed else ()
    first, second = (TipPick(np.array(pixel)) for pixel in pixels)
    return _Needle((first, second), TipEstimate(tip, np.eye(3), 80.0, 0.1, warnings), FORWARD, 1.0)


def test_two_tips_that_both_pictures_allow_are_none():
    """Two answers 5 mm apart are none; when the rays of one of them miss each other the other one is it; 0.5 mm are one."""
    right, wrong = needle_found(CENTRE), needle_found(CENTRE + [5.0, 0.0, 0.0])
    refused = _answer(Allowing([right, wrong]))
    assert isinstance(refused, Located)
    assert refused.tip is None
    assert refused.reason == SEVERAL
    assert _answer(Allowing([needle_found(CENTRE + [5.0, 0.0, 0.0], missed=True), right])) is right
    assert _answer(Allowing([right, needle_found(CENTRE + [0.5, 0.0, 0.0])])) is right


@pytest.mark.parametrize("variance", [0.04, 0.13, 0.6, 3.0])
def test_a_blur_of_less_than_a_pixel_is_as_wide_as_asked(variance):
    """A point's second moment; a Gauss sampled at whole pixels has a third of 0.13."""
    point = np.zeros((41, 41))
    point[20, 20] = 1.0
    seen = blurred_by(point, variance)
    place = np.arange(41) - 20.0
    assert seen.sum() == pytest.approx(1.0)
    assert seen.sum(axis=0) @ place**2 == pytest.approx(variance, rel=1e-4)
    assert seen.sum(axis=1) @ place**2 == pytest.approx(variance, rel=1e-4)


def test_the_look_is_learnt_from_light():
    """A solid bar seen through a known look: its scale is found again to 4 %; from means of logarithms it is 7 % off."""
    beam, true, look = beam_at(95.0), needle_at(stylet=True), Look(0.607, 1.0, 0.4)
    steel = Steel.behind_patient(usual_technique())
    millimetres = needle_shadows(true, beam)[0].whole(beam).astype(np.float64)
    taken = 1.0 - blurred_by(steel.through(millimetres), look.blur**2 - 0.25)
    dark = -np.log1p(-look.share * taken).astype(np.float32)
    expected = expected_in(Picture(dark, beam, usual_technique()), true, NARROW)
    profile = _profile(dark, Line(expected.run, 10.0, np.eye(2), 0.0, look, 0.0), expected, 0.0)
    assert best_look(*profile, expected.bar)[0].scale == pytest.approx(1.0, abs=0.04)


def test_the_spectrum_behind_the_patient_is_told_by_the_picture():
    """Behind 300 mm of water with 45 % of primary light: steel's attenuation there, to 1 %."""
    technique = usual_technique()
    light = float(whole_signal(np.array([[300.0]]), ("water",), replace(technique, mas_per_pulse=1.0))[0]) / 0.45
    beam = beam_at(95.0)
    picture = Picture(np.full((beam.rows, beam.columns), -np.log(light), np.float32), beam, technique)
    expected = expected_in(picture, needle_at(), NARROW)
    line = Line(expected.run, 10.0, np.eye(2), 30.0, Look(0.6, 1.0, 0.45), 0.0)
    steel, hard = _hardened(picture, line, expected.bar).steel, Steel.behind_patient(technique, 300.0)
    assert steel.per_mm @ steel.weight == pytest.approx(hard.per_mm @ hard.weight, rel=0.01)
    soft = expected.bar.steel
    assert soft.per_mm @ soft.weight > 1.03 * (hard.per_mm @ hard.weight)


def test_every_turn_about_the_axis_has_its_say():
    """Two turns that fit equally well, ends at 3.2 and 4.2 steps: the mean lies between, its variance is that of two places."""
    steps = np.arange(9.0)
    behind, variance = _over_rolls(np.stack([100.0 * (steps - 3.2) ** 2, 100.0 * (steps - 4.2) ** 2]))
    assert behind == pytest.approx(0.25, abs=1e-6)
    assert variance == pytest.approx(0.25**2, abs=1e-6)


def test_smaller_pixels_are_joined_and_the_place_is_in_pixels_as_taken():
    """A detector of a third of the pixel shows the same tip."""
    view = View.from_dicom_angles("", 90.0, 0.0)
    fine = ConeBeam.aimed(CArm(1100.0, 700.0, 0.58 / 3.0, 1200, 1200), CENTRE, view.detector_lps, SUPERIOR)
    coarse = signal(beam_at(90.0), needle_at(), 7, photons=1e6)
    found = find_tip(np.kron(coarse, np.ones((3, 3))), fine, needle_at(CENTRE + [2.0, 2.0, 1.0]))
    assert found.found, found.reason
    assert np.linalg.norm(found.pixel - fine.project(CENTRE)) < 1.0


def test_the_background_s_variances_are_found_again():
    """A random field made with white noise of 0.05 and a part of 0.2 that hangs together over 15 pixels, drawn from its
    covariance: both variances to a quarter."""
    place = np.stack(np.meshgrid(np.arange(48.0), np.arange(48.0)), axis=-1).reshape(-1, 2)
    together = correlation(place, 15.0).astype(np.float64)
    chance = np.random.default_rng(2)
    lower = np.linalg.cholesky(together + 1e-6 * np.eye(len(place)))
    found = []
    for _ in range(12):
        field = 0.2 * lower @ chance.normal(size=len(place)) + 0.05 * chance.normal(size=len(place))
        found.append(field_beside(field.reshape(48, 48), np.ones((48, 48), bool), 15.0))
    assert np.mean([one.noise for one in found]) == pytest.approx(0.05**2, rel=0.25)
    assert np.mean([one.varying for one in found]) == pytest.approx(0.2**2, rel=0.25)


def test_a_direction_is_where_both_planes_meet_and_the_plan_decides_where_they_are_one():
    beams = beam_at(195.0), beam_at(110.0)
    lines = [SeenLine(beam, *seen_line(beam, FORWARD), 0.05) for beam in beams]
    plan = unit(FORWARD + [0.1, 0.0, 0.1])
    found, sd = direction_near(plan, 7.5, lines)
    assert np.degrees(np.arccos(found @ FORWARD)) < 0.1
    assert sd < 1.0
    same, unsure = direction_near(plan, 7.5, [lines[0], lines[0]])
    assert abs(same @ lines[0].plane[0]) < 1e-3
    assert unsure > 5.0


def seen_line(beam: ConeBeam, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tip, behind = beam.project(np.stack([CENTRE, CENTRE - 10.0 * direction]))
    return tip, unit(tip - behind)
