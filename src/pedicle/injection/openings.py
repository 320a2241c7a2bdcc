"""Ways out of a body that fluid takes: those its CT shows, and those it cannot show, drawn or as they are on average."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.surface import Surface, crack_weights, direction, surface_of
from pedicle.injection.walls import rest_pressure_pa
from pedicle.model.bone import Bone, Opening, Route
from pedicle.model.medium import Passage, Place, gap_mm4, tube_mm4
from pedicle.model.sourced import quantity

_FILE = "bone/openings"
Array = NDArray[np.float64]
CRACKED: tuple[Route, Route] = ("cortical", "endplate")
DRAWN = "drawn: too fine for a CT"
NARROW = "a vein too narrow for cement: marrow leaves by it"
EXPECTED = "expected: the mean over what a CT cannot show"


@dataclass(frozen=True)
class OpeningModel:
    """What is fitted to published leaks: how often a body has an opening for cement, and how wide openings are.

    The rates, each in (0, 1), are of at least one opening a route, before a cleft is counted; `cortical` is of walls and
    endplates together. `lumen` (> 0) scales the median radius of veins and width of cracks.
    """

    basivertebral: float
    segmental: float
    cortical: float
    lumen: float = 1.0

    @classmethod
    def stated(cls) -> OpeningModel:
        """The model of data/bone/openings.toml."""
        found = (quantity(_FILE, "rate", key).value for key in ("basivertebral", "segmental", "cortical", "lumen"))
        return cls(*found)

    @property
    def vector(self) -> Array:
        """Log odds of the three rates and the logarithm of the lumen, (4,), free of bounds for a fit."""
        p = np.array([self.basivertebral, self.segmental, self.cortical])
        return np.append(np.log(p / (1.0 - p)), np.log(self.lumen))

    @classmethod
    def from_vector(cls, vector: Array) -> OpeningModel:
        """The inverse of `vector`."""
        a, b, c = (float(1.0 / (1.0 + np.exp(-x))) for x in np.asarray(vector)[:3])
        return cls(a, b, c, float(np.exp(vector[3])))

    def of_cracks(self, route: Route) -> float:
        """Mean number of cracks of a route: walls and endplates share the cortical hazard as published leaks do."""
        share = quantity(_FILE, "rate", "disc_share").value
        return -float(np.log1p(-self.cortical)) * (share if route == "endplate" else 1.0 - share)


@dataclass(frozen=True)
class Vein:
    """A vein's usual place: its name, the rows of the data file it follows, side (1 left, -1 right), how many share its rate."""

    name: str
    kind: str
    route: Route
    place: Place
    side: float
    siblings: int


VEINS = (
    Vein("basivertebral vein", "basivertebral", "basivertebral", "canal", 0.0, 1),
    Vein("left segmental vein", "segmental", "segmental", "prevertebral_vein", 1.0, 4),
    Vein("right segmental vein", "segmental", "segmental", "prevertebral_vein", -1.0, 4),
    Vein("left anterior vein", "anterior", "segmental", "prevertebral_vein", 1.0, 4),
    # The inferior vena cava and the azygos vein lie at the right front of the spine: the way there is short.
    Vein("right anterior vein", "anterior", "segmental", "cava_or_azygos", -1.0, 4),
)


def seen_openings(bone: Bone, surface: Surface | None = None) -> tuple[Passage, ...]:
    """What the CT shows: the basivertebral foramen as a vein as wide as its patch, breaks as cracks as long as theirs."""
    if not bone.openings:
        return ()
    surface = surface or surface_of(bone)
    return tuple(_seen(surface, opening, n) for n, opening in enumerate(bone.openings))


