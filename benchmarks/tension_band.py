"""Signs of a failed posterior column (OF5) on synthetic spines: how often an injury is told, and how often its absence is.

Each spine is broken as it is, every third also with everything above the fracture distracted, turned or slid; half of them have
a scoliosis; on labels with a segmenter's errors. Limits were chosen on seeds 0 to 9; these start at 100. Real CTs without a known
injury are read where PEDICLE_DATA names them. Synthetic spines vary less than people: consistency, not evidence on patients.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks._campaign import run_campaign
from benchmarks._table import Row, flags, publish

FIRST, SPINES = 100, 60
INJURED_EVERY = 3
SLICES_MM = (1.0, 2.0, 3.0, 0.8, 1.5)
INJURIES: dict[str, dict[str, float]] = {
    "none": {},
    "gape 6 mm": {"distraction_mm": 6.0},
    "gape 12 mm": {"distraction_mm": 12.0},
    "turn 10 deg": {"turn_deg": 10.0},
    "step 5 mm": {"slide_mm": 5.0},
}
REAL = {
    "verse014": ("verse014-l1-l5/sub-verse014_ct.nii.gz", "verse014-l1-l5/sub-verse014_seg-vert_msk.nii.gz"),
    "verse004": (None, "verse004-mask/sub-verse004_seg-vert_msk.nii.gz"),
    "totalsegmentator": ("totalsegmentator-example/example_ct.nii.gz", "totalsegmentator-example/totalseg.nii.gz"),
}


def case(key: str) -> dict[str, Any]:
    """One spine with one injury: what each level's arch says, fractured or not."""
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.anatomy.tension_band import junctions
    from pedicle.model.scan import LabelMap
    from pedicle.phantom.make import make_phantom
    from pedicle.phantom.segmenter import SegmenterOptions, segmented

    seed, injury = key.split(":")
    options = phantom_options(int(seed), injury)
    phantom = make_phantom(options)
    drawn = segmented(phantom.labels, phantom.parts, SegmenterOptions(seed=int(seed)))
    spine = find_vertebrae(None, LabelMap(drawn, "verse"))
    return {
        "key": key,
        "injury": injury,
        "broken": options.fractures[0].level,
        "grades": {v.level: v.fracture.genant_grade if v.fracture else None for v in spine.vertebrae},
        "junctions": [asdict(junction) for junction in junctions(spine.vertebrae)],
    }


def phantom_options(seed: int, injury: str) -> Any:
    """A sampled patient with one fracture, bones alone, every second one scoliotic; turns to either side."""
    from pedicle.phantom.sample import sample_options

    slice_mm = SLICES_MM[seed % len(SLICES_MM)]
    options = sample_options(
        seed,
        fractured=True,
        deformed=seed % 2 == 0,
        held_out=seed % 4 == 1,
        body=False,
        noise_hu=0.0,
        spacing_mm=(0.8, 0.8, slice_mm),
        shape=(187, 187, round(230 / slice_mm)),
    )
    change = {name: -size if name == "turn_deg" and seed % 3 == 0 else size for name, size in INJURIES[injury].items()}
    return replace(options, fractures=(replace(options.fractures[0], **change),))


def table(results: list[dict[str, Any]]) -> list[Row]:
    """Shares of levels with a sign: fractured with an injury above, fractured without, and intact ones of the latter spines."""
    rows = []
    for injury in INJURIES:
        mine = [result for result in results if result.get("injury") == injury]
        graded = [(result, result["broken"]) for result in mine if result["grades"].get(result["broken"])]
        rows += told_rows(injury, graded, "<= 0.02" if injury == "none" else "")
        if injury == "none":
            # The program does not look at intact levels: they show how ordinary junctions read.
            intact = [(result, level) for result in mine for level in result["grades"] if level != result["broken"]]
            rows += told_rows("none, intact levels", intact, "")
    return rows


def told_rows(name: str, levels: list[tuple[dict[str, Any], str]], limit: str) -> list[Row]:
    """How many of these levels could be assessed, and the share of those with a sign."""
    bands = [band_of(result, level) for result, level in levels]
    looked = [band for band in bands if not band.reason]
    rows = [Row(name, f"assessed, of {len(bands)} levels", len(looked), "")]
    if looked:
        share = sum(bool(band.signs) for band in looked) / len(looked)
        rows.append(Row(name, f"sign told, of {len(looked)}", share, "share", limit))
        stepped = [
            stepped_there(result, level) for (result, level), band in zip(levels, bands, strict=True) if not band.reason
        ]
        rows.append(Row(name, "step to front or back over its limit (not told)", sum(stepped) / len(stepped), "share"))
    return rows


def stepped_there(result: dict[str, Any], level: str) -> bool:
    """Whether the sign that the program does not tell, because ordinary spines show it, would have been told."""
    from pedicle.anatomy.tension_band import Junction, sign_sizes
    from pedicle.model.sourced import quantity

    found = sign_sizes(level, [Junction(**junction) for junction in result["junctions"]])
    return any(abs(sizes["step"]) >= quantity("fracture/limits", "band", "step").value for _, sizes in found)


def band_of(result: dict[str, Any], level: str) -> Any:
    """What the kept junctions of a spine say of a level, by the limits of today."""
    from pedicle.anatomy.tension_band import Junction, junction_band

    return junction_band(level, [Junction(**junction) for junction in result["junctions"]])


def real_rows() -> list[Row]:
    """Signs on every level of the public CTs and masks, none of which is known to have such an injury."""
    from pedicle.anatomy.spine import find_vertebrae
    from pedicle.anatomy.tension_band import junctions, posterior_band
    from pedicle.io.read import read_ct, read_labels

    root = os.environ.get("PEDICLE_DATA")
    rows = []
    for name, (ct, mask) in REAL.items() if root else ():
        scan = None if ct is None else read_ct(Path(root or "") / ct)
        labels = read_labels(Path(root or "") / mask, scan)
        vertebrae = find_vertebrae(scan, labels).vertebrae
        bands = {v.level: posterior_band(v, junctions(vertebrae), scan) for v in vertebrae}
        looked = {level: band for level, band in bands.items() if not band.reason}
        signs = {level: "; ".join(band.signs) for level, band in looked.items() if band.signs}
        told = ", ".join(f"{level}: {sign}" for level, sign in signs.items())
        rows.append(Row(name, f"levels with a sign, of {len(looked)} assessed", len(signs), told))
    return rows


def main() -> None:
    """Run the campaign, read the real CTs, and print the table."""
    chosen = flags(__doc__ or "")
    count = 1 if chosen.quick else chosen.cases or SPINES
    seeds = range(FIRST, FIRST + count)
    keys = [
        f"{seed}:{injury}" for seed in seeds for injury in INJURIES if injury == "none" or seed % INJURED_EVERY == 1
    ]
    results = run_campaign("tension_band", case, keys)
    failed = sum("failed" in result for result in results)
    rows = [*table(results), *real_rows(), Row("campaign", "cases that failed", failed, f"of {len(results)}", "0")]
    publish("tension_band", rows, chosen)


if __name__ == "__main__":
    main()
