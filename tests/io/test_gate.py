"""The gate by itself: each limit from both sides, and what it makes of padding and odd values."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.series_maker import CENTRE_MM, scene
from pedicle.io import gate_limits as limits
from pedicle.io.gate import canonical_scan, check_geometry, check_intensity, narrowed
from pedicle.io.intensity import spread_of
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition
from pedicle.model.volume import Volume

SHAPE = (64, 60, 30)


def grid(spacing: tuple[float, float, float] = (1.5, 1.6, 2.0), shape: tuple[int, int, int] = SHAPE) -> Grid:
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = CENTRE_MM - np.array(spacing) * (np.array(shape) - 1) / 2
    return Grid(shape, matrix)


def values(noise_hu: float = 8.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, noise_hu, SHAPE)
    return scene(grid().centres_lps_mm(), noise).astype(np.float32)


def code_of(act: object) -> int:
    with pytest.raises(InputError) as refusal:
        act()  # type: ignore[operator]
    assert refusal.value.fix
    return refusal.value.code


@pytest.mark.parametrize(
    ("spacing", "shape", "code"),
    [
        ((0.14, 0.14, 2.0), (700, 700, 30), 27),
        ((1.0, 1.0, 5.1), (100, 100, 30), 27),
        ((0.0015, 0.0016, 0.002), SHAPE, 27),
        ((1.0, 1.0, 2.0), (79, 79, 30), 27),
        ((2.0, 2.0, 2.0), (400, 400, 30), 27),
        ((1.5, 1.6, 2.0), (64, 60, 19), 36),
        ((1.5, 1.6, 1.0), (64, 60, 30), 36),
    ],
)
def test_sizes_no_spine_ct_has(spacing: tuple[float, float, float], shape: tuple[int, int, int], code: int):
    assert code_of(lambda: check_geometry(grid(spacing, shape), "scan")) == code


def test_sizes_spine_cts_have():
    assert check_geometry(grid(), "scan") == ()
    assert check_geometry(grid((0.2, 0.2, 0.6), (500, 500, 300)), "scan") == ()
    assert [n.code for n in check_geometry(grid((1.0, 1.0, 4.0), (100, 100, 30)), "scan")] == ["coarse-slices"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_matrix_must_be_finite(bad: float):
    matrix = grid().lps_from_ijk.copy()
    matrix[0, 3] = bad
    assert code_of(lambda: check_geometry(Grid(SHAPE, matrix), "scan")) == 44


def test_matrix_must_not_be_flat_or_sheared():
    flat, sheared, slight = (grid().lps_from_ijk.copy() for _ in range(3))
    flat[:, 1] = flat[:, 0]
    sheared[1, 2] = 0.01
    slight[1, 2] = 0.9 * limits.ORTHOGONAL * 2.0
    assert code_of(lambda: check_geometry(Grid(SHAPE, flat), "scan")) == 44
    assert code_of(lambda: check_geometry(Grid(SHAPE, sheared), "scan")) == 45
    assert check_geometry(Grid(SHAPE, slight), "scan") == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: v + 1024, 16),
        (lambda v: np.clip(v, -800, None), 16),
        (lambda v: v * 2, 49),
        (lambda v: v + 80, 49),
        (lambda v: v - 90, 49),
        (lambda v: v + 40_000 * (v > 800), 17),
        (lambda v: v - 3000, 17),
        (lambda v: np.where(v > 800, np.nan, v), 42),
        (lambda v: np.where(v > 800, np.inf, v), 42),
        (lambda v: v * 1e9, 17),
    ],
)
def test_values_that_are_not_hounsfield_units(change: object, code: int):
    assert code_of(lambda: check_intensity(change(values()), "scan")) == code  # type: ignore[operator]


def test_doubtful_tissue_is_told():
    shifted = values()
    shifted[shifted > -300] += 160
    assert [n.code for n in check_intensity(shifted, "scan")] == ["tissue-peak"]
    assert check_intensity(values(), "scan") == ()


def test_uncalibrated_values_are_told_not_refused():
    assert [n.code for n in check_intensity(values() + 80, "scan", calibrated=False)] == ["hu-uncalibrated"]


def test_no_air_is_no_trouble_where_padding_shows_the_lower_end():
    inside = values()
    outside = inside < -900
    assert check_intensity(inside, "scan", outside) == ()


def test_canonical_scan_turns_narrows_and_notes_the_cap():
    hu = values()
    hu[:2, :2, :20] = 3071
    turned = Volume(grid(), hu)
    matrix = turned.grid.lps_from_ijk.copy()
    matrix[:3, 0] *= -1
    matrix[0, 3] += 63 * 1.5
    mirrored = Volume(Grid(SHAPE, matrix), hu[::-1])
    scan = canonical_scan(mirrored, Acquisition(), (), (), "scan")
    assert scan.volume.grid.orientation == ("L", "P", "S")
    assert scan.volume.values.dtype == np.int16
    assert (scan.volume.values == hu).all()
    assert scan.acquisition.hu_cap == 3071
    assert "metal-clipped" in {n.code for n in scan.warnings}


def test_int16_only_where_nothing_is_lost():
    assert narrowed(np.array([1.0, -5.0], np.float32)).dtype == np.int16
    assert narrowed(np.array([1.5, -5.0], np.float32)).dtype == np.float32
    assert narrowed(np.array([40_000, 0], np.int32)).dtype == np.float32
    assert narrowed(np.array([1, 2], np.int16)).dtype == np.int16


def test_deep_padding_becomes_outside():
    hu = values()
    hu[:10] = -3024
    scan = canonical_scan(Volume(grid(), hu), Acquisition(), (), (), "scan")
    assert scan.volume.outside is not None
    assert scan.volume.outside[:10].all()
    assert not scan.volume.outside[10:].any()
    assert (scan.volume.values[:10] == -1024).all()


def test_flat_margin_is_outside_and_noisy_air_is_not():
    """Everything beyond 44 mm of the centre is one number at the scanner's floor, the air within is noisy."""
    hu = values()
    points = grid().centres_lps_mm() - CENTRE_MM
    radius = np.hypot(points[..., 0], points[..., 1])
    margin = radius > 44.0
    hu[margin] = -1024
    scan = canonical_scan(Volume(grid(), hu), Acquisition(), (), (), "scan")
    outside = scan.volume.outside
    assert outside is not None
    assert not outside[radius < 44.0 - 3 * 1.6].any()  # three voxels for the rim
    assert (margin & ~outside).mean() < 0.02
    assert "padding" in {n.code for n in scan.warnings}


def test_noise_free_air_is_air():
    hu = values(noise_hu=0.0)
    scan = canonical_scan(Volume(grid(), hu), Acquisition(), (), (), "scan")
    assert scan.volume.outside is None


def test_peaks_are_where_the_values_are():
    spread = spread_of(values(noise_hu=4.0))
    assert spread.air_peak_hu == pytest.approx(-1000.0, abs=5.0)
    assert spread.tissue_peak_hu == pytest.approx(40.0, abs=5.0)
    assert spread.cap_hu is None
