"""One X-ray picture: the scene seen along a beam, as the detector reads it and the screen shows it, and its dose."""

from __future__ import annotations

import numpy as np

from pedicle.fluoroscopy.dose import dose_of
from pedicle.fluoroscopy.machine import automatic, usual_technique
from pedicle.fluoroscopy.options import PictureOptions
from pedicle.fluoroscopy.picture import primary_signal, render
from pedicle.fluoroscopy.scene import Scene
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Shot, Technique

# The automatic looks at the median of the picture: every fourth pixel along both ways says it.
_COARSE = 4
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

    Without a `technique` the machine's automatic sets the charge behind this patient. The same scene, needles and seed
    give the same picture. ValueError when a needle reaches behind the source.
    """
    paths = scene.paths(beam, needles)
    if technique is None:
        technique = usual_technique()
        coarse = np.ascontiguousarray(paths[:, ::_COARSE, ::_COARSE])
        technique = automatic(technique, primary_signal(coarse, scene.materials, technique)[0], beam)
    frame = render(paths, scene.materials, beam, technique, options)
    dose = dose_of(technique, beam, scene.source_to_isocentre_mm, options)
    return Shot(view, beam, technique, frame.signal, frame.picture, dose, level, scene.warnings)
