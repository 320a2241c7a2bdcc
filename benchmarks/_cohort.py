"""A cohort of broken bodies ready for injection: made once by phantom and measurement, kept as files."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._campaign import KEPT
from pedicle.anatomy.options import MeasureOptions
from pedicle.anatomy.spine import find_vertebrae
from pedicle.model.bone import Bone
from pedicle.model.frames import Side
from pedicle.model.needle import catalogue
from pedicle.model.placed import PlacedNeedle
from pedicle.model.scan import LabelMap
from pedicle.model.vertebra import PART_BODY, Vertebra
from pedicle.phantom.make import make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.phantom.sample import sample_options
from pedicle.planning.cement import cement_volume

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4")
# Sites of fractures as in the sampled patients, without those above T11.
WEIGHTS = np.array([0.10, 0.24, 0.26, 0.12, 0.07, 0.05])
SHAPES = ("wedge", "biconcave", "crush")
SHAPE_WEIGHTS = (0.5, 0.3, 0.2)
# A body with a cleft has lost more than a quarter, as in the sampled patients; more than a half leaves no room for a cleft.
LOSS_PERCENT = (27.0, 50.0)
NEEDLE = next(needle for needle in catalogue() if needle.gauge == 11 and needle.length_mm == 125.0)
# Where a needle through the pedicle ends: share of the depth from the front, and of the half width beside the middle.
TIP_DEPTH, TIP_ASIDE = 0.3, 0.25


@dataclass(frozen=True, eq=False)
class Broken:
    """A broken body: its bone, a needle from each side, the planned volume, the direction to the patient's left, what it was made of."""

    bone: Bone
    needles: dict[Side, PlacedNeedle]
    planned_ml: float
    left_lps: NDArray[np.float64]
    about: dict[str, Any]


def body(pair: int, cleft: bool) -> Broken:
    """A body of the cohort; both of a pair are one patient with and without a cleft. Made once and kept."""
    path = KEPT / "published-bones" / f"{pair}-{'cleft' if cleft else 'none'}.pickle"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps(_made(pair, cleft)))
        part.replace(path)
    found: Broken = pickle.loads(path.read_bytes())
    return found


def options_of(pair: int, cleft: bool) -> PhantomOptions:
    """The patient of a pair: one level in a small picture without soft tissue."""
    chance = np.random.Generator(np.random.Philox(key=(pair, 21)))
    level = str(chance.choice(LEVELS, p=WEIGHTS / WEIGHTS.sum()))
    shape, loss = str(chance.choice(SHAPES, p=SHAPE_WEIGHTS)), float(chance.uniform(*LOSS_PERCENT))
    # Gas: fluid of the size drawn here is often taken for loose bone, and the pair would not differ.
    kind = "gas" if cleft else "none"
    fracture = FractureOptions(level=level, shape=shape, loss_percent=loss, cleft=kind)  # type: ignore[arg-type]
    return sample_options(
        1000 + pair, fractured=True, top=level, bottom=level, shape=(118, 118, 68), spacing_mm=(0.9, 0.9, 1.25),
        body=False, kernel="standard", rotation_deg=0.0, fractures=(fracture,),
    )  # fmt: skip


def _made(pair: int, cleft: bool) -> Broken:
    options = options_of(pair, cleft)
    phantom = make_phantom(options)
    level = options.fractures[0].level
    spine = find_vertebrae(phantom.scan, LabelMap(phantom.labels, "verse"), MeasureOptions(sex=options.sex))
    vertebra = spine[level]
    planned = cement_volume(vertebra)
    if vertebra.bone is None or planned is None or vertebra.lps_from_vertebra is None:
        raise ValueError(f"pair {pair}: {level} was not measured")
    found = vertebra.fracture
    about = {
        "level": level, "sex": options.sex, "age_y": options.age_y, "density": options.density_mg_cm3,
        "shape": options.fractures[0].shape, "loss_percent": options.fractures[0].loss_percent,
        "grade": found.genant_grade if found else None, "cleft": found.cleft if found else None,
        "cleft_ml": float(vertebra.bone.cleft.values.sum()) / 1e3, "body_ml": vertebra.body_volume_ml,
        "seen": sorted(f"{one.route}: {one.place}" for one in vertebra.bone.openings),
    }  # fmt: skip
    sides: tuple[Side, ...] = ("left", "right")
    needles = {side: needle_of(vertebra, side) for side in sides}
    return Broken(vertebra.bone, needles, planned.planned, -vertebra.right, about)


def needle_of(vertebra: Vertebra, side: Side) -> PlacedNeedle:
    """A needle through the middle of a pedicle that ends in the front third at mid-height, a little to its own side."""
    assert vertebra.bone is not None
    assert vertebra.lps_from_vertebra is not None
    frame, parts = vertebra.lps_from_vertebra, vertebra.bone.parts
    points = frame.inverse @ parts.grid.lps_from_index(np.argwhere(parts.values == PART_BODY))
    low, high = np.percentile(points, [1.0, 99.0], axis=0)
    middle = points[np.abs(points[:, 1] - (low[1] + TIP_DEPTH * (high[1] - low[1]))) < 1.0]
    away = (1.0 if side == "left" else -1.0) * TIP_ASIDE * 0.5 * (high[0] - low[0])
    column = middle[np.abs(middle[:, 0] - away) < 2.0]
    tip = np.array([away, low[1] + TIP_DEPTH * (high[1] - low[1]), column[:, 2].mean()])
    pedicle = (vertebra.pedicles or {})[side]
    if pedicle.centre_lps_mm is None:
        raise ValueError(f"{vertebra.level}: {side} pedicle not found")
    return PlacedNeedle(NEEDLE, frame @ tip, frame @ tip - pedicle.centre_lps_mm, stylet=False)
