"""What an injection is done to: one level's bone as a medium, and the cement; made once, used by every push."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pedicle.injection.delivery import start_delivery
from pedicle.injection.medium import medium_of
from pedicle.injection.openings import drawn_openings, expected_openings
from pedicle.injection.options import FlowOptions, InjectOptions, MediumOptions
from pedicle.injection.regions import Regions, regions_of
from pedicle.injection.source import ball_source
from pedicle.model.bone import Bone
from pedicle.model.cannula import cannula_of
from pedicle.model.cement import Cement, age_rate, body_temperature_c, cement
from pedicle.model.delivery import DeliveryState, Line
from pedicle.model.errors import InputError, NumericalError, RefusedError
from pedicle.model.flow import Fluids, Source
from pedicle.model.grid import Grid
from pedicle.model.medium import Medium, Passage
from pedicle.model.permeability import marrow_density_g_cm3
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.syringe import syringe
from pedicle.model.vertebra import PART_BODY, PART_CANAL, Vertebra

# Pa per mm of a column of 1 g/cm3.
_WEIGHT = 9.80665
# What is forgiven of a working time, s: a clock summed in many steps.
_GIVEN_S = 1.0
# The first push comes this long after the cement has become workable, s.
_READY_S = 1.0
# Stream of random numbers that openings are drawn from.
_OPENINGS_STREAM = 7


@dataclass(frozen=True, eq=False)
class Site:
    """A level ready for injection: its bone, the medium on the flow's grid and its regions, the cement, the options.

    Syringe and bone answer each other at least every `coupling_s`.
    """

    level: str
    bone: Bone
    medium: Medium
    regions: Regions
    cement: Cement
    options: InjectOptions
    coupling_s: float = 0.5
    _sources: dict[bytes, Source] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """Grid of the flow."""
        assert self.medium.grid is not None
        return self.medium.grid

    @property
    def flow_options(self) -> FlowOptions:
        """How the flow is computed."""
        return FlowOptions(courant=self.options.courant)

    def source(self, needle: PlacedNeedle) -> Source:
        """The open end of a cannula as a source, a sphere of its bore just ahead of its rim."""
        key = needle.tip_lps_mm.tobytes() + needle.direction_lps.tobytes() + str(needle.needle).encode()
        if key not in self._sources:
            radius = needle.needle.inner_diameter_mm / 2.0
            centre = self.grid.index_from_lps(needle.tip_lps_mm + radius * needle.direction_lps)
            self._sources[key] = ball_source(self.medium, centre * self.medium.spacing_mm, radius)
        return self._sources[key]

    def line(self, needle: PlacedNeedle) -> Line:
        """Syringe, cannula and cement for a needle."""
        room = self.options.room_c
        return Line(
            syringe=syringe(self.options.syringe), cannula=cannula_of(needle.needle), cement=self.cement,
            inserted_mm=quantity("injection/operator", "inserted").value,
            room_c=room, store_c=room, batch_c=room, body_c=body_temperature_c(),
        )  # fmt: skip

    def fluids(self, delivery: DeliveryState) -> Fluids:
        """The cement as the flow sees it now; scalars: equivalent age and time of entry."""
        age = delivery.hand_age_s if delivery.tip_age_s is None else delivery.tip_age_s
        return Fluids(
            viscosity_pa_s=lambda scalars, shear, _: self.cement.viscosity_pa_s(scalars[0], shear),
            inlet=lambda t_s: (age, t_s),
            growth_per_s=(float(age_rate(body_temperature_c())), 0.0),
            excess_weight_pa_mm=self._weight(),
        )

    def _weight(self) -> tuple[float, float, float]:
        """Excess weight of cement over marrow along the grid's axes; the patient lies prone: down is to the front."""
        per_mm = (self.cement.density_g_cm3 - marrow_density_g_cm3()) * _WEIGHT
        a, b, c = (float(axis) for axis in self.grid.axes @ np.array([0.0, -per_mm, 0.0]))
        return a, b, c


def site_of(vertebra: Vertebra, options: InjectOptions) -> Site:
    """The site of a level; InputError 740 without a measured bone, RefusedError 421 for a body that holds cement already."""
    if vertebra.bone is None:
        raise InputError(
            740, vertebra.level, "no bone to inject into", "a complete level with a CT in HU", "measure with a CT"
        )
    if vertebra.cemented:
        raise RefusedError(
            421, vertebra.level, "the body holds cement already", "an uncemented body", "choose another level"
        )
    fractured = vertebra.fracture is not None and vertebra.fracture.genant_grade > 0
    medium = medium_of(vertebra.bone, medium_options(options), passages(vertebra.bone, options, fractured))
    regions = regions_of(vertebra.bone, medium)
    return Site(vertebra.level, vertebra.bone, medium, regions, cement(options.cement), options)


def passages(bone: Bone, options: InjectOptions, fractured: bool) -> tuple[Passage, ...]:
    """The openings of a bone: those its CT shows, and the others as they are on average or drawn from the seed."""
    if options.openings == "expected":
        return expected_openings(bone, fractured=fractured)
    generator = np.random.Generator(np.random.Philox(key=(options.openings_seed, _OPENINGS_STREAM)))
    return drawn_openings(bone, generator, fractured=fractured)


def medium_options(options: InjectOptions) -> MediumOptions:
    """The part of the options that makes the medium."""
    cell = options.cell_mm
    return MediumOptions(spacing_mm=(cell, cell, cell), permeability=options.permeability)


def checked(site: Site, needle: PlacedNeedle, asked_ml: float) -> None:
    """RefusedError when the cannula's end is not in the body or opens where nothing flows (422), in the canal (423), or the
    volume does not fit (424)."""
    part = int(site.bone.parts.sampled(needle.tip_lps_mm, order=0, fill=0.0))
    if part == PART_CANAL:
        raise RefusedError(
            423, site.level, "the needle's tip is in the spinal canal", "in the body", "place the needle again"
        )
    if part != PART_BODY:
        raise RefusedError(
            422, site.level, "the needle's tip is outside the vertebral body", "in the body", "place the needle again"
        )
    try:
        site.source(needle)
    except NumericalError as error:
        raise RefusedError(422, site.level, error.found, "in the body", "place the needle again") from error
    room = site.regions.fillable_ml
    if asked_ml > room:
        raise RefusedError(
            424, site.level, f"{asked_ml:.1f} ml asked for", f"the body's pores hold {room:.1f} ml", "ask for less"
        )


def unworkable(site: Site, age_s: float) -> RefusedError | None:
    """What refuses cement of this equivalent age: 425 past its working time, 426 too young; None when it works. A second is given."""
    last, first, words = site.cement.working_until_s, site.cement.working_from_s, f"cement {age_s / 60:.1f} min old"
    if age_s > last + _GIVEN_S:
        return RefusedError(425, site.level, words, f"works until {last / 60:.1f} min", "mix a new batch")
    if age_s < first - _GIVEN_S:
        return RefusedError(426, site.level, words, f"is liquid until {first / 60:.1f} min", "wait")
    return None


def hand_age_s(site: Site, needle: PlacedNeedle, t_s: float, mixed_s: float) -> float:
    """Equivalent age at `t_s` of what is in the hand of a batch mixed at `mixed_s`, s; InputError for a batch mixed later."""
    return start_delivery(site.line(needle), t_s, mixed_s).hand_age_s


def ready_s(options: InjectOptions) -> float:
    """Time from mixing to the first push: as asked, else when cement kept at room temperature begins to be workable."""
    if options.start is not None:
        return options.start
    return cement(options.cement).working_from_s / float(age_rate(options.room_c)) + _READY_S
