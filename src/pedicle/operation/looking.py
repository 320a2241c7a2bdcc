"""The C-arm looks at how things stand. There is one way to take a picture: `expose`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pedicle.fluoroscopy.options import PictureOptions, ShotOptions
from pedicle.fluoroscopy.scene import Scene
from pedicle.fluoroscopy.setup import Setting
from pedicle.fluoroscopy.shoot import shoot
from pedicle.model.events import Event, OperationState, Positioned, ViewTaken
from pedicle.model.shot import Shot
from pedicle.model.vertebra import Vertebra
from pedicle.operation.state import NO_VERTEBRAE, apply, moved, triple

_DEFAULT = PictureOptions()


@dataclass(frozen=True, eq=False)
class Exposure:
    """A picture and the event it is."""

    shot: Shot
    event: ViewTaken


def prepared(
    state: OperationState,
    setting: Setting,
    asked: ShotOptions,
    vertebrae: Mapping[str, Vertebra] = NO_VERTEBRAE,
) -> tuple[OperationState, tuple[Event, ...]]:
    """The patient laid and the needle moved as asked before a picture: the state, and the events that were needed.

    A needle with cement going through it can be moved only where the `vertebrae` are known.
    """
    events: list[Event] = []
    if state.shots == 0 or (state.lying, state.first) != (asked.lying, asked.first):
        events.append(Positioned(state.t_s, asked.lying, asked.first))
    if setting.placed is not None:
        events.append(moved(state, setting.level, setting.placed))
    for event in events:
        state = apply(state, event, vertebrae)
    return state, tuple(events)


def expose(state: OperationState, scene: Scene, setting: Setting, options: PictureOptions = _DEFAULT) -> Exposure:
    """Take a picture of the scene with the needles as they stand; the clock runs on by the time under the beam.

    Every picture of an operation has noise of its own, from the seed and the pictures before it.
    """
    view, beam = setting.view, setting.beam
    held = tuple(placed for _, _, placed in state.needles)
    seen = replace(options, seed=(options.seed + state.shots) % 2**32)
    shot = shoot(scene, view, beam, held, setting.level, options=seen)
    event = ViewTaken(
        state.t_s + shot.dose.seconds, setting.level, view.name, triple(view.detector_lps),
        triple(setting.isocentre_lps_mm), shot.dose,
    )  # fmt: skip
    return Exposure(shot, event)
