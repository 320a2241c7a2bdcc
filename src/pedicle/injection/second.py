"""Whether a second portion is worth it: each way of giving one is simulated from where the first one stopped.

Useful is cement that a body lacks: in each half up to its share of the planned volume, and in the open fracture space. The
default is to stop. More cement is not better as such: the volume does not predict the relief of pain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.batch import pushed_to
from pedicle.injection.session import another, until
from pedicle.injection.site import Site
from pedicle.model.cement import batch_factor
from pedicle.model.errors import RefusedError
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.medium import GRAVE_PLACES
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity

_FILE = "injection/second"
STEP_ML = 0.5


@dataclass(frozen=True, eq=False)
class Portion:
    """One way of giving more: through which needle, when, how much; what it would add and what it would leak.

    `gain_ml` is useful cement added, `gain_sd_ml` its spread over thinner and thicker cement; `leak_ml` what would leak in
    addition, `grave_ml` of it into canal, foramen or a vein to cava or azygos.
    """

    side: Side
    needle: PlacedNeedle
    wait_s: float
    ml: float
    gain_ml: float
    gain_sd_ml: float
    leak_ml: float
    grave_ml: float


@dataclass(frozen=True, eq=False)
class Advice:
    """What to do after a portion, and why; `chosen` is None for "stop". `considered` are all ways that were simulated."""

    action: Literal["stop", "inject"]
    reasons: tuple[str, ...]
    chosen: Portion | None = None
    considered: tuple[Portion, ...] = ()


def advise(
    site: Site,
    state: InjectionState,
    ways: tuple[tuple[Side, PlacedNeedle], ...],
    target_ml: float,
    grave_seen: bool = False,
) -> Advice:
    """The best second portion through one of the needles, or to stop.

    Stop whenever cement was seen in a grave place, the fill is as planned, no way may be taken any more (working
    time, set cement), none gains clearly more than its own uncertainty, or every one that does leaks more than is allowed.
    """
    if grave_seen:
        return Advice("stop", ("cement was seen where more must not follow",))
    if not short_of(site, state, target_ml):
        return Advice("stop", ("fill, symmetry and fracture space are as planned",))
    considered = tuple(portion for way in ways for portion in _along(site, state, way, target_ml))
    if not considered:
        return Advice("stop", ("no needle can give more: cement past its working time, or no way into the body",))
    safe = [portion for portion in considered if _allowed(portion)]
    least = quantity(_FILE, "gain", "least").value
    best = max(safe, key=lambda portion: portion.gain_ml, default=None)
    if best is None:
        return Advice("stop", ("every further portion would leak",), None, considered)
    best = replace(best, gain_sd_ml=_spread_ml(site, state, best, target_ml))
    if best.gain_ml < max(least, quantity(_FILE, "gain", "sigmas").value * best.gain_sd_ml):
        text = f"the gain, {best.gain_ml:.1f} ml of useful cement, is within its uncertainty"
        return Advice("stop", (text,), None, considered)
    return Advice("inject", _words(best), best, considered)


def short_of(site: Site, state: InjectionState, target_ml: float) -> tuple[str, ...]:
    """In what a fill falls short of what was planned, in words; empty when in nothing."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    regions = site.regions
    least = {name: quantity(_FILE, "short", name).value for name in ("fill", "half", "cleft")}
    halves = [float(cement_mm3[half].sum()) / 1e3 for half in (regions.left, regions.right)]
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
    halves = (float(cement_mm3[half].sum()) / 1e3 for half in (site.regions.left, site.regions.right))
    cleft = site.regions.cleft_filled_share(cement_mm3) * site.regions.cleft_ml
    return sum(min(half, target_ml / 2.0) for half in halves) + cleft


def _along(site: Site, state: InjectionState, way: tuple[Side, PlacedNeedle], target_ml: float) -> Iterator[Portion]:
    """Portions through one needle, growing by steps, at once and after a wait."""
    for wait_s in (0.0, quantity(_FILE, "wait").value):
        try:
            begun = _begun(site, state, way, wait_s)
            yield from _growing(site, state, begun, (way, wait_s), target_ml)
        except RefusedError:
            continue


def _begun(site: Site, state: InjectionState, way: tuple[Side, PlacedNeedle], wait_s: float) -> InjectionState:
    side, needle = way
    at = state.flow.t_s + wait_s
    return another(site, until(site, state, at), needle, side, at, state.portions[-1].mixed_s)


def _growing(
    site: Site,
    state: InjectionState,
    now: InjectionState,
    how: tuple[tuple[Side, PlacedNeedle], float],
    target_ml: float,
) -> Iterator[Portion]:
    (side, needle), wait_s = how
    before = useful_ml(site, state, target_ml)
    most = quantity(_FILE, "most").value
    for ml in np.arange(STEP_ML, most + 1e-9, STEP_ML):
        now = pushed_to(site, now, state.injected_ml + float(ml), site.options.flow, _LONGEST_S)
        given = now.injected_ml - state.injected_ml
        gain = useful_ml(site, now, target_ml) - before
        leak, grave = _more_leaked_ml(site, state, now)
        yield Portion(side, needle, wait_s, given, gain, 0.0, leak, grave)
        if given < ml - STEP_ML / 2.0:
            return


# A portion that takes longer than this is not one, s.
_LONGEST_S = 300.0


def _more_leaked_ml(site: Site, before: InjectionState, after: InjectionState) -> tuple[float, float]:
    more: NDArray[np.float64] = after.flow.outflow_cement_mm3 - before.flow.outflow_cement_mm3
    grave = np.array([outlet.place in GRAVE_PLACES for outlet in site.medium.outlets], bool)
    return float(more.sum()) / 1e3, float(more[grave].sum()) / 1e3


def _allowed(portion: Portion) -> bool:
    return (
        portion.leak_ml <= quantity(_FILE, "leak", "most").value
        and portion.grave_ml <= quantity(_FILE, "leak", "most_grave").value
    )


def _spread_ml(site: Site, state: InjectionState, portion: Portion, target_ml: float) -> float:
    """How far the gain moves between thinner and thicker cement; never under the floor of what a model can tell."""
    gains = []
    for normal in (-1.0, 1.0):
        other = replace(site, cement=site.cement.thicker(batch_factor(normal)))
        try:
            begun = _begun(other, state, (portion.side, portion.needle), portion.wait_s)
        except RefusedError:
            continue
        after = pushed_to(other, begun, state.injected_ml + portion.ml, site.options.flow, _LONGEST_S)
        gains.append(useful_ml(other, after, target_ml) - useful_ml(site, state, target_ml))
    spread = float(np.ptp([*gains, portion.gain_ml])) / 2.0
    return max(spread, quantity(_FILE, "gain", "floor").value)


def _words(portion: Portion) -> tuple[str, ...]:
    wait = f" after waiting {portion.wait_s:.0f} s" if portion.wait_s else ""
    return (
        f"{portion.ml:.1f} ml more through the {portion.side} needle{wait}",
        f"expected: {portion.gain_ml:.1f} \N{PLUS-MINUS SIGN} {portion.gain_sd_ml:.1f} ml of useful cement",
        f"at the price of {portion.leak_ml:.2f} ml leaked, {portion.grave_ml:.2f} ml of it where it may harm",
    )
