"""A vertebra made of formulas: pedicles of known width, height and axis, marrow of known HU, a shell of known thickness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition, Scan
from pedicle.model.vertebra import (
    PART_BODY,
    PART_CANAL,
    PART_LEFT_PEDICLE,
    PART_POSTERIOR,
    PART_RIGHT_PEDICLE,
    Heights,
    LocalMaps,
    Vertebra,
)
from pedicle.model.volume import Volume

Points = NDArray[np.float64]
LOW, HIGH = np.array([-45.0, -32.0, -28.0]), np.array([45.0, 60.0, 28.0])


@dataclass(frozen=True)
class Pipe:
    """A pedicle: elliptic cylinder about an axis in the frame, wider by the square of the distance from its isthmus."""

    width_mm: float
    height_mm: float
    convergence_deg: float = 0.0
    sagittal_deg: float = 0.0
    flare_mm: float = 14.0


@dataclass(frozen=True)
class Anatomic:
    """Formulas of a vertebra in its frame; `lump` changes HU at points (frame mm)."""

    left: Pipe = Pipe(8.0, 14.0)
    right: Pipe = Pipe(9.0, 15.0)
    half_width_mm: float = 22.0
    half_depth_mm: float = 16.0
    height_mm: float = 28.0
    bulge_mm: float = 0.0
    marrow_hu: float = 120.0
    cortex_hu: float = 900.0
    cortex_mm: float = 0.8
    blur_mm: float = 0.5
    lump: Callable[[Points, NDArray[np.float64]], NDArray[np.float64]] | None = None
    missing: tuple[str, ...] = ()
    pose: Pose = field(default_factory=lambda: Pose("lps", "vertebra", np.eye(4)))

    def pedicle_axis(self, side: str) -> NDArray[np.float64]:
        """Forward direction in the frame."""
        pipe = self.left if side == "left" else self.right
        c, s = np.radians([pipe.convergence_deg, pipe.sagittal_deg])
        inward = -1.0 if side == "left" else 1.0
        return np.array([inward * np.sin(c) * np.cos(s), -np.cos(c) * np.cos(s), np.sin(s)])

    def isthmus(self, side: str) -> NDArray[np.float64]:
        return np.array([16.0 if side == "left" else -16.0, self.half_depth_mm + 7.0, 4.0])

    def wall(self, z: Points) -> Points:
        """Place of the posterior wall: hollow by 1 mm, with a bulge at the middle height."""
        half = self.height_mm / 2
        return self.half_depth_mm * 0.75 - 1.0 * (1 - (z / half) ** 2) + self.bulge_mm * np.exp(-((z / 4.0) ** 2))

    def _body(self, p: Points) -> Points:
        x, y, z = np.moveaxis(p, -1, 0)
        q = np.sqrt((x / self.half_width_mm) ** 2 + (y / self.half_depth_mm) ** 2) + 1e-9
        grad = np.sqrt((x / self.half_width_mm**2) ** 2 + (y / self.half_depth_mm**2) ** 2) / q + 1e-9
        side = np.maximum((q - 1) / grad, y - self.wall(z))
        return np.maximum(side, np.abs(z) - self.height_mm / 2)

    def _pipe(self, p: Points, side: str) -> Points:
        pipe = self.left if side == "left" else self.right
        d = self.pedicle_axis(side)
        b = np.cross(d, [0.0, 0.0, 1.0])
        b /= np.linalg.norm(b)
        a = np.cross(b, d)
        along = (p - self.isthmus(side)) @ d
        u, v = (p - self.isthmus(side)) @ b, (p - self.isthmus(side)) @ a
        wide = 1 + (along / pipe.flare_mm) ** 2
        hw, hh = pipe.width_mm / 2 * wide, pipe.height_mm / 2 * wide
        q = np.sqrt((u / hw) ** 2 + (v / hh) ** 2) + 1e-9
        grad = np.sqrt((u / hw**2) ** 2 + (v / hh**2) ** 2) / q + 1e-9
        return np.maximum((q - 1) / grad, np.abs(along) - 13.0)

    def surface(self, p: Points) -> Points:
        x, y, z = np.moveaxis(p, -1, 0)
        arch = np.maximum(np.abs(y - self.half_depth_mm - 22.0) - 4.0, np.maximum(np.abs(x) - 24.0, np.abs(z) - 12.0))
        pipes = [self._pipe(p, side) for side in ("left", "right") if side not in self.missing]
        return np.minimum.reduce([self._body(p), arch, *pipes])

    def hu(self, p: Points) -> Points:
        """Soft tissue 40, a cortex of the given thickness, marrow; edges blurred by a Gaussian."""
        f = self.surface(p)

        def step(at: float) -> Points:
            return 0.5 * (1 - erf((f - at) / (np.sqrt(2) * self.blur_mm)))

        outer, inner = step(0.0), step(-self.cortex_mm)
        hu = 40.0 + (self.cortex_hu - 40.0) * outer + (self.marrow_hu - self.cortex_hu) * inner
        return hu if self.lump is None else self.lump(p, hu)

    def maps(self, spacing_mm: float = 0.75) -> LocalMaps:
        grid = Grid.in_frame(self.pose, LOW, HIGH, spacing_mm)
        p = self.pose.inverse @ grid.centres_lps_mm()
        x, y, z = np.moveaxis(p, -1, 0)
        f = self.surface(p)
        parts = np.zeros(grid.shape, np.uint8)
        bone, back = f < 0, self.half_depth_mm + 18.0
        parts[bone] = PART_POSTERIOR
        behind = bone & (y >= self.wall(z)) & (y < back)
        parts[behind & (x > 0)] = PART_LEFT_PEDICLE
        parts[behind & (x <= 0)] = PART_RIGHT_PEDICLE
        parts[bone & (y < self.wall(z))] = PART_BODY
        canal = ~bone & (np.abs(x) < 11.0) & (y > self.wall(z)) & (y < back)
        parts[canal] = PART_CANAL
        distance = np.where(canal, -1.0, 1.0).astype(np.float32)
        return LocalMaps(Volume(grid, parts), Volume(grid, f.astype(np.float32)), Volume(grid, distance))

    def vertebra(self, level: str = "L3") -> Vertebra:
        heights = Heights(self.height_mm, self.height_mm, self.height_mm, 0.3)
        return Vertebra(
            level=level,
            basis="given",
            confidence=1.0,
            complete=True,
            centroid_lps_mm=self.pose.origin_mm,
            lps_from_vertebra=self.pose,
            heights_mm=heights,
            body_width_mm=2 * self.half_width_mm,
            body_depth_mm=1.75 * self.half_depth_mm,
            posterior_wall_mm=0.75 * self.half_depth_mm - 1.0,
            anterior_wall_mm=-self.half_depth_mm,
            maps=self.maps(),
        )

    def scan(self, spacing_mm: tuple[float, float, float] = (0.9, 0.9, 1.0), kvp: float | None = 120.0) -> Scan:
        step = np.array(spacing_mm)
        corners = self.pose @ np.array(
            [[a, b, c] for a in (LOW[0], HIGH[0]) for b in (LOW[1], HIGH[1]) for c in (LOW[2], HIGH[2])]
        )
        low, high = corners.min(axis=0) - 4.0, corners.max(axis=0) + 4.0
        shape = np.ceil((high - low) / step).astype(int) + 1
        matrix = np.diag([*step, 1.0])
        matrix[:3, 3] = low
        grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), matrix)
        values = np.rint(self.hu(self.pose.inverse @ grid.centres_lps_mm())).astype(np.int16)
        return Scan(Volume(grid, values), Acquisition(kvp=kvp, slice_thickness_mm=spacing_mm[2]))


@pytest.fixture(scope="session")
def anatomic() -> Anatomic:
    """The plain vertebra; change it with `dataclasses.replace`."""
    return Anatomic()


@pytest.fixture(scope="session")
def pipe() -> type[Pipe]:
    return Pipe


@pytest.fixture(scope="session")
def seen(anatomic: Anatomic) -> tuple[Vertebra, Scan]:
    """The plain vertebra and its CT, made once."""
    return anatomic.vertebra(), anatomic.scan()


@pytest.fixture(scope="session")
def changed() -> Callable[..., tuple[Vertebra, Scan]]:
    """The plain vertebra with fields changed, and its CT."""

    def make(**fields: object) -> tuple[Vertebra, Scan]:
        solid = replace(Anatomic(), **fields)  # type: ignore[arg-type]
        return solid.vertebra(), solid.scan()

    return make
