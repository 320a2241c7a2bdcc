"""What is published of bodies with and without cement, beside the model: density, boundary, shell, fill, modulus of the cement.

Nothing here is fitted to these values. A trend that does not hold is printed as it is. Synthetic bodies show whether the model
behaves, not that it is right about people.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _trend_plots as trend_plots
from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish, short_of
from benchmarks._virtual import FILLS_PERCENT, LAW, answers, case, shell_share, solid, vertebra
from pedicle.mechanics.fill_curve import passes
from pedicle.mechanics.model import Solid, body_of
from pedicle.model.bone import Bone
from pedicle.model.elasticity import elastic_law
from pedicle.model.sourced import Quantity, quantity
from pedicle.model.vertebra import PART_BODY

Floats = NDArray[np.float64]
NAME, BODIES, FINE = "trends", 60, 3
FACTORS = (0.5, 0.7, 1.0, 1.4, 2.0)
ABSENT = "real data not present"
RIGID_MPA = 1e6
# Beside the default: the same law with a shell of compact bone, and a law of a power well above 1.
SHELL, STEEP = "kopperdahl2002-shell", "keyak"
# Bodies from which a line through them is drawn.
FEWEST = 5


def published(*keys: str) -> Quantity:
    """A value of others."""
    return quantity("mechanics/published", *keys)


def beside(case_name: str, metric: str, value: float, unit: str, *keys: str, **same: Any) -> Row:
    """A figure beside the published one and, where that has bounds, whether it lies inside."""
    target = published(*keys)
    words = f"published {target.value:g}"
    if target.low is not None and target.high is not None:
        inside = target.low <= value <= target.high
        words = f"{'inside' if inside else 'outside'} {target.low:g} to {target.high:g}"
        same["inside"] = bool(inside)
    return Row(case_name, metric, value, unit, words, target.source, target.value, same_work=same)


def denser(bone: Bone, factor: float) -> Bone:
    """The same body with so many times the mineral."""
    density = bone.density_mg_cm3
    return replace(bone, density_mg_cm3=density.with_values(density.values * np.float32(factor)))


def slope(x: list[float], y: list[float]) -> float:
    """Exponent of y over x by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def sweep_rows(name: str, bone: Bone, by_law: str = LAW) -> list[Row]:
    """Stiffness and strength of one body with half to twice its mineral, against the exponents of the density laws.

    Acrylic does not grow stiffer with the bone, which takes a little off: with ends that do not give the exponent is the law's.
    """
    bodies = [solid(denser(body_of(bone, 2.0), factor), law=by_law) for factor in FACTORS]
    found = [answers(one) for one in bodies]
    rigid = [answers(unyielding(one), pushed=False)["stiffness"] for one in bodies]
    stiffness, strength = ([one[key] for one in found] for key in ("stiffness", "strength"))
    law = elastic_law(by_law)
    used = {
        "law": by_law,
        "factors": list(FACTORS),
        "law_modulus_exponent": law.modulus_exponent,
        "law_yield_exponent": law.yield_exponent,
    }
    by = {"stiffness": stiffness, "stiffness between rigid ends": rigid, "strength": strength}
    return [
        beside(name, f"exponent of {what} by density", slope(list(FACTORS), values), "1", "density", f"{_LAW[what]}_exponent", **used, values=values)
        for what, values in by.items()
    ]  # fmt: skip


_LAW = {"stiffness": "modulus", "stiffness between rigid ends": "modulus", "strength": "strength"}


def unyielding(one: Solid) -> Solid:
    """The same body between layers that do not give."""
    layer = ~one.body & (one.modulus_mpa > 0.0)
    return replace(one, modulus_mpa=np.where(layer, RIGID_MPA, one.modulus_mpa))


def level_rows(name: str, bone: Bone, law: str = LAW) -> list[Row]:
    """One level as it is on cells of 1 mm: stiffness, strength, strength over area as pressed in the laboratory, acrylic over disc."""
    body = body_of(bone, 1.0)
    one = solid(body, law=law)
    found, disc = answers(one), answers(solid(body, "disc", law=law))
    area = float(one.body.sum(axis=(0, 1)).max()) * one.cell_mm**2
    density = float(body.density_mg_cm3.values[body.parts.values == PART_BODY].mean())
    about = {"density_mg_cm3": density, "height_mm": found["height_mm"], "area_mm2": area}
    ratio = found["strength"] / disc["strength"]
    return [
        Row(name, "stiffness", 1e-3 * found["stiffness"], "kN/mm", same_work=about),
        Row(name, "strength, push", 1e-3 * found["strength"], "kN", f"density {density:.0f} mg/cm3", same_work=about),
        beside(name, "strength over area", found["strength"] / area, "MPa", "density", "stress", **about),
        beside(name, "strength, acrylic over disc", ratio, "1", "boundary", "pmma_over_disc"),
        Row(name, "stiffness of the body, acrylic over disc", found["stiffness"] / disc["stiffness"], "1"),
    ]


