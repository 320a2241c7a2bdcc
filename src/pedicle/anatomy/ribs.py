"""Which vertebra carries the last ribs: a count of levels that owes nothing to the sacrum or to C2."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pedicle.anatomy.border import touching
from pedicle.anatomy.field import Box
from pedicle.model.frames import SIDES, Side
from pedicle.model.grid import Grid
from pedicle.model.levels import rank, usual_neighbour, verse_of_level
from pedicle.model.notices import Notice
from pedicle.model.scan import LabelMap
from pedicle.model.sourced import quantity
from pedicle.model.volume import Volume

# Ribs and labels are looked at on voxels of about 2 mm: a rib is three times as thick.
_LOOK_MM = 2.0
# A rib's head touches the disc and sometimes the vertebra above, its neck lies along its own: this share of the most touched.
_OWN_SHARE = 0.5
# Room about the vertebrae in which ribs are followed; more than a rib that counts as short, and beside a level's processes.
_ROOM_MM, _BESIDE_MM = 60.0, 10.0


@dataclass(frozen=True)
class RibCount:
    """Where the labelled ribs end.

    `last` is the lowest level that carries a rib, None where the scan or the labels do not tell. `firm` says that both
    sides carry one of full length there, so that levels may be counted from it. `expected` is where the labels' own names
    put the last pair: T13 where there is one, else T12. `notices` say what is odd or not known.
    """

    last: str | None
    firm: bool = False
    notices: tuple[Notice, ...] = ()
    expected: str = "T12"

    @property
    def usual(self) -> bool:
        """Whether the ribs end where the names say."""
        return self.last == self.expected


@dataclass
class _Rib:
    """One connected piece of rib: the levels it hangs on, its side, and its reach from there; None when cut off."""

    levels: list[str]
    side: Side
    reach_mm: float | None


def count_ribs(labels: LabelMap, boxes: dict[int, Box], padding: NDArray[np.bool_] | None = None) -> RibCount | None:
    """The last rib-bearing level of a label map by geometry; None where no ribs are labelled.

    What the ribs are called plays no part: some maps name a rib after the vertebra it was found at. The level below the
    last rib must be labelled, whole, with room beside it in the scan; the one above must carry ribs as well.
    """
    ribs = (labels.structures or {}).get("ribs")
    names = [name for name in labels.levels if rank(name) >= rank("T1")]
    if ribs is None or not names:
        return None
    found = _ribs(labels.volume, ribs, names, boxes)
    sides = {name: {rib.side for rib in found if name in rib.levels} for name in names}
    bearing = [name for name in names if sides[name]]
    if not bearing:
        return RibCount(None, notices=(_note("no labelled rib touches a labelled vertebra: ribs not counted"),))
    last = bearing[-1]
    unknown = _why_unknown(labels.volume, names, sides, boxes, padding)
    if unknown:
        return RibCount(None, notices=(_note(unknown),))
    odd = _odd(last, sides[last], [rib for rib in found if last in rib.levels])
    return RibCount(last, not odd, tuple(odd), "T13" if "T13" in names else "T12")


def rib_conflict(ribs: RibCount, proven: bool) -> list[Notice]:
    """What it means when the last ribs hang elsewhere than the names say; `proven`: C2 and sacrum agree on the levels."""
    if ribs.last is None or ribs.usual:
        return []
    return [Notice("rib-count", ribs.last, _trap(ribs.last, ribs.expected), "caution" if proven else "danger")]


def _trap(last: str, expected: str) -> str:
    if (last, expected) == ("T12", "T13"):
        return (
            "T13 is labelled and carries no labelled rib: a lumbar vertebra, or every level counted one off; not known"
        )
    if rank(last) > rank("T12"):
        one_in = round(1.0 / quantity("anatomy/order", "lumbar_rib_share").value)
        return f"{last} carries ribs: lumbar ribs (about 1 person in {one_in}), or every level counted one too low; not known"
    one_in = round(1.0 / quantity("anatomy/order", "eleven_ribs_share").value)
    return (
        f"last labelled ribs at {last}: fewer pairs (about 1 person in {one_in} has eleven), short ribs left out of the "
        "map, or every level counted one too high; not known"
    )


def _note(text: str) -> Notice:
    return Notice("rib-count", "ribs", text, "note")


def _why_unknown(
    labels: Volume,
    names: list[str],
    sides: dict[str, set[Side]],
    boxes: dict[int, Box],
    padding: NDArray[np.bool_] | None,
) -> str:
    """Why the last rib seen need not be the last one there is; "" when it is."""
    last = [name for name in names if sides[name]][-1]
    below = next((b for a, b in pairwise(names) if a == last and usual_neighbour(a, b)), None)
    above = next((a for a, b in pairwise(names) if b == last and usual_neighbour(a, b)), None)
    if below is None:
        return f"no level labelled below {last}, the last one with ribs: ribs not counted"
    box = boxes[verse_of_level(below)]
    if len(touching(labels, verse_of_level(below), padding, box)) or not _room_beside(labels.grid, box):
        return f"{below} or the place of its ribs is cut by the border of the scan: ribs not counted"
    if above is not None and not sides[above]:
        return f"ribs labelled at {last} and none at {above}: rib labels not whole, not counted"
    return ""


def _room_beside(grid: Grid, box: Box) -> bool:
    """Whether the scan reaches beyond a level to both sides, where a rib would be."""
    margin = _BESIDE_MM / grid.spacing_mm[0]
    low, high = box
    return bool(low[0] >= margin and high[0] <= grid.shape[0] - margin)


def _odd(last: str, sides: set[Side], ribs: list[_Rib]) -> list[Notice]:
    """Cautions about a last pair that may be another vertebra's, or that hides one."""
    short = quantity("anatomy/order", "short_rib_mm").value
    notices = []
    for side in SIDES:
        reach = [rib.reach_mm for rib in ribs if rib.side == side]
        if not reach:
            text = f"rib on one side only, none on the {side}: T12 or a lumbar vertebra is not known from it"
            notices.append(Notice("rib-count", last, text))
        elif all(mm is not None and mm < short for mm in reach):
            text = (
                f"{side} rib shorter than {short:.0f} mm: a thoracolumbar transitional vertebra; its name is a choice"
            )
            notices.append(Notice("rib-count", last, text))
    return notices


