"""Cohorts: options of a synthetic patient drawn from published spreads, all from one seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from pedicle.model.sourced import quantity
from pedicle.phantom.options import FractureOptions, PhantomOptions

SITES = ("T7", "T8", "T11", "T12", "L1", "L2", "L3", "L4")
SITE_WEIGHTS = (0.08, 0.08, 0.10, 0.24, 0.26, 0.12, 0.07, 0.05)
WINDOWS = {"upper": ("T4", "T8"), "middle": ("T7", "T11"), "lumbar": ("T12", "L5"), "junction": ("T11", "L3")}
FILE = "phantom/morphometry"


def sample_options(
    seed: int, *, held_out: bool = False, fractured: bool | None = None, deformed: bool = False, **given: Any
) -> PhantomOptions:
    """Options of the patient of a seed; `given` fields replace what was drawn.

    `deformed` adds a scoliosis of up to 30 degrees with the axial turn that goes with it; all else stays as it was.

    `fractured` None leaves it to chance (two in three). With `held_out` shapes and texture come from families that were
    not used for tuning. Density follows the group (young, older, fractured) and age; body size is log-normal; pedicles
    vary together along the spine; the loss is uniform over 15 to 60 percent, so that grades are crossed.
    """
    chance = np.random.Generator(np.random.Philox(key=(seed, 4)))
    has_fracture = bool(chance.uniform() < 0.66) if fractured is None else fractured
    drawn: dict[str, Any] = {"seed": seed, "held_out": held_out, "sex": "F" if chance.uniform() < 0.6 else "M"}
    drawn |= _person(chance, has_fracture)
    drawn["fractures"] = _fractures(chance) if has_fracture else ()
    drawn["top"], drawn["bottom"] = _window(chance, drawn["fractures"])
    drawn["mirror"] = bool(chance.uniform() < 0.5)
    drawn["posture"] = "prone" if chance.uniform() < 0.3 else "supine"
    drawn["kernel"] = str(chance.choice(["soft", "standard", "sharp"], p=[0.3, 0.5, 0.2]))
    drawn["rotation_deg"] = float(np.clip(chance.normal(0.0, 2.5), -6.0, 6.0))
    if deformed:
        drawn |= _deformity(seed)
    return PhantomOptions(**(drawn | given))


def _deformity(seed: int) -> dict[str, Any]:
    """A lateral curve and its axial turn: the spinous processes turn into the hollow of the curve."""
    chance = np.random.Generator(np.random.Philox(key=(seed, 5)))
    cobb = float(chance.uniform(-30.0, 30.0))
    turn = float(np.clip(0.4 * cobb + chance.normal(0.0, 3.0), -20.0, 20.0))
    return {
        "scoliosis_deg": cobb,
        "rotation_deg": turn,
        "scoliosis_apex": str(chance.choice(["T9", "T12", "L1", "L2"])),
    }


def _number(*keys: str) -> float:
    return quantity(FILE, *keys).value


def _person(chance: np.random.Generator, has_fracture: bool) -> dict[str, Any]:
    """Age, size, pedicles, curve, density and girth."""
    age = float(np.clip(chance.normal(76.0, 8.0) if has_fracture else chance.uniform(30.0, 88.0), 25.0, 95.0))
    size = float(np.exp(chance.normal(0.0, _number("spread", "size_cv") / 100.0)))
    shared = np.sqrt(_number("spread", "pedicle_correlation")) * _number("spread", "pedicle_cv") / 100.0
    curve = chance.normal(_number("curve", "lordosis_mean"), _number("curve", "lordosis_sd"))
    return {
        "age_y": age,
        "size": float(np.clip(size, 0.8, 1.25)),
        "pedicle_factor": float(np.clip(1.0 + shared * chance.standard_normal(), 0.55, 1.5)),
        "lordosis_deg": float(np.clip(curve, 12.0, 65.0)),
        "density_mg_cm3": _density(chance, age, has_fracture),
        "obesity": float(np.clip(chance.gamma(1.5, 0.25), 0.0, 1.5)),
    }


def _density(chance: np.random.Generator, age: float, has_fracture: bool) -> float:
    """Truncated normal of the group; between young (40 years) and older (70 years) the groups are mixed linearly."""
    if has_fracture:
        row = quantity(FILE, "spread", "density_fractured")
        mean, sd = row.value, row.value - float(row.low or 0.0)
    else:
        old, young = quantity(FILE, "spread", "density_older"), quantity(FILE, "spread", "density_young")
        share = float(np.clip((age - 40.0) / 30.0, 0.0, 1.0))
        mean = young.value + share * (old.value - young.value)
        sd = 30.0 + share * (old.value - float(old.low or 0.0) - 30.0)
    for _ in range(100):
        value = float(chance.normal(mean, sd))
        if value >= 20.0:
            return min(value, 300.0)
    return mean


def _fractures(chance: np.random.Generator) -> tuple[FractureOptions, ...]:
    """One fracture; a cleft in a fifth of those over 25 percent, a bulging wall in a third of those over 30."""
    level = str(chance.choice(SITES, p=SITE_WEIGHTS))
    shape = str(chance.choice(["wedge", "biconcave", "crush"], p=[0.5, 0.3, 0.2]))
    loss = float(chance.uniform(15.0, 60.0))
    cleft = "none"
    if loss > 25.0 and chance.uniform() < 0.2:
        cleft = str(chance.choice(["gas", "fluid"]))
    bulge = float(chance.uniform(1.0, 4.0)) if loss > 30.0 and chance.uniform() < 0.3 else 0.0
    return (FractureOptions(level=level, shape=shape, loss_percent=loss, cleft=cleft, posterior_bulge_mm=bulge),)  # type: ignore[arg-type]


def _window(chance: np.random.Generator, fractures: tuple[FractureOptions, ...]) -> tuple[str, str]:
    """Levels in the picture: around the fracture, or by chance."""
    if not fractures:
        return WINDOWS[str(chance.choice(sorted(WINDOWS)))]
    level = fractures[0].level
    if level in ("T7", "T8"):
        return ("T5", "T10")
    return ("T10", "L2") if level in ("T11", "T12") else ("T12", "L5")