def real_spine() -> Any:
    """verse014, measured; None without the real data."""
    from pedicle.anatomy.options import MeasureOptions
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.io.options import ImportOptions
    from pedicle.io.read import read_ct, read_labels

    folder = Path(os.environ.get("PEDICLE_DATA", "")) / "verse014-l1-l5"
    if "PEDICLE_DATA" not in os.environ or not folder.is_dir():
        return None
    scan = read_ct(folder / "sub-verse014_ct.nii.gz", ImportOptions())
    labels = read_labels(folder / "sub-verse014_seg-vert_msk.nii.gz", scan, ImportOptions())
    return find_vertebrae(scan, labels, MeasureOptions())


def density_rows(quick: bool) -> list[Row]:
    """Row by row the sweep on a synthetic body, a real one, and the levels of both as they are; the first alone when quick."""
    whole = vertebra(0)
    assert whole.bone is not None
    rows = sweep_rows(f"synthetic {whole.level}", whole.bone)
    if quick:
        return rows
    rows += sweep_rows(f"synthetic {whole.level}, {STEEP}", whole.bone, STEEP)
    rows += level_rows(f"synthetic {whole.level}", whole.bone)
    rows += level_rows(f"synthetic {whole.level}, {SHELL}", whole.bone, SHELL)
    spine = real_spine()
    if spine is None:
        return [*rows, Row("verse014", "exponent of stiffness by density", ABSENT, "1")]
    bones = {one.level: one.bone for one in spine.vertebrae if one.bone is not None}
    rows += sweep_rows("verse014 L3", bones["L3"])
    for level, bone in bones.items():
        rows += level_rows(f"verse014 {level}", bone)
        rows += level_rows(f"verse014 {level}, {SHELL}", bone, SHELL)
    return [*rows, *shell_rows("verse014", list(bones.values()), True)]


def crossing(one: dict[str, Any], key: str) -> float | None:
    """Fill in percent at which a filled body reaches what it had before; None = not up to the greatest fill."""
    y = np.array([one["broken"][key], *(one["filled"][str(p)][key] for p in FILLS_PERCENT)])
    return passes(np.array([0.0, *FILLS_PERCENT]), y, one["intact"][key])


def restored(one: dict[str, Any], key: str) -> tuple[float, float]:
    """Fill in percent after the millilitres drawn for a body, and what is then restored, percent of before."""
    fill = min(100.0 * one["injected_ml"] / one["body_ml"], FILLS_PERCENT[-1])
    y = [one["broken"][key], *(one["filled"][str(p)][key] for p in FILLS_PERCENT)]
    return fill, 100.0 * float(np.interp(fill, [0.0, *FILLS_PERCENT], y)) / one["intact"][key]


def fill_rows(cohort: list[dict[str, Any]], name: str) -> list[Row]:
    """Fill that restores strength and stiffness: by each body's curve, and by a line through all bodies as published.

    A body that no fill restores counts as the greatest. Few bodies make no line.
    """
    rows, medians = [], {}
    for key in ("strength", "stiffness"):
        at = [crossing(one, key) for one in cohort]
        reached = [value for value in at if value is not None]
        medians[key] = float(np.median([np.inf if value is None else value for value in at]))
        spread = np.percentile(reached, [10, 90]).tolist() if reached else []
        same = {"bodies": len(cohort), "never": len(at) - len(reached), "spread": spread, "values": reached}
        rows.append(
            beside(name, f"fill that restores {key}, median of bodies", medians[key], "percent", "fill", key, **same)
        )
        if len(cohort) >= FEWEST:
            rows += _line_rows(cohort, name, key)
    ahead, theirs = (
        medians["strength"] / medians["stiffness"],
        published("fill", "strength").value / published("fill", "stiffness").value,
    )
    words = f"published below 1 ({theirs:.2f})"
    return [*rows, Row(name, "fill for strength over fill for stiffness", ahead, "1", words, published("fill", "strength").source, theirs)]  # fmt: skip


def _line_rows(cohort: list[dict[str, Any]], name: str, key: str) -> list[Row]:
    """Where a line of what is restored over the fill reaches all of it, and how much of the scatter it explains."""
    fill, percent = np.array([restored(one, key) for one in cohort]).T
    gain, start = np.polyfit(fill, percent, 1)
    r2 = float(np.corrcoef(fill, percent)[0, 1] ** 2)
    return [
        beside(
            name,
            f"fill that restores {key}, line through bodies",
            float((100.0 - start) / gain),
            "percent",
            "fill",
            key,
        ),
        beside(
            name,
            f"r2 of restored {key} by fill",
            r2,
            "1",
            "fill",
            f"{key}_r2",
            values=[fill.tolist(), percent.tolist()],
            line=[float(gain), float(start)],
        ),
    ]