def _ribs(labels: Volume, ribs: Volume, names: list[str], boxes: dict[int, Box]) -> list[_Rib]:
    """Pieces of rib near the labelled vertebrae that touch one."""
    from scipy.ndimage import label

    window, step = _window(labels.grid, [boxes[verse_of_level(name)] for name in names])
    seen = tuple(slice(part.start, part.stop, n) for part, n in zip(window, step, strict=True))
    values, rib = labels.values[seen], ribs.values[seen] > 0
    pieces, count = label(rib, np.ones((3, 3, 3), bool))
    if not count:
        return []
    look = _Look(labels.grid, np.array([part.start for part in window]), step, values, pieces)
    touches = {name: look.touching(verse_of_level(name), count) for name in names}
    most = np.max(list(touches.values()), axis=0)
    return [look.rib(int(n), touches, float(most[n])) for n in np.flatnonzero(most > 0)]


@dataclass
class _Look:
    """Labels and pieces of rib on the coarser grid on which they are compared."""

    grid: Grid
    low: NDArray[np.int64]
    step: NDArray[np.int64]
    values: NDArray[np.generic]
    pieces: NDArray[np.int32]

    def touching(self, number: int, count: int) -> NDArray[np.float64]:
        """For each piece (0 is none), its volume in ml within touch of a level's label; too little counts as nothing."""
        from scipy.ndimage import distance_transform_edt, find_objects

        spacing = self.grid.spacing_mm * self.step
        reach = quantity("anatomy/order", "rib_touch_mm").value
        mask = self.values == number
        box = find_objects(mask.view(np.uint8))
        if not box:
            return np.zeros(count + 1)
        margin = np.ceil(reach / spacing).astype(int)
        wide = tuple(slice(max(p.start - m, 0), p.stop + m) for p, m in zip(box[0], margin, strict=True))
        near = distance_transform_edt(~mask[wide], sampling=spacing) <= reach
        voxels = np.bincount(self.pieces[wide][near], minlength=count + 1)
        found = np.asarray(voxels * float(np.prod(spacing)) / 1000.0)
        found[0] = 0.0
        return np.where(found >= quantity("anatomy/order", "rib_touch_ml").value, found, 0.0)

    def rib(self, piece: int, touches: dict[str, NDArray[np.float64]], most: float) -> _Rib:
        """One piece with the levels it touches most, its side and its reach."""
        own = [name for name, touch in touches.items() if touch[piece] >= _OWN_SHARE * most]
        places = np.argwhere(self.pieces == piece)
        points = self._lps(places)
        bone = self._lps(np.argwhere(self.values == verse_of_level(own[-1])))
        centre = bone.mean(axis=0)
        head = points[np.argsort(np.linalg.norm(points - centre, axis=1))[: max(1, len(points) // 20)]].mean(axis=0)
        edge = (places == 0) | (places >= np.array(self.pieces.shape) - 1)
        reach = None if edge.any() else float(np.linalg.norm(points - head, axis=1).max())
        return _Rib(own, "left" if head[0] > centre[0] else "right", reach)

    def _lps(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.grid.lps_from_index(self.low + places * self.step)


def _window(grid: Grid, boxes: list[Box]) -> tuple[tuple[slice, ...], NDArray[np.int64]]:
    """The part of the scan about the vertebrae, and the step in voxels that makes about 2 mm."""
    room = np.ceil(_ROOM_MM / grid.spacing_mm).astype(int)
    low = np.min([low for low, _ in boxes], axis=0) - room
    high = np.max([high for _, high in boxes], axis=0) + room
    window = tuple(slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, grid.shape, strict=True))
    return window, np.maximum(1, np.floor(_LOOK_MM / grid.spacing_mm)).astype(np.int64)
