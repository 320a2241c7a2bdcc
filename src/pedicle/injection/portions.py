"""Ways of giving more cement, each simulated from where an injection stands: what it gains, what it leaks.

Useful is cement that a body lacks: in each half up to its share of the planned volume, and in the open fracture space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

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
# A portion that takes longer than this is not one, s; less than this is none, ml.
_LONGEST_S, _NOTHING_ML = 300.0, 1e-3
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


def useful_ml(site: Site, state: InjectionState, target_ml: float) -> float:
    """Cement that counts: in each half of the body at most half the target, and in the fracture space, ml."""
    cement_mm3 = state.flow.saturation * site.medium.pore_volume_mm3
    cleft = site.regions.cleft_filled_share(cement_mm3) * site.regions.cleft_ml
    return sum(min(half, target_ml / 2.0) for half in halves_ml(site, cement_mm3)) + cleft


def halves_ml(site: Site, cement_mm3: NDArray[np.float64]) -> tuple[float, float]:
    """Cement in the body's left and right half, ml; cells that the middle plane cuts count half to each."""
    left, right, body = (
        float(cement_mm3[part].sum()) / 1e3 for part in (site.regions.left, site.regions.right, site.regions.body)
    )
    between = (body - left - right) / 2.0
    return left + between, right + between


def allowed(portion: Portion) -> bool:
    """Whether a portion leaks no more than a second one may, and keeps out of the posterior quarter."""
    return beyond(portion) <= 1.0


def beyond(portion: Portion) -> float:
    """How many times what is allowed a portion leaks, or adds to the posterior quarter: the worst of them."""
    most = {key: quantity(_FILE, *key).value for key in (("rear", "most"), ("leak", "most"), ("leak", "most_grave"))}
    found = (portion.rear_ml, portion.leak_ml, portion.grave_ml)
    return max(ml / limit for ml, limit in zip(found, most.values(), strict=True))


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


def _begun(site: Site, state: InjectionState, way: Way, wait_s: float) -> InjectionState:
    side, needle = way
    at = state.flow.t_s + wait_s
    return another(site, until(site, state, at), needle, side, at, state.portions[-1].mixed_s)


def spread_ml(site: Site, state: InjectionState, portion: Portion, target_ml: float) -> float:
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
