"""The scripted operator: sends the events a careful person would send, looks at both views after every portion, obeys the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.setup import Setting
from pedicle.fluoroscopy.views import Aim, isocentre_lps_mm, set_up, standard_arm
from pedicle.injection.batch import ENOUGH_MM3, next_move, stalled
from pedicle.injection.finish import cement_share
from pedicle.injection.options import InjectOptions
from pedicle.injection.second import Asked, advise
from pedicle.injection.site import Site, ready_s
from pedicle.injection.spread import Planned, spread_of
from pedicle.model.errors import RefusedError
from pedicle.model.events import (
    Event,
    InjectionEnded,
    InjectionStarted,
    LeakSeen,
    OperationState,
    Positioned,
    Pushed,
    SyringeChanged,
)
from pedicle.model.fill import KINDS, FilmFrame, InjectedLevel, ViewKind
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.medium import GRAVE_PLACES, Place
from pedicle.model.placed import PlacedNeedle
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import Scan
from pedicle.model.sourced import quantity
from pedicle.model.spread import Spread
from pedicle.model.trajectory import LevelPlan, Trajectory
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.operation import apply, expose, moved
from pedicle.operation.cement import cement_in, fill_in, leaks_in, site_in
from pedicle.operation.film import Reading, read_view
from pedicle.operation.rules import VOLUME_IN, Looked, is_sign, judge

_FILE = "injection/operator"
_VIEWS = {"AP": "true-ap", "lateral": "true-lateral"}
# Picture of a film: pixels a side, side of the field on the detector in mm.
_PIXELS, _FIELD_MM = 384, 180.0
# Nobody pushes for longer than this without looking, s.
_LONGEST_S = 120.0


@dataclass
class Operating:
    """An operation as the operator goes through it: the state, the events so far, the pictures taken."""

    spine: Spine
    scan: Scan
    picture: PictureOptions
    state: OperationState
    events: list[Event] = field(default_factory=list)

    @property
    def vertebrae(self) -> Mapping[str, Vertebra]:
        """The spine by level."""
        return {vertebra.level: vertebra for vertebra in self.spine.vertebrae}

    def do(self, event: Event) -> None:
        """Send an event."""
        self.state = apply(self.state, event, self.vertebrae)
        self.events.append(event)


@dataclass
class _Level:
    """One level being injected: its needles, how the C-arm stands for both views, what has been seen and when last waited."""

    plan: LevelPlan
    options: InjectOptions
    scene: Scene
    settings: dict[str, Setting]
    film: list[FilmFrame] = field(default_factory=list)
    seen_ml: dict[str, float] = field(default_factory=dict)
    posterior_ml: float = 0.0
    posterior_before_ml: float = 0.0
    waited: bool = False
    advice: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        return self.plan.level


def operate_level(
    operating: Operating, plan: LevelPlan, options: InjectOptions, progress: Progress = silent
) -> InjectedLevel | None:
    """Inject one planned level through its recommended needles, one after the other; None when none is recommended.

    RefusedError when the first needle cannot be used as asked; a later one is then left out, and `advice` says why.
    """
    needles = [trajectory for trajectory in plan.trajectories if trajectory.side in plan.recommended]
    asked = options.volume or (plan.cement.planned if plan.cement else None)
    if not needles or asked is None:
        return None
    here = _stand(operating, plan, replace(options, volume=asked))
    if operating.state.shots == 0:
        operating.do(Positioned(operating.state.t_s, "prone", "head"))
    mixed_s = _mixed(operating, options)
    for number, trajectory in enumerate(needles, 1):
        way = (trajectory.side, PlacedNeedle.on(trajectory, stylet=False))
        _inject(operating, here, way, mixed_s, asked * number / len(needles))
        if _grave(operating, here):
            break
    if options.second == "auto":
        _second(operating, here, mixed_s, asked)
    fill = fill_in(operating.state, operating.vertebrae, plan.level)
    sides = tuple(one.side for one in _now(operating, here).portions)
    spread = _spread(operating, plan, needles[0], options, progress) if options.runs else None
    return InjectedLevel(plan.level, sides, fill, tuple(here.film), tuple(here.advice), spread)


def _second(operating: Operating, here: _Level, mixed_s: float, asked_ml: float) -> None:
    """Ask whether a second portion is worth it, and give it when it is; what was advised, in words."""
    site, now = _site(operating, here), _now(operating, here)
    asked = Asked(_ways(here, now), asked_ml, _grave(operating, here))
    advice = advise(operating.spine[here.level], site, now, asked)
    if advice.chosen is None:
        here.advice += ("no second portion", *advice.reasons)
        return
    chosen = advice.chosen
    here.waited = False
    here.advice += advice.reasons
    way = (chosen.side, chosen.needle)
    if _inject(operating, here, way, mixed_s, now.injected_ml + chosen.ml, chosen.wait_s):
        here.advice.append("a second portion was advised and given")


def _ways(here: _Level, now: InjectionState) -> tuple[tuple[Side, PlacedNeedle], ...]:
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


def _stand(operating: Operating, plan: LevelPlan, options: InjectOptions) -> _Level:
    """The C-arm's two settings for a level, and the scene it looks at."""
    arm, vertebra = standard_arm(_PIXELS, _FIELD_MM), operating.spine[plan.level]
    aim = Aim(operating.spine, vertebra, "prone", plan.trajectories[0].side, plan.trajectories[0])
    settings = {}
    for kind, name in _VIEWS.items():
        view, beam = set_up(name, aim, arm)
        settings[kind] = Setting(plan.level, view, beam, arm, isocentre_lps_mm(name, aim, arm), None, ())
    height = float(vertebra.centroid_lps_mm[2])
    return _Level(plan, options, Scene.of(operating.scan, (height, height), arm), settings)


