"""Judges what a reader made of a case: right, refused with the right row, or wrong without a word."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case_book import InputCase
from benchmarks.series_maker import CENTRE_MM, GAS_HU, MARKER_MM, TISSUE_HU, TISSUE_MM
from pedicle.io.options import ImportOptions
from pedicle.model.errors import PedicleError
from pedicle.model.scan import Scan

MARKER_LIMIT_MM = 0.5
HU_LIMIT = 5.0
Reader = Callable[[Path, ImportOptions], Scan]


@dataclass(frozen=True)
class Outcome:
    """`verdict` is "right", "refused", or what is wrong; errors are those of the volume, where one came."""

    case: InputCase
    verdict: str
    line: str = ""
    marker_error_mm: float | None = None
    hu_error: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the case came out as its row says."""
        return self.verdict in ("right", "refused")


def judge(case: InputCase, read: Reader, folder: Path) -> Outcome:
    """Build the case in `folder`, read it, compare with the truth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the writer complains of what is spoilt on purpose
        case.build(folder)
    try:
        scan = read(folder / case.path, ImportOptions(**case.options))
    except PedicleError as error:
        return _refusal(case, error)
    marker, hu = errors_of(scan)
    if case.code is not None:
        return Outcome(case, f"accepted, E{case.code:03d} expected", "", marker, hu)
    if marker > MARKER_LIMIT_MM or hu > HU_LIMIT:
        return Outcome(case, f"silent: marker {marker:.2f} mm, HU {hu:.1f}", "", marker, hu)
    if case.notice and case.notice not in {notice.code for notice in scan.warnings}:
        return Outcome(case, f"no notice {case.notice!r}", "", marker, hu)
    return Outcome(case, "right", "", marker, hu)


def judge_all(cases: list[InputCase], read: Reader) -> list[Outcome]:
    """All cases, each in a folder of its own that is removed."""
    found = []
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            found.append(judge(case, read, Path(folder)))
    return found


def _refusal(case: InputCase, error: PedicleError) -> Outcome:
    line = str(error)
    if case.code is None:
        return Outcome(case, f"refused a good variant: {line}", line)
    if error.code != case.code:
        return Outcome(case, f"E{error.code:03d} instead of E{case.code:03d}: {line}", line)
    clear = bool(error.fix and error.found and error.limit and error.where) and "\n" not in line
    return Outcome(case, "refused" if clear else f"unclear: {line}", line)


def errors_of(scan: Scan) -> tuple[float, float]:
    """Distance of the marker's centroid from its place in mm, and the largest error of tissue and gas in HU."""
    points = scan.volume.grid.centres_lps_mm()
    values: Any = scan.volume.values.astype(np.float64)
    near = np.linalg.norm(points - MARKER_MM, axis=-1) < 40.0
    weight = np.where(near & (values > 150.0), values - TISSUE_HU, 0.0)
    if not weight.any():
        return float("inf"), float("inf")
    centroid = (points * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    hu = max(
        abs(_mean(points, values, TISSUE_MM, 5.0) - TISSUE_HU), abs(_mean(points, values, CENTRE_MM, 3.5) - GAS_HU)
    )
    return float(np.linalg.norm(centroid - MARKER_MM)), hu


def _mean(points: Any, values: Any, centre: Any, radius_mm: float) -> float:
    inside = np.linalg.norm(points - centre, axis=-1) < radius_mm
    return float(values[inside].mean()) if inside.any() else float("inf")
