"""Good and bad DICOM series whose trouble lies in geometry: order, gaps, tilt, orientation, spacing (rows 1 to 11, 22 to 31, 36)."""

from __future__ import annotations

import math
import random
from itertools import permutations, product
from pathlib import Path

import numpy as np

from benchmarks.case_book import Build, book, of, spoil_one
from benchmarks.series_maker import COUNT, Plan, decimal, series, stored, write

CASES = book()
good, bad = CASES.good, CASES.bad
_DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


@good(0, "plain axial series")
def plain(folder: Path) -> None:
    write(series(), folder)


def _shuffled(seed: int) -> Build:
    def build(folder: Path) -> None:
        datasets = series()
        random.Random(seed).shuffle(datasets)
        write(datasets, folder)

    return build


for n in range(3):
    good(1, f"file names shuffled {n}")(_shuffled(n))


@good(2, "instance numbers and files run the other way")
def reversed_numbers(folder: Path) -> None:
    datasets = series()
    for n, dataset in enumerate(datasets):
        dataset.InstanceNumber = COUNT - n
    write(datasets[::-1], folder)


@good(3, "instance numbers all equal")
def equal_numbers(folder: Path) -> None:
    write(series(Plan(extra={"InstanceNumber": 1})), folder)


@good(3, "no instance numbers")
def no_numbers(folder: Path) -> None:
    write(series(Plan(extra={"InstanceNumber": None})), folder)


@good(4, "one file twice", notice="duplicate-dropped")
def twice(folder: Path) -> None:
    datasets = series()
    write([*datasets, datasets[7]], folder)


@good(4, "every file twice", notice="duplicate-dropped")
def all_twice(folder: Path) -> None:
    write([*series(), *series()], folder)


@good(4, "same pixels and position under another UID", notice="duplicate-dropped")
def renamed_twin(folder: Path) -> None:
    datasets, twin = series(), series()[7]
    twin.SOPInstanceUID = "2.25.999"
    write([*datasets, twin], folder)


def _rival(folder: Path, uid: str) -> None:
    datasets, rival = series(), series()[7]
    rival.SOPInstanceUID = uid
    rival.PixelData = (stored(rival) + 30).astype("<i2").tobytes()
    write([*datasets, rival], folder)


bad(5, "two different images at one position")(lambda folder: _rival(folder, "2.25.999"))
bad(5, "one UID, two different images")(lambda folder: _rival(folder, "2.25.1007"))
good(5, "two images at one position, one picked", pick="2.25.1007", notice="duplicate-dropped")(
    lambda folder: _rival(folder, "2.25.999")
)
bad(5, "two images at one position, a stranger picked", pick="2.25.4")(lambda folder: _rival(folder, "2.25.999"))


@bad(5, "one UID at two positions")
def one_uid(folder: Path) -> None:
    datasets = series()
    datasets[9].SOPInstanceUID = datasets[8].SOPInstanceUID
    write(datasets, folder)


def _without(*missing: int) -> Build:
    return lambda folder: write([d for n, d in enumerate(series()) if n not in missing], folder)


for missing in (1, 12, COUNT - 2):
    bad(6, f"slice {missing} missing")(_without(missing))
bad(6, "a slice missing, resampling asked", resample=True)(_without(12))
bad(7, "five slices missing in a row")(_without(10, 11, 12, 13, 14))
bad(7, "two slices missing apart")(_without(8, 20))
bad(7, "two slices missing, resampling asked", resample=True)(_without(8, 9))

_UNEVEN = [2.0 * n for n in range(12)] + [22.0 + 4.0 * n for n in range(1, 14)]
_DRIFTING = [2.0 * n + 0.6 * math.sin(n) for n in range(COUNT)]
for name, places in {"2 then 4 mm": _UNEVEN, "wandering step": _DRIFTING, "one slice 0.8 mm off": [2.0 * n + 0.8 * (n == 11) for n in range(COUNT)]}.items():  # fmt: skip
    bad(8, name)(of(Plan(along_mm=places)))
    good(8, f"{name}, resampled on request", resample=True, notice="resampled")(of(Plan(along_mm=places)))  # fmt: skip
bad(8, "steps of 2 and 25 mm, resampling asked", resample=True)(
    lambda folder: write(
        series(Plan(along_mm=[2.0 * n + 11.0 * (n > 11) + 12 * (n > 12) for n in range(COUNT)])), folder
    )
)


def _tilted(angle_deg: float, tag: bool, along_row: bool = False) -> Build:
    lean = math.tan(math.radians(angle_deg))
    plan = Plan(
        lean=(lean, 0.0) if along_row else (0.0, lean),
        rows=64,
        extra={"GantryDetectorTilt": str(angle_deg)} if tag else {},
    )
    return lambda folder: write(series(plan), folder)


