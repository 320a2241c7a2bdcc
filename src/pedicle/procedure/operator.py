"""The scripted operator: sends the events a careful person would send, looks at both views after every portion, obeys the rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import TypeAdapter

from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.views import standard_arm
from pedicle.injection.options import InjectOptions
from pedicle.injection.second import Asked, advise
from pedicle.injection.site import ready_s
from pedicle.injection.spread import Planned, spread_of
from pedicle.model.acts import BiopsyTaken, CementMixed, NeedleRemoved
from pedicle.model.cement import age_rate, cement
from pedicle.model.errors import RefusedError
from pedicle.model.events import (
    InjectionEnded,
    InjectionStarted,
)
from pedicle.model.fill import KINDS, InjectedLevel
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.placed import PlacedNeedle
from pedicle.model.progress import Progress, silent
from pedicle.model.sourced import quantity
from pedicle.model.spread import Spread
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.operation import moved
from pedicle.operation.cement import fill_in
from pedicle.procedure.access import confirm, needle_in, stylet_out
from pedicle.procedure.level import Level, grave, place, standing
from pedicle.procedure.numbing import numb
from pedicle.procedure.operating import Looking, Operating, settings_of
from pedicle.procedure.pushing import push_all
from pedicle.procedure.script import seconds

_FILE = "injection/operator"
# Picture of a film: pixels a side, side of the field on the detector in mm.
_PIXELS, _FIELD_MM = 384, 180.0
# Most of a portion between two looks, ml.
_MOST_PORTION_ML = 5.0


def operate_level(
    operating: Operating, plan: LevelPlan, options: InjectOptions, progress: Progress = silent
) -> InjectedLevel | str | None:
    """Bring a level's recommended needles in, mix, and inject through one after the other; None when none is recommended, why
    when no needle reached its target.

    RefusedError when the first needle cannot be used as asked; a later one is then left out, and `advice` says why.
    """
    needles = [trajectory for trajectory in plan.trajectories if trajectory.side in plan.recommended]
    asked = asked_ml(plan, options)
    if not needles or asked is None:
        return None
    here = _stand(operating, plan, replace(options, volume=asked))
    for trajectory in needles:
        _access(operating, here, trajectory)
    placed = [trajectory.side for trajectory in needles if trajectory.side in here.placed]
    if not placed:
        return f"{'; '.join(here.advice)}: plan again, or another hand (--hand-seed)"
    for number, side in enumerate(placed, 1):
        _inject(operating, here, (side, here.placed[side]), asked * number / len(placed))
        if grave(operating, here):
            break
    if options.second == "auto":
        _second(operating, here, asked)
    fill = fill_in(operating.state, operating.vertebrae, plan.level)
    sides = tuple(one.side for one in standing(operating, here).portions)
    spread = _spread(operating, plan, needles[0], options, progress) if options.runs else None
    return InjectedLevel(plan.level, sides, fill, tuple(here.film), tuple(here.advice), spread)


def is_ready(plan: LevelPlan, options: InjectOptions) -> bool:
    """Whether a level has a needle that is recommended, and cement asked for."""
    return bool(plan.recommended) and asked_ml(plan, options) is not None


def asked_ml(plan: LevelPlan, options: InjectOptions) -> float | None:
    """Cement to inject in a level: as asked, else as planned."""
    return options.volume or (plan.cement.planned if plan.cement else None)


def _access(operating: Operating, here: Level, trajectory: Trajectory) -> None:
    """One needle brought to its target; what became of it otherwise stands in the advice."""
    numb(operating, trajectory)
    found = needle_in(operating, here.looking, trajectory)
    if isinstance(found, str):
        here.advice.append(f"{trajectory.side} needle {found}")
        _taken_out(operating, here.level, trajectory.side)
    else:
        here.placed[trajectory.side] = found
        if operating.briefing.patient.malignancy_history:
            operating.do(BiopsyTaken(operating.now_s + seconds("biopsy"), here.level, trajectory.side))


def _taken_out(operating: Operating, level: str, side: Side) -> None:
    if operating.state.needle(level, side) is not None:
        operating.do(NeedleRemoved(operating.now_s, level, side))


def _second(operating: Operating, here: Level, asked_ml: float) -> None:
    """Ask whether a second portion is worth it, and give it when it is; what was advised, in words."""
    site, now = place(operating, here), standing(operating, here)
    asked = Asked(_ways(here, now), asked_ml, grave(operating, here))
    advice = advise(operating.spine[here.level], site, now, asked)
    if advice.chosen is None:
        here.advice += ("no second portion", *advice.reasons)
        return
    chosen = advice.chosen
    here.waited = False
    here.advice += advice.reasons
    if chosen.side not in {portion.side for portion in now.portions} | set(here.placed):
        _access(operating, here, next(one for one in here.plan.trajectories if one.side == chosen.side))
        if chosen.side not in here.placed:
            return
    way = (chosen.side, here.placed.get(chosen.side, chosen.needle))
    if chosen.side == now.portions[-1].side:
        way = (chosen.side, chosen.needle)
    if _inject(operating, here, way, now.injected_ml + chosen.ml, chosen.wait_s):
        here.advice.append("a second portion was advised and given")


def _ways(here: Level, now: InjectionState) -> tuple[tuple[Side, PlacedNeedle], ...]:
    """Needles a second portion can go through: the one in use drawn back, and that of the other side where one is feasible."""
    back_mm = quantity(_FILE, "drawn_back").value
    used = now.needle
    drawn_back = replace(used, tip_lps_mm=used.tip_lps_mm - back_mm * used.direction_lps)
    ways: list[tuple[Side, PlacedNeedle]] = [(now.portions[-1].side, drawn_back)]
    taken = {portion.side for portion in now.portions}
    for trajectory in here.plan.trajectories:
        if trajectory.feasible and trajectory.side not in taken:
            ways.append((trajectory.side, PlacedNeedle.on(trajectory, stylet=False)))
    return tuple(ways)


def _spread(
    operating: Operating, plan: LevelPlan, trajectory: Trajectory, options: InjectOptions, progress: Progress
) -> Spread:
    """The same plan injected many times through its first needle, on coarser cells."""
    asked = options.volume or (plan.cement.planned if plan.cement else 0.0)
    most = max(asked, plan.cement.high if plan.cement else asked)
    planned = Planned(PlacedNeedle.on(trajectory, stylet=False), trajectory.side, asked, most)
    coarse = replace(options, cell_mm=options.runs_cell_mm)
    return spread_of(operating.spine[plan.level], planned, coarse, options.runs, progress)


def _stand(operating: Operating, plan: LevelPlan, options: InjectOptions) -> Level:
    """The C-arm's two settings for a level, and the scene it looks at: a small field for the film, the whole one for the tip."""
    arm, height = standard_arm(_PIXELS, _FIELD_MM), float(operating.spine[plan.level].centroid_lps_mm[2])
    scene = Scene.of(operating.scan, (height, height), arm)
    portion = min(options.portion * operating.script.portion, _MOST_PORTION_ML)
    settings = settings_of(operating, plan, arm)
    return Level(plan, replace(options, portion=portion), scene, settings, Looking.at(operating, plan))


