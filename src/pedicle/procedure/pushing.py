"""Portions pushed through one needle, both views looked at after each, until a rule says stop."""

from __future__ import annotations

from dataclasses import replace

from pedicle.injection.batch import ENOUGH_MM3, next_move, stalled
from pedicle.injection.finish import cement_share
from pedicle.model.errors import RefusedError
from pedicle.model.events import LeakSeen, Pushed, SyringeChanged
from pedicle.model.fill import KINDS, FilmFrame, ViewKind
from pedicle.model.medium import Place
from pedicle.model.sourced import quantity
from pedicle.operation import expose
from pedicle.operation.cement import cement_in, leaks_in
from pedicle.operation.film import Reading, read_view
from pedicle.operation.rules import VOLUME_IN, Looked, is_sign, judge
from pedicle.procedure.level import Level, place, standing
from pedicle.procedure.operating import Operating

_FILE = "injection/operator"
# Nobody pushes for longer than this without looking, s.
_LONGEST_S = 120.0


def push_all(operating: Operating, here: Level, asked_ml: float) -> str:
    """Portions up to so much in the level, the last of it by the stylet where that was asked for; why it ended."""
    kept_ml = _stylet_ml(operating, here) if here.options.stylet else 0.0
    reason = _pushed(operating, here, asked_ml - kept_ml)
    if here.options.stylet and reason == VOLUME_IN:
        return _stylet_in(operating, here, asked_ml)
    return reason


def _pushed(operating: Operating, here: Level, asked_ml: float) -> str:
    """Portions until a rule, or what the needle meets, says stop; the reason."""
    while True:
        done_ml = standing(operating, here).injected_ml
        try:
            _push(operating, here, min(done_ml + here.options.portion, asked_ml))
        except RefusedError as refused:
            return refused.found
        judgement = judge(_look(operating, here, asked_ml))
        if judgement.action == "stop":
            return judgement.reason
        if judgement.action == "wait":
            _wait(operating, here)


def _stylet_ml(operating: Operating, here: Level) -> float:
    """Cement that the stylet delivers from a full cannula."""
    return place(operating, here).line(standing(operating, here).needle).cannula.stylet_mm3 / 1e3


def _stylet_in(operating: Operating, here: Level, asked_ml: float) -> str:
    """The stylet pushed in, as fast as cement was pushed, and a look at what that did; why the injection ends."""
    now = standing(operating, here)
    cannula = place(operating, here).line(now.needle).cannula
    speed = here.options.flow * 1e3 / cannula.bores[-1].area_mm2
    seconds = (asked_ml - now.injected_ml) / here.options.flow
    if seconds > 0.0:
        operating.do(Pushed(operating.state.t_s + seconds, here.level, "stylet", speed, seconds))
    judgement = judge(_look(operating, here, asked_ml))
    if judgement.action == "stop" and judgement.reason != VOLUME_IN:
        return judgement.reason
    return f"{VOLUME_IN}, {standing(operating, here).injected_ml - now.injected_ml:.2f} ml of it by the stylet"


def _push(operating: Operating, here: Level, until_ml: float) -> None:
    """Push until so much has left the needle or nothing moves any more."""
    end_s = operating.state.t_s + _LONGEST_S
    while operating.state.t_s < end_s:
        move = next_move(place(operating, here), standing(operating, here), until_ml, here.options.flow)
        if move.kind in ("done", "stalled"):
            return
        if move.kind == "change":
            operating.do(SyringeChanged(operating.state.t_s, here.level))
            continue
        until_s = min(operating.state.t_s + move.duration_s, end_s)
        duration = until_s - operating.state.t_s
        operating.do(Pushed(until_s, here.level, "flow", here.options.flow * 1e3, duration))


def _wait(operating: Operating, here: Level) -> None:
    """Hold the plunger until cement has thickened."""
    pause = here.options.pause if operating.script.waits_for_leaks else 0.1
    operating.do(Pushed(operating.state.t_s + pause, here.level, "force", 0.0, pause))
    here.waited = True


def _look(operating: Operating, here: Level, asked_ml: float) -> Looked:
    """Both views, what they show, and how the injection stands."""
    readings = [_view(operating, here, kind) for kind in KINDS]
    now, lateral = standing(operating, here), readings[1][0]
    here.posterior_ml = lateral.posterior_ml
    return Looked(
        new_signs=tuple(place for _, signs in readings for place in signs),
        in_posterior_quarter=lateral.in_posterior_quarter
        and is_sign(here.posterior_ml, here.posterior_before_ml, quantity(_FILE, "grown").value),
        injected_ml=now.injected_ml,
        asked_ml=asked_ml - ENOUGH_MM3 / 1e3,
        stalled=stalled(now, here.options.flow),
        workable=now.delivery.hand_age_s <= place(operating, here).cement.working_until_s,
        waited=here.waited,
    )


def _view(operating: Operating, here: Level, kind: ViewKind) -> tuple[Reading, list[Place]]:
    """One view: the picture for the film, what it shows, and the places of leaks seen for the first time or grown."""
    scene = here.scene.with_cement(*cement_in(operating.state, operating.vertebrae))
    exposure = expose(operating.state, scene, here.settings[kind], operating.picture)
    event = replace(exposure.event, t_s=exposure.event.t_s + quantity(_FILE, "swing").value)
    operating.do(event)
    now, site, beam = standing(operating, here), place(operating, here), here.settings[kind].beam
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


def _note(operating: Operating, here: Level, event: LeakSeen) -> None:
    """Write down the first time that a view shows a leak."""
    told = {(seen.level, seen.view, seen.opening) for seen in operating.state.leaks_seen}
    if (event.level, event.view, event.opening) not in told:
        operating.do(event)
