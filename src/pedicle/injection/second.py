"""Whether a second portion is worth it: each way of giving one is simulated from where the first one stopped.

The default is to stop. More cement is not better as such: the volume does not predict the relief of pain.

The adviser knows the bone and where the cement lies. Of openings that a CT cannot show it knows the mean only. It computes on
coarse cells, one growing injection a way, so that its answer comes within the wait it may advise. Where a portion that gains
clearly more is turned down for a little too much leak, that way is computed again on finer cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from pedicle.injection.options import InjectOptions
from pedicle.injection.portions import (
    STEP_ML,
    Portion,
    Way,
    allowed,
    beyond,
    candidates,
    halves_ml,
    outflow_ml,
    spread_ml,
)
from pedicle.injection.site import Site, site_of
from pedicle.injection.standing import standing_on
from pedicle.model.errors import RefusedError
from pedicle.model.fill import least_leak_ml
from pedicle.model.injection import InjectionState
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra

_FILE = "injection/second"
# Syringe and bone answer each other only so often, s: twice the time of an injection that is done.
_COUPLING_S = 1.0


@dataclass(frozen=True, eq=False)
class Asked:
    """What an adviser is asked: needles a portion may go through, the cement planned for the whole level, ml, and whether a
    picture showed cement in a canal, a foramen or a vein to cava or azygos."""

    ways: tuple[Way, ...]
    target_ml: float
    grave_seen: bool = False


@dataclass(frozen=True, eq=False)
class Standing:
    """An injection and where it stands."""

    site: Site
    state: InjectionState


@dataclass(frozen=True, eq=False)
class Advice:
    """What to do after a portion, and why; `chosen` is None for "stop". `considered` are all ways that were simulated."""

    action: Literal["stop", "inject"]
    reasons: tuple[str, ...]
    chosen: Portion | None = None
    considered: tuple[Portion, ...] = ()


def advise(vertebra: Vertebra, site: Site, state: InjectionState, asked: Asked) -> Advice:
    """The best second portion through one of the needles, or to stop.

    Stop whenever cement has gone into a grave place, seen or not, its working time is over, the fill is as planned, no
    needle can give more, none gains clearly more than its own uncertainty, or every one that does leaks more than is allowed.
    """
    reason = stopped_by(site, state, asked)
    if reason:
        return Advice("stop", (reason,))
    coarse = adviser_site(vertebra, site.options)
    now = standing_on(coarse, site, state)
    considered, refusals = _considered(coarse, now, asked)
    if not considered:
        return Advice("stop", ("no needle can give more", *refusals))
    considered = _closer(vertebra, Standing(site, state), asked, considered)
    safe = [portion for portion in considered if allowed(portion)]
    if not safe:
        return Advice("stop", ("every further portion would leak or reach the posterior quarter",), None, considered)
    best = least_of_the_best(safe)
    best = replace(best, gain_sd_ml=spread_ml(coarse, now, best, asked.target_ml))
    least = quantity(_FILE, "gain", "least").value
    if best.gain_ml < max(least, quantity(_FILE, "gain", "sigmas").value * best.gain_sd_ml):
        text = f"the gain, {best.gain_ml:.1f} ml of useful cement, is within its uncertainty"
        return Advice("stop", (text,), None, considered)
    return Advice("inject", _words(best), best, considered)


def stopped_by(site: Site, state: InjectionState, asked: Asked) -> str:
    """The reason that ends a level before any further portion is thought of; "" when there is none."""
    if asked.grave_seen:
        return "cement was seen where more must not follow"
    grave = outflow_ml(site, state)[1]
    if grave >= least_leak_ml():
        return f"{grave:.2f} ml of cement have gone where more must not follow, though no picture showed it"
    if state.delivery.hand_age_s > site.cement.working_until_s:
        return "the cement's working time is over"
    if not short_of(site, state, asked.target_ml):
        return "fill, symmetry and fracture space are as planned"
    return ""


def adviser_site(vertebra: Vertebra, options: InjectOptions, look: Literal["first", "closer"] = "first") -> Site:
    """The level as the adviser sees it: coarse cells and steps, and of openings that a CT cannot show the mean."""
    cell = max(options.cell_mm, quantity(_FILE, "cell", look).value)
    site = site_of(vertebra, replace(options, cell_mm=cell, openings="expected"))
    return replace(site, coupling_s=_COUPLING_S)


def short_of(site: Site, state: InjectionState, target_ml: float) -> tuple[str, ...]:
    """In what a fill falls short of what was planned, in words; empty when in nothing."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    regions = site.regions
    least = {name: quantity(_FILE, "short", name).value for name in ("fill", "half", "cleft")}
    halves = halves_ml(site, cement_mm3)
    found = []
    if sum(halves) < least["fill"] * target_ml:
        found.append(f"{sum(halves):.1f} of {target_ml:.1f} ml are in the body")
    if min(halves) < least["half"] * target_ml / 2.0:
        found.append(f"the {'left' if halves[0] < halves[1] else 'right'} half holds {min(halves):.1f} ml only")
    if regions.cleft_ml > 0.0 and regions.cleft_filled_share(cement_mm3) < least["cleft"]:
        found.append("the fracture space is not filled")
    return tuple(found)


