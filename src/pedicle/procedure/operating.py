"""An operation as the scripted operator goes through it: every event through the gates, every picture with its dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.setup import Setting
from pedicle.fluoroscopy.views import Aim, isocentre_lps_mm, set_up, standard_arm
from pedicle.model.acts import NeedleRemoved, Overridden
from pedicle.model.conebeam import CArm
from pedicle.model.events import Event, OperationState
from pedicle.model.fill import ViewKind
from pedicle.model.finding import Finding
from pedicle.model.scan import Scan
from pedicle.model.shot import Shot
from pedicle.model.trajectory import LevelPlan
from pedicle.model.vertebra import Spine, Vertebra
from pedicle.operation import expose
from pedicle.operation.briefing import Briefing
from pedicle.operation.cement import cement_in
from pedicle.operation.gates import findings
from pedicle.operation.send import send
from pedicle.procedure.script import Script, seconds

VIEWS: dict[ViewKind, str] = {"AP": "true-ap", "lateral": "true-lateral"}
# Detector of the pictures in which a tip is measured, pixels a side: its whole field.
_PIXELS = 512


@dataclass
class Operating:
    """An operation as the operator goes through it: what is known, the state, the events so far, what gates found."""

    briefing: Briefing
    scan: Scan
    picture: PictureOptions
    script: Script
    chance: np.random.Generator
    state: OperationState
    events: list[Event] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    typed_reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def spine(self) -> Spine:
        """The patient's spine."""
        return self.briefing.spine

    @property
    def vertebrae(self) -> Mapping[str, Vertebra]:
        """The spine by level."""
        return self.briefing.vertebrae

    @property
    def now_s(self) -> float:
        """The operation's clock."""
        return self.state.t_s

    def do(self, event: Event) -> None:
        """Send an event; RefusedError when a gate holds it back."""
        self._needles_due(event)
        self._send(event)

    def _needles_due(self, event: Event) -> None:
        """Needles of finished levels come out at the first moment that their windows are open."""
        for level, side, _ in self.state.needles:
            clock, at_s = self.briefing.clocks.get(level), self.state.t_s
            due = clock is not None and clock.needle_from_s is not None and at_s >= clock.needle_from_s
            if due and getattr(event, "level", "") != level and not isinstance(event, NeedleRemoved):
                self._send(NeedleRemoved(min(at_s + seconds("draw"), event.t_s), level, side))

    def _send(self, event: Event) -> None:
        for gate in self._overridden(event):
            self._through(Overridden(event.t_s, gate, self.typed_reasons[gate]))
        self._through(event)

    def _overridden(self, event: Event) -> list[str]:
        """Gates that would hold the event back and for which a person typed a reason."""
        if not self.typed_reasons:
            return []
        held = {one.gate for one in findings(self.state, event, self.briefing) if one.verdict == "refused"}
        return sorted(held & set(self.typed_reasons))

    def _through(self, event: Event) -> None:
        self.state, found = send(self.state, event, self.briefing)
        self.events.append(event)
        self.findings += found


@dataclass(eq=False)
class Looking:
    """The C-arm's true AP and lateral of a level, over its whole detector, and the scene it looks at."""

    scene: Scene
    settings: dict[ViewKind, Setting]

    @classmethod
    def at(cls, operating: Operating, plan: LevelPlan) -> Looking:
        """The views of a planned level."""
        arm, vertebra = standard_arm(_PIXELS), operating.spine[plan.level]
        height = float(vertebra.centroid_lps_mm[2])
        return cls(Scene.of(operating.scan, (height, height), arm), settings_of(operating, plan, arm))

    def take(self, operating: Operating, kind: ViewKind) -> Shot:
        """A picture of the needles and the cement as they stand; the clock runs on."""
        scene = self.scene.with_cement(*cement_in(operating.state, operating.vertebrae))
        exposure = expose(operating.state, scene, self.settings[kind], operating.picture)
        operating.do(replace(exposure.event, t_s=exposure.event.t_s + seconds("view")))
        return exposure.shot


def settings_of(operating: Operating, plan: LevelPlan, arm: CArm) -> dict[ViewKind, Setting]:
    """The C-arm set up for both true views of a level."""
    vertebra = operating.spine[plan.level]
    aim = Aim(operating.spine, vertebra, "prone", plan.trajectories[0].side, plan.trajectories[0])
    settings: dict[ViewKind, Setting] = {}
    for kind, name in VIEWS.items():
        view, beam = set_up(name, aim, arm)
        settings[kind] = Setting(plan.level, view, beam, arm, isocentre_lps_mm(name, aim, arm), None, ())
    return settings