def _mixed(operating: Operating, options: InjectOptions) -> float:
    """When the cement is mixed, so that it may be injected now: on the clock, perhaps before its zero."""
    return operating.state.t_s - ready_s(options)


def _inject(
    operating: Operating,
    here: _Level,
    way: tuple[Side, PlacedNeedle],
    mixed_s: float,
    asked_ml: float,
    wait_s: float = 0.0,
) -> bool:
    """The cannula placed and cement connected; then a portion pushed and both views looked at, until a rule says stop.

    False when a needle that is not the level's first was refused.
    """
    try:
        _begin(operating, here, way, mixed_s, wait_s)
    except RefusedError as refused:
        if operating.state.injection(here.level) is None:
            raise
        here.advice.append(f"{way[0]} needle not used: {refused.found} ({refused.limit})")
        return False
    kept_ml = _stylet_ml(operating, here) if here.options.stylet else 0.0
    reason = _pushed(operating, here, asked_ml - kept_ml)
    if here.options.stylet and reason == VOLUME_IN:
        reason = _stylet_in(operating, here, asked_ml)
    operating.do(InjectionEnded(operating.state.t_s, here.level, way[0], reason))
    return True


def _begin(operating: Operating, here: _Level, way: tuple[Side, PlacedNeedle], mixed_s: float, wait_s: float) -> None:
    """The cannula at its target, the stylet out, and cement connected."""
    here.posterior_before_ml = here.posterior_ml
    at = operating.state.t_s + wait_s
    operating.do(replace(moved(operating.state, here.level, way), t_s=at))
    settings = TypeAdapter(InjectOptions).dump_python(here.options, mode="json")
    operating.do(InjectionStarted(at, here.level, way[0], mixed_s, settings))


def _pushed(operating: Operating, here: _Level, asked_ml: float) -> str:
    """Portions until a rule, or what the needle meets, says stop; the reason."""
    while True:
        done_ml = _now(operating, here).injected_ml
        try:
            _push(operating, here, min(done_ml + here.options.portion, asked_ml))
        except RefusedError as refused:
            return refused.found
        judgement = judge(_look(operating, here, asked_ml))
        if judgement.action == "stop":
            return judgement.reason
        if judgement.action == "wait":
            _wait(operating, here)


def _stylet_ml(operating: Operating, here: _Level) -> float:
    """Cement that the stylet delivers from a full cannula."""
    return _site(operating, here).line(_now(operating, here).needle).cannula.stylet_mm3 / 1e3


def _stylet_in(operating: Operating, here: _Level, asked_ml: float) -> str:
    """The stylet pushed in, as fast as cement was pushed, and a look at what that did; why the injection ends."""
    now = _now(operating, here)
    cannula = _site(operating, here).line(now.needle).cannula
    speed = here.options.flow * 1e3 / cannula.bores[-1].area_mm2
    seconds = (asked_ml - now.injected_ml) / here.options.flow
    if seconds > 0.0:
        operating.do(Pushed(operating.state.t_s + seconds, here.level, "stylet", speed, seconds))
    judgement = judge(_look(operating, here, asked_ml))
    if judgement.action == "stop" and judgement.reason != VOLUME_IN:
        return judgement.reason
    return f"{VOLUME_IN}, {_now(operating, here).injected_ml - now.injected_ml:.2f} ml of it by the stylet"