for angle in (0.5, 5.0, 18.5, -22.0):
    bad(9, f"gantry tilt {angle} deg")(_tilted(angle, True))
    good(9, f"gantry tilt {angle} deg, resampled on request", resample=True, notice="resampled")(_tilted(angle, True))
bad(6, "gantry tilt and a slice missing, resampling asked", resample=True)(
    lambda folder: write([d for n, d in enumerate(series(Plan(lean=(0.0, 0.2), rows=64))) if n != 12], folder)
)
bad(7, "gantry tilt and three slices missing, resampling asked", resample=True)(
    lambda folder: write(
        [d for n, d in enumerate(series(Plan(lean=(0.0, 0.2), rows=64))) if n not in (12, 13, 14)], folder
    )
)
good(9, "gantry tilt and uneven steps, resampled on request", resample=True, notice="resampled")(
    of(Plan(lean=(0.0, 0.2), rows=64, along_mm=_DRIFTING))
)
bad(9, "slices that lean by 87 deg, resampling asked", resample=True)(of(Plan(lean=(0.0, 20.0), rows=64)))
bad(9, "gantry tilt without its tag")(_tilted(12.0, False))
bad(9, "slices lean to the side")(_tilted(4.0, False, along_row=True))
good(9, "tilt tag on straight slices", notice="tilt-tag")(of(Plan(extra={"GantryDetectorTilt": "15"})))


def _oriented(cosines: tuple[float, ...], descending: bool, patient_position: str = "HFS") -> Build:
    def build(folder: Path) -> None:
        plan = Plan(cosines=cosines, rows=64, columns=64, spacing_mm=(1.5, 1.5), patient_position=patient_position)
        datasets = series(plan)
        write(datasets[::-1] if descending else datasets, folder)

    return build


for first, second in permutations("LRPASI", 2):
    if {first, second} in ({"L", "R"}, {"P", "A"}, {"S", "I"}):
        continue
    good(10, f"rows to {first}, columns to {second}")(_oriented((*_DIRECTIONS[first], *_DIRECTIONS[second]), False))
good(10, "sagittal, files down the normal")(_oriented((*_DIRECTIONS["P"], *_DIRECTIONS["I"]), True))


