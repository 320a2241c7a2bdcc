"""The one number of whole marrow that is fitted: how leaks fall with a cement's viscosity, by the marrow's resistance.

A bench (Habib 2010) found 4.0 g of a low viscosity cement leaked when started at 3.5 min, 2.6 g at 9.5 min, and 1.5 g of a high
viscosity cement at 3.5 min. Bodies of `benchmarks.published`, with openings drawn at the frozen rates, take the place of its foam. The
file's number stands beside thinner and thicker marrow; sheared marrow, as in a rheometer, is the thinnest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish
from benchmarks.published import CELL_MM, OTHERS, PAIRS, injected, over
from pedicle.injection.finish import leaks_of
from pedicle.model.permeability import marrow_ease, marrow_viscosity_pa_s
from pedicle.model.sourced import quantity

FACTORS = (1.0 / marrow_ease(), 0.25, 0.5, 1.0, 2.0)
BODIES = 4
BENCH = {"low": "low_3_5_min", "late": "low_9_5_min", "high": "high_3_5_min"}
Key = tuple[str, int, bool, float]


def case(key: Key) -> dict[str, Any]:
    """One injection's leaks, ml."""
    arm, pair, cleft, factor = key
    _, site, state = injected((arm, pair, cleft, 0, CELL_MM), factor)
    return {"arm": arm, "factor": factor, "ml": float(sum(leak.ml for leak in leaks_of(site, state, {})))}


def rows_of(results: list[dict[str, Any]], factor: float) -> list[Row]:
    """Both ratios at one resistance of the marrow, and how far they are from the bench's together."""
    low, late, high = (
        float(np.mean([one["ml"] for one in results if one["arm"] == arm and one["factor"] == factor]))
        for arm in OTHERS
    )
    told = {name: quantity("injection/published", "leaked_mass", row).value for name, row in BENCH.items()}
    name = f"{factor * marrow_viscosity_pa_s():.3g} Pa s"
    found = {
        "late over early": (over(late, low), told["late"] / told["low"]),
        "high over low": (over(high, low), told["high"] / told["low"]),
    }
    rows = [Row(name, metric, value, "1", f"bench {bench:.3g}") for metric, (value, bench) in found.items()]
    away = float(np.sqrt(sum(np.log(value / bench) ** 2 for value, bench in found.values())))
    return [*rows, Row(name, "away from the bench, root of squared logarithms", away, "1")]


def main() -> None:
    """Run what is not kept yet and print the rows."""
    chosen = flags(__doc__ or "")
    pairs = PAIRS[: 1 if chosen.quick else chosen.cases or BODIES]
    factors = (FACTORS[0], 1.0) if chosen.quick else FACTORS
    keys = [
        (arm, pair, cleft, factor)
        for factor in factors for arm in OTHERS for pair in pairs for cleft in ((False,) if chosen.quick else (True, False))
    ]  # fmt: skip
    found = [one for one in run_campaign("marrow_fit", case, keys) if "failed" not in one]
    rows = [row for factor in factors for row in rows_of(found, factor)]
    rows.append(Row("campaign", "injections that failed", len(keys) - len(found), f"of {len(keys)}", "0"))
    publish("marrow_fit", rows, chosen)


if __name__ == "__main__":
    main()
