"""What is true of a synthetic patient, independent of the grid it is painted on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.kernels import phantom_shapes as column
from pedicle.model.frames import SIDES, Pose, Side
from pedicle.model.grid import Grid
from pedicle.phantom.geometry import Geometry, fractures_by_level
from pedicle.phantom.measure import body_depth
from pedicle.phantom.options import FractureOptions, PhantomOptions

Heights3 = tuple[float, float, float]
NEAR_RIB_MM = 60.0
LAMINA = (0, 3)


@dataclass(frozen=True, eq=False)
class PedicleTruth:
    """One pedicle: least width (perpendicular to the axis) and height at the isthmus, mm; axis points forward, LPS."""

    side: Side
    width_mm: float
    height_mm: float
    centre_lps_mm: NDArray[np.float64]
    axis_lps: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LevelTruth:
    """One vertebra. Heights (front, middle, back) at 12, 50, 88 % of the depth, after and before fracture, mm.

    `density_mg_cm3` is the mean of the standard region, not blurred: the middle 55 % of the half width, 12 to 60 % of
    the depth from the front, 25 to 75 % of the height, 4 mm from any surface. `posterior_wall_mm` is the wall's place
    along the frame's front-to-back axis at the middle height. `whole` says whether the picture holds all of it,
    `cut` whether its border runs through the body, a pedicle or the lamina; a level of which only the tip of a joint
    process is clipped is neither. `torn`: the posterior column failed between this level and the one above. A cleft is an ellipsoid with a rough surface along the vertebra's axes: its centre and half axes (left, back, head).
    """

    level: str
    verse: int
    whole: bool
    cut: bool
    lps_from_vertebra: Pose
    heights_mm: Heights3
    heights_before_mm: Heights3
    loss_percent: Heights3
    depth_mm: float
    width_mm: float
    posterior_wall_mm: float
    canal_width_mm: float
    canal_depth_mm: float
    canal_depth_before_mm: float
    density_mg_cm3: float
    density_asked_mg_cm3: float
    pedicles: dict[str, PedicleTruth]
    fracture: FractureOptions | None
    cemented: bool
    torn: bool = False
    sclerotic: bool = False
    cleft_lps_mm: NDArray[np.float64] | None = None
    cleft_half_axes_mm: Heights3 | None = None


@dataclass(frozen=True, eq=False)
class PhantomTruth:
    """The truth of all levels in or near the picture, from the head down, and the options that made them."""

    options: PhantomOptions
    levels: tuple[LevelTruth, ...]

    def __getitem__(self, level: str) -> LevelTruth:
        for found in self.levels:
            if found.level == level:
                return found
        raise KeyError(level)

    def document(self) -> dict[str, Any]:
        """The truth as plain numbers and words, for a JSON file."""
        return {
            "schema": "pedicle-phantom-truth/1",
            "options": _plain(asdict(self.options)),
            "levels": [_level_document(level) for level in self.levels],
        }


def truth_document(truth: PhantomTruth) -> dict[str, Any]:
    """The truth as plain numbers and words, for a JSON file."""
    return truth.document()


def _level_document(level: LevelTruth) -> dict[str, Any]:
    found = {
        key: value for key, value in vars(level).items() if key not in ("lps_from_vertebra", "pedicles", "fracture")
    }
    found["centre_lps_mm"] = level.lps_from_vertebra.origin_mm
    found["axes_lps"] = {
        "left": level.lps_from_vertebra.axis(0),
        "posterior": level.lps_from_vertebra.axis(1),
        "superior": level.lps_from_vertebra.axis(2),
    }
    found["pedicles"] = {side: {k: v for k, v in vars(p).items() if k != "side"} for side, p in level.pedicles.items()}
    found["fracture"] = None if level.fracture is None else asdict(level.fracture)
    return dict(_plain(found))


def _plain(value: Any) -> Any:
    """Arrays and numpy numbers as lists and floats, to 6 digits after the point."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float | np.floating):
        return round(float(value), 6)
    return value


