"""Are label maps that miss the bone found out, and good ones let in: moved, mirrored, one vertebra off, drawn coarsely.

Synthetic patients (labels with a segmenter's errors) and two public CTs (PEDICLE_DATA, else ../shared/data). "Refused" means
no needle is planned on the map at all; "told" means that, or a level refused or doubted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks._table import Row, flags, publish
from benchmarks.phantom_look import data_folder
from pedicle.io.labelmap.fit import fits, notices_of
from pedicle.model.scan import LabelMap, Scan
from pedicle.phantom.options import PhantomOptions

QUICK = ("obese-faint-bone",)
SYNTHETIC = (
    "demo",
    "obese-faint-bone",
    "scoliosis-rotation",
    "six-lumbar",
    "cemented-neighbour",
    "t6-thin-pedicle",
    "vertebra-plana",
    "thick",
    "thick-faint",
)
REAL = {
    "verse014-l1-l5": ("sub-verse014_ct.nii.gz", "sub-verse014_seg-vert_msk.nii.gz"),
    "totalsegmentator-example": ("example_ct.nii.gz", "totalseg.nii.gz"),
}
Labels = NDArray[np.generic]
MUST = tuple(f"moved by {mm} mm" for mm in (6, 9)) + (
    "one vertebra off (33 mm)",
    "mirrored front to back",
    "mirrored head to feet",
)


@dataclass
class Tally:
    """How many maps of one kind were refused or told, and the shares of their levels."""

    maps: int = 0
    refused: int = 0
    told: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, labels: LabelMap, scan: Scan) -> None:
        """Judge one map."""
        found = fits(labels, scan)
        notices = notices_of(found)
        shares = [fit.share for fit in found if fit.share is not None]
        self.maps += 1
        self.refused += any(notice.code == "labels-off-bone" for notice in notices)
        self.told += bool(notices)
        self.low, self.high = min(self.low, *shares), max(self.high, *shares)


def patients(quick: bool) -> Iterator[tuple[Scan, LabelMap]]:
    """Synthetic patients, then the public ones where the data are there."""
    from pedicle.io.read import read_ct, read_labels
    from pedicle.phantom.make import make_phantom
    from pedicle.phantom.segmenter import SegmenterOptions, segmented

    for name in QUICK if quick else SYNTHETIC:
        phantom = make_phantom(options_of(name))
        labels = segmented(phantom.labels, phantom.parts, SegmenterOptions(seed=3))
        yield phantom.scan, LabelMap(labels, "verse")
    for folder, (ct, mask) in REAL.items():
        path = data_folder() / folder
        if path.exists():
            scan = read_ct(path / ct)
            yield scan, read_labels(path / mask, scan)


def options_of(name: str) -> PhantomOptions:
    """Options of a named case, and two in 3 mm slices."""
    from pedicle.phantom.cases import named_case

    if name == "thick":
        return replace(named_case("easy-l3-wedge"), spacing_mm=(0.9, 0.9, 3.0), shape=(320, 320, 80))
    if name == "thick-faint":
        faint = replace(named_case("obese-faint-bone"), seed=77, density_mg_cm3=20.0, obesity=1.8)
        return replace(faint, spacing_mm=(0.9, 0.9, 3.0), shape=(320, 320, 90))
    return named_case(name)


def faults(spacing_mm: NDArray[np.float64]) -> Iterator[tuple[str, Callable[[Labels], Labels]]]:
    """What is done to a map, by kind. Moves are whole voxels, at least as long as said."""
    yield "in place", lambda v: v
    yield "in place, drawn on 3 mm voxels", partial(coarse, spacing_mm=spacing_mm)
    for mm in (2.0, 4.0, 6.0, 9.0):
        for axis in range(3):
            for sign in (1, -1):
                voxels = sign * int(np.ceil(mm / spacing_mm[axis] - 1e-3))
                yield f"moved by {mm:.0f} mm", partial(moved, voxels=voxels, axis=axis)
    for sign in (1, -1):
        yield "one vertebra off (33 mm)", partial(moved, voxels=sign * round(33.0 / spacing_mm[2]), axis=2)
    for axis, kind in enumerate(("left to right", "front to back", "head to feet")):
        yield f"mirrored {kind}", partial(np.flip, axis=axis)


def moved(values: Labels, voxels: int, axis: int) -> Labels:
    """Labels moved along one axis; what leaves the picture is lost."""
    out = np.roll(values, voxels, axis)
    gone = [slice(None)] * 3
    gone[axis] = slice(0, voxels) if voxels > 0 else slice(voxels, None)
    out[tuple(gone)] = 0
    return out


def coarse(values: Labels, spacing_mm: NDArray[np.float64]) -> Labels:
    """Labels as blocks of about 3 mm."""
    blocks = np.maximum(1, np.rint(3.0 / spacing_mm)).astype(int)
    index = [np.minimum(np.arange(n) // b * b + b // 2, n - 1) for n, b in zip(values.shape, blocks, strict=True)]
    return values[np.ix_(*index)]


def main() -> int:
    """Judge every map and print the table; 1 when a good map is refused or one moved by 6 mm and more is not."""
    chosen = flags(__doc__ or "")
    found: dict[str, Tally] = {}
    for scan, labels in patients(chosen.quick):
        for kind, change in faults(scan.volume.grid.spacing_mm):
            values = np.ascontiguousarray(change(labels.volume.values))
            found.setdefault(kind, Tally()).add(replace(labels, volume=labels.volume.with_values(values)), scan)
    rows = []
    for kind, tally in found.items():
        span = f"{tally.low:.2f} to {tally.high:.2f}"
        limit = "none" if kind.startswith("in place") else "all" if kind in MUST else ""
        rows.append(Row(kind, "maps refused", f"{tally.refused} of {tally.maps}", "maps", limit))
        rows.append(Row(kind, "maps refused or told", f"{tally.told} of {tally.maps}", "maps"))
        rows.append(Row(kind, "share, least and most of a level", span, "1"))
    publish("label_fit", rows, chosen)
    return int(any(not holds(kind, tally) for kind, tally in found.items()))


def holds(kind: str, tally: Tally) -> bool:
    """Whether a kind came out as it must."""
    if kind.startswith("in place"):
        return tally.refused == 0
    return kind not in MUST or tally.refused == tally.maps


if __name__ == "__main__":
    sys.exit(main())
