"""One patient stored in every way a file can hold it: 48 axis orders in NIfTI, 48 in DICOM, and in a mirror.

Each goes through the real reader to the needle. All plans must be the same to 0.01 mm and 0.01 deg; the mirrored patient's
must be the mirrored one.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._table import Row, flags, publish
from pedicle.anatomy.spine import find_vertebrae
from pedicle.io.dicom.write import turned, write_ct_series
from pedicle.io.documents import plan_document
from pedicle.io.labelmap.write import write_label_nifti, write_scan_nifti
from pedicle.io.options import ImportOptions
from pedicle.io.read import read_ct, read_labels
from pedicle.model.grid import Grid
from pedicle.model.levels import level_of_verse
from pedicle.model.volume import Volume
from pedicle.phantom.make import Phantom, make_phantom
from pedicle.phantom.options import FractureOptions, PhantomOptions
from pedicle.planning.options import PlanOptions
from pedicle.planning.plan import plan

NAMES = {n: str(level_of_verse(n)) for n in range(1, 29) if level_of_verse(n)}
PAIRS = (("L", "R"), ("P", "A"), ("S", "I"))
ORDERS = ["".join(p[s] for p, s in zip(o, b, strict=True)) for o in permutations(PAIRS) for b in product((0, 1), repeat=3)]  # fmt: skip
Needle = dict[str, Any]


def patient() -> Phantom:
    """T12 to L2 with a wedge at L1, a few degrees of rotation, in a box small enough to be read 97 times."""
    fracture = FractureOptions(level="L1", loss_percent=32.0)
    return make_phantom(
        PhantomOptions(
            top="T12",
            bottom="L2",
            shape=(180, 210, 84),
            spacing_mm=(1.4, 1.4, 1.6),
            fractures=(fracture,),
            rotation_deg=4.0,
            seed=5,
        )
    )


def mirrored(volume: Volume) -> Volume:
    """The patient as a mirror shows them: left and right exchanged about x = 0."""
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0]) @ volume.grid.lps_from_ijk
    return Volume(Grid(volume.grid.shape, matrix), volume.values).canonical()


def needles(ct: Path, labels: Path) -> dict[str, Needle]:
    """The needles of L1 by side, read from files like a user's."""
    options = ImportOptions(scheme="verse")
    scan = read_ct(ct, options)
    spine = find_vertebrae(scan, read_labels(labels, scan, options))
    document = plan_document(plan(spine, scan, PlanOptions(levels="L1", draws=500)))
    return {needle["side"]: needle for needle in document["levels"][0]["trajectories"]}


def stored(phantom: Phantom, folder: Path, kind: str, letters: str) -> dict[str, Needle]:
    """The needles after storing the patient with i, j, k growing towards `letters`."""
    labels = folder / "labels.nii"
    write_label_nifti(turned(phantom.labels, letters), labels, NAMES)
    if kind == "NIfTI":
        ct = folder / "ct.nii"
        write_scan_nifti(turned(phantom.scan.volume, letters), ct)
    else:
        ct = folder / "series"
        write_ct_series(turned(phantom.scan.volume, letters), ct, phantom.scan.acquisition, 1)
    return needles(ct, labels)


def apart(first: dict[str, Needle], second: dict[str, Needle], mirror: bool = False) -> tuple[float, float]:
    """Largest distance of entries and targets, mm, and of angles, deg; infinite when a side or a word differs."""
    other = {"left": "right", "right": "left"} if mirror else {"left": "left", "right": "right"}
    flip = np.array([-1.0 if mirror else 1.0, 1.0, 1.0])
    places, angles = [0.0], [0.0]
    if {other[side] for side in first} != set(second):
        return np.inf, np.inf
    for side, needle in first.items():
        there = second[other[side]]
        if needle["feasible"] != there["feasible"] or not _same_words(needle, there, other):
            return np.inf, np.inf
        for point in ("bone_entry_lps_mm", "target_lps_mm"):
            places.append(float(np.linalg.norm(np.array(needle[point]) * flip - there[point])))
        angles += [abs(needle["angles_deg"][name] - there["angles_deg"][name]) for name in ("axial", "sagittal")]
    return max(places), max(angles)


def _same_words(needle: Needle, there: Needle, other: dict[str, str]) -> bool:
    here, found = needle["carm_bulls_eye"], there["carm_bulls_eye"]
    return bool(found["tilt_toward"] == other[here["tilt_toward"]] and found["detector_over"] == here["detector_over"])


def measure(quick: bool) -> list[Row]:
    """A row a format, and one for the mirror."""
    phantom = patient()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        truth = stored(phantom, _folder(place, "straight"), "NIfTI", "LPS")
        for kind in ("NIfTI", "DICOM"):
            chosen = ORDERS[5::16] if quick else ORDERS
            found = [apart(truth, stored(phantom, _folder(place, kind + s), kind, s)) for s in chosen]
            rows += _rows(f"{kind}, {len(chosen)} axis orders", found)
        other = replace(
            phantom,
            scan=replace(phantom.scan, volume=mirrored(phantom.scan.volume)),
            labels=mirrored(phantom.labels),
        )
        found = [apart(truth, stored(other, _folder(place, "mirror"), "NIfTI", "LPS"), mirror=True)]
        rows += _rows("mirrored patient against the mirrored plan", found)
    return rows


def _folder(place: str, name: str) -> Path:
    folder = Path(place) / name
    folder.mkdir()
    return folder


def _rows(case: str, found: list[tuple[float, float]]) -> list[Row]:
    places, angles = np.array(found).T
    return [
        Row(case, "entry and target, largest difference", float(places.max()), "mm", "<= 0.01"),
        Row(case, "angles, largest difference", float(angles.max()), "deg", "<= 0.01"),
    ]


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    publish("orientations", measure(chosen.quick), chosen)


if __name__ == "__main__":
    main()