def drawn_openings(
    bone: Bone,
    generator: np.random.Generator,
    model: OpeningModel | None = None,
    fractured: bool = True,
    surface: Surface | None = None,
) -> tuple[Passage, ...]:
    """Openings the CT shows, and one draw of those it cannot show.

    A route that the CT shows open is not drawn again. Every vein is there for marrow; each by itself is or is not wide enough
    for cement. A wall and an endplate of a fractured body have at most one crack each, at a place drawn by weakness and
    nearness of a cleft. The generator is asked the same count of numbers whatever comes out, so that draws of different
    models correspond. Many draws of one bone take its `surface` once.
    """
    model = model or OpeningModel.stated()
    surface, shown = surface or surface_of(bone), _routes(bone)
    found = list(seen_openings(bone, surface))
    for vein in VEINS:
        chance, size = generator.random(), generator.standard_normal()
        if vein.route not in shown:
            wide = chance < _vein_probability(vein, model)
            found.append(_drawn_vein(surface, vein, model.lumen, size) if wide else _narrow_vein(surface, vein))
    for route in CRACKED:
        chance, where, size = generator.random(), generator.random(), generator.standard_normal()
        weights = crack_weights(surface, route)
        open_here = chance < -np.expm1(-model.of_cracks(route) * weights.sum())
        if fractured and route not in shown and open_here:
            row = int(np.searchsorted(np.cumsum(weights), where * weights.sum(), side="right"))
            width = model.lumen * quantity(_FILE, "crack", "width").value * _lognormal("crack", "", size)
            found.append(
                _crack_passage(surface, row, route, f"{route} crack", gap_mm4(width, _crack_length_mm()), DRAWN)
            )
    return tuple(found)


def expected_openings(
    bone: Bone, model: OpeningModel | None = None, fractured: bool = True, surface: Surface | None = None
) -> tuple[Passage, ...]:
    """Openings the CT shows, and all others with their mean conductivity over the draws: one run without chance.

    Cracks lie at the likeliest face of each neighbour. The mean conductivity is not the mean leak, which is not linear.
    """
    model = model or OpeningModel.stated()
    surface, shown = surface or surface_of(bone), _routes(bone)
    found = list(seen_openings(bone, surface))
    for vein in VEINS:
        if vein.route not in shown:
            found.append(_vein_passage(surface, vein, _mean_of_vein_mm4(vein, model), EXPECTED))
    for route in CRACKED:
        if fractured and route not in shown:
            found += _expected_cracks(surface, route, model)
    return tuple(found)


def needle_track(bone_entry_lps_mm: Array, tip_lps_mm: Array, outer_diameter_mm: float) -> Passage:
    """The track of a withdrawn needle from its tip back to the bone entry and out."""
    return Passage(
        name="needle track",
        route="needle_track",
        place="paravertebral",
        path_lps_mm=np.array([tip_lps_mm, bone_entry_lps_mm], dtype=np.float64),
        conductivity_mm4=tube_mm4(0.5 * outer_diameter_mm),
        outside_mm=quantity(_FILE, "track", "outside").value,
        pressure_pa=rest_pressure_pa(),
        basis="the needle's own way",
    )


def _routes(bone: Bone) -> set[Route]:
    return {opening.route for opening in bone.openings}


def _seen(surface: Surface, opening: Opening, n: int) -> Passage:
    cells = np.argwhere(opening.voxels.values)
    centre = opening.voxels.grid.lps_from_index(cells).mean(axis=0)
    row = int(np.linalg.norm(surface.lps_mm - centre, axis=1).argmin())
    # A cell of the one-cell shell stands for one square of the grid.
    radius = float(np.sqrt(len(cells) / np.pi) * opening.voxels.grid.spacing_mm[0])
    name = f"{opening.place} {n + 1}"
    if opening.route == "basivertebral":
        widest = _vein_radius_mm(VEINS[0]) * _lognormal("vein", "basivertebral", 2.0)
        return _vein_at(surface, row, VEINS[0], tube_mm4(min(radius, widest)), opening.basis, name)
    width = quantity(_FILE, "crack", "width").value
    return _crack_passage(surface, row, opening.route, name, gap_mm4(width, 2.0 * radius), opening.basis)


def _vein_radius_mm(vein: Vein, lumen: float = 1.0) -> float:
    return lumen * quantity(_FILE, "vein", vein.kind, "radius").value


def _vein_probability(vein: Vein, model: OpeningModel) -> float:
    """Of this one vein, so that at least one of its siblings is open at the route's rate."""
    rate = model.basivertebral if vein.route == "basivertebral" else model.segmental
    return -float(np.expm1(np.log1p(-rate) / vein.siblings))


