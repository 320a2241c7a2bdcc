"""Density of marrow whose HU are set, through the laws of the model; what may not be believed says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pedicle.anatomy.calibration import fat_hu, scan_law, with_fat
from pedicle.anatomy.contrast import enhanced
from pedicle.anatomy.density import measure_density, patient_density
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.region import fenced, trabecular_region
from pedicle.model.density import density_law, tissue_hu
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.vertebra import Fracture
from pedicle.model.volume import Volume

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


def test_a_dense_island_is_fenced_off(changed: Any) -> None:
    vertebra, scan = changed(lump=island)
    region = trabecular_region(vertebra, scan)
    assert region is not None
    assert region.hu.mean() > 140.0
    assert region.hu[fenced(region)].mean() == pytest.approx(120.0, rel=0.06)


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


def fat_scan(fat: float) -> Scan:
    values = np.full((90, 90, 20), 45, np.int16)
    values[:, 60:, :] = round(fat)
    return Scan(Volume(Grid(values.shape, np.diag([1.0, 1.0, 2.0, 1.0])), values), Acquisition(kvp=None))


@pytest.mark.parametrize("kvp", [80.0, 100.0, 140.0])
def test_the_patients_fat_tells_of_the_beam(kvp: float) -> None:
    true = density_law(kvp)
    law = scan_law(fat_scan(tissue_hu("fat", true)), MeasureOptions())
    blind = density_law(None)
    # fat is worth about as much as the prior between voltages: the error must at least shrink by a third
    error = abs(law.slope_hu_per_mg_cm3 - true.slope_hu_per_mg_cm3)
    assert error < 0.67 * abs(blind.slope_hu_per_mg_cm3 - true.slope_hu_per_mg_cm3)
    assert "fat" in law.basis


def test_without_fat_there_is_no_internal_calibration() -> None:
    assert fat_hu(fat_scan(45.0)) is None
    assert scan_law(fat_scan(45.0), MeasureOptions()) == density_law(None)
    assert with_fat(density_law(120.0), -105.0).slope_hu_per_mg_cm3 == pytest.approx(1.366)
