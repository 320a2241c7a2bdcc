"""One X-ray picture: the scene seen along a beam, as the detector reads it and the screen shows it, and its dose."""

from __future__ import annotations

from pedicle.fluoroscopy.automatic import set_technique
from pedicle.fluoroscopy.dose import dose_of
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import Frame, FrameState, render
from pedicle.fluoroscopy.scene import Scene
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Shot, Technique

_DEFAULT = PictureOptions()


def shoot(
    scene: Scene,
    view: View,
    beam: ConeBeam,
    needles: tuple[PlacedNeedle, ...] = (),
    level: str = "",
    technique: Technique | None = None,
    options: PictureOptions = _DEFAULT,
) -> Shot:
    """One pulse: a picture of the scene with these needles, in the geometry `beam` that goes with `view`.

    Without a `technique` the machine's automatic sets tube voltage and charge behind this patient. The same scene,
    needles and seed give the same picture. Cement is part of the scene (`Scene.with_cement`). ValueError when a needle
    reaches behind the source.
    """
    frame = pulse(scene, beam, needles, technique, options)
    technique = frame.state.technique
    dose = dose_of(technique, beam, scene.source_to_isocentre_mm, options)
    return Shot(view, beam, technique, frame.signal, frame.picture, dose, level, scene.warnings)


def pulse(
    scene: Scene,
    beam: ConeBeam,
    needles: tuple[PlacedNeedle, ...] = (),
    technique: Technique | None = None,
    options: PictureOptions = _DEFAULT,
    previous: FrameState | None = None,
) -> Frame:
    """One pulse of a run: as `shoot`, with the state that the pulse before left (noise reduction, lag, tube voltage).

    For live pictures: only what moved since the last call on this scene is drawn again.
    """
    shape = (len(scene.materials), beam.rows, beam.columns)
    paths = scene.paths(beam, needles, scene.looks.room(shape))
    if technique is None:
        last = None if previous is None else previous.technique
        technique = set_technique(paths, scene.materials, beam, options, last)
    return render(paths, scene.materials, beam, technique, options, previous)
