"""A small spine made by hand from simple shapes: every place, side and number in it is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from pedicle.model.carm import View
from pedicle.model.frames import Pose, Side, unit
from pedicle.model.grid import Grid
from pedicle.model.levels import verse_of_level
from pedicle.model.needle import Needle
from pedicle.model.notices import Notice
from pedicle.model.patient import Patient
from pedicle.model.scan import Acquisition, InputFile, LabelMap, Scan
from pedicle.model.trajectory import WALLS, CementVolume, Clearance, LevelPlan, Plan, Trajectory
from pedicle.model.vertebra import (
    PART_BODY,
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Density,
    Estimate,
    Fracture,
    Heights,
    LocalMaps,
    Pedicle,
    Spine,
    Vertebra,
)
from pedicle.model.volume import Volume
from pedicle.report.dossier import CaseFacts, Dossier

Array = NDArray[np.float64]
STEP_MM = 36.0
BACK_SKIN_MM = 85.0


def parts_at(points: Array, height_mm: float = 27.0) -> NDArray[np.uint8]:
    """PART_ codes at points of one vertebra's frame (left, back, head), which is symmetric."""
    x, y, z = np.moveaxis(points, -1, 0)
    parts = np.zeros(x.shape, np.uint8)
    arch = (((x / 17) ** 2 + ((y - 26) / 15) ** 2) < 1) & (y > 24) & (np.abs(z) < 10)
    process = (np.abs(x) < 3.5) & (y > 30) & (y < 58) & (np.abs(z + 4) < 9)
    wing = (np.abs(x) > 12) & (np.abs(x) < 34) & (np.abs(y - 30) < 4) & (np.abs(z) < 6)
    parts[arch | process | wing] = PART_POSTERIOR
    for sign, code in ((1.0, PART_LEFT_PEDICLE), (-1.0, PART_RIGHT_PEDICLE)):
        round_ = ((x - sign * 14.5) / 4.6) ** 2 + ((z - 3) / 6.5) ** 2 < 1
        parts[round_ & (y > 10) & (y < 28)] = code
    parts[((x / 11) ** 2 + ((y - 24) / 8.5) ** 2 < 1) & (np.abs(z) < 16)] = PART_CANAL
    parts[((x / 22) ** 2 + (y / 16) ** 2 < 1) & (np.abs(z) < height_mm / 2)] = PART_BODY
    return parts


