"""Whether a second portion is worth it: each way of giving one is simulated from where the first one stopped.

Useful is cement that a body lacks: in each half up to its share of the planned volume, and in the open fracture space. The
default is to stop. More cement is not better as such: the volume does not predict the relief of pain.

The adviser knows the bone and where the cement lies. Of openings that a CT cannot show it knows the mean only. It computes on
coarse cells, one growing injection a way, so that its answer comes within the wait it may advise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.batch import pushed_to
from pedicle.injection.options import InjectOptions
from pedicle.injection.session import another, until
from pedicle.injection.site import Site, site_of
from pedicle.injection.standing import standing_on
from pedicle.model.cement import batch_factor
from pedicle.model.errors import RefusedError
from pedicle.model.fill import least_leak_ml
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.medium import GRAVE_PLACES
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.vertebra import Vertebra

_FILE = "injection/second"
STEP_ML = 0.5
# A portion that takes longer than this is not one, s; less than this is none, ml.
_LONGEST_S, _NOTHING_ML = 300.0, 1e-3
# Syringe and bone answer each other only so often, s: twice the time of an injection that is done.
_COUPLING_S = 1.0
Way = tuple[Side, PlacedNeedle]


@dataclass(frozen=True, eq=False)
class Portion:
    """One way of giving more: through which needle, when, how much; what it would add and what it would leak.

    `gain_ml` is useful cement added, `gain_sd_ml` its spread over thinner and thicker cement; `leak_ml` what would leak in
    addition, `grave_ml` of it into canal, foramen or a vein to cava or azygos; `rear_ml` what it would add to the body's
    posterior quarter, where the lateral view says stop.
    """

    side: Side
    needle: PlacedNeedle
    wait_s: float
    ml: float
    gain_ml: float
    gain_sd_ml: float
    leak_ml: float
    grave_ml: float
    rear_ml: float = 0.0


@dataclass(frozen=True, eq=False)
class Asked:
    """What an adviser is asked: needles a portion may go through, the cement planned for the whole level, ml, and whether a
    picture showed cement in a canal, a foramen or a vein to cava or azygos."""

    ways: tuple[Way, ...]
    target_ml: float
    grave_seen: bool = False


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
    safe = [portion for portion in considered if allowed(portion)]
    if not safe:
        return Advice("stop", ("every further portion would leak or reach the posterior quarter",), None, considered)
    best = least_of_the_best(safe)
    best = replace(best, gain_sd_ml=_spread_ml(coarse, now, best, asked.target_ml))
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


def adviser_site(vertebra: Vertebra, options: InjectOptions) -> Site:
    """The level as the adviser sees it: coarse cells and steps, and of openings that a CT cannot show the mean."""
    cell = max(options.cell_mm, quantity(_FILE, "cell").value)
    site = site_of(vertebra, replace(options, cell_mm=cell, openings="expected"))
    return replace(site, coupling_s=_COUPLING_S)


def short_of(site: Site, state: InjectionState, target_ml: float) -> tuple[str, ...]:
    """In what a fill falls short of what was planned, in words; empty when in nothing."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    regions = site.regions
    least = {name: quantity(_FILE, "short", name).value for name in ("fill", "half", "cleft")}
    halves = _halves_ml(site, cement_mm3)
    found = []
    if sum(halves) < least["fill"] * target_ml:
        found.append(f"{sum(halves):.1f} of {target_ml:.1f} ml are in the body")
    if min(halves) < least["half"] * target_ml / 2.0:
        found.append(f"the {'left' if halves[0] < halves[1] else 'right'} half holds {min(halves):.1f} ml only")
    if regions.cleft_ml > 0.0 and regions.cleft_filled_share(cement_mm3) < least["cleft"]:
        found.append("the fracture space is not filled")
    return tuple(found)


def useful_ml(site: Site, state: InjectionState, target_ml: float) -> float:
    """Cement that counts: in each half of the body at most half the target, and in the fracture space, ml."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    cleft = site.regions.cleft_filled_share(cement_mm3) * site.regions.cleft_ml
    return sum(min(half, target_ml / 2.0) for half in _halves_ml(site, cement_mm3)) + cleft


def _halves_ml(site: Site, cement_mm3: NDArray[np.float64]) -> tuple[float, float]:
    """Cement in the body's left and right half, ml; cells that the middle plane cuts count half to each."""
    left, right, body = (
        float(cement_mm3[part].sum()) / 1e3 for part in (site.regions.left, site.regions.right, site.regions.body)
    )
    between = (body - left - right) / 2.0
    return left + between, right + between


def allowed(portion: Portion) -> bool:
    """Whether a portion leaks no more than a second one may, and keeps out of the posterior quarter."""
    return (
        portion.rear_ml <= quantity(_FILE, "rear", "most").value
        and portion.leak_ml <= quantity(_FILE, "leak", "most").value
        and portion.grave_ml <= quantity(_FILE, "leak", "most_grave").value
    )