def truth_of(geometry: Geometry, grid: Grid) -> PhantomTruth:
    """Truth of every level whose body lies in the grid's height; only `whole` and `cut` depend on the grid."""
    found = [_level(geometry, n, grid) for n in range(len(geometry.links))]
    low, high = grid.corners_lps_mm()[:, 2].min(), grid.corners_lps_mm()[:, 2].max()
    return PhantomTruth(
        geometry.options, tuple(t for t in found if low - 12.0 < t.lps_from_vertebra.origin_mm[2] < high + 12.0)
    )


def _level(geometry: Geometry, n: int, grid: Grid) -> LevelTruth:
    link, row = geometry.links[n], geometry.rows[n]
    level = link.shape.level
    after, before = geometry.heights[level], geometry.heights_before[level]
    front, back = body_depth(row)
    fracture = fractures_by_level(geometry.options).get(level)
    bulge = row[column.BULGE] if fracture is not None else 0.0
    return LevelTruth(
        level=level,
        verse=int(row[column.LABEL]),
        whole=_is_whole(geometry, n, grid),
        cut=_is_cut(geometry, n, grid),
        lps_from_vertebra=link.lps_from_vertebra,
        heights_mm=after,
        heights_before_mm=before,
        loss_percent=tuple(100.0 * (1.0 - a / b) for a, b in zip(after, before, strict=True)),  # type: ignore[arg-type]
        depth_mm=back - front,
        width_mm=0.5 * (link.shape.width_top + link.shape.width_bottom),
        posterior_wall_mm=back,
        canal_width_mm=link.shape.canal_width,
        canal_depth_mm=link.shape.canal_depth - float(bulge),
        canal_depth_before_mm=link.shape.canal_depth,
        density_mg_cm3=standard_density(geometry, n, front, back),
        density_asked_mg_cm3=link.shape.density,
        pedicles={side: _pedicle(geometry, n, side) for side in SIDES},
        fracture=fracture,
        cemented=link.shape.cemented,
        torn=fracture is not None and fracture.torn,
        sclerotic=link.shape.sclerosis > 0.0,
        **_cleft(row, link.lps_from_vertebra),
    )


def _cleft(row: NDArray[np.float64], lps_from_vertebra: Pose) -> dict[str, Any]:
    if row[column.CLEFT_THIN] <= 0.0:
        return {}
    centre = np.array([0.0, row[column.CLEFT_BACK], row[column.CLEFT_UP]])
    half = tuple(float(row[name]) for name in (column.CLEFT_SIDE, column.CLEFT_DEEP, column.CLEFT_THIN))
    return {"cleft_lps_mm": lps_from_vertebra @ centre, "cleft_half_axes_mm": half}


def _is_whole(geometry: Geometry, n: int, grid: Grid) -> bool:
    """Whether the body's box and the ends of the arch's processes (not the transverse ones) lie in the grid."""
    row, capsules = geometry.rows[n], geometry.capsules[n]
    half_width = 0.5 * max(row[column.WIDTH_TOP], row[column.WIDTH_BOTTOM])
    half_height = 0.5 * max(row[column.HEIGHT_FRONT], row[column.HEIGHT_BACK]) + 2.0
    back, front = row[column.SPINE_BACK] + 3.0, -0.5 * row[column.DEPTH_TOP] - 2.0
    ends = [[u, v, w] for u in (-half_width, half_width) for v in (front, back) for w in (-half_height, half_height)]
    for capsule in capsules[:4]:
        for low, radius in ((0, capsule[6]), (3, capsule[7])):
            u, v, w = capsule[low : low + 3]
            ends += [[side * u, v + radius, w + up * radius] for side in (-1.0, 1.0) for up in (-1.0, 1.0)]
    return bool(grid.contains(geometry.links[n].lps_from_vertebra @ np.array(ends)).all())


