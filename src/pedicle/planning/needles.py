"""Which needle: gauge by the room in the pedicle, length by the way from skin to target."""

from __future__ import annotations

from dataclasses import replace

from pedicle.model.errors import InputError
from pedicle.model.levels import rank
from pedicle.model.needle import Needle, catalogue
from pedicle.planning.options import PlanOptions

# Hub and hand need this much needle outside the skin; what is between hub and skin when the depth is not known.
HUB_MM = 5.0


def gauges(level: str, options: PlanOptions) -> list[int]:
    """Gauges to try, in order: as asked, else thick ones first where pedicles are wide (T10 and below).

    InputError when the catalogue has no such gauge.
    """
    known = sorted({needle.gauge for needle in catalogue()})
    if options.gauge is not None:
        if options.gauge not in known:
            raise InputError(
                404,
                "--gauge",
                f"{options.gauge} G",
                f"catalogue has {', '.join(map(str, known))} G",
                "choose one of these",
            )
        return [options.gauge]
    first = 11 if rank(level) >= rank("T10") else 13
    return [gauge for gauge in known if gauge >= first]


def needle_of(gauge: int, skin_to_target_mm: float | None, longest_mm: float | None = None) -> tuple[Needle, bool]:
    """The shortest needle of this gauge that reaches, and whether one does; the longest when none does or depth is unknown.

    `longest_mm` is the longest needle in the room, which then is the last of the shelf.
    """
    mine = _shelf(gauge, longest_mm)
    if skin_to_target_mm is None:
        return mine[-1], True
    for needle in mine:
        if needle.length_mm >= skin_to_target_mm + HUB_MM:
            return needle, True
    return mine[-1], mine[-1].length_mm >= skin_to_target_mm


def _shelf(gauge: int, longest_mm: float | None) -> list[Needle]:
    """The catalogue's needles of a gauge, shorter first; with `longest_mm` the shorter ones and one of this length."""
    mine = [needle for needle in catalogue() if needle.gauge == gauge]
    if longest_mm is None:
        return mine
    return [*(n for n in mine if n.length_mm < longest_mm), replace(mine[-1], length_mm=longest_mm)]
