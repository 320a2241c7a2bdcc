"""Named synthetic patients, from easy to hard."""

from __future__ import annotations

from pedicle.model.errors import InputError
from pedicle.phantom.options import FractureOptions, PhantomOptions

NAMES = (
    "demo", "easy-l3-wedge", "t12-cleft", "t6-thin-pedicle", "posterior-wall-retropulsion", "vertebra-plana",
    "scoliosis-rotation", "six-lumbar", "obese-faint-bone", "cemented-neighbour", "large", "small",
)  # fmt: skip


def named_case(name: str) -> PhantomOptions:
    """Options of a named case; E500 for an unknown name.

    >>> named_case("demo").fractures[0].level
    'L1'
    """
    cases = _cases()
    if name not in cases:
        raise InputError(500, f"phantom {name!r}", "unknown name", "one of " + ", ".join(NAMES), "choose a listed name")
    return cases[name]


def _cases() -> dict[str, PhantomOptions]:
    wedge = FractureOptions(level="L1", shape="wedge", loss_percent=34.0)
    return {
        "demo": PhantomOptions(top="T11", bottom="L4", seed=7, fractures=(wedge,), density_mg_cm3=62.0, age_y=76.0),
        "small": PhantomOptions(
            top="T12", bottom="L2", seed=11, shape=(230, 250, 100), spacing_mm=(1.3, 1.3, 1.5),
            fractures=(FractureOptions(level="L1", loss_percent=35.0),),
        ),
        "easy-l3-wedge": PhantomOptions(
            top="L1", bottom="L5", seed=21, fractures=(FractureOptions(level="L3", loss_percent=30.0),)
        ),
        "t12-cleft": PhantomOptions(
            top="T9", bottom="L3", seed=22, fractures=(FractureOptions(level="T12", shape="crush", loss_percent=42.0, cleft="gas"),)
        ),
        "t6-thin-pedicle": PhantomOptions(
            top="T4", bottom="T9", seed=23, pedicle_factor=0.8, fractures=(FractureOptions(level="T6", loss_percent=33.0),)
        ),
        "posterior-wall-retropulsion": PhantomOptions(
            top="T11", bottom="L4", seed=24,
            fractures=(
                FractureOptions(level="L1", shape="crush", loss_percent=38.0, posterior_bulge_mm=5.5, retropulsion=True),
            ),
        ),
        "vertebra-plana": PhantomOptions(
            top="T10", bottom="L3", seed=25, fractures=(FractureOptions(level="T12", shape="crush", loss_percent=72.0),)
        ),
        "scoliosis-rotation": PhantomOptions(
            top="T11", bottom="L5", seed=26, scoliosis_deg=28.0, rotation_deg=14.0, scoliosis_apex="L2",
            fractures=(FractureOptions(level="L2", shape="biconcave", loss_percent=32.0),),
        ),
        "six-lumbar": PhantomOptions(
            top="T12", bottom="L6", seed=27, six_lumbar=True, fractures=(FractureOptions(level="L2", loss_percent=31.0),)
        ),
        "obese-faint-bone": PhantomOptions(
            top="T11", bottom="L4", seed=28, obesity=1.2, density_mg_cm3=28.0, spacing_mm=(1.2, 1.2, 1.25),
            fractures=(FractureOptions(level="L1", shape="biconcave", loss_percent=36.0),),
        ),
        "cemented-neighbour": PhantomOptions(
            top="T11", bottom="L4", seed=29, cemented_level="L2", fractures=(FractureOptions(level="L1", loss_percent=35.0),)
        ),
        "large": PhantomOptions(
            top="T9", bottom="L5", seed=30, shape=(512, 512, 300), spacing_mm=(0.7, 0.7, 1.0), fractures=(wedge,)
        ),
    }  # fmt: skip
