"""Gates of the cement: a tip confirmed in two views, a mixed batch, its age, the volume, what leaked.

Where no flow can be computed (a tip outside the body or in the canal, E422 and E423) the injection itself refuses, for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pedicle.injection.site import hand_age_s, unworkable
from pedicle.model.acts import CementMixed, NeedleSecured, TipConfirmed
from pedicle.model.events import InjectionStarted, LeakSeen, OperationState, Pushed
from pedicle.model.finding import Finding
from pedicle.model.frames import Side, angle_deg
from pedicle.model.medium import GRAVE_PLACES
from pedicle.model.placed import PlacedNeedle
from pedicle.model.sourced import quantity
from pedicle.model.syringe import syringe
from pedicle.model.vertebra import Vertebra
from pedicle.operation.briefing import Briefing
from pedicle.operation.gates.needle import at_place
from pedicle.operation.injecting import settings_of, site_for
from pedicle.operation.rules import PLACE_WORDS

_LIMITS = "planning/limits"
# Rounding of a clock that is the sum of many durations, s.
_SAME_S = 1e-6
# Rounding of a volume that is the sum of many pushes, ml.
_ROUNDING_ML = 0.01
PLAN, CLINICAL = "the plan", "RadiologyKey chapter 10"


@dataclass(frozen=True)
class _Batch:
    """Cement at a needle: when it is used, and when it was mixed."""

    needle: PlacedNeedle
    at_s: float
    mixed_s: float


def started(state: OperationState, event: InjectionStarted, briefing: Briefing) -> list[Finding]:
    """What speaks against connecting cement to this needle."""
    where = f"{event.level} {event.side}"
    found = _tip_depth(state, event, briefing) + _asked(event, briefing)
    needle = state.needle(event.level, event.side)
    if needle is not None:
        found += _age(state, event, _Batch(needle, event.t_s, event.mixed_s), briefing)
    mixes = [act.t_s for act in state.acts if isinstance(act, CementMixed)]
    if not any(abs(t_s - event.mixed_s) <= _SAME_S for t_s in mixes):
        found.append(
            Finding(734, "batch", where, "cement that was not mixed in this operation", "a batch of the log", "mix it first", PLAN)
        )  # fmt: skip
    if not any(
        isinstance(act, NeedleSecured) and (act.level, act.side) == (event.level, event.side) for act in state.acts
    ):
        found.append(
            Finding(737, "secured", where, "the needle is not secured", "held while the syringe is turned on", "secure it", CLINICAL, "warning")
        )  # fmt: skip
    return found


def pushed(state: OperationState, event: Pushed, briefing: Briefing) -> list[Finding]:
    """What speaks against pushing now."""
    now = state.injection(event.level)
    if now is None:
        return []
    side = now.portions[-1].side
    found = _confirmed(state, event, side, briefing) + _leaked(state, event)
    if event.value > 0.0 and event.kind != "stylet":
        batch = _Batch(now.needle, event.t_s - event.duration_s, now.delivery.mixed_at_s)
        found += _age(state, event, batch, briefing)
    cap = _cap_ml(event.level, briefing)
    will_be_ml = now.injected_ml + _asked_ml(state, event)
    if cap is not None and will_be_ml > cap + _ROUNDING_ML and event.value > 0.0:
        words = f"{now.injected_ml:.1f} ml are in, with this push up to {will_be_ml:.1f}"
        found.append(Finding(728, "volume", event.level, words, f"{cap:.1f} ml in one level", "stop", PLAN))
    return found


def _cap_ml(level: str, briefing: Briefing) -> float | None:
    """Most cement of a planned level, ml; None for one without a cement plan."""
    plan = briefing.level(level)
    return plan.cement.cap_ml if plan and plan.cement else None


def _asked(event: InjectionStarted, briefing: Briefing) -> list[Finding]:
    """A volume asked for that the plan does not allow, before any of it is pushed."""
    cap, asked_ml = _cap_ml(event.level, briefing), event.settings.get("volume")
    if cap is None or asked_ml is None or asked_ml <= cap + _ROUNDING_ML:
        return []
    words = f"{asked_ml:.1f} ml are asked for"
    return [Finding(424, "volume", event.level, words, f"{cap:.1f} ml in one level", "ask for less", PLAN)]


def _asked_ml(state: OperationState, event: Pushed) -> float:
    """Most that a push can deliver: its flow, or the plunger's way; a force says nothing of it, the stylet's is in already."""
    if event.kind == "flow":
        return event.value * event.duration_s / 1e3
    if event.kind == "travel":
        return event.value * event.duration_s * syringe(settings_of(state, event.level)["syringe"]).area_mm2 / 1e3
    return 0.0


def _age(state: OperationState, event: InjectionStarted | Pushed, batch: _Batch, briefing: Briefing) -> list[Finding]:
    """Cement past or before its working time when it is connected or pressed."""
    settings = event.settings if isinstance(event, InjectionStarted) else settings_of(state, event.level)
    site = site_for(briefing.vertebrae, event.level, settings)
    refused = unworkable(site, hand_age_s(site, batch.needle, batch.at_s, batch.mixed_s))
    if refused is None:
        return []
    source = site.cement.evidence["working_until" if refused.code == 425 else "working_from"].source
    return [Finding(refused.code, "cement age", event.level, refused.found, refused.limit, refused.fix, source)]


def _tip_depth(state: OperationState, event: InjectionStarted, briefing: Briefing) -> list[Finding]:
    """The tip's place in the target body."""
    needle, vertebra = state.needle(event.level, event.side), briefing.vertebrae.get(event.level)
    if needle is None:
        return []
    return _depth_finding(f"{event.level} {event.side}", vertebra, needle.tip_lps_mm, "is")