def least_of_the_best(portions: list[Portion]) -> Portion:
    """Of portions that gain nearly as much as the best one, the smallest; of these the first."""
    best = max(portion.gain_ml for portion in portions)
    enough = best - (1.0 - quantity(_FILE, "gain", "enough").value) * abs(best)
    return min((one for one in portions if one.gain_ml >= enough), key=lambda one: round(one.ml, 3))


def outflow_ml(site: Site, state: InjectionState) -> tuple[float, float]:
    """Cement that has leaked, and of it into canal, foramen or a vein to cava or azygos, ml."""
    mm3: NDArray[np.float64] = state.flow.outflow_cement_mm3
    grave = np.array([outlet.place in GRAVE_PLACES for outlet in site.medium.outlets], bool)
    return float(mm3.sum()) / 1e3, float(mm3[grave].sum()) / 1e3


def rear_ml(site: Site, state: InjectionState) -> float:
    """Cement in the posterior quarter of the body, ml."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    return float(cement_mm3[site.regions.posterior_quarter].sum()) / 1e3


def candidates(site: Site, state: InjectionState, way: Way, wait_s: float, target_ml: float) -> Iterator[Portion]:
    """Portions through one needle after a wait, growing by steps up to the most, or until the cement's working time is over,
    the syringe stalls or it takes too long. RefusedError when this needle cannot give any."""
    side, needle = way
    before, leaked = useful_ml(site, state, target_ml), outflow_ml(site, state)
    now = _begun(site, state, way, wait_s)
    for ml in np.arange(STEP_ML, quantity(_FILE, "most").value + 1e-9, STEP_ML):
        now = pushed_to(site, now, state.injected_ml + float(ml), site.options.flow, _LONGEST_S)
        given = now.injected_ml - state.injected_ml
        if given <= _NOTHING_ML or now.delivery.hand_age_s > site.cement.working_until_s:
            return
        leak, grave = (after - before for after, before in zip(outflow_ml(site, now), leaked, strict=True))
        rear = rear_ml(site, now) - rear_ml(site, state)
        yield Portion(side, needle, wait_s, given, useful_ml(site, now, target_ml) - before, 0.0, leak, grave, rear)
        if given < ml - STEP_ML / 2.0:
            return


def _considered(site: Site, state: InjectionState, asked: Asked) -> tuple[tuple[Portion, ...], tuple[str, ...]]:
    """Portions through every needle at once and, where these leak more than is allowed, after a wait; why others cannot be."""
    found: list[Portion] = []
    refusals: list[str] = []
    for way in asked.ways:
        try:
            found += (here := list(candidates(site, state, way, 0.0, asked.target_ml)))
            if not all(allowed(portion) for portion in here):
                found += candidates(site, state, way, quantity(_FILE, "wait").value, asked.target_ml)
        except RefusedError as refused:
            refusals.append(f"{way[0]} needle: {refused.found}")
    return tuple(found), tuple(refusals)


def _begun(site: Site, state: InjectionState, way: Way, wait_s: float) -> InjectionState:
    side, needle = way
    at = state.flow.t_s + wait_s
    return another(site, until(site, state, at), needle, side, at, state.portions[-1].mixed_s)


def _spread_ml(site: Site, state: InjectionState, portion: Portion, target_ml: float) -> float:
    """How far the gain moves between thinner and thicker cement; never under the floor of what a model can tell."""
    gains = [portion.gain_ml]
    for normal in (-1.0, 1.0):
        other = replace(site, cement=site.cement.thicker(batch_factor(normal)))
        try:
            begun = _begun(other, state, (portion.side, portion.needle), portion.wait_s)
        except RefusedError:
            # Cement of this consistency cannot be given at all.
            gains.append(0.0)
            continue
        after = pushed_to(other, begun, state.injected_ml + portion.ml, site.options.flow, _LONGEST_S)
        gains.append(useful_ml(other, after, target_ml) - useful_ml(site, state, target_ml))
    return max(float(np.ptp(gains)) / 2.0, quantity(_FILE, "gain", "floor").value)


def _words(portion: Portion) -> tuple[str, ...]:
    wait = f" after waiting {portion.wait_s:.0f} s" if portion.wait_s else ""
    return (
        f"{portion.ml:.1f} ml more through the {portion.side} needle{wait}",
        f"expected: {portion.gain_ml:.1f} \N{PLUS-MINUS SIGN} {portion.gain_sd_ml:.1f} ml of useful cement",
        f"at the price of {portion.leak_ml:.2f} ml leaked, {portion.grave_ml:.2f} ml of it where it may harm",
    )
