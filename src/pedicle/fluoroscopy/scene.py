"""What stands in the beam: the patient's CT as absorbing channels, the needles, later the cement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.materials import CHANNELS, absorber
from pedicle.fluoroscopy.needle_shadow import PLASTIC, STEEL, needle_shadows
from pedicle.fluoroscopy.projection import Absorber, BasePlane, cast
from pedicle.fluoroscopy.views import standard_arm
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.notices import Notice
from pedicle.model.placed import PlacedNeedle
from pedicle.model.scan import Scan
from pedicle.model.volume import Volume

# Room along the spine beyond the rays that meet the outermost body, so that oblique views are whole, mm.
_ALONG_MM = 150.0
# More of the CT's sides than this in tissue, not air: the body goes on beyond the scan.
_TISSUE_HU, _CUT_SHARE = -500.0, 0.2
# Materials of a needle and its hub.
NEEDLE = (STEEL, PLASTIC)


@dataclass(frozen=True, eq=False)
class Scene:
    """The patient as the beam meets it, on one C-arm. Base planes are kept for each pose of it."""

    absorber: Absorber
    materials: tuple[str, ...]
    arm: CArm
    warnings: tuple[Notice, ...] = ()
    _planes: dict[bytes, BasePlane] = field(default_factory=dict)

    @classmethod
    def of(cls, scan: Scan, heights_mm: tuple[float, float], arm: CArm | None = None) -> Scene:
        """The scene about bodies whose centres lie between two LPS heights; the CT beyond the field is left out."""
        near = _near(scan, heights_mm)
        materials = (*CHANNELS, *NEEDLE)
        channels = absorber(near.volume, near.acquisition.kvp)
        return cls(channels, materials, arm or standard_arm(), cut_notices(near.volume))

    @property
    def source_to_isocentre_mm(self) -> float:
        """Of the C-arm."""
        return self.arm.source_to_isocentre_mm

    def paths(self, beam: ConeBeam, needles: tuple[PlacedNeedle, ...]) -> NDArray[np.float32]:
        """Line integrals (materials, rows, columns) in mm."""
        # A base plane is as large as one detector's shadow: another detector at the same source is another plane.
        key = beam.matrix.tobytes() + bytes(f"{beam.rows} {beam.columns}", "ascii")
        if key not in self._planes:
            self._planes[key] = cast(self.absorber, beam)
        patient = self._planes[key].seen_by(beam)
        found = np.zeros((len(self.materials), beam.rows, beam.columns), np.float32)
        found[: len(patient)] = patient
        for shadow in (shadow for placed in needles for shadow in needle_shadows(placed, beam)):
            shadow.add_to(found[self.materials.index(shadow.material)])
        return found


def cut_notices(volume: Volume) -> tuple[Notice, ...]:
    """A caution where a fifth of the CT's sides (left, right, front, back, or next to padding) is tissue, not air."""
    data = np.ones(volume.values.shape, bool) if volume.outside is None else ~volume.outside
    inner = np.pad(data, ((1, 1), (1, 1), (0, 0)))
    sides = data & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:])
    if not sides.any() or float((volume.values[sides] > _TISSUE_HU).mean()) <= _CUT_SHARE:
        return ()
    text = "the CT does not hold the whole body: what is missing is not in the picture, contrast and dose are too low"
    return (Notice("body-cut", "scan", text),)


def _near(scan: Scan, heights_mm: tuple[float, float]) -> Scan:
    grid = scan.volume.grid
    places = grid.index_from_lps([[*grid.centre_lps_mm[:2], h] for h in heights_mm])[:, 2]
    room = _ALONG_MM / grid.spacing_mm[2]
    low = int(np.clip(np.floor(places.min() - room), 0, grid.shape[2] - 1))
    high = int(np.clip(np.ceil(places.max() + room) + 1, low + 1, grid.shape[2]))
    shape = grid.shape
    return Scan(scan.volume.cropped([0, 0, low], [shape[0], shape[1], high]), scan.acquisition)