def _depth_finding(
    where: str, vertebra: Vertebra | None, tip_lps_mm: NDArray[np.float64], is_word: str
) -> list[Finding]:
    """A tip that does not lie deep enough under the bone's surface; nothing where there is no outline."""
    deep = None if vertebra is None else at_place(vertebra, tip_lps_mm)
    least = quantity(_LIMITS, "tip_inside_body").value
    if deep is None or deep >= least:
        return []
    words = f"the tip {is_word} {abs(deep):.1f} mm {'outside the bone' if deep < 0.0 else 'under its surface'}"
    return [Finding(725, "tip", where, words, f"at least {least:g} mm inside", "place the needle again", PLAN)]


def _confirmed(state: OperationState, event: Pushed, side: Side, briefing: Briefing) -> list[Finding]:
    """Two views since the syringe was connected, the tip found in them inside the body and confirmed, the needle not moved since."""
    where = f"{event.level} {side}"
    connected = _connected_s(state, event.level, side)
    confirmed = [
        act for act in state.acts if isinstance(act, TipConfirmed) and (act.level, act.side) == (event.level, side)
    ]
    measured = [tip for tip in state.tips if (tip.level, tip.side) == (event.level, side)]
    asked, fix = "tip confirmed in two views after the syringe was connected", "take both views and confirm the tip"
    if connected is None:
        return []
    since = [act for act in confirmed if act.t_s >= connected - _SAME_S]
    told = [tip for tip in measured if connected - _SAME_S <= tip.t_s]
    if not since or not any(tip.t_s <= since[-1].t_s for tip in told):
        return [Finding(726, "two views", where, "the tip is not confirmed", asked, fix, CLINICAL)]
    if not _two_views(state, event.level, connected, told[-1].t_s):
        return [Finding(726, "two views", where, "no two views stand behind the tip", asked, fix, CLINICAL)]
    if _moved_since(state, event.level, side):
        return [Finding(726, "two views", where, "the needle moved after its tip was confirmed", asked, fix, CLINICAL)]
    return _depth_finding(where, briefing.vertebrae.get(event.level), np.array(told[-1].tip_lps_mm), "is seen")


def _two_views(state: OperationState, level: str, from_s: float, until_s: float) -> bool:
    """Whether two pictures of the level in that time look from directions far enough apart."""
    seen = [np.array(view.detector_lps) for view in state.views if view.level == level and from_s - _SAME_S <= view.t_s <= until_s + _SAME_S]  # fmt: skip
    least = quantity("operation/gates", "views_apart").value
    return any(least <= angle_deg(one, other) <= 180.0 - least for one, other in combinations(seen, 2))


def _connected_s(state: OperationState, level: str, side: Side) -> float | None:
    """When the syringe was connected to this needle last; None when it was not."""
    now = state.injection(level)
    portions = () if now is None else now.portions
    return next((portion.began_s for portion in reversed(portions) if portion.side == side), None)


def _moved_since(state: OperationState, level: str, side: Side) -> bool:
    """Whether the needle no longer lies where it lay when its tip was measured; how right that measurement was is no matter here."""
    needle = state.needle(level, side)
    lay = next((tip for at, on, tip in state.lay if (at, on) == (level, side)), None)
    if needle is None or lay is None:
        return False
    hold = quantity("operation/gates", "hold").value
    return bool(np.linalg.norm(needle.tip_lps_mm - np.array(lay)) > hold)


def _leaked(state: OperationState, event: Pushed) -> list[Finding]:
    """Cement seen in the canal, a foramen or a vein to the cava: no more through any needle of this level."""
    grave = [seen for seen in state.leaks_seen if seen.level == event.level and seen.place in GRAVE_PLACES]
    if not grave or event.value <= 0.0:
        return []
    return [_stop(event, grave[0])]


def _stop(event: Pushed, seen: LeakSeen) -> Finding:
    words = f"cement was seen in {PLACE_WORDS[seen.place]} at {seen.t_s:.0f} s"
    return Finding(729, "leak", event.level, words, "no more cement in this level", "end the injection", CLINICAL)
