"""One X-ray picture: the scene seen along a beam, as the detector reads it and the screen shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.scene import Scene
from pedicle.model.carm import View
from pedicle.model.conebeam import ConeBeam
from pedicle.model.placed import PlacedNeedle
from pedicle.model.shot import Dose, Shot, Technique

_TECHNIQUE = Technique(80.0, 3.0, 0.1, 0.05, 7.5)
_MU = {"water": 0.0206, "steel": 0.952, "pmma": 0.022}


def shoot(scene: Scene, view: View, beam: ConeBeam, needles: tuple[PlacedNeedle, ...] = (), level: str = "") -> Shot:
    """A picture of the scene with these needles; `beam` is the geometry that goes with `view`."""
    paths = scene.paths(beam, needles)
    weights = np.array([_MU[name] for name in scene.materials], dtype=np.float32)
    signal = np.exp(-np.tensordot(weights, paths, axes=1)).astype(np.float32)
    dose = Dose(0.0, 0.0, 1.0 / _TECHNIQUE.pulses_per_s, 1, "not computed")
    return Shot(view, beam, _TECHNIQUE, signal, _shown(signal), dose, level)


def _shown(signal: NDArray[np.float32]) -> NDArray[np.uint8]:
    logs = np.log(np.maximum(signal, 1e-9))
    low, high = np.percentile(logs, [1.0, 99.0])
    return np.asarray(np.clip(255.0 * (logs - low) / max(high - low, 1e-6), 0, 255), dtype=np.uint8)