def _lognormal(part: str, kind: str, size: float) -> float:
    keys = (part, kind, "sigma_ln") if kind else (part, "sigma_ln")
    return float(np.exp(quantity(_FILE, *keys).value * size))


def _mean_of_vein_mm4(vein: Vein, model: OpeningModel) -> float:
    """Mean conductivity: r^4 of a lognormal radius as often as it is wide, else that of a narrow one."""
    sigma = quantity(_FILE, "vein", vein.kind, "sigma_ln").value
    often = _vein_probability(vein, model)
    wide = tube_mm4(_vein_radius_mm(vein, model.lumen)) * float(np.exp(8.0 * sigma**2))
    return often * wide + (1.0 - often) * _narrow_mm4(vein)


def _narrow_mm4(vein: Vein) -> float:
    return tube_mm4(quantity(_FILE, "vein", vein.kind, "narrow").value)


def _drawn_vein(surface: Surface, vein: Vein, lumen: float, size: float) -> Passage:
    radius = _vein_radius_mm(vein, lumen) * _lognormal("vein", vein.kind, size)
    return _vein_passage(surface, vein, tube_mm4(radius), DRAWN)


def _narrow_vein(surface: Surface, vein: Vein) -> Passage:
    return _vein_passage(surface, vein, _narrow_mm4(vein), NARROW)


def _vein_passage(surface: Surface, vein: Vein, conductivity_mm4: float, basis: str) -> Passage:
    angle = quantity(_FILE, "vein", vein.kind, "angle").value
    return _vein_at(surface, surface.at(direction(angle, vein.side)), vein, conductivity_mm4, basis, vein.name)


def _vein_at(surface: Surface, row: int, vein: Vein, conductivity_mm4: float, basis: str, name: str) -> Passage:
    inside = quantity(_FILE, "vein", vein.kind, "inside").value
    inward = surface.grid.axes.T @ surface.local_mm[row] * inside
    mouth = surface.lps_mm[row]
    return Passage(
        name=name,
        route=vein.route,
        place=vein.place,
        path_lps_mm=np.array([mouth - inward, mouth]),
        conductivity_mm4=conductivity_mm4,
        outside_mm=quantity(_FILE, "vein", vein.kind, "outside").value,
        pressure_pa=rest_pressure_pa(),
        basis=basis,
    )


def _crack_length_mm() -> float:
    return quantity(_FILE, "crack", "length").value


def _crack_passage(surface: Surface, row: int, route: Route, name: str, conductivity_mm4: float, basis: str) -> Passage:
    place: Place = str(surface.place[row])  # type: ignore[assignment]
    outward = surface.grid.axes.T @ surface.normal[row]
    mouth = surface.lps_mm[row]
    inside, outside = (quantity(_FILE, "crack", key).value for key in ("inside", "outside"))
    return Passage(
        name=name,
        route=route,
        place=place,
        path_lps_mm=np.array([mouth - inside * outward, mouth]),
        conductivity_mm4=conductivity_mm4,
        outside_mm=outside,
        pressure_pa=rest_pressure_pa(),
        basis=basis,
    )


def _expected_cracks(surface: Surface, route: Route, model: OpeningModel) -> Iterator[Passage]:
    """One crack a neighbour, with its share of the route's mean conductivity: a^3 of a lognormal width."""
    weights = crack_weights(surface, route)
    often = -float(np.expm1(-model.of_cracks(route) * weights.sum()))
    sigma = quantity(_FILE, "crack", "sigma_ln").value
    width = model.lumen * quantity(_FILE, "crack", "width").value
    mean = gap_mm4(width, _crack_length_mm()) * float(np.exp(4.5 * sigma**2)) * often
    for place in np.unique(surface.place[weights > 0]):
        there = np.where(surface.place == place, weights, 0.0)
        share = float(there.sum() / weights.sum())
        yield _crack_passage(surface, int(there.argmax()), route, f"{route} crack to {place}", mean * share, EXPECTED)
