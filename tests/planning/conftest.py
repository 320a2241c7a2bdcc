"""A vertebra of simple shapes whose clearances are known in closed form, and a scan around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.vertebra import (
    PART_BODY,
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Fracture,
    LocalMaps,
    Pedicle,
    Spine,
    Vertebra,
)
from pedicle.model.volume import Volume

# mm, in the vertebra's frame (left, back, head): the body is an upright elliptic cylinder, the canal an elliptic tube, each
# pedicle a straight cylinder of circular section that converges by `convergence_deg`, the arch a flat plate behind the canal.
BODY_HALF_WIDTH, BODY_HALF_DEPTH, BODY_HALF_HEIGHT = 22.0, 15.0, 13.0
CANAL_HALF_WIDTH, CANAL_HALF_DEPTH, CANAL_MIDDLE = 10.0, 7.5, 23.0
PEDICLE_AT, ARCH_FRONT, ARCH_BACK = 17.5, 31.0, 38.0


def _ellipse(u, v, a, b):
    q = np.sqrt((u / a) ** 2 + (v / b) ** 2)
    slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2) / np.maximum(q, 1e-9)
    return (q - 1.0) / np.maximum(slope, 1.0 / max(a, b))


def _cylinder(points, sign, radius, convergence_deg):
    turn = np.radians(convergence_deg)
    along = np.array([sign * np.sin(turn), np.cos(turn), 0.0])
    offset = points - np.array([sign * PEDICLE_AT, CANAL_MIDDLE - 4.0, 0.0])
    t = offset @ along
    radial = np.linalg.norm(offset - t[..., None] * along, axis=-1) - radius
    return np.maximum(radial, np.maximum(t - 16.0, -t - 22.0))


def analytic_maps(grid, points, radii, convergence_deg):
    u, v, w = np.moveaxis(points, -1, 0)
    body = np.maximum(_ellipse(u, v, BODY_HALF_WIDTH, BODY_HALF_DEPTH), np.abs(w) - BODY_HALF_HEIGHT)
    canal = _ellipse(u, v - CANAL_MIDDLE, CANAL_HALF_WIDTH, CANAL_HALF_DEPTH)
    left = _cylinder(points, 1.0, radii["left"], convergence_deg)
    right = _cylinder(points, -1.0, radii["right"], convergence_deg)
    plate = np.maximum(np.abs(u) - 24.0, np.abs(w) - 9.0)
    arch = np.maximum(plate, np.maximum(ARCH_FRONT - v, v - ARCH_BACK))
    surface = np.minimum.reduce([body, left, right, arch])
    surface = np.maximum(surface, -canal)
    parts = np.zeros(grid.shape, np.uint8)
    parts[arch < 0] = PART_POSTERIOR
    parts[left < 0] = PART_LEFT_PEDICLE
    parts[right < 0] = PART_RIGHT_PEDICLE
    parts[body < 0] = PART_BODY
    parts[(canal < 0) & (np.abs(w) < 14)] = PART_CANAL
    return LocalMaps(
        Volume(grid, parts), Volume(grid, surface.astype(np.float32)), Volume(grid, canal.astype(np.float32))
    )


@pytest.fixture(scope="session")
def analytic_vertebra() -> Callable[..., Vertebra]:
    """Builds a vertebra: `radii` of the pedicles in mm, their convergence, its pose in the patient."""

    def build(
        level="L3",
        radii=(5.0, 5.0),
        convergence_deg=0.0,
        pose=None,
        spacing=0.75,
        **facts,
    ) -> Vertebra:
        pose = pose or Pose.from_axes("lps", "vertebra", np.eye(3), [0.0, 0.0, 0.0])
        grid = Grid.in_frame(pose, [-36.0, -24.0, -24.0], [36.0, 60.0, 24.0], spacing)
        points = pose.inverse @ grid.centres_lps_mm()
        by_side = dict(zip(("left", "right"), radii, strict=True))
        maps = analytic_maps(grid, points, by_side, convergence_deg)
        pedicles = {}
        for side, sign in (("left", 1.0), ("right", -1.0)):
            turn = np.radians(convergence_deg)
            axis = pose.turn([-sign * np.sin(turn), -np.cos(turn), 0.0])
            centre = pose @ [sign * PEDICLE_AT, CANAL_MIDDLE - 4.0, 0.0]
            width = 2 * by_side[side]
            pedicles[side] = Pedicle(side, True, width, width, width, None, 0.3, axis, centre)
        return Vertebra(
            level=level,
            basis="sacrum",
            confidence=0.95,
            complete=True,
            centroid_lps_mm=pose.origin_mm,
            lps_from_vertebra=pose,
            body_volume_ml=np.pi * BODY_HALF_WIDTH * BODY_HALF_DEPTH * 2 * BODY_HALF_HEIGHT / 1000.0,
            body_depth_mm=2 * BODY_HALF_DEPTH,
            posterior_wall_mm=BODY_HALF_DEPTH,
            anterior_wall_mm=-BODY_HALF_DEPTH,
            pedicles=pedicles,
            maps=maps,
            **facts,
        )

    return build


@pytest.fixture(scope="session")
def skin_scan() -> Callable[..., Scan]:
    """Builds a scan whose skin is a plane `skin_mm` behind a point, along `back`; tissue in front, air behind, 1 mm voxels."""

    def build(skin_mm=90.0, centre=(0.0, 0.0, 0.0), back=(0.0, 1.0, 0.0), half=(100, 130, 70), step=2.0) -> Scan:
        count = [int(2 * h / step) + 1 for h in half]
        matrix = np.diag([step, step, step, 1.0])
        matrix[:3, 3] = np.asarray(centre) - np.asarray(half)
        grid = Grid(tuple(count), matrix)
        distance = (grid.centres_lps_mm() - np.asarray(centre)) @ np.asarray(back) - skin_mm
        hu = np.where(distance < 0, 40, -1000).astype(np.int16)
        return Scan(Volume(grid, hu), Acquisition(patient_position="HFS", study_date="2026-01-01"))

    return build


@pytest.fixture(scope="session")
def spine_of() -> Callable[..., Spine]:
    """A spine of these vertebrae whose label map has these voxels (mm)."""

    def build(*vertebrae, voxel=(0.5, 0.5, 0.5), coverage="whole", structures=None) -> Spine:
        labels = Volume(Grid((2, 2, 2), np.diag([*voxel, 1.0])), np.zeros((2, 2, 2), np.uint8))
        return Spine(tuple(vertebrae), labels, Acquisition(), coverage, structures=structures)

    return build


@pytest.fixture(scope="session")
def wedge() -> Fracture:
    return Fracture(
        (30.0, 20.0, 5.0),
        "neighbours",
        30.0,
        3.0,
        2,
        (0.0, 0.1, 0.9, 0.0),
        "wedge",
        True,
        True,
        "",
        None,
        "intact",
        None,
        "",
    )


@pytest.fixture(scope="session")
def turned_poses() -> list[Pose]:
    """Poses of the patient: turned and shifted."""
    found = []
    for tilt, roll in product((-20.0, 15.0), (10.0,)):
        a, b = np.radians(tilt), np.radians(roll)
        x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        y = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
        found.append(Pose.from_axes("lps", "vertebra", (y @ x).T, [12.3, -45.6, 78.9]))
    return found


def with_fracture(vertebra, fracture):
    return replace(vertebra, fracture=fracture)