def _batch(operating: Operating, here: Level, ml: float, wait_s: float, side: Side) -> float:
    """When the cement for so much was mixed: the batch at hand where it works long enough, else a new one waited for.

    A cannula that holds cement of this batch goes on with it as long as it works at all.
    """
    options, site_cement = here.options, cement(here.options.cement)
    rate = float(age_rate(options.room_c))
    looks = 1 + int(np.ceil(ml / options.portion))
    needed_s = wait_s + seconds("connect") + looks * len(KINDS) * seconds("view") + ml / options.flow
    mixes = [act for act in operating.state.acts if isinstance(act, CementMixed)]
    if mixes and mixes[-1].cement == options.cement:
        age_s = (operating.now_s + needed_s - mixes[-1].t_s) * rate
        first, last = site_cement.working_from_s, site_cement.working_until_s
        now = operating.state.injection(here.level)
        in_use = now is not None and now.portions[-1].side == side
        share = 1.0 if in_use else operating.script.batch_share
        if age_s <= first + share * (last - first):
            return mixes[-1].t_s
    operating.do(CementMixed(operating.now_s, len(mixes) + 1, options.cement, options.room_c))
    return operating.now_s


def _begin(operating: Operating, here: Level, way: tuple[Side, PlacedNeedle], asked_ml: float, wait_s: float) -> None:
    """Cement mixed or at hand, the stylet out, cement connected, and the tip confirmed in two views."""
    here.posterior_before_ml = here.posterior_ml
    now = operating.state.injection(here.level)
    mixed_s = _batch(operating, here, asked_ml - (0.0 if now is None else now.injected_ml), wait_s, way[0])
    ready = mixed_s + ready_s(here.options)
    at = max(operating.now_s + wait_s + seconds("connect"), ready - (len(KINDS) * seconds("view")))
    open_way = (way[0], stylet_out(way[1]))
    operating.do(replace(moved(operating.state, here.level, open_way), t_s=at))
    settings = TypeAdapter(InjectOptions).dump_python(here.options, mode="json")
    at = max(at, ready)
    operating.do(InjectionStarted(at, here.level, way[0], mixed_s, settings))
    here.placed[way[0]] = open_way[1]


def _inject(
    operating: Operating,
    here: Level,
    way: tuple[Side, PlacedNeedle],
    asked_ml: float,
    wait_s: float = 0.0,
) -> bool:
    """The cannula placed and cement connected; then a portion pushed and both views looked at, until a rule says stop.

    False when a needle that is not the level's first was refused.
    """
    try:
        _begin(operating, here, way, asked_ml, wait_s)
    except RefusedError as refused:
        if operating.state.injection(here.level) is None:
            raise
        here.advice.append(f"{way[0]} needle not used: {refused.found} ({refused.limit})")
        return False
    try:
        if operating.script.confirms:
            confirm(operating, here.looking, here.level, way[0])
        reason = push_all(operating, here, asked_ml)
    except RefusedError as refused:
        reason = refused.found
    operating.do(InjectionEnded(operating.state.t_s, here.level, way[0], reason))
    return True