def _is_cut(geometry: Geometry, n: int, grid: Grid) -> bool:
    """Whether points of the body's rim, the pedicles or the lamina's bars lie outside the picture, which ends at voxel faces."""
    row, capsules = geometry.rows[n], geometry.capsules[n]
    turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    u = 0.25 * (row[column.WIDTH_TOP] + row[column.WIDTH_BOTTOM]) * np.cos(turn)
    share = 0.5 * (1.0 + np.sin(turn))
    v = 0.25 * (row[column.DEPTH_TOP] + row[column.DEPTH_BOTTOM]) * np.sin(turn)
    w = 0.5 * (row[column.HEIGHT_FRONT] * (1.0 - share) + row[column.HEIGHT_BACK] * share)
    points = [np.stack([u, v, sign * w], axis=1) for sign in (-1.0, 1.0)]
    centre = np.array([row[column.PEDICLE_OUT], row[column.PEDICLE_BACK], row[column.PEDICLE_UP]])
    half = np.array([0.0, 0.0, row[column.PEDICLE_HALF_HEIGHT]])
    ends = np.concatenate([capsules[LAMINA, :3], capsules[LAMINA, 3:6]])
    arch = np.concatenate([[centre - half, centre + half], ends])
    points += [arch, arch * [-1.0, 1.0, 1.0]]
    index = grid.index_from_lps(geometry.links[n].lps_from_vertebra @ np.concatenate(points))
    return bool(((index < -0.5) | (index > np.array(grid.shape) - 0.5)).any())


def standard_density(geometry: Geometry, n: int, front: float, back: float) -> float:
    """Mean density of the standard region of a level, mg/cm3, on a raster of 1 mm in its own frame."""
    from pedicle.kernels.phantom_truth import ask_points

    row = geometry.rows[n]
    depth, half = back - front, 0.25 * (row[column.WIDTH_TOP] + row[column.WIDTH_BOTTOM])
    height = geometry.heights[geometry.links[n].shape.level][1]
    u = np.arange(-0.55 * half, 0.55 * half, 1.0)
    v = np.arange(front + 0.12 * depth, front + 0.60 * depth, 1.0)
    w = np.arange(-0.25 * height, 0.25 * height + 0.5, 1.0)
    points = np.stack(np.meshgrid(u, v, w, indexing="ij"), axis=-1).reshape(-1, 3)
    texture = geometry.texture
    found = ask_points(row, geometry.capsules[n], points, texture.short, texture.long)
    inside = found[:, 1] < -4.0
    chosen = found[inside] if inside.any() else found[found[:, 1] < 0.0]
    return float(chosen[:, 7].mean())


def _pedicle(geometry: Geometry, n: int, side: Side) -> PedicleTruth:
    from pedicle.kernels.phantom_truth import pedicle_section

    row, pose = geometry.rows[n], geometry.links[n].lps_from_vertebra
    sign = 1.0 if side == "left" else -1.0
    near = geometry.rods[_beside(geometry.rods, pose)]
    width, height, along, shift, rise = pedicle_section(row, geometry.capsules[n], near, sign)
    half = row[column.PEDICLE_LEFT] if sign > 0 else row[column.PEDICLE_RIGHT]
    middle = 0.5 * (row[column.PEDICLE_LEFT] + row[column.PEDICLE_RIGHT])
    sine, cosine = row[column.PEDICLE_SINE], row[column.PEDICLE_COSINE]
    out = row[column.PEDICLE_OUT] + (half - middle) + along * sine + shift * cosine
    back = row[column.PEDICLE_BACK] + along * cosine - shift * sine
    centre = np.array([sign * out, back, row[column.PEDICLE_UP] + rise])
    axis = np.array([-sign * sine, -cosine, 0.0])
    return PedicleTruth(side, width, height, pose @ centre, pose.turn(axis))


def _beside(rods: NDArray[np.float64], pose: Pose) -> NDArray[np.bool_]:
    """Which rods (n, 11) have an end within 60 mm of a vertebra's middle."""
    ends = np.stack([rods[:, :3], rods[:, 3:6]])
    return np.asarray((np.linalg.norm(ends - pose.origin_mm, axis=2) < NEAR_RIB_MM).any(axis=0))
