"""The import gate every format passes: geometry, units, intensity, and one canonical form.

A reader hands over a `Volume` in Hounsfield units and what it knows of the acquisition; the gate lets it in as a `Scan`
or refuses it with the row of docs/reference/input-rules.md that it breaks. The limits stand in gate_limits.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.io.intensity import Spread, finiteness_of, spread_of
from pedicle.io.padding import with_padding_masked
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid
from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition, InputFile, Scan
from pedicle.model.volume import Volume

Notices = tuple[Notice, ...]
SCAN = "scan"


def check_geometry(grid: Grid, where: str) -> Notices:
    """Refuse a grid no CT of a spine has; notices where it is only unusual.

    `where` names the file or series in the refusal. Raises InputError 44 (not finite, no volume), 45 (sheared),
    27 (spacing or field of view), 36 (too few slices or too short). Axes may run in any order and direction.
    """
    _check_affine(grid, where)
    _check_sizes(grid, where)
    return _unusual_steps(grid)


def check_intensity(
    values: NDArray[Any], where: str, outside: NDArray[np.bool_] | None = None, calibrated: bool = True
) -> Notices:
    """Refuse values that cannot be Hounsfield units; notices where they are only doubtful.

    `values` in HU, any shape; voxels marked `outside` are left out. `calibrated=False` (cone-beam CT) turns the rules
    about air and soft tissue into notices. Raises InputError 42 (not finite), 17 (beyond the range of any scanner),
    16 (no air: clipped, or shifted upwards), 49 (air at the wrong place, no soft tissue).
    """
    return _judged(spread_of(values, outside), where, outside is not None and bool(outside.any()), calibrated)


def _judged(spread: Spread, where: str, masked: bool, calibrated: bool) -> Notices:
    _check_finite(spread, where)
    _check_range(spread, where)
    doubts = _air_findings(spread, where, masked) + _empty_findings(spread, where)
    if doubts and calibrated:
        raise doubts[0]
    told = tuple(
        Notice("hu-uncalibrated", SCAN, f"{doubt.found}; numbers are not Hounsfield units") for doubt in doubts
    )
    return told + _tissue_notices(spread, calibrated) + _cap_notices(spread)


def canonical_scan(
    volume: Volume, acquisition: Acquisition, inputs: tuple[InputFile, ...], warnings: Notices, where: str
) -> Scan:
    """The scan as everything behind the gate knows it: checked, padding masked, i j k along L P S, int16 where it fits.

    `volume` in HU in any axis order. Raises what `check_geometry` and `check_intensity` raise.
    """
    told = list(warnings) + list(check_geometry(volume.grid, where))
    _check_finite(finiteness_of(volume.values), where)
    canonical, padding = with_padding_masked(volume.canonical())
    spread = spread_of(canonical.values, canonical.outside)
    masked = canonical.outside is not None and bool(canonical.outside.any())
    told += [*padding, *_judged(spread, where, masked, acquisition.calibrated_hu)]
    acquisition = replace(acquisition, hu_cap=spread.cap_hu)
    return Scan(canonical.with_values(narrowed(canonical.values)), acquisition, inputs, tuple(told))


def narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """int16 where every value is a whole number that fits, else float32; C-contiguous. Values are finite."""
    if values.dtype == np.int16:
        return np.ascontiguousarray(values)
    bounds = np.iinfo(np.int16)
    fits = bounds.min <= values.min() and values.max() <= bounds.max
    whole = np.issubdtype(values.dtype, np.integer) or not (values != np.rint(values)).any()
    return np.ascontiguousarray(values, dtype=np.int16 if fits and whole else np.float32)


def _check_affine(grid: Grid, where: str) -> None:
    matrix = grid.lps_from_ijk[:3, :3]
    finite = bool(np.isfinite(grid.lps_from_ijk).all())
    lengths = np.linalg.norm(matrix, axis=0) if finite else np.zeros(3)
    if not finite or lengths.min() <= 0 or np.linalg.cond(matrix) > limits.CONDITION:
        raise InputError(
            44,
            where,
            "the voxel-to-patient matrix is singular or not finite",
            f"finite, condition below {limits.CONDITION:g}",
            "export the image again from the scanner or archive",
        )
    axes = matrix / lengths
    cosine = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if cosine > limits.ORTHOGONAL:
        degrees = np.degrees(np.arcsin(min(cosine, 1.0)))
        raise InputError(
            45,
            where,
            f"axes are {degrees:.2f} deg away from right angles",
            f"{np.degrees(limits.ORTHOGONAL):.2f} deg",
            "export without gantry tilt or shear, or ask for --resample",
        )


def _check_sizes(grid: Grid, where: str) -> None:
    spacing, count = grid.spacing_mm, np.array(grid.shape)
    extent = spacing * count
    low, high = limits.SPACING_MM
    if spacing.min() < low or spacing.max() > high:
        raise _size_error(27, where, f"voxels of {_by(spacing)} mm", f"{low:g} to {high:g} mm")
    fewest = int(count.min())
    if fewest < limits.FEWEST_SLICES:
        raise _size_error(36, where, f"{fewest} slices", f"at least {limits.FEWEST_SLICES}")
    along_spine = float(np.abs(grid.axes[:, 2]) @ extent)
    if along_spine < limits.SHORTEST_MM:
        raise _size_error(
            36, where, f"{along_spine:.1f} mm along the body", f"{limits.SHORTEST_MM:g} mm: a vertebra and 10 mm"
        )
    low, high = limits.FIELD_MM
    if np.sort(extent)[1] < low or np.sort(extent)[1] > high or extent.max() > limits.LONGEST_MM:
        raise _size_error(27, where, f"a field of {_by(extent)} mm", f"{low:g} to {high:g} mm")


def _size_error(code: int, where: str, found: str, limit: str) -> InputError:
    return InputError(code, where, found, limit, "check the unit and export the whole series of the spine")


def _by(numbers: NDArray[np.float64]) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


def _unusual_steps(grid: Grid) -> Notices:
    largest = float(grid.spacing_mm.max())
    if largest <= limits.COARSE_MM:
        return ()
    text = f"slices every {largest:.2f} mm: heights, pedicles and clearances are less certain above {limits.COARSE_MM:g} mm"
    return (Notice("coarse-slices", SCAN, text),)


def _check_finite(spread: Spread, where: str) -> None:
    if spread.bad_count:
        raise InputError(
            42,
            where,
            f"{spread.bad_count} voxels without a finite number, the first at index {spread.bad_index}",
            "none",
            "export the image again; a missing value is never read as water",
        )


def _check_range(spread: Spread, where: str) -> None:
    low, high = limits.HU_RANGE
    if spread.low_hu < low or spread.high_hu > high:
        raise InputError(
            17,
            where,
            f"values from {spread.low_hu:.0f} to {spread.high_hu:.0f} HU",
            f"{low} to {high} HU",
            "the sign or scale of the pixels is wrong: export again without conversion",
        )


def _air_findings(spread: Spread, where: str, masked: bool) -> list[InputError]:
    """What is wrong with the air of this scan; empty when it lies where air lies."""
    if spread.air_share < limits.AIR_SHARE:
        if masked:  # the padding below air shows that nothing was cut off at the lower end
            return []
        found = f"no air below {limits.AIR_HU} HU (lowest {spread.low_hu:.0f})"
        return [_hu_error(16, where, found, f"at least {100 * limits.AIR_SHARE:g} % of the voxels")]
    low, high = limits.AIR_PEAK_HU
    peak = spread.air_peak_hu
    if peak is not None and not low <= peak <= high:
        return [_hu_error(49, where, f"air at {peak:.0f} HU", f"{low} to {high} HU")]
    return []


def _empty_findings(spread: Spread, where: str) -> list[InputError]:
    if spread.tissue_share >= limits.LEAST_TISSUE_SHARE:
        return []
    low, high = limits.TISSUE_HU
    found = f"hardly any voxel from {low} to {high} HU, where soft tissue lies"
    return [_hu_error(49, where, found, f"at least {100 * limits.LEAST_TISSUE_SHARE:g} % of the voxels")]


def _hu_error(code: int, where: str, found: str, limit: str) -> InputError:
    return InputError(code, where, found, limit, "export the original CT in Hounsfield units, not windowed or rescaled")


def _tissue_notices(spread: Spread, calibrated: bool) -> Notices:
    peak = spread.tissue_peak_hu
    if peak is None or not calibrated or any(low <= peak <= high for low, high in limits.TISSUE_PEAKS_HU):
        return ()
    text = f"the commonest soft tissue lies at {peak:.0f} HU, where neither fat nor muscle lies: density is doubtful"
    return (Notice("tissue-peak", SCAN, text),)


def _cap_notices(spread: Spread) -> Notices:
    if spread.cap_hu is None:
        return ()
    return (Notice("metal-clipped", SCAN, f"values are cut off at {spread.cap_hu:.0f} HU: metal is denser", "note"),)
