"""The same injection many times over, with bone, cement, openings and the needle's place drawn from their spread."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.batch import pushed_to
from pedicle.injection.medium import medium_of
from pedicle.injection.openings import drawn_openings
from pedicle.injection.options import InjectOptions
from pedicle.injection.regions import regions_of
from pedicle.injection.session import start
from pedicle.injection.site import Site, medium_options, ready_s
from pedicle.model.cement import batch_factor, cement
from pedicle.model.errors import InputError
from pedicle.model.fill import ROUTES, least_leak_ml
from pedicle.model.frames import Side
from pedicle.model.medium import GRAVE_PLACES
from pedicle.model.permeability import marrow_sigma_ln, permeability_law
from pedicle.model.placed import PlacedNeedle
from pedicle.model.progress import Progress, silent
from pedicle.model.sourced import quantity
from pedicle.model.spread import Spread
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.model.volume import Volume

Floats = NDArray[np.float64]
_FILE = "injection/spread"
_STREAM = 11
# Tips drawn outside the body are drawn again; after this many the planned one is taken.
_TRIES = 20
# Syringe and bone answer each other this often in these runs, s.
_COUPLING_S = 2.0
EVIDENCE = (
    "computed: spread of a model over stated input spreads; openings fitted to published leak rates are marked so. "
    "It says how this plan compares with another, not how often it leaks in patients"
)


@dataclass(frozen=True)
class Planned:
    """What is injected in every run: the needle and its side, the volume and the most that is asked about, ml."""

    needle: PlacedNeedle
    side: Side
    volume_ml: float
    most_ml: float


@dataclass(frozen=True, eq=False)
class _Run:
    """One run: leaked ml by volume and outlet (k, outlets), the outlets' names, the cells half filled at the planned volume."""

    leaked_ml: Floats
    outlets: tuple[tuple[str, str, str], ...]
    filled: Volume


def spread_of(
    vertebra: Vertebra, planned: Planned, options: InjectOptions, runs: int = 24, progress: Progress = silent
) -> Spread:
    """`runs` injections of one plan, each drawn; the same seed draws the same. InputError 744 for fewer than two runs.

    A run whose syringe stalls keeps what it had reached: cement that cannot be pushed does not leak.
    """
    if runs < 2:
        raise InputError(744, vertebra.level, f"{runs} runs", "at least 2", "ask for more runs")
    volumes = np.linspace(0.0, planned.most_ml, int(np.ceil(planned.most_ml / 0.5)) + 1)[1:]
    volumes = np.unique(np.append(volumes, planned.volume_ml))
    found = []
    for number in range(runs):
        progress(number / runs, f"{vertebra.level}: run {number + 1} of {runs}")
        found.append(_one(vertebra, planned, options, volumes, number))
    return _gathered(vertebra.level, planned, volumes, found)


def _one(vertebra: Vertebra, planned: Planned, options: InjectOptions, volumes: Floats, number: int) -> _Run:
    generator = np.random.Generator(np.random.Philox(key=(options.openings_seed, _STREAM + number)))
    site = _drawn_site(vertebra, options, generator)
    needle = drawn_needle(vertebra, planned.needle, generator)
    state = start(site, needle, planned.side, 0.0, -ready_s(options))
    rows, filled = [], np.zeros(site.grid.shape, np.float32)
    for volume in volumes:
        state = pushed_to(site, state, float(volume), options.flow)
        rows.append(state.flow.outflow_cement_mm3 / 1e3)
        if volume <= planned.volume_ml:
            filled = (state.flow.saturation >= 0.5).astype(np.float32)
    names = tuple((outlet.name, str(outlet.route), str(outlet.place)) for outlet in site.medium.outlets)
    return _Run(np.array(rows), names, Volume(site.grid, filled))


def _drawn_site(vertebra: Vertebra, options: InjectOptions, generator: np.random.Generator) -> Site:
    assert vertebra.bone is not None
    bone, marrow, thick = generator.standard_normal(3)
    law = permeability_law(options.permeability)
    medium = replace(
        medium_options(options),
        permeability_factor=float(np.exp(law.sigma_ln * bone)),
        marrow_factor=float(np.exp(marrow_sigma_ln() * marrow)),
    )
    fractured = vertebra.fracture is not None and vertebra.fracture.genant_grade > 0
    passages = drawn_openings(vertebra.bone, generator, fractured=fractured)
    made = medium_of(vertebra.bone, medium, passages)
    regions = regions_of(vertebra.bone, made)
    batch = cement(options.cement).thicker(batch_factor(float(thick)))
    return Site(vertebra.level, vertebra.bone, made, regions, batch, options, _COUPLING_S)


def drawn_needle(vertebra: Vertebra, needle: PlacedNeedle, generator: np.random.Generator) -> PlacedNeedle:
    """The needle with its tip displaced, still in the body."""
    assert vertebra.bone is not None
    sigma = quantity(_FILE, "tip", "sigma").value
    for _ in range(_TRIES):
        tip = needle.tip_lps_mm + sigma * generator.standard_normal(3)
        if vertebra.bone.parts.sampled(tip, order=0, fill=0.0) == PART_BODY:
            return replace(needle, tip_lps_mm=tip)
    return needle


def _gathered(level: str, planned: Planned, volumes: Floats, found: list[_Run]) -> Spread:
    leaked = {key: np.stack([_leaked(run, key) for run in found]) for key in (*ROUTES, "any", "grave")}
    at = int(np.searchsorted(volumes, planned.volume_ml))
    openings: dict[tuple[str, str, str], int] = {}
    for run in found:
        for name, ml in zip(run.outlets, run.leaked_ml[at], strict=True):
            openings[name] = openings.get(name, 0) + int(ml >= least_leak_ml())
    rows = [(*name, count / len(found)) for name, count in openings.items() if count]
    filled = np.mean([run.filled.values for run in found], axis=0).astype(np.float32)
    return Spread(
        level=level,
        runs=len(found),
        planned_ml=planned.volume_ml,
        volumes_ml=volumes,
        leak_probability={key: (ml >= least_leak_ml()).mean(axis=0) for key, ml in leaked.items()},
        leaked_ml={key: _quantiles(ml[:, at]) for key, ml in leaked.items()},
        opening_probability=tuple(sorted(rows, key=lambda row: (-row[3], row[0]))),
        fill_probability=Volume(found[0].filled.grid, filled),
        drawn=_words(),
        evidence=EVIDENCE,
    )


def _leaked(run: _Run, key: str) -> Floats:
    """Leaked ml by volume (k,) of a route, of any, or of the grave places."""
    chosen = [
        key == "any" or key == route or (key == "grave" and place in GRAVE_PLACES) for _, route, place in run.outlets
    ]
    return np.asarray(run.leaked_ml[:, chosen].sum(axis=1))


def _quantiles(ml: Floats) -> tuple[float, float, float]:
    low, middle, high = (float(q) for q in np.quantile(ml, [0.025, 0.5, 0.975]))
    return low, middle, high


def _words() -> tuple[str, ...]:
    law, tip = permeability_law(), quantity(_FILE, "tip", "sigma").value
    return (
        f"permeability by a factor of {np.exp(law.sigma_ln):.1f}",
        f"marrow's viscosity by a factor of {np.exp(marrow_sigma_ln()):.1f}",
        f"cement's consistency by a factor of {batch_factor(1.0):.1f}",
        f"the tip by {tip:.1f} mm along each axis",
        "openings that a CT cannot show, drawn",
    )
