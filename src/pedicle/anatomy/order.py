"""Whether the levels of a label map follow each other as vertebrae do, and from where they were counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.ribs import RibCount
from pedicle.model.levels import NOT_ALWAYS_THERE, rank, usual_neighbour
from pedicle.model.notices import Notice
from pedicle.model.scan import LabelMap
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Basis


@dataclass(frozen=True)
class Count:
    """How one level was counted: from where, how far to trust it, and by how many independent counts.

    `conflict`: the last rib gives the level another name than the label map does. `extra`: an extra vertebra is labelled and
    the count does not reach C2, so that it stays one count.
    """

    basis: Basis
    confidence: float
    counts: int
    conflict: bool = False
    extra: bool = False


def check_order(names: list[str], centres_mm: NDArray[np.float64]) -> list[Notice]:
    """Notices about gaps, swapped order and implausible spacing; `centres_mm` (n, 3) are body or label centroids."""
    notices = [_gap(a, b) for a, b in pairwise(names) if not usual_neighbour(a, b)]
    notices += [
        Notice("level-unusual", name, f"{name} is labelled: a supernumerary vertebra, or a count that is off by one")
        for name in names
        if name in NOT_ALWAYS_THERE
    ]
    if len(names) < 2:
        return notices
    return notices + _monotone(names, centres_mm) + _spacing(names, centres_mm)


def _gap(upper: str, lower: str) -> Notice:
    return Notice(
        "level-gap", f"{upper}-{lower}", f"no label between {upper} and {lower}: levels beyond the gap are uncertain"
    )


def _monotone(names: list[str], centres: NDArray[np.float64]) -> list[Notice]:
    """Each step must go the way the whole spine goes: towards the feet, as the names do."""
    steps = np.diff(centres, axis=0)
    along = steps @ (centres[-1] - centres[0])
    down = float(centres[0, 2] - centres[-1, 2])
    wrong = [f"{a}-{b}" for a, b, s in zip(names, names[1:], along, strict=False) if s <= 0]
    if down <= 0:
        wrong.append(f"{names[0]}-{names[-1]}")
    text = "labels do not follow each other from head to feet: swapped or mirrored, level uncertain"
    return [Notice("level-order", where, text, "danger") for where in wrong]


def _spacing(names: list[str], centres: NDArray[np.float64]) -> list[Notice]:
    limit, ratio = quantity("anatomy/order", "spacing_mm"), quantity("anatomy/order", "spacing_ratio")
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    adjacent = [usual_neighbour(a, b) for a, b in pairwise(names)]
    pairs = [f"{a}-{b}" for a, b in pairwise(names)]
    notices = []
    for where, step, next_to in zip(pairs, steps, adjacent, strict=True):
        if next_to and not limit.low <= step <= limit.high:
            text = f"centroids {step:.0f} mm apart, usual {limit.low:.0f} to {limit.high:.0f} mm: level uncertain"
            notices.append(Notice("level-spacing", where, text))
    for n in range(len(steps) - 1):
        if adjacent[n] and adjacent[n + 1] and not ratio.low <= steps[n + 1] / steps[n] <= ratio.high:
            text = f"spacing {steps[n]:.0f} mm here and {steps[n + 1]:.0f} mm below: a crush, or a missed level"
            notices.append(Notice("level-spacing", pairs[n], text))
    return notices


def check_piece(name: str, inside: NDArray[np.bool_]) -> list[Notice]:
    """A notice when the largest connected piece of a label holds under 98 % of it."""
    from scipy.ndimage import label

    pieces, count = label(inside, np.ones((3, 3, 3), bool))
    if count <= 1:
        return []
    sizes = np.bincount(pieces.ravel())[1:]
    share = float(sizes.max() / sizes.sum())
    if share >= quantity("anatomy/order", "largest_piece").value:
        return []
    return [Notice("level-pieces", name, f"the label is in {count} pieces, the largest holds {100 * share:.0f} %")]


def count_levels(labels: LabelMap, names: list[str], ribs: RibCount | None = None) -> dict[str, Count]:
    """For each level the landmarks it can be counted from without a gap, the best one as its basis.

    Last ribs on another vertebra than the names say contradict the names of all levels they can be counted to, unless C2 and
    the sacrum agree. T13 and L6 are settled by C2 alone: seen from below, an extra vertebra may be either kind.
    """
    from_sacrum = _chain(names[::-1], "sacrum") if "sacrum" in labels.landmarks else set()
    from_c2 = _chain(names, "C2") if "c2" in labels.landmarks else set()
    from_ribs = _both_ways(names, ribs.last) if ribs is not None and ribs.last is not None else set()
    firm = from_ribs if ribs is not None and ribs.usual and ribs.firm else set()
    contradicted = from_ribs if ribs is not None and not ribs.usual else set()
    reached: tuple[tuple[Basis, set[str]], ...] = (("sacrum", from_sacrum), ("c2", from_c2), ("ribs", firm))
    extra = any(name in NOT_ALWAYS_THERE for name in names)
    by = {name: [basis for basis, levels in reached if name in levels] for name in names}
    return {name: _count(by[name], extra and "c2" not in by[name], name in contradicted) for name in names}


def _count(by: list[Basis], extra: bool, contradicted: bool) -> Count:
    counts = min(len(by), 1) if extra else len(by)
    conflict = contradicted and counts < 2
    row = ("confidence_given", "confidence_one_count", "confidence_two_counts")[min(counts, 2)]
    trust = quantity("anatomy/order", "confidence_conflict" if conflict else row).value
    return Count(by[0] if by else "given", trust, 0 if conflict else counts, conflict, extra)


def _both_ways(names: list[str], start: str) -> set[str]:
    """Levels that can be reached from a labelled one, up and down."""
    at = names.index(start)
    return _chain(names[at::-1], start) | _chain(names[at:], start)


def _chain(names: list[str], start: str) -> set[str]:
    """Levels that can be reached from a landmark stepping from neighbour to neighbour."""
    reached: set[str] = set()
    last = start
    for name in names:
        beside = name == last or usual_neighbour(name, last) or usual_neighbour(last, name)
        if rank(name) < rank("C2") and start == "C2":
            continue
        if not beside:
            break
        reached.add(name)
        last = name
    return reached
