"""A needle's tip and direction in space, found in two pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
# Tips nearer to each other than this are one answer, mm.
_SAME_MM = 1.0
SEVERAL = "two needles in the beam lie over each other: the pictures allow two different tips. Turn the C-arm until they lie apart"
CLAIMED = "another needle lies over this one: both seem to end at the same place. Turn the C-arm until they lie apart"
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


def locate(
    first: Shot,
    second: Shot,
    planned: PlacedNeedle,
    unseen: Unseen = NOTHING_UNSEEN,
    others: Sequence[PlacedNeedle] = (),
) -> Located:
    """Tip and direction of a needle from two pictures, found in each near the plan, then once more near each other.

    The second look knows the needle's direction in space, and with it how its end looks in each picture. Picks whose rays
    miss each other by over 3 mm, or that lie beyond reach of the plan, are two things and not one needle: not found.
    `others` are the plans of other needles that may be in the beam, such as the other side's: they are found in the same
    way, and an end that two needles claim in one picture is nobody's. Their plans are no answer. Two different answers that
    the pictures allow are none. RefusedError 451 when the views are as good as one.
    """
    pair = _Pair((first, second), planned, unseen)
    found = _answer(pair)
    if isinstance(found, Located):
        return found
    for name, shot in zip(("first", "second"), pair.shots, strict=True):
        seen = replace(planned, tip_lps_mm=found.tip.tip_lps_mm, direction_lps=found.direction_lps)
        if slant(shot.beam, seen) < np.sin(np.radians(END_ON_DEG)):
            return Located(found.picks, reason=f"tip not found in the {name} picture: {END_ON}")
    taken = _claimed(pair, found, others)
    if taken:
        return Located(found.picks, reason=f"tip not found in the {taken} picture: {CLAIMED}")
    direction = found.direction_lps if found.turn_sd_deg < _SURE_DEG else None
    return Located(found.picks, found.tip, direction, turn_sd_deg=found.turn_sd_deg)


def _answer(pair: _Pair) -> _Needle | Located:
    """The one needle that both looks allow, or why there is none."""
    rough = pair.looked(pair.planned, WIDE, _MISS_MM[0])
    if isinstance(rough, Located):
        return rough
    nearer = [_nearer(pair, one) for one in _distinct(rough)]
    found = [one for one in nearer if isinstance(one, _Needle)]
    # Rays that miss each other show two points: such an answer counts only when there is no better one.
    found = [one for one in found if not one.missed] or found
    if len(_distinct(found)) > 1:
        return Located(found[0].picks, reason=SEVERAL)
    return found[0] if found else next(one for one in nearer if isinstance(one, Located))


def _nearer(pair: _Pair, rough: _Needle) -> _Needle | Located:
    """The second look near the first one's answer: the most conspicuous pair of picks whose rays meet."""
    near = replace(pair.planned, tip_lps_mm=rough.tip.tip_lps_mm, direction_lps=rough.direction_lps)
    reach = replace(NARROW, turn_deg=float(np.clip(3.0 * rough.turn_sd_deg, NARROW.turn_deg, WIDE.turn_deg)))
    found = pair.looked(near, reach, _MISS_MM[1], first_clear=True)
    return found if isinstance(found, Located) else next((one for one in found if not one.missed), found[0])


def _distinct(needles: list[_Needle]) -> list[_Needle]:
    """Needles without those whose tip is an earlier one's."""
    kept: list[_Needle] = []
    for needle in needles:
        if all(np.linalg.norm(needle.tip.tip_lps_mm - one.tip.tip_lps_mm) > _SAME_MM for one in kept):
            kept.append(needle)
    return kept


def _claimed(pair: _Pair, found: _Needle, others: Sequence[PlacedNeedle]) -> str:
    """The name of a picture in which another needle's end is where this one's is, or ""."""
    for planned in others:
        rough = _Pair(pair.shots, planned, pair.unseen).looked(planned, WIDE, _MISS_MM[0])
        for one in [] if isinstance(rough, Located) else rough:
            for name, shot, mine, its in zip(("first", "second"), pair.shots, found.picks, one.picks, strict=True):
                width = planned.needle.outer_diameter_mm * float(shot.beam.magnification(found.tip.tip_lps_mm))
                assert mine.pixel is not None
                assert its.pixel is not None
                if np.linalg.norm((mine.pixel - its.pixel) * shot.beam.pixel_mm) < width:
                    return name
    return ""


@dataclass(frozen=True, eq=False)
class _Needle:
    """One needle seen in both pictures."""

    picks: tuple[TipPick, TipPick]
    tip: TipEstimate
    direction_lps: Array
    turn_sd_deg: float

    @property
    def missed(self) -> bool:
        """Whether its rays miss each other by more than their errors."""
        return any(notice.severity == "danger" for notice in self.tip.warnings)


@dataclass(eq=False)
class _Pair:
    """Two pictures and the plan."""

    shots: tuple[Shot, Shot]
    planned: PlacedNeedle
    unseen: Unseen
    _pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pictures = [Picture.of(shot.signal, shot.beam, self.planned, shot.technique) for shot in self.shots]

    def looked(
        self, near: PlacedNeedle, reach: Reach, miss_mm: float, first_clear: bool = False
    ) -> list[_Needle] | Located:
        """The needles within reach, or why there is none: picks that belong together, the most conspicuous first; with
        `first_clear` none after the first whose rays meet.
        """
        kept = [_Kept(candidates(picture, near, reach)) for picture in self._pictures]
        found: list[_Needle] = []
        for one, two in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2)):
            picks = kept[0].found(one), kept[1].found(two)
            if picks[0] is None or picks[1] is None:
                if (one, two) == (0, 0):
                    return self._missing(kept)
                continue
            needle = self._joined((picks[0], picks[1]))
            if self._is_one(needle, miss_mm):
                found.append(needle)
                if first_clear and not needle.missed:
                    break
        if found:
            return found
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
