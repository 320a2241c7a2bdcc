"""Bodies of the studies in which temperatures were measured, as far as their abstracts tell: injected by the flow, then cured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pedicle.curing.cure import cure
from pedicle.curing.options import CureOptions
from pedicle.injection.batch import pushed_to
from pedicle.injection.finish import finish
from pedicle.injection.leak_shape import leaked_volume
from pedicle.injection.medium import medium_of
from pedicle.injection.options import InjectOptions
from pedicle.injection.regions import regions_of
from pedicle.injection.session import ended, start
from pedicle.injection.site import Site, medium_options, ready_s
from pedicle.model.bone import Bone
from pedicle.model.cement import cement
from pedicle.model.cure import Cure
from pedicle.model.fill import Fill, Leak
from pedicle.model.frames import Pose
from pedicle.model.grid import Grid
from pedicle.model.medium import Outlet
from pedicle.model.needle import catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.vertebra import PART_BODY, PART_CANAL, PART_LEFT_PEDICLE, PART_POSTERIOR, PART_RIGHT_PEDICLE
from pedicle.model.volume import Volume

NEEDLE = next(needle for needle in catalogue() if needle.gauge == 11 and needle.length_mm == 125.0)
PLAIN = Pose("lps", "vertebra", np.eye(4))
# Width of the canal and depth to the front of it of a human lumbar level, scaled with the body's half width of 22 mm.
_CANAL_MM, _HALF_MM, _GAP_MM = 9.0, 22.0, 1.0
# A thermocouple "at the cortex" lies under the shell, one "in the canal" on the wall.
_UNDER_MM = 1.0


@dataclass(frozen=True)
class Body:
    """An elliptic body by its half axes (left, back, head), mineral density in mg/cm3; pedicles and arch in proportion."""

    half_mm: tuple[float, float, float]
    density: float

    @property
    def scale(self) -> float:
        """Size against a human lumbar level."""
        return self.half_mm[0] / _HALF_MM

    @property
    def canal_mm(self) -> float:
        """Half width of the canal."""
        return _CANAL_MM * self.scale


@dataclass(frozen=True)
class Study:
    """One way of measuring: which body, how much of which cement, what lies around it."""

    body: Body
    ml: float
    cement: str = "standard-krebs2005"
    surroundings: str = "tissue"
    leak_ml: float = 0.0
    heat_factor: float = 1.0


def bone_of(body: Body) -> Bone:
    """The bone on 1 mm with a margin of 12 mm, in a frame of its own."""
    a, b, c = body.half_mm
    wall = b + _GAP_MM
    grid = Grid.in_frame(PLAIN, [-a - 12, -b - 12, -c - 12], [a + 12, wall + 4 * body.canal_mm + 12, c + 12], 1.0)
    x, y, z = np.moveaxis(grid.centres_lps_mm(), -1, 0)
    parts, canal = np.zeros(grid.shape, np.uint8), body.canal_mm
    arch = (np.abs(x) < 1.9 * canal) & (y > wall + 1.5 * canal) & (y < wall + 2.6 * canal) & (np.abs(z) < 0.7 * c)
    parts[arch] = PART_POSTERIOR
    pillar = (np.abs(np.abs(x) - 1.4 * canal) < 0.45 * canal) & (y > 0.6 * b) & (y < wall + 1.8 * canal)
    pillar &= np.abs(z - 0.25 * c) < 0.45 * c
    parts[pillar & (x > 0)], parts[pillar & (x < 0)] = PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE
    parts[(x**2 + (y - wall - canal) ** 2) < canal**2] = PART_CANAL
    inside = (x / a) ** 2 + (y / b) ** 2
    inner = (x / (a - 1)) ** 2 + (y / (b - 1)) ** 2
    whole = (inside < 1.0) & (np.abs(z) < c)
    parts[whole] = PART_BODY
    shell = whole & ((inner >= 1.0) | (np.abs(z) >= c - 1.0))
    density = np.where(shell, 2.5 * body.density, body.density).astype(np.float32)
    return Bone(
        "L3", Volume(grid, density), Volume(grid, parts), Volume(grid, shell), Volume(grid, np.zeros(grid.shape, bool))
    )  # fmt: skip


@cache
def injected(body: Body, ml: float, cement_name: str) -> tuple[Bone, Fill, PlacedNeedle]:
    """The bone with its cement, by the flow through one needle from the left whose rim lies in the middle of the body."""
    bone = bone_of(body)
    options = InjectOptions(cement=cement_name, flow=0.1, syringe="pump-10ml", openings="expected")
    medium = medium_of(bone, medium_options(options))
    site = Site("L3", bone, medium, regions_of(bone, medium), cement(cement_name), options)
    needle = PlacedNeedle(NEEDLE, np.zeros(3), np.array([-0.45, -1.0, 0.0]), stylet=False)
    state = start(site, needle, "left", 0.0, -ready_s(options), ml)
    state = ended(pushed_to(site, state, ml, options.flow), "volume is in")
    return bone, finish(site, state), needle


def filled(study: Study) -> tuple[Bone, Fill, PlacedNeedle]:
    """Bone, fill and needle of a study, its leak laid on."""
    bone, fill, needle = injected(study.body, study.ml, study.cement)
    return bone, with_leak(bone, fill, study) if study.leak_ml else fill, needle


def with_leak(bone: Bone, fill: Fill, study: Study) -> Fill:
    """The fill with cement on the canal's front wall, as an injected leak."""
    b = study.body.half_mm[1]
    start_mm = np.array([[0.0, b - 1.0, 0.0]])
    outlet = Outlet("injected", "basivertebral", "canal", np.zeros(1, np.int64), np.ones(1), 0.0, "injected")
    shape = leaked_volume(bone, outlet, start_mm, study.leak_ml)
    return replace(fill, leaks=(Leak("injected", "basivertebral", "canal", study.leak_ml, 0.0, shape),))


@cache
def cured(study: Study) -> Cure:
    bone, fill, needle = filled(study)
    options = CureOptions(surroundings=study.surroundings, heat_factor=study.heat_factor, duration=1200.0)  # type: ignore[arg-type]
    return cure(bone, fill, needle, options)


def peaks(study: Study) -> dict[str, float]:
    """Highest temperatures where a study put its thermocouples, degC."""
    cure, (_, b, c) = cured(study), study.body.half_mm
    canal = study.body.canal_mm
    places: dict[str, tuple[float, float, float]] = {
        "centre": (0.0, 0.0, 0.0),
        "anterior": (0.0, -b + _UNDER_MM, 0.0),
        "posterior": (0.0, b - _UNDER_MM, 0.0),
        "canal": (0.0, b + 0.5 * _GAP_MM, 0.0),
        "foramen": (1.4 * canal, b + _GAP_MM + 0.5 * canal, -0.45 * c),
    }
    return {name: at(cure, np.array(place)) for name, place in places.items()} | {"hottest": cure.peak_cement_c}


def at(cure: Cure, place_mm: NDArray[np.float64]) -> float:
    return float(cure.peak_c.sampled(place_mm, order=1))
