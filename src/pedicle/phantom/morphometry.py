"""One vertebra in numbers: level means from the data, scaled by sex and size, scattered from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from pedicle.model.levels import rank, region
from pedicle.model.sourced import quantity
from pedicle.phantom.options import PhantomOptions

ORDER = [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 7)]
LENGTHS = (
    "width_top", "width_bottom", "depth_top", "depth_bottom", "canal_width", "canal_depth", "pedicle_width", "pedicle_height",
    "height_back", "height_front", "disc", "transverse", "spine_length",
)  # fmt: skip
ANGLES = ("pedicle_angle", "spine_tilt", "disc_wedge")
SCLEROSIS_MG_CM3 = 180.0
HEIGHTS = ("height_back", "height_front")
WIDTHS = ("width_top", "width_bottom", "depth_top", "depth_bottom")


@dataclass(frozen=True)
class VertebraShape:
    """Numbers of one vertebra: lengths mm, angles degrees, density mg/cm3.

    `crater_mm` is how much lower the middle is than the line through front and back; `crater_top` is the share of it
    in the upper endplate. Pedicle widths are the full width at the isthmus, (left, right).
    """

    level: str
    width_top: float
    width_bottom: float
    depth_top: float
    depth_bottom: float
    canal_width: float
    canal_depth: float
    pedicle_height: float
    height_back: float
    height_front: float
    disc: float
    transverse: float
    spine_length: float
    pedicle_angle: float
    spine_tilt: float
    disc_wedge: float
    pedicle_widths: tuple[float, float]
    crater_mm: float
    crater_top: float
    density: float
    squareness: float
    taper: float
    spur: float
    phases: tuple[float, float, float, float]
    rim: float
    rotation_deg: float
    roll_deg: float
    blend: float = 2.5
    cemented: bool = False
    sclerosis: float = 0.0
    thoracic: bool = False

    @property
    def middle(self) -> float:
        """Height in the middle, mm."""
        return 0.5 * (self.height_front + self.height_back) - self.crater_mm


def level_names(options: PhantomOptions) -> list[str]:
    """Every level of the spine that is built, from the head down."""
    return [name for name in ORDER if name != "L6" or options.six_lumbar]


def spine_shapes(options: PhantomOptions) -> list[VertebraShape]:
    """Intact shapes of all levels; each level draws from a stream of its own, so a shape does not depend on others."""
    names = level_names(options)
    common = np.random.Generator(np.random.Philox(key=(options.seed, 1)))
    shared = common.standard_normal(len(LENGTHS))
    return [_shape(options, name, shared) for name in names]


def _mean(name: str, level: str) -> float:
    return quantity("phantom/morphometry", name, level).value


def _scale(options: PhantomOptions, name: str) -> float:
    sex = 0.0
    if name in HEIGHTS or name == "disc":
        sex = quantity("phantom/morphometry", "sex", "height_women").value - 1.0
    elif name != "canal_width" and name != "canal_depth":
        sex = quantity("phantom/morphometry", "sex", "width_women").value - 1.0
    size = options.size if not name.startswith(("canal", "pedicle_width")) else sqrt(options.size)
    return (1.0 + sex if options.sex == "F" else 1.0 - sex) * size


def _lengths(options: PhantomOptions, level: str, shared: np.ndarray, own: np.ndarray) -> dict[str, float]:
    spread = quantity("phantom/morphometry", "spread", "level_cv").value / 100.0 * options.level_noise
    found = {}
    for n, name in enumerate(LENGTHS):
        noise = 1.0 + spread * (0.7 * shared[n] + 0.7 * own[n])
        found[name] = _mean(name, level) * _scale(options, name) * noise
    front_noise = 1.0 + 0.5 * spread * own[len(LENGTHS)]
    found["height_front"] = (
        _mean("height_front", level) / _mean("height_back", level) * found["height_back"] * front_noise
    )
    return found


def _shape(options: PhantomOptions, level: str, shared: np.ndarray) -> VertebraShape:
    chance = np.random.Generator(np.random.Philox(key=(options.seed, 100 + rank(level))))
    own = chance.standard_normal(24)
    uniform = chance.uniform(size=8)
    values = _lengths(options, level, shared, own)
    mean_width = values.pop("pedicle_width") * options.pedicle_factor
    side = (
        quantity("phantom/morphometry", "spread", "pedicle_side_sd").value * options.level_noise * own[15] / sqrt(2.0)
    )
    widths = (max(2.2, mean_width + side), max(2.2, mean_width - side))
    angles = {name: _mean(name, level) for name in ANGLES}
    angles["pedicle_angle"] += 1.5 * options.level_noise * own[16]
    thoracic = region(level) == "thoracic"
    crater = (1.6 if thoracic else 2.4) * options.size + 0.4 * options.level_noise * own[17]
    return VertebraShape(
        level=level,
        **values,
        **angles,
        pedicle_widths=widths,
        crater_mm=max(0.4, crater),
        crater_top=0.42,
        density=_density(options, level, own[18]),
        squareness=_squareness(options, thoracic, uniform[0]),
        taper=0.26 if thoracic else 0.12,
        spur=_spur(options, own[19]),
        phases=(uniform[1], uniform[2], uniform[3], uniform[4]),
        rim=max(0.0, 70.0 + 40.0 * own[20]),
        rotation_deg=1.0 * options.level_noise * own[21],
        roll_deg=0.8 * options.level_noise * own[22],
        cemented=options.cemented_level == level,
        sclerosis=SCLEROSIS_MG_CM3 if options.sclerotic_level == level else 0.0,
        thoracic=thoracic,
        blend=2.5 + 1.5 * uniform[5] if options.held_out else 2.5,
    )


def _density(options: PhantomOptions, level: str, noise: float) -> float:
    """Density of a level: 2 % more each level upward of L3, 4 % scatter, never under 15."""
    upward = 1.0 + 0.02 * (rank("L3") - rank(level))
    return max(15.0, options.density_mg_cm3 * upward * (1.0 + 0.04 * options.level_noise * noise))


def _squareness(options: PhantomOptions, thoracic: bool, draw: float) -> float:
    base = 0.12 if thoracic else 0.38
    return base + (0.35 * draw + 0.15 if options.held_out else 0.1 * (draw - 0.5))


def _spur(options: PhantomOptions, noise: float) -> float:
    """Size of the bony spurs at the rims, mm: growing with age."""
    grown = max(0.0, (options.age_y - 45.0) / 30.0)
    return max(0.0, (0.8 + 0.9 * noise) * min(grown, 1.6) * (1.6 if options.held_out else 1.0))


def mirrored(shape: VertebraShape) -> VertebraShape:
    """The shape with left and right exchanged."""
    left, right = shape.pedicle_widths
    return replace(shape, pedicle_widths=(right, left), rotation_deg=-shape.rotation_deg, roll_deg=-shape.roll_deg)
