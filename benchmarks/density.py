"""Density with tube voltage, calibration and the patient's own fat hidden from the estimator, and sclerosis, against known truth.

Phantoms of `benchmarks.anatomy` on labels with a segmenter's errors. The error is a share of each level's own density.
Agreement with synthetic truth is consistency, not evidence on patients.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish
from benchmarks.anatomy import SLICES_MM, density_there, level_row, level_rows, phantom_options, usable

SPINES = 200


def hidden_case(seed: int) -> dict[str, Any]:
    """Density alone, with voltage, scanner and the patient's own fat hidden from the estimator."""
    from pedicle.anatomy.options import MeasureOptions
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.model.scan import LabelMap
    from pedicle.phantom.make import make_phantom
    from pedicle.phantom.segmenter import SegmenterOptions, segmented

    options = phantom_options(seed)
    phantom = make_phantom(options)
    scan = replace(phantom.scan, acquisition=replace(phantom.scan.acquisition, kvp=None))
    drawn = segmented(phantom.labels, phantom.parts, SegmenterOptions(seed=seed))
    true = {level.level: level for level in phantom.truth.levels}
    rows = []
    for vertebra in find_vertebrae(scan, LabelMap(drawn, "verse"), MeasureOptions(sex=None)).vertebrae:
        row = level_row("hidden", vertebra, true.get(vertebra.level))
        rows.append(row | {"true_density": density_there(vertebra, phantom)})
    return {"key": seed, "slice_mm": options.spacing_mm[2], "sclerotic": options.sclerotic_level, "rows": rows}


def hidden_table(results: list[dict[str, Any]]) -> list[Row]:
    """The density campaign: hidden calibration, and sclerotic levels."""
    return hidden_rows(results, f"density hidden, {len(results)} spines") + sclerosis_table(results)


def sclerosis_table(results: list[dict[str, Any]]) -> list[Row]:
    """Levels whose upper half is sclerotic that are flagged instead of averaged, and other levels flagged."""
    flagged, sound = [], []
    for result in results:
        for row in result.get("rows", []):
            if row["kind"] != "hidden" or not row["whole"] or row.get("density") is None or row["fractured"]:
                continue
            (flagged if row["level"] == result.get("sclerotic") else sound).append(bool(row["sclerosis"]))
    if not flagged:
        return []
    return [
        Row(
            "sclerosis over a third of the region", f"flagged, of {len(flagged)}", float(np.mean(flagged)), "share", "1"
        ),
        Row("sclerosis, other levels", f"flagged, of {len(sound)}", float(np.mean(sound)), "share"),
    ]


def hidden_rows(results: list[dict[str, Any]], case: str) -> list[Row]:
    """Error and coverage with voltage and calibration hidden, over all levels that count."""
    hidden = [r for r in level_rows(results, "hidden", SLICES_MM) if usable(r)]
    if not hidden:
        return []
    error = np.array([r["density"][0] - r["true_density"] for r in hidden])
    true = np.array([r["true_density"] for r in hidden])
    inside = np.mean([r["density"][1] <= r["true_density"] <= r["density"][2] for r in hidden])
    return [
        Row(case, f"RMS of the error of {len(hidden)}", rms(100 * error / true), "percent", "<= 10"),
        Row(case, "RMS error over mean density", 100 * rms(error) / float(true.mean()), "percent"),
        Row(case, "truth inside the 95 % interval", float(inside), "share", "0.90 to 0.99"),
    ]


def rms(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    """Run the campaign and print its table."""
    chosen = flags(__doc__ or "")
    results = run_campaign("density", hidden_case, range(2 if chosen.quick else chosen.cases or SPINES))
    failed = sum("failed" in result for result in results)
    rows = [*hidden_table(results), Row("campaign", "cases that failed", failed, f"of {len(results)}", "0")]
    publish("density", rows, chosen)


if __name__ == "__main__":
    main()
