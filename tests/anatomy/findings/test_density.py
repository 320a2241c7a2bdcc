"""Density of marrow whose HU are set, through the laws of the model; what may not be believed says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.calibration import scan_law, with_tissues
from pedicle.anatomy.contrast import enhanced
from pedicle.anatomy.density import measure_density, patient_density
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.region import Region, fenced, trabecular_region
from pedicle.anatomy.tissue import Tissues, air_hu, find_tissues
from pedicle.model.density import DensityLaw, density_law, tissue_hu
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Fracture
from pedicle.model.volume import Volume
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import PhantomOptions

PLAIN = MeasureOptions(calibration="asynchronous")


def fracture(grade: int) -> Fracture:
    return Fracture(
        (0, 0, 0), "neighbours", 0, 1, grade, (1, 0, 0, 0), "none", False, False, "", None, None, None, "",
    )  # fmt: skip


@pytest.mark.parametrize("kvp", [80.0, 100.0, 120.0, 140.0])
def test_even_marrow_comes_back_at_every_voltage(changed: Any, kvp: float) -> None:
    law = density_law(kvp)
    vertebra, scan = changed(marrow_hu=float(law.hu_from_density(90.0)))
    scan = replace(scan, acquisition=replace(scan.acquisition, kvp=kvp))
    found = measure_density(vertebra, scan, PLAIN)
    assert found.density_mg_cm3 is not None
    # HU are whole numbers; the shell lies 4 mm away
    assert found.density_mg_cm3.value == pytest.approx(90.0, rel=0.01)
    assert found.density_mg_cm3.low < 90.0 < found.density_mg_cm3.high
    assert found.usable
    assert not found.sclerosis
    assert 2.0 < found.volume_ml < 12.0


def test_noise_and_slices_of_3_mm_move_the_mean_little(anatomic: Any) -> None:
    solid = replace(anatomic, marrow_hu=100.0, blur_mm=1.0)
    scan = solid.scan((0.9, 0.9, 3.0))
    noise = np.random.default_rng(2).normal(0.0, 25.0, scan.volume.values.shape)
    noisy = replace(scan, volume=scan.volume.with_values((scan.volume.values + noise).astype(np.int16)))
    found = measure_density(solid.vertebra(), noisy, PLAIN)
    assert found.mean_hu == pytest.approx(100.0, abs=3.0)


def test_a_given_calibration_wins_and_narrows(seen: Any) -> None:
    vertebra, scan = seen
    given = MeasureOptions(slope_hu_per_mg_cm3=1.5, intercept_hu=-5.0)
    found = measure_density(vertebra, scan, given).density_mg_cm3
    usual = measure_density(vertebra, scan, PLAIN).density_mg_cm3
    assert found is not None
    assert usual is not None
    assert found.value == pytest.approx((120.0 + 5.0) / 1.5, rel=0.01)
    assert found.basis == "phantom"
    assert found.high - found.low < usual.high - usual.low


def endplate_sclerosis(points: Any, hu: Any) -> Any:
    return np.where((points[..., 2] > 0.0) & (hu > 100.0) & (hu < 140.0), 320.0, hu)


def island(points: Any, hu: Any) -> Any:
    inside = ((points - np.array([5.0, -6.0, 2.0])) ** 2).sum(axis=-1) < 4.5**2
    return np.where(inside, 700.0, hu)


def test_sclerosis_is_flagged_and_the_rest_is_reported(changed: Any) -> None:
    vertebra, scan = changed(lump=endplate_sclerosis)
    found = measure_density(vertebra, scan, PLAIN)
    assert found.sclerosis
    assert found.mean_hu == pytest.approx(120.0, rel=0.1)
    assert "sclerosis" in found.reason


@pytest.mark.parametrize("above_mm", [-1.0, 0.0, 1.0])
def test_sclerosis_in_dense_bone_is_flagged_and_not_averaged(changed: Any, above_mm: float) -> None:
    # 150 HU more on 350: a ratio of 1.43, which no rule of proportion may call sclerosis in loose bone
    def dense_half(points: Any, hu: Any) -> Any:
        return np.where((points[..., 2] > above_mm) & (hu > 340.0) & (hu < 360.0), 500.0, hu)

    vertebra, scan = changed(marrow_hu=350.0, lump=dense_half)
    found = measure_density(vertebra, scan, PLAIN)
    assert found.sclerosis
    assert found.mean_hu == pytest.approx(350.0, rel=0.1)


def test_a_gradient_of_dense_bone_is_no_sclerosis(changed: Any) -> None:
    def rising(points: Any, hu: Any) -> Any:
        return np.where((hu > 340.0) & (hu < 360.0), hu + 8.0 * points[..., 2], hu)

    vertebra, scan = changed(marrow_hu=350.0, lump=rising)
    region = trabecular_region(vertebra, scan)
    assert region is not None
    assert np.ptp(region.hu) > 80.0
    assert not measure_density(vertebra, scan, PLAIN).sclerosis


def test_a_dense_island_is_fenced_off(changed: Any) -> None:
    vertebra, scan = changed(lump=island)
    region = trabecular_region(vertebra, scan)
    assert region is not None
    assert region.hu.mean() > 140.0
    assert region.hu[fenced(region)].mean() == pytest.approx(120.0, rel=0.06)


def test_an_island_is_fenced_off_in_coarse_voxels_too(anatomic: Any) -> None:
    solid = replace(anatomic, lump=island)
    region = trabecular_region(solid.vertebra(), solid.scan((2.5, 2.5, 2.5)))
    assert region is not None
    assert region.hu.mean() > 140.0
    assert region.hu[fenced(region)].mean() == pytest.approx(120.0, rel=0.1)


@pytest.mark.parametrize("median_hu", [60.0, 200.0])
def test_skewed_grain_is_not_fenced(median_hu: float) -> None:
    """Log-normal marrow has more than 4 % beyond 3 median deviations, and all of it is marrow; a hole is not."""
    grain = median_hu * np.exp(np.random.default_rng(5).normal(0.0, 0.65, 4000))
    middle = np.median(grain)
    assert (np.abs(grain - middle) > 3.0 * 1.4826 * np.median(np.abs(grain - middle))).mean() > 0.03
    assert fenced(Region(grain, grain, np.linspace(0.0, 1.0, 4000), 4.0)).all()
    holed = np.where(np.arange(4000) < 400, -200.0, grain)
    kept = fenced(Region(holed, holed, np.linspace(0.0, 1.0, 4000), 4.0))
    assert not kept[:400].any()


def test_what_is_not_bone_density_is_shown_apart(seen: Any) -> None:
    vertebra, scan = seen
    beside = {"warnings": (Notice("label-off-bone", "L3", "label beside its bone", "danger"),)}
    for change in ({"fracture": fracture(2)}, {"cemented": True}, {"metal": True}, {"complete": False}, beside):
        found = measure_density(replace(vertebra, **change), scan, PLAIN)
        assert found.mean_hu is not None
        assert not found.usable
        assert "never the patient's bone density" in found.reason


def test_not_evaluable_is_an_answer(seen: Any) -> None:
    vertebra, scan = seen
    cone_beam = replace(scan, acquisition=replace(scan.acquisition, calibrated_hu=False))
    small = replace(vertebra, body_width_mm=4.0)
    for v, s in ((vertebra, None), (vertebra, cone_beam), (replace(vertebra, maps=None), scan), (small, scan)):
        found = measure_density(v, s, PLAIN)
        assert found.mean_hu is None
        assert found.density_mg_cm3 is None
        assert found.reason


def test_unknown_voltage_and_contrast_are_said(seen: Any) -> None:
    vertebra, scan = seen
    unknown = replace(scan, acquisition=Acquisition(kvp=None, contrast=True))
    found = measure_density(vertebra, unknown, PLAIN)
    known = measure_density(vertebra, scan, PLAIN)
    assert found.density_mg_cm3 is not None
    assert known.density_mg_cm3 is not None
    assert "120 kVp taken" in found.reason
    assert "contrast" in found.reason
    width, usual = (d.high - d.low for d in (found.density_mg_cm3, known.density_mg_cm3))
    assert width > 1.2 * usual


def test_a_bright_vessel_in_front_is_contrast(changed: Callable[..., Any], seen: Any) -> None:
    def vessel(points: Any, hu: Any) -> Any:
        return np.where(np.hypot(points[..., 0] - 8.0, points[..., 1] + 28.0) < 9.0, 190.0, hu)

    assert enhanced(*changed(lump=vessel))
    assert not enhanced(*seen)


def test_the_patients_density_is_from_fit_levels_only(seen: Any) -> None:
    vertebra, scan = seen

    def level(name: str, hu: float, **change: Any) -> Any:
        found = replace(measure_density(vertebra, scan, PLAIN), mean_hu=hu)
        return replace(vertebra, level=name, density=found, **change)

    rows = [level("T12", 100.0), level("L1", 400.0, fracture=fracture(3)), level("L2", 110.0), level("L3", 105.0)]
    rows += [level("L4", 2000.0, cemented=True), level("T5", 300.0)]
    found = patient_density(rows, scan, PLAIN)
    assert found is not None
    assert found.value == pytest.approx(float(density_law(120.0).density_from_hu(105.0)))
    assert "T12, L2, L3" in found.basis
    assert patient_density(rows[1:2], scan, PLAIN) is None
    assert patient_density(rows, None, PLAIN) is None


def test_intervals_are_95_percent_of_the_stated_spreads(seen: Any) -> None:
    """Scanner and scatter in quadrature: the mean of three of SD 10 HU, a median 1.25 times as loose, 1.96 SD each way."""
    vertebra, scan = seen
    law = density_law(120.0)
    one = measure_density(vertebra, scan, PLAIN)
    assert one.density_mg_cm3 is not None
    assert one.mean_hu is not None
    half = (one.density_mg_cm3.high - one.density_mg_cm3.low) / 2.0
    assert half >= 1.96 * law.density_sd(one.mean_hu)
    assert half < 1.3 * 1.96 * law.density_sd(one.mean_hu)
    rows = [
        replace(vertebra, level=level, density=replace(one, mean_hu=hu))
        for level, hu in (("L1", 90.0), ("L2", 100.0), ("L3", 110.0))
    ]
    found = patient_density(rows, scan, PLAIN)
    assert found is not None
    scatter = 1.25 * 10.0 / np.sqrt(3.0) / law.slope_hu_per_mg_cm3
    expected = 1.96 * np.hypot(law.density_sd(100.0), scatter)
    assert (found.high - found.value, found.value - found.low) == pytest.approx((expected, expected), rel=1e-6)


def tissues_under(law: DensityLaw) -> Tissues:
    """What fat and muscle read on the scanner of a law."""
    return Tissues(tissue_hu("fat", law), tissue_hu("muscle", law))


@pytest.mark.parametrize("kvp", [80.0, 100.0, 140.0])
def test_tissue_tells_of_a_hidden_voltage(kvp: float) -> None:
    """Slopes computed from tube spectra come back to 13 % where they are 10 to 39 % off unseen, inside the interval."""
    true, blind = density_law(kvp), density_law(None)
    law = with_tissues(blind, tissues_under(true))
    unseen, seen = (abs(one.slope_hu_per_mg_cm3 / true.slope_hu_per_mg_cm3 - 1.0) for one in (blind, law))
    assert seen < 0.13
    assert seen < 0.56 * unseen
    hu = float(true.hu_from_density(100.0))
    assert abs(float(law.density_from_hu(hu)) - 100.0) < 1.96 * 1.25 * law.density_sd(hu)
    assert law.basis.endswith("by fat and muscle")


@pytest.mark.parametrize("kvp", [None, 100.0])
def test_a_zero_that_is_off_is_told_from_a_soft_beam_by_muscle(kvp: float | None) -> None:
    """All tissue 5 HU up: fat alone takes most of it for a harder beam; with muscle the density is nearer."""
    base = density_law(kvp)
    true = base.scaled(1.0, 5.0)
    fat, muscle = tissue_hu("fat", true), tissue_hu("muscle", true)
    both, alone = (with_tissues(base, t) for t in (Tissues(fat, muscle), Tissues(fat, None)))
    hu = float(true.hu_from_density(100.0))
    wrong = [float(law.density_from_hu(hu)) - 100.0 for law in (both, alone)]
    assert 0.0 < wrong[0] < 7.0
    assert wrong[0] < 0.85 * wrong[1]
    assert both.intercept_hu > alone.intercept_hu > 0.0
    shares = [law.density_sd(hu) / float(law.density_from_hu(hu)) for law in (both, alone, base)]
    assert shares == sorted(shares)


@pytest.mark.parametrize("air", [None, -1008.0])
def test_the_weights_are_those_of_bayes_rule(air: float | None) -> None:
    """Slope, intercept and how they hang together, against Bayes' rule summed over a raster of beam, gain and offset.

    A gain of mu that moves water by g moves HU by g (1 + HU / 1000): air by nothing.
    """
    base = density_law(None)
    seen = {"fat": -111.0, "muscle": 38.0} | ({} if air is None else {"air": air})
    beam_sd = base.beam_sd_fraction * base.slope_hu_per_mg_cm3
    half = base.intercept_sd_hu / np.sqrt(2.0)
    axis = np.linspace(-5, 5, 161)
    beam, gain, offset = np.meshgrid(axis * beam_sd, axis * half, axis * half, indexing="ij")
    square = (beam / beam_sd) ** 2 + (gain / half) ** 2 + (offset / half) ** 2
    for name, hu in seen.items():
        per_slope = 0.0 if name == "air" else quantity("density/calibration", "tissue", f"{name}_per_slope").value
        sd, usual = quantity("density/calibration", "tissue", f"{name}_sd").value, tissue_hu(name, density_law())
        expected = tissue_hu(name, base) + per_slope * beam + gain * (1.0 + usual / 1000.0) + offset
        square += ((hu - expected) / sd) ** 2
    weight = np.exp(-0.5 * square)
    weight /= weight.sum()
    shift = gain + offset
    mean = [float((weight * x).sum()) for x in (beam, shift)]
    together = float((weight * (beam - mean[0]) * (shift - mean[1])).sum())
    law = with_tissues(base, Tissues(-111.0, 38.0, air))
    assert law.slope_hu_per_mg_cm3 - base.slope_hu_per_mg_cm3 == pytest.approx(mean[0], abs=1e-3)
    assert law.intercept_hu == pytest.approx(mean[1], abs=0.01)
    slope_sd = law.slope_sd_fraction * law.slope_hu_per_mg_cm3
    assert law.slope_intercept_correlation * slope_sd * law.intercept_sd_hu == pytest.approx(together, rel=0.01)
    assert law.intercept_sd_hu**2 == pytest.approx(float((weight * (shift - mean[1]) ** 2).sum()), rel=0.01)


def test_95_percent_intervals_hold_95_percent_of_patients() -> None:
    """Scanners, voltages and patients drawn from the stated spreads; without the correlation 2 % fewer are covered."""
    chance = np.random.default_rng(4)
    base = density_law(None)
    own = np.sqrt(base.slope_sd_fraction**2 - base.beam_sd_fraction**2)
    half = base.intercept_sd_hu / np.sqrt(2.0)
    spread = {name: quantity("density/calibration", "tissue", f"{name}_sd").value for name in ("fat", "muscle", "air")}
    inside = []
    for _ in range(2000):
        offset, gain = chance.normal(0.0, half, 2)
        beam = base.scaled(1.0 + chance.normal(0.0, base.beam_sd_fraction), offset + gain)
        fat, muscle, air = (tissue_hu(name, beam) + chance.normal(0.0, sd) for name, sd in spread.items())
        hu = float(beam.scaled(1.0 + chance.normal(0.0, own)).hu_from_density(90.0))
        law = with_tissues(base, Tissues(fat, muscle, air + offset))
        inside.append(abs(float(law.density_from_hu(hu)) - 90.0) < 1.96 * law.density_sd(hu))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_with_a_known_voltage_the_spread_is_the_published_one() -> None:
    """Kaesmacher 2017: internal calibration lies 7.8 % (RMS) from phantom-calibrated values, all causes together."""
    law = with_tissues(density_law(120.0), Tissues(-105.0, 41.0))
    hu = float(law.hu_from_density(110.0))
    assert law.density_sd(hu) / 110.0 == pytest.approx(0.078, abs=0.006)


def test_muscle_with_contrast_or_fat_in_it_is_left_out() -> None:
    base = density_law(120.0)
    for muscle in (75.0, 20.0):
        assert with_tissues(base, Tissues(-105.0, muscle)) == with_tissues(base, Tissues(-105.0, None))


def body_scan(fat_hu: float, muscle: float, kvp: float | None = None, contrast: bool | None = None) -> Scan:
    """Muscle with fat streaks, and fat with septa behind it, 25 HU of noise: LPS 0 lies in front of the muscle."""
    chance = np.random.default_rng(8)
    shape = (100, 110, 24)
    values = np.full(shape, muscle)
    values[:, 80:, :] = fat_hu
    septa, streaks = chance.random(shape[:2]) < 0.06, chance.random(shape[:2]) < 0.03
    values[septa & (np.arange(110) >= 80)] += 60.0
    values[streaks & (np.arange(110) < 80)] -= 70.0
    values = np.rint(values + chance.normal(0.0, 25.0, shape)).astype(np.int16)
    matrix = np.diag([1.0, 1.0, 2.0, 1.0])
    matrix[:3, 3] = [-50.0, -10.0, -24.0]
    return Scan(Volume(Grid(shape, matrix), values), Acquisition(kvp=kvp, contrast=contrast))


@pytest.mark.parametrize(("fat", "muscle"), [(-105.0, 41.0), (-121.0, 47.0), (-92.0, 33.0)])
def test_fat_and_muscle_are_read_past_septa_and_streaks(anatomic: Any, fat: float, muscle: float) -> None:
    """A plain mean would be off by 3.6 and 2.1 HU, the share of septa and streaks times their contrast."""
    found = find_tissues(body_scan(fat, muscle), [anatomic.vertebra()])
    assert found.fat_hu == pytest.approx(fat, abs=2.5)
    assert found.muscle_hu == pytest.approx(muscle, abs=2.5)


def test_where_tissue_lacks_the_law_says_so_and_stays_wide(anatomic: Any) -> None:
    vertebrae = [anatomic.vertebra()]
    whole, lean = body_scan(-105.0, 41.0), body_scan(41.0, 41.0)
    laws = [scan_law(scan, MeasureOptions(), vertebrae) for scan in (whole, lean)]
    assert "fat and muscle" in laws[0].basis
    assert laws[1].basis.endswith("by muscle")
    bone = body_scan(400.0, 400.0)
    none = scan_law(bone, MeasureOptions(), vertebrae)
    assert find_tissues(bone, vertebrae) == Tissues(None, None)
    assert "neither fat nor muscle" in none.basis
    assert replace(none, basis=density_law(None).basis) == density_law(None)
    sds = [law.density_sd(140.0) for law in (*laws, none)]
    assert sds == sorted(sds)


def test_contrast_leaves_muscle_out_and_padding_is_no_tissue(anatomic: Any) -> None:
    scan = body_scan(-105.0, 60.0, kvp=120.0, contrast=True)
    assert scan_law(scan, MeasureOptions(), [anatomic.vertebra()]).basis.endswith("by fat")
    padded = replace(scan, volume=replace(scan.volume, outside=np.ones(scan.volume.values.shape, bool)))
    assert find_tissues(padded).fat_hu is None


def test_a_level_with_an_open_question_never_counts(seen: Any) -> None:
    vertebra, scan = seen
    found = measure_density(replace(vertebra, suspicious=("lytic area of 2.0 ml in the body",)), scan, PLAIN)
    assert found.density_mg_cm3 is not None
    assert not found.usable
    assert "suspicious" in found.reason


@pytest.fixture(scope="module")
def whole_body() -> PhantomOptions:
    """A patient of coarse voxels with skin, table and air about him."""
    spacing = (2.0, 2.0, 3.0)
    return PhantomOptions(shape=(210, 160, 12), spacing_mm=spacing, top="L1", bottom="L1", fat_shift_hu=0.0)


def clipped(scan: Scan, lowest: int) -> Scan:
    return replace(scan, volume=scan.volume.with_values(np.maximum(scan.volume.values, lowest)))


def test_air_outside_is_read_past_table_and_padding_and_not_where_cut_off(whole_body: PhantomOptions) -> None:
    """The scanner model adds noise and cuts at -1024; the table stands 1000 HU over air, its foam 60."""
    scan = make_phantom(replace(whole_body, scanner_offset_hu=12.0)).scan
    assert air_hu(scan) == pytest.approx(-988.0, abs=1.5)
    assert air_hu(clipped(scan, -1000)) == pytest.approx(-988.0, abs=1.5)
    assert air_hu(clipped(scan, -988)) is None
    values = scan.volume.values.copy()
    values[:60], values[-60:] = -1024, -1024
    assert air_hu(replace(scan, volume=scan.volume.with_values(values))) == pytest.approx(-988.0, abs=1.5)
    inside = scan.volume.cropped(np.array([80, 60, 0]), np.array([130, 110, 12]))
    assert air_hu(replace(scan, volume=inside)) is None


def test_a_scale_shifted_as_a_whole_is_told_and_taken_off(whole_body: PhantomOptions) -> None:
    """A rescale intercept 30 HU off reads 100 mg/cm3 as 122 uncalibrated, and by fat alone, as a hard beam, as more still."""
    scan = make_phantom(replace(whole_body, scanner_offset_hu=30.0)).scan
    law = scan_law(scan, MeasureOptions())
    bone_hu = 30.0 + float(density_law(120.0).hu_from_density(100.0))
    assert float(law.density_from_hu(bone_hu)) == pytest.approx(100.0, abs=4.0)
    assert "fat goes along: zero of the scale off" in law.remark
    assert law.basis.endswith("by fat and air")
    blind = with_tissues(density_law(120.0), replace(find_tissues(scan), air_hu=None))
    assert float(blind.density_from_hu(bone_hu)) > 120.0


def test_a_gain_error_leaves_air_alone_and_air_leaves_it_to_fat(whole_body: PhantomOptions) -> None:
    scan = make_phantom(replace(whole_body, scanner_shift_hu=15.0)).scan
    found = find_tissues(scan)
    assert found.air_hu == pytest.approx(-1000.0, abs=1.5)
    with_air, without = (with_tissues(density_law(120.0), t) for t in (found, replace(found, air_hu=None)))
    assert with_air.remark == ""
    assert 0.0 < with_air.intercept_hu < without.intercept_hu
    assert with_air.density_sd(140.0) == pytest.approx(without.density_sd(140.0), rel=0.05)


@pytest.mark.parametrize(("fat", "words"), [(-105.0, "fat stays"), (None, "no fat to compare with")])
def test_air_that_is_off_alone_is_not_used_and_widens(fat: float | None, words: str) -> None:
    base = density_law(120.0)
    doubted, sound = (with_tissues(base, Tissues(fat, 41.0, air)) for air in (-960.0, -1000.0))
    assert words in doubted.remark
    assert "air" not in doubted.basis.split("by ")[-1]
    assert doubted.density_sd(140.0) > 1.05 * sound.density_sd(140.0)
    assert float(doubted.density_from_hu(140.0)) == pytest.approx(float(sound.density_from_hu(140.0)), rel=0.01)


def test_what_air_says_goes_with_every_density(seen: Any) -> None:
    vertebra, scan = seen
    law = with_tissues(density_law(120.0), Tissues(-75.0, 71.0, -970.0))
    assert "air outside the patient reads -970 HU" in measure_density(vertebra, scan, PLAIN, law).reason
