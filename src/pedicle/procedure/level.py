"""One level of an operation as the scripted operator sees it: its needles, its views, what has been seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.setup import Setting
from pedicle.injection.options import InjectOptions
from pedicle.injection.site import Site
from pedicle.model.fill import FilmFrame, ViewKind
from pedicle.model.frames import Side
from pedicle.model.injection import InjectionState
from pedicle.model.medium import GRAVE_PLACES
from pedicle.model.placed import PlacedNeedle
from pedicle.model.trajectory import LevelPlan
from pedicle.operation.cement import site_in
from pedicle.procedure.operating import Looking, Operating


@dataclass
class Level:
    """One level being injected: its needles, how the C-arm stands for both views, what has been seen and when last waited."""

    plan: LevelPlan
    options: InjectOptions
    scene: Scene
    settings: dict[ViewKind, Setting]
    looking: Looking
    placed: dict[Side, PlacedNeedle] = field(default_factory=dict)
    film: list[FilmFrame] = field(default_factory=list)
    seen_ml: dict[str, float] = field(default_factory=dict)
    posterior_ml: float = 0.0
    posterior_before_ml: float = 0.0
    waited: bool = False
    advice: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        """Its name."""
        return self.plan.level


def grave(operating: Operating, here: Level) -> bool:
    """Whether a leak was seen where another portion must not follow."""
    return any(seen.level == here.level and seen.place in GRAVE_PLACES for seen in operating.state.leaks_seen)


def standing(operating: Operating, here: Level) -> InjectionState:
    """How the injection of the level stands."""
    found = operating.state.injection(here.level)
    assert found is not None
    return found


def place(operating: Operating, here: Level) -> Site:
    """The level as a site of injection."""
    return site_in(operating.state, operating.vertebrae, here.level)