def least_of_the_best(portions: list[Portion]) -> Portion:
    """Of portions that gain nearly as much as the best one, the smallest; of these the first."""
    best = max(portion.gain_ml for portion in portions)
    enough = best - (1.0 - quantity(_FILE, "gain", "enough").value) * abs(best)
    return min((one for one in portions if one.gain_ml >= enough), key=lambda one: round(one.ml, 3))


def _considered(site: Site, state: InjectionState, asked: Asked) -> tuple[tuple[Portion, ...], tuple[str, ...]]:
    """Portions through every needle at once and, where these leak more than is allowed, after a wait; why others cannot be."""
    found: list[Portion] = []
    refusals: list[str] = []
    for way in asked.ways:
        try:
            found += (here := list(candidates(site, state, way, 0.0, asked.target_ml)))
            # What is not worth a portion is not worth a wait.
            worth = any(portion.gain_ml >= quantity(_FILE, "gain", "least").value for portion in here)
            if worth and not all(allowed(portion) for portion in here):
                found += candidates(site, state, way, quantity(_FILE, "wait").value, asked.target_ml)
        except RefusedError as refused:
            refusals.append(f"{way[0]} needle: {refused.found}")
    return tuple(found), tuple(refusals)


def _closer(
    vertebra: Vertebra, standing: Standing, asked: Asked, considered: tuple[Portion, ...]
) -> tuple[Portion, ...]:
    """The same portions; those of the way in doubt, up to the one in doubt, as finer cells have them."""
    doubtful = in_doubt(considered)
    if doubtful is None:
        return considered
    side, wait_s = doubtful.side, doubtful.wait_s
    found = tuple(one for one in considered if (one.side, one.wait_s) != (side, wait_s))
    fine = adviser_site(vertebra, standing.site.options, "closer")
    now = standing_on(fine, standing.site, standing.state)
    try:
        again = candidates(fine, now, (side, dict(asked.ways)[side]), wait_s, asked.target_ml)
        return (*found, *islice(again, max(round(doubtful.ml / STEP_ML), 1)))
    except RefusedError:
        # On finer cells the tip is not free: the way is none.
        return found


def in_doubt(considered: tuple[Portion, ...]) -> Portion | None:
    """The portion that gains most of those worth giving that gain clearly more than the best one allowed and are turned down for
    little; None without one."""
    best = max((one.gain_ml for one in considered if allowed(one)), default=0.0)
    little = quantity(_FILE, "doubt", "beyond").value
    more = max(quantity(_FILE, "doubt", "gain").value * best, quantity(_FILE, "gain", "least").value)
    doubtful = [one for one in considered if not allowed(one) and one.gain_ml > more and beyond(one) <= little]
    return max(doubtful, key=lambda one: one.gain_ml, default=None)


def _words(portion: Portion) -> tuple[str, ...]:
    wait = f" after waiting {portion.wait_s:.0f} s" if portion.wait_s else ""
    return (
        f"{portion.ml:.1f} ml more through the {portion.side} needle{wait}",
        f"expected: {portion.gain_ml:.1f} \N{PLUS-MINUS SIGN} {portion.gain_sd_ml:.1f} ml of useful cement",
        f"at the price of {portion.leak_ml:.2f} ml leaked, {portion.grave_ml:.2f} ml of it where it may harm",
    )