def _oblique(degrees: float, axis: int) -> tuple[float, ...]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    i, j = [n for n in range(3) if n != axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return (*turn[:, 0], *turn[:, 1])


for degrees, axis in product((7.0, -31.0), range(3)):
    good(10, f"oblique slices, {degrees:g} deg about {'xyz'[axis]}")(_oriented(_oblique(degrees, axis), False))

for position, cosines in {
    "HFP": (-1, 0, 0, 0, -1, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "HFDR": (0, 1, 0, -1, 0, 0),
    "HFDL": (0, -1, 0, 1, 0, 0),
}.items():
    told = "decubitus" if len(position) == 4 else "prone" if position.endswith("P") else ""
    good(11, f"patient position {position}", notice=told)(_oriented(cosines, False, position))
good(11, "no patient position", notice="position-unknown")(of(Plan(extra={"PatientPosition": None})))
good(11, "patient position on some slices only")(spoil_one(9, PatientPosition=None))
bad(11, "two patient positions")(spoil_one(9, PatientPosition="HFP"))
bad(11, "orientation words against the cosines")(of(Plan(extra={"PatientOrientation": ["R", "P"]})))


def _with_localizer(image_type: list[str], cosines: tuple[float, ...], count: int = 1) -> Build:
    def build(folder: Path) -> None:
        extra = {"ImageType": image_type}
        scouts = series(Plan(count=count, cosines=cosines, rows=90, extra=extra), seed=4)
        for scout in scouts:
            scout.SeriesInstanceUID = "2.25.70"
        write([*series(), *scouts], folder)

    return build


good(22, "localizer inside the series", notice="localizer-dropped")(
    _with_localizer(["ORIGINAL", "PRIMARY", "LOCALIZER"], (1, 0, 0, 0, 0, -1))
)
good(22, "two localizers", notice="localizer-dropped")(
    _with_localizer(["ORIGINAL", "PRIMARY", "LOCALIZER"], (0, 1, 0, 0, 0, -1), 2)
)
good(22, "localizer known by its plane only", notice="localizer-dropped")(
    _with_localizer(["ORIGINAL", "PRIMARY"], (1, 0, 0, 0, 0, -1))
)
bad(22, "only localizers")(of(Plan(extra={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})))

bad(23, "another pixel spacing on one slice")(spoil_one(9, PixelSpacing=["1.9", "1.6"]))
bad(23, "another orientation on one slice")(
    spoil_one(9, ImageOrientationPatient=["1", "0", "0", "0", "0.99619", "0.08716"])
)
bad(23, "mirrored orientation on one slice")(spoil_one(9, ImageOrientationPatient=["-1", "0", "0", "0", "1", "0"]))


@bad(23, "another matrix on one slice")
def other_matrix(folder: Path) -> None:
    wider, datasets = series(Plan(columns=66)), series()
    write([*datasets[:9], wider[9], *datasets[10:]], folder)


def _jump(axis: int, first: int, last: int, by: float) -> Build:
    def build(folder: Path) -> None:
        datasets = series()
        for dataset in datasets[first:last]:
            position = [float(x) for x in dataset.ImagePositionPatient]
            position[axis] += by
            dataset.ImagePositionPatient = [decimal(x) for x in position]
        write(datasets, folder)

    return build


bad(24, "one slice 5 mm to the side")(_jump(0, 9, 10, 5.0))
bad(24, "one slice 0.4 mm down")(_jump(1, 9, 10, 0.4))
bad(24, "half of the slices 8 mm to the side")(_jump(0, 15, COUNT, 8.0))
good(24, "one slice 0.04 mm to the side")(_jump(0, 9, 10, 0.04))

bad(25, "no pixel spacing")(of(Plan(extra={"PixelSpacing": None})))
bad(25, "no pixel spacing on one slice")(spoil_one(9, PixelSpacing=None))
for value in ("0", "-1.5", "nan"):
    bad(26, f"pixel spacing {value}")(of(Plan(extra={"PixelSpacing": [value, "1.5"]})))


def _scaled(factor: float) -> Build:
    def build(folder: Path) -> None:
        datasets = series()
        for dataset in datasets:
            dataset.PixelSpacing = [decimal(float(s) * factor) for s in dataset.PixelSpacing]
            dataset.ImagePositionPatient = [decimal(float(x) * factor) for x in dataset.ImagePositionPatient]
        write(datasets, folder)

    return build


for factor in (0.001, 0.1, 0.04, 1000.0):
    bad(27, f"all lengths times {factor:g}")(_scaled(factor))
bad(27, "a field of 45 mm")(of(Plan(spacing_mm=(0.9, 0.7))))
bad(27, "a step of 6 mm")(of(Plan(step_mm=6.0)))
bad(27, "a step of 0.1 mm")(of(Plan(step_mm=0.1, count=60)))
good(27, "a step of 4 mm", notice="coarse-slices")(of(Plan(step_mm=4.0)))
good(28, "tall pixels")(of(Plan(spacing_mm=(1.9, 1.3), columns=80)))
good(28, "wide pixels")(of(Plan(spacing_mm=(1.0, 1.9), rows=90)))

bad(29, "no positions")(of(Plan(extra={"ImagePositionPatient": None})))
bad(29, "no position on one slice")(spoil_one(9, ImagePositionPatient=None))
bad(29, "all positions equal")(of(Plan(extra={"ImagePositionPatient": ["0", "0", "0"]})))  # fmt: skip
bad(29, "a position that is nan")(spoil_one(9, ImagePositionPatient=["nan", "0", "0"]))
bad(29, "a position of two numbers")(spoil_one(9, ImagePositionPatient=["1", "0"]))
bad(29, "no orientation")(of(Plan(extra={"ImageOrientationPatient": None})))
for name, cosines in {
    "zero": ["0"] * 6,
    "not of unit length": ["1.01", "0", "0", "0", "1", "0"],
    "not at right angles": ["1", "0", "0", "0.05", "0.99875", "0"],
    "nan": ["1", "0", "0", "0", "nan", "0"],
}.items():
    bad(30, f"orientation {name}")(of(Plan(extra={"ImageOrientationPatient": cosines})))
for value in ("-2", "5", "0"):
    good(31, f"SpacingBetweenSlices {value}", notice="step-tag")(of(Plan(extra={"SpacingBetweenSlices": value})))
good(31, "slices 5 mm thick every 2 mm", notice="thickness-tag")(of(Plan(extra={"SliceThickness": "5"})))


@good(31, "positions rounded to one decimal")
def rounded(folder: Path) -> None:
    datasets = series(Plan(step_mm=0.625, count=80))
    for dataset in datasets:
        dataset.ImagePositionPatient = [f"{float(x):.1f}" for x in dataset.ImagePositionPatient]
    write(datasets, folder)


for count in (1, 2, 19):
    bad(36, f"{count} slices")(lambda folder, count=count: write(series()[:count], folder))
bad(36, "24 slices of 1 mm")(of(Plan(step_mm=1.0, count=24)))