def boundary_rows(cohort: list[dict[str, Any]], name: str) -> list[Row]:
    """Acrylic over disc."""
    strength = [one["intact"]["strength"] / one["disc"]["strength"] for one in cohort]
    stiffness = [one["intact"]["stiffness"] / one["disc"]["stiffness"] for one in cohort]
    same = {"spread": np.percentile(strength, [10, 90]).tolist(), "values": strength}
    target = published("boundary", "pmma_over_disc")
    assert target.low is not None
    assert target.high is not None
    inside = float(np.mean([target.low <= one <= target.high for one in strength]))
    return [
        beside(name, "strength, acrylic over disc, median", float(np.median(strength)), "1", "boundary", "pmma_over_disc", **same),
        Row(name, "stiffness of the body, acrylic over disc, median", float(np.median(stiffness)), "1"),
        Row(name, "bodies inside the bounds, acrylic over disc", inside, "1"),
    ]  # fmt: skip


def modulus_rows(cohort: list[dict[str, Any]], name: str) -> list[Row]:
    """What cement 2.6 times as stiff changes, at partial and at large fill; stiffness at large fill over intact."""
    rows = []
    for percent in ("15.0", "40.0"):
        gain = [max(one["soft"][percent].values()) / min(one["soft"][percent].values()) for one in cohort]
        words = "published: no effect (39 percent, 2-D)"
        rows.append(Row(name, f"stiffness, cement of 2600 over 1000 MPa, {float(percent):g} percent full", float(np.median(gain)), "1", words, "KosmopoulosKeller2004", same_work={"values": gain}))  # fmt: skip
    return rows


def composite_rows() -> list[Row]:
    """Bone full of cement over native bone at two densities."""
    part = quantity("mechanics/materials", "cement", "interface").value * quantity("mechanics/materials", "cement", "modulus").value  # fmt: skip
    law = elastic_law("kopperdahl2002")
    return [
        beside(f"full bone of {density:g} mg/cm3", "modulus over native", part / float(law.modulus(density)), "1", "composite", "over_native")
        for density in (80.0, 100.0)
    ]  # fmt: skip


def shell_rows(name: str, bones: list[Bone], by_laws: bool = False) -> list[Row]:
    """Load in the shell of 1 mm at mid-height, under discs and under acrylic; under discs by the other laws too.

    The shell is thinner than a cell: what it carries hangs on what a law makes of its blurred mineral.
    """
    found = {
        "discs": [shell_share(bone, "disc") for bone in bones],
        "acrylic": [shell_share(bone, "pmma") for bone in bones],
    }
    for law in (SHELL, STEEP) if by_laws else ():
        found[f"discs, {law}"] = [shell_share(bone, "disc", law) for bone in bones]
    return [
        beside(name, f"load in the shell at mid-height, {end}", float(np.mean(values)), "1", "shell", "share", bodies=len(bones), sd=float(np.std(values)), values=values)
        for end, values in found.items()
    ]  # fmt: skip


def synthetic(count: int) -> list[Bone]:
    """The first bodies of the cohort."""
    return [bone for n in range(count) if (bone := vertebra(n).bone) is not None]


def fine(number: int) -> dict[str, Any]:
    """A body of the cohort on cells of 1 mm."""
    return case(number, 1.0)


def cell_rows(cohort: list[dict[str, Any]]) -> list[Row]:
    """The findings on cells of 1 mm beside those of 2 mm, the same bodies."""
    small = run_campaign(f"{NAME}-1mm", fine, range(FINE), 1)
    rows = []
    for key in ("strength", "stiffness"):
        values = [[crossing(one, key) for one in group] for group in (cohort[:FINE], small)]
        known = [(a, b) for a, b in zip(*values, strict=True) if a is not None and b is not None]
        apart = float(np.median([b - a for a, b in known]))
        rows.append(
            Row("cells of 1 less 2 mm", f"fill that restores {key}", apart, "percent", same_work={"pairs": known})
        )
    return [*rows, *boundary_rows(small, f"{FINE} bodies, 1 mm"), *fill_rows(small, f"{FINE} bodies, 1 mm")]


def main() -> int:
    """Print the rows; 1 when one of them falls short of what it must show."""
    chosen = flags(__doc__ or "")
    count = 3 if chosen.quick else (chosen.cases or BODIES)
    cohort = run_campaign(NAME, case, range(count), 1)
    failed = [one for one in cohort if "failed" in one]
    cohort = [one for one in cohort if "failed" not in one]
    name = f"{len(cohort)} bodies"
    rows = [*density_rows(chosen.quick), *composite_rows(), *fill_rows(cohort, name), *boundary_rows(cohort, name)]
    rows += [
        *modulus_rows(cohort, name),
        *shell_rows("synthetic bodies, 1 mm", synthetic(2 if chosen.quick else 8), not chosen.quick),
    ]
    rows.append(Row(name, "failed", float(len(failed)), "count", "<= 0"))
    if not chosen.quick:
        rows += cell_rows(cohort)
    publish(NAME, rows, chosen, () if chosen.quick else (trend_plots.draw(rows),))
    return short_of(rows)


if __name__ == "__main__":
    sys.exit(main())