class Maker:
    """Builds the nouns; `mirror` swaps every left and right of the patient."""

    def __init__(self, levels: tuple[str, ...], spacing_mm: float, mirror: bool) -> None:
        self.levels = levels
        self.sign = -1.0 if mirror else 1.0
        self.spacing_mm = spacing_mm

    def side(self, side: Side) -> Side:
        if self.sign > 0:
            return side
        return "right" if side == "left" else "left"

    def centre(self, number: int) -> Array:
        # A gentle bend to one side and front to back, so that a straight cut would miss.
        return np.array([self.sign * 6.0 * np.sin(0.7 * number), 10.0 - 5.0 * np.cos(0.6 * number), -STEP_MM * number])

    def frame(self, number: int) -> Pose:
        return Pose.from_axes("lps", "vertebra", np.eye(3), self.centre(number))

    def height(self, number: int) -> float:
        return 20.0 if number == 0 else 27.0

    def scan(self) -> tuple[Volume, Volume]:
        count = len(self.levels)
        low = np.array([-100.0, -80.0, -STEP_MM * (count - 1) - 40.0])
        high = np.array([100.0, 100.0, 40.0])
        grid = Grid.in_frame(Pose("lps", "box", np.eye(4)), low, high, self.spacing_mm)
        points = grid.centres_lps_mm()
        x, y = points[..., 0], points[..., 1]
        tissue = (x / 96) ** 2 + (y / BACK_SKIN_MM) ** 2 < 1
        muscle = (x / 84) ** 2 + ((y + 2) / 72) ** 2 < 1
        values = np.where(muscle, 45.0, np.where(tissue, -95.0, -1000.0))
        labels = np.zeros(grid.shape, np.uint8)
        for number, level in enumerate(self.levels):
            parts = parts_at(self.frame(number).inverse @ points, self.height(number))
            bone = (parts > 0) & (parts != PART_CANAL)
            labels[bone] = verse_of_level(level)
            values[bone] = 420.0
            inner = parts_at((self.frame(number).inverse @ points) * 1.07, self.height(number)) == PART_BODY
            values[inner] = 95.0
        noise = np.random.default_rng(7).normal(0.0, 18.0, grid.shape)
        return Volume(grid, (values + noise).astype(np.int16)), Volume(grid, labels)

    def maps(self, number: int) -> LocalMaps:
        from scipy.ndimage import distance_transform_edt

        grid = Grid.in_frame(self.frame(number), [-38.0, -24.0, -24.0], [38.0, 62.0, 24.0], 1.0)
        parts = parts_at(self.frame(number).inverse @ grid.centres_lps_mm(), self.height(number))

        def signed(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
            return (distance_transform_edt(~mask) - distance_transform_edt(mask)).astype(np.float32)

        bone = (parts > 0) & (parts != PART_CANAL)
        return LocalMaps(Volume(grid, parts), Volume(grid, signed(bone)), Volume(grid, signed(parts == PART_CANAL)))

    def pedicles(self, number: int) -> dict[str, Pedicle]:
        found: dict[str, Pedicle] = {}
        for side, width in ((self.side("left"), 9.2), (self.side("right"), 8.1)):
            x = 14.5 if side == "left" else -14.5
            centre = self.frame(number) @ np.array([x, 17.0, 3.0])
            found[side] = Pedicle(side, True, width, 13.0, 8.9, 9.0, 0.6, np.array([0.0, -1.0, 0.0]), centre)
        return found

    def vertebra(self, number: int, level: str) -> Vertebra:
        fractured = number == 0
        loss = (26.0, 18.0, 4.0) if fractured else (3.0, 2.0, 1.0)
        fracture = Fracture(
            loss, "neighbours", loss[0], 4.1, 2 if fractured else 0, (0.0, 0.38, 0.62, 0.0) if fractured else (0.97, 0.03, 0.0, 0.0),
            "wedge" if fractured else "none", fractured, fractured, "OF3" if fractured else "", "none", "intact", None,
            "recent or old, painful or not: not known from CT" if fractured else "no fracture shape",
        )  # fmt: skip
        density = Density(
            92.0, 90.0, 1.9, Estimate(71.0, 55.0, 87.0, "mg/cm3", "asynchronous, 120 kV"), not fractured, False,
            "fractured level" if fractured else "",
        )  # fmt: skip
        return Vertebra(
            level, "sacrum", 0.98, True, self.centre(number), self.frame(number),
            Heights(20.1, 21.9, 26.8, 0.42) if fractured else Heights(26.4, 25.8, 27.2, 0.42),
            44.0, 32.0, 27.6, 12.0, 15.2, 16.0, -16.0, fracture, density, self.pedicles(number), maps=self.maps(number),
            warnings=(Notice("A310", level, "Endplate sclerosis: density may read high", "note"),),
        )  # fmt: skip

    def trajectory(self, number: int, level: str, side: Side, feasible: bool = True) -> Trajectory:
        side = self.side(side)
        sign = 1.0 if side == "left" else -1.0
        frame = self.frame(number)
        entry, target = frame @ np.array([sign * 16.5, 28.5, 5.5]), frame @ np.array([sign * 4.0, -7.0, -2.0])
        direction = unit(target - entry)
        skin = entry - direction * ((70.0 - entry[1]) / -direction[1])
        walls = {wall: Clearance(2.4 + 0.3 * n, 0.9, 0.021, 0.0004) for n, wall in enumerate(WALLS)}
        walls["medial"] = Clearance(1.3, 0.8, 0.064, 0.004)
        walls["pleura"] = Clearance(None, reason="no lung in the labels")
        return Trajectory(
            level, side, "transpedicular", "paramedian", Needle(13, 125.0, 2.41, 1.80), entry, target, skin, 15.4,
            abs(float(skin[0] - frame.origin_mm[0])), abs(float(skin[0] - frame.origin_mm[0])), 19.0, 12.0,
            View.towards("bull's-eye", -direction), walls, feasible,
            () if feasible else ("the pedicle is thinner than the needle and its margin",),
        )  # fmt: skip

    def level_plan(self, number: int, level: str) -> LevelPlan:
        both = number == 0
        trajectories = (self.trajectory(number, level, "left"), self.trajectory(number, level, "right", feasible=both))
        sides: tuple[Side, ...] = ("left", "right") if both else (self.side("left"),)
        return LevelPlan(
            level, trajectories, tuple(sorted(sides)), ("one needle would leave the other half unfilled",) if both else ("one needle reaches the midline",),
            View.from_dicom_angles("true AP", 180.0, 3.0), View.from_dicom_angles("true lateral", 90.0, 0.0),
            CementVolume(3.1, 4.1, 5.2, 6.0, "15 to 25 % of the body's volume"),
        )  # fmt: skip


@pytest.fixture(scope="session")
def make_dossier() -> Callable[..., Dossier]:
    """``make_dossier(levels=("L1", "L2"), mirror=False, planned=True, scanned=True, spacing_mm=2.0)``."""

    @cache
    def make(
        levels: tuple[str, ...] = ("L1", "L2"),
        mirror: bool = False,
        planned: bool = True,
        scanned: bool = True,
        spacing_mm: float = 2.0,
        invented: bool = True,
    ) -> Dossier:
        maker = Maker(levels, spacing_mm, mirror)
        ct, labels = maker.scan()
        made = Acquisition(kvp=120.0, patient_position="HFS", study_date="2024-05-01", contrast=False)
        files = (InputFile("a1" * 32, "dicom"), InputFile("b2" * 32, "labels"))
        spine = Spine(
            tuple(maker.vertebra(n, level) for n, level in enumerate(levels)), labels, made, "whole",
            Estimate(74.0, 61.0, 88.0, "mg/cm3", "asynchronous, 120 kV, 1 level") if scanned else None,
            {f"{levels[0]}-{levels[-1]}": 18.0},
            warnings=(Notice("A301", levels[0], "Supine CT: find true AP again on the table", "caution"),),
        )  # fmt: skip
        plan = Plan(
            tuple(maker.level_plan(n, level) for n, level in enumerate(levels)), "rehearse", "HFS",
            {"entry_error_mm": 1.5, "direction_error_deg": 3.0}, 3, 8.2, ("fracture age: not stated",),
        )  # fmt: skip
        facts = CaseFacts(files, {"pedicle": "0.1.0", "numpy": "2.4.6"}, {}, ())
        scan = Scan(ct, made, files[:1]) if scanned else None
        patient = Patient(age_y=78, sex="F", invented=True) if invented else None
        return Dossier(
            scan, LabelMap(labels, "verse", inputs=files[1:]), spine, plan if planned else None, patient, facts
        )

    return make


@pytest.fixture(scope="session")
def dossier(make_dossier: Callable[..., Dossier]) -> Dossier:
    return make_dossier()


@pytest.fixture(scope="session")
def page(dossier: Dossier) -> str:
    from pedicle.report.options import ReportOptions
    from pedicle.report.render import render

    return render(dossier, ReportOptions(pixels_per_mm=1.0))
