"""A needle's tip and direction in space, found in two pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.tip_pick import END_ON, END_ON_DEG, NARROW, WIDE, Picture, Reach, candidates, slant
from pedicle.fluoroscopy.triangulate import NOTHING_UNSEEN, Sight, Unseen, triangulated
from pedicle.fluoroscopy.two_lines import SeenLine, direction_near
from pedicle.model.frames import angle_deg
from pedicle.model.pick import TipPick
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Shot, TipEstimate

Array = NDArray[np.float64]
# Two picks belong to one needle when their rays miss each other by no more than this, mm, at the first, rougher look and
# at the second.
_MISS_MM = (3.0, 1.0)
# What is found may lie this much beyond the reach of the search.
_BEYOND = Reach(3.0, 5.0)
# A direction less sure than this, 1 SD, is not stated.
_SURE_DEG = 3.0


@dataclass(frozen=True, eq=False)
class Located:
    """A needle found in two pictures: its tip and its direction; or None and the reason. Both picks are kept.

    The direction is None as well when both pictures see the needle's line in one plane. `turn_sd_deg` is its 1 SD.
    """

    picks: tuple[TipPick, TipPick]
    tip: TipEstimate | None = None
    direction_lps: Array | None = None
    reason: str = ""
    turn_sd_deg: float | None = None


def locate(first: Shot, second: Shot, planned: PlacedNeedle, unseen: Unseen = NOTHING_UNSEEN) -> Located:
    """Tip and direction of a needle from two pictures, found in each near the plan, then once more near each other.

    The second look knows the needle's direction in space, and with it how its end looks in each picture. Picks whose rays
    miss each other by over 3 mm, or that lie beyond reach of the plan, are two things and not one needle: not found.
    One needle in the beam: where two lie over each other in a picture, the other one's end may be taken.
    RefusedError 451 when the views are as good as one.
    """
    pair = _Pair((first, second), planned, unseen)
    found = pair.look(planned, WIDE, _MISS_MM[0])
    if isinstance(found, Located):
        return found
    nearer = replace(planned, tip_lps_mm=found.tip.tip_lps_mm, direction_lps=found.direction_lps)
    reach = replace(NARROW, turn_deg=float(np.clip(3.0 * found.turn_sd_deg, NARROW.turn_deg, WIDE.turn_deg)))
    found = pair.look(nearer, reach, _MISS_MM[1])
    if isinstance(found, Located):
        return found
    for name, shot in zip(("first", "second"), pair.shots, strict=True):
        seen = replace(planned, tip_lps_mm=found.tip.tip_lps_mm, direction_lps=found.direction_lps)
        if slant(shot.beam, seen) < np.sin(np.radians(END_ON_DEG)):
            return Located(found.picks, reason=f"tip not found in the {name} picture: {END_ON}")
    direction = found.direction_lps if found.turn_sd_deg < _SURE_DEG else None
    return Located(found.picks, found.tip, direction, turn_sd_deg=found.turn_sd_deg)


@dataclass(frozen=True, eq=False)
class _Needle:
    """One needle seen in both pictures."""

    picks: tuple[TipPick, TipPick]
    tip: TipEstimate
    direction_lps: Array
    turn_sd_deg: float


@dataclass(eq=False)
class _Pair:
    """Two pictures and the plan."""

    shots: tuple[Shot, Shot]
    planned: PlacedNeedle
    unseen: Unseen
    _pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pictures = [Picture.of(shot.signal, shot.beam, self.planned, shot.technique) for shot in self.shots]

    def look(self, near: PlacedNeedle, reach: Reach, miss_mm: float) -> _Needle | Located:
        """The needle within reach, or why there is none: the most conspicuous picks that belong together."""
        kept = [_Kept(candidates(picture, near, reach)) for picture in self._pictures]
        for one, two in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2)):
            picks = kept[0].found(one), kept[1].found(two)
            if picks[0] is None or picks[1] is None:
                if (one, two) == (0, 0):
                    return self._missing(kept)
                continue
            needle = self._joined((picks[0], picks[1]))
            if self._is_one(needle, miss_mm):
                return needle
        first, second = kept[0].found(0), kept[1].found(0)
        assert first is not None
        assert second is not None
        return Located((first, second), reason="the lines found in both pictures are not one needle near its plan")

    @staticmethod
    def _missing(kept: list[_Kept]) -> Located:
        name, one = next(
            (name, one) for name, one in zip(("first", "second"), kept, strict=True) if one.found(0) is None
        )
        picks = kept[0].found(0) or TipPick(reason=kept[0].reason), kept[1].found(0) or TipPick(reason=kept[1].reason)
        return Located(picks, reason=f"tip not found in the {name} picture: {one.reason}")

    def _joined(self, picks: tuple[TipPick, TipPick]) -> _Needle:
        sights = [_sight(shot, pick) for shot, pick in zip(self.shots, picks, strict=True)]
        lines = [_seen_line(shot, pick) for shot, pick in zip(self.shots, picks, strict=True)]
        direction, turn_sd = direction_near(self.planned.direction_lps, 0.5 * WIDE.turn_deg, lines)
        return _Needle(picks, triangulated(sights[0], sights[1], self.unseen), direction, turn_sd)

    def _is_one(self, needle: _Needle, miss_mm: float) -> bool:
        """Whether both picks show one thing, near the plan."""
        away = float(np.linalg.norm(needle.tip.tip_lps_mm - self.planned.tip_lps_mm))
        turned = angle_deg(needle.direction_lps, self.planned.direction_lps)
        near = away < WIDE.shift_mm + _BEYOND.shift_mm and turned < WIDE.turn_deg + _BEYOND.turn_deg
        return near and needle.tip.miss_mm < miss_mm + 3.0 * self.unseen.movement_mm


@dataclass(eq=False)
class _Kept:
    """Picks of one picture, made as they are asked for."""

    source: Iterator[TipPick]
    good: list[TipPick] = field(default_factory=list)
    reason: str = ""

    def found(self, number: int) -> TipPick | None:
        """The pick of this number among those with a tip, or None."""
        while len(self.good) <= number:
            pick = next(self.source, None)
            if pick is None:
                return None
            if pick.found:
                self.good.append(pick)
            else:
                self.reason = self.reason or pick.reason
        return self.good[number]


def _sight(shot: Shot, pick: TipPick) -> Sight:
    if pick.pixel is None or pick.covariance_px2 is None:
        raise ValueError(f"no tip in this picture: {pick.reason}")
    return Sight(shot.beam, pick.pixel, pick.covariance_px2)


def _seen_line(shot: Shot, pick: TipPick) -> SeenLine:
    if pick.pixel is None or pick.forward is None or pick.turn_sd_deg is None:
        raise ValueError(f"no needle in this picture: {pick.reason}")
    return SeenLine(shot.beam, pick.pixel, pick.forward, pick.turn_sd_deg)