def _push(operating: Operating, here: _Level, until_ml: float) -> None:
    """Push until so much has left the needle or nothing moves any more."""
    end_s = operating.state.t_s + _LONGEST_S
    while operating.state.t_s < end_s:
        move = next_move(_site(operating, here), _now(operating, here), until_ml, here.options.flow)
        if move.kind in ("done", "stalled"):
            return
        if move.kind == "change":
            operating.do(SyringeChanged(operating.state.t_s, here.level))
            continue
        until_s = min(operating.state.t_s + move.duration_s, end_s)
        duration = until_s - operating.state.t_s
        operating.do(Pushed(until_s, here.level, "flow", here.options.flow * 1e3, duration))


def _wait(operating: Operating, here: _Level) -> None:
    """Hold the plunger until cement has thickened."""
    pause = here.options.pause
    operating.do(Pushed(operating.state.t_s + pause, here.level, "force", 0.0, pause))
    here.waited = True


def _look(operating: Operating, here: _Level, asked_ml: float) -> Looked:
    """Both views, what they show, and how the injection stands."""
    readings = [_view(operating, here, kind) for kind in KINDS]
    now, lateral = _now(operating, here), readings[1][0]
    here.posterior_ml = lateral.posterior_ml
    return Looked(
        new_signs=tuple(place for _, signs in readings for place in signs),
        in_posterior_quarter=lateral.in_posterior_quarter
        and is_sign(here.posterior_ml, here.posterior_before_ml, quantity(_FILE, "grown").value),
        injected_ml=now.injected_ml,
        asked_ml=asked_ml - ENOUGH_MM3 / 1e3,
        stalled=stalled(now, here.options.flow),
        workable=now.delivery.hand_age_s <= _site(operating, here).cement.working_until_s,
        waited=here.waited,
    )


def _view(operating: Operating, here: _Level, kind: ViewKind) -> tuple[Reading, list[Place]]:
    """One view: the picture for the film, what it shows, and the places of leaks seen for the first time or grown."""
    scene = here.scene.with_cement(*cement_in(operating.state, operating.vertebrae))
    exposure = expose(operating.state, scene, here.settings[kind], operating.picture)
    event = replace(exposure.event, t_s=exposure.event.t_s + quantity(_FILE, "swing").value)
    operating.do(event)
    now, site, beam = _now(operating, here), _site(operating, here), here.settings[kind].beam
    here.film.append(FilmFrame(event.t_s, kind, beam, exposure.shot.picture, now.injected_ml))
    leaks = leaks_in(operating.state, site)
    filled = tuple(leak.filled for leak in leaks)
    reading = read_view(scene, beam, site.bone, cement_share(site, now), filled, site.regions.posterior_quarter)
    signs: list[Place] = []
    for leak, shown in zip(leaks, reading.seen, strict=True):
        if not shown:
            continue
        if leak.ml >= here.seen_ml.get(leak.opening, -1.0) + quantity(_FILE, "grown").value:
            signs.append(leak.place)
            here.seen_ml[leak.opening] = leak.ml
        _note(operating, here, LeakSeen(event.t_s, here.level, kind, leak.opening, leak.place))
    return reading, signs


def _note(operating: Operating, here: _Level, event: LeakSeen) -> None:
    """Write down the first time that a view shows a leak."""
    told = {(seen.level, seen.view, seen.opening) for seen in operating.state.leaks_seen}
    if (event.level, event.view, event.opening) not in told:
        operating.do(event)


def _grave(operating: Operating, here: _Level) -> bool:
    """Whether a leak was seen where another portion must not follow."""
    return any(seen.level == here.level and seen.place in GRAVE_PLACES for seen in operating.state.leaks_seen)


def _now(operating: Operating, here: _Level) -> InjectionState:
    found = operating.state.injection(here.level)
    assert found is not None
    return found


def _site(operating: Operating, here: _Level) -> Site:
    return site_in(operating.state, operating.vertebrae, here.level)
