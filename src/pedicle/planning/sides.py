"""The needles of both sides of a level: which route, one needle or two, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pedicle.model.frames import SIDES, Side
from pedicle.model.needle import catalogue
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.trajectory import Trajectory
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.planning.candidates import Aim
from pedicle.planning.fields import side_fields
from pedicle.planning.neighbours import lungs_assessed
from pedicle.planning.options import PlanOptions
from pedicle.planning.trajectories import Site, plan_side, site
from pedicle.planning.walls import SIDE_WALLS

# A midline needle may be this much likelier to pass a wall by over 2 mm than a paramedian one and still be preferred.
WORTH_ONE_NEEDLE = 0.02


@dataclass(frozen=True, eq=False)
class Sides:
    """The chosen needle of each side, the sides to use, why, and sides without any line."""

    trajectories: tuple[Trajectory, ...]
    recommended: tuple[Side, ...]
    why: tuple[str, ...]
    without: tuple[str, ...]


def plan_sides(spine: Spine, scan: Scan | None, vertebra: Vertebra, options: PlanOptions) -> Sides:
    """Both sides of one level, as one needle to the middle (or the cleft) or as one in each half."""
    two: dict[Side, Trajectory] = {}
    one: dict[Side, Trajectory] = {}
    without = []
    for side in SIDES:
        try:
            place = site(spine, scan, vertebra, side_fields(vertebra, side), options)
        except ValueError as problem:
            without.append(f"{side}: {problem}")
            continue
        paramedian, words = _routes(place)
        without += [f"{side}: {word}" for word in words]
        if paramedian is not None:
            two[side] = paramedian
        middle = plan_side(place, single_aim(vertebra)) if options.needles != "two" else None
        if middle is not None and middle.feasible:
            one[side] = middle
    return _chosen(two, one, options, without)


def single_aim(vertebra: Vertebra) -> Aim:
    """Where a single needle goes: the cleft when there is one, else the midline."""
    cleft = vertebra.fracture is not None and vertebra.fracture.cleft in ("gas", "fluid")
    return "cleft" if cleft and vertebra.bone is not None and bool(vertebra.bone.cleft.values.any()) else "midline"


def _routes(place: Site) -> tuple[Trajectory | None, list[str]]:
    """The paramedian needle of one side: through the pedicle, else beside it where that may be judged."""
    through = plan_side(place, "paramedian")
    if through is not None and (through.feasible or not _walls_fail(through)):
        return through, []
    if not _is_narrow(place):
        return _wide_but_blocked(through)
    # Not in the thoracic spine alone: the pleura reaches down behind the upper lumbar bodies.
    if not lungs_assessed(place.spine.structures, place.fields):
        return _refused_beside(through, "parapedicular route refused: lung not assessed")
    beside = plan_side(place, "paramedian", "parapedicular")
    if beside is None or not beside.feasible:
        return _refused_beside(through, "no parapedicular way that keeps its distances either")
    reason = "pedicle too narrow for a needle: beside it into the body's flank; nerve root and segmental vessels not assessed"
    return replace(beside, reasons=(reason, *beside.reasons)), []


def _wide_but_blocked(through: Trajectory | None) -> tuple[Trajectory | None, list[str]]:
    """A pedicle that measures wide enough and still has no clear way; a line outside bone points to the labels."""
    if through is not None and all((through.clearance[wall].mm or 0.0) > 0.0 for wall in SIDE_WALLS):
        return through, []
    return _refused_beside(through, "the pedicle itself is wide enough: check the label map for a gap in it")


def _is_narrow(place: Site) -> bool:
    """Whether the measured pedicle has no room for the thinnest needle and its least margins; True where it was not measured."""
    pedicle = (place.vertebra.pedicles or {}).get(place.side)
    if pedicle is None or pedicle.inscribed_mm is None:
        return True
    thinnest = min(needle.outer_diameter_mm for needle in catalogue())
    return pedicle.inscribed_mm < thinnest + 2.0 * quantity("planning/limits", "margin_least").value


def _refused_beside(through: Trajectory | None, words: str) -> tuple[Trajectory | None, list[str]]:
    if through is None:
        return None, [f"no straight line through the pedicle reaches the front of the body; {words}"]
    return replace(through, reasons=(*through.reasons, words)), []


def _walls_fail(found: Trajectory) -> bool:
    return any(" wall " in reason for reason in found.reasons)


def _chosen(
    two: dict[Side, Trajectory], one: dict[Side, Trajectory], options: PlanOptions, without: list[str]
) -> Sides:
    """One needle or two, by the rules in docs/explanation/planning.md."""
    feasible: tuple[Side, ...] = tuple(side for side in SIDES if side in two and two[side].feasible)
    use_one, reason = _one_needle(two, one, feasible, options)
    if use_one:
        best = min(one, key=lambda side: _choice(one[side]))
        shown = tuple(one.get(side, two.get(side)) for side in SIDES)
        return Sides(tuple(t for t in shown if t is not None), (best,), (reason,), tuple(without))
    shown = tuple(two.get(side) for side in SIDES)
    why = [reason] if reason else []
    if len(feasible) == 2:
        why.append("one needle on each side, each for its half of the body")
    elif feasible:
        why.append(f"only the {feasible[0]} side is feasible: watch whether the other half fills")
    else:
        why.append("no feasible needle: see the reasons of each side")
    return Sides(tuple(t for t in shown if t is not None), feasible, tuple(why), tuple(without))


def _one_needle(
    two: dict[Side, Trajectory], one: dict[Side, Trajectory], feasible: tuple[Side, ...], options: PlanOptions
) -> tuple[bool, str]:
    """Whether one needle is preferred, and the reason either way ("" when there is nothing to say)."""
    if options.needles == "two":
        return False, ""
    if not one:
        return False, "a single needle cannot reach the middle of the body with its distances kept"
    best = min(one.values(), key=_choice)
    if best.aim == "cleft":
        return True, f"a single needle from the {best.side} reaches the cleft"
    studied = quantity("planning/limits", "single_needle")
    short = (
        f"less time and X-ray; pain and leaks did not differ from two needles in {studied.value:.0f} patients studied"
    )
    if options.needles == "one" or not feasible:
        return True, f"a single needle from the {best.side} reaches the midline: {short}"
    if best.skin_entry_lps_mm is None and any(two[side].skin_entry_lps_mm is not None for side in feasible):
        return False, "the skin of a single midline needle is not in the scan"
    if best.needle.gauge > max(two[side].needle.gauge for side in feasible):
        return False, f"a single midline needle would have to be thinner ({best.needle.gauge} G)"
    if _risk(best) > max(_risk(two[side]) for side in feasible) + WORTH_ONE_NEEDLE:
        return False, "a single midline needle is likelier to pass a wall"
    return True, f"a single needle from the {best.side} reaches the midline: {short}"


def _choice(found: Trajectory) -> tuple[int, float]:
    """What decides between two single needles: the thicker one, then the safer one."""
    return found.needle.gauge, _risk(found)


def _risk(found: Trajectory) -> float:
    """Probability that the needle passes any wall of its pedicle by over 2 mm."""
    return sum(found.clearance[wall].breach_over_2mm_probability or 0.0 for wall in SIDE_WALLS)
