"""What stands in the beam: the patient's CT as absorbing channels, the needles, the cement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.looks import Looks
from pedicle.fluoroscopy.materials import CHANNELS, absorber
from pedicle.fluoroscopy.needle_shadow import PLASTIC, STEEL
from pedicle.fluoroscopy.views import standard_arm
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.notices import Notice
from pedicle.model.placed import PlacedCement, PlacedNeedle
from pedicle.model.scan import Scan
from pedicle.model.volume import Volume

# Room along the spine beyond the rays that meet the outermost body, so that oblique views are whole, mm.
_ALONG_MM = 150.0
# More of the CT's sides than this in tissue, not air: the body goes on beyond the scan.
_TISSUE_HU, _CUT_SHARE = -500.0, 0.2
# Materials of a needle and its hub.
NEEDLE = (STEEL, PLASTIC)
# What cement stands in the place of.
_DISPLACED = CHANNELS.index("soft_tissue")


@dataclass(frozen=True, eq=False)
class Scene:
    """The patient as the beam meets it, on one C-arm, and the cement in it.

    What was seen is remembered (`looks`): with a C-arm that stands still only what moves is drawn again; where only the
    detector moves, turns or zooms, the patient costs a look at what was summed.
    """

    looks: Looks
    warnings: tuple[Notice, ...] = ()
    cement: tuple[PlacedCement, ...] = ()

    @classmethod
    def of(cls, scan: Scan, heights_mm: tuple[float, float], arm: CArm | None = None) -> Scene:
        """The scene about bodies whose centres lie between two LPS heights; the CT beyond the field is left out."""
        near = _near(scan, heights_mm)
        channels = absorber(near.volume, near.acquisition.kvp)
        return cls(Looks(channels, arm or standard_arm()), cut_notices(near.volume))

    def with_cement(self, *cement: PlacedCement) -> Scene:
        """The same patient, and all that was remembered of it, with this cement and no other.

        Attenuation adds. Cement stands in the place of marrow or blood, which is taken away as soft tissue; where it leaked
        into gas this takes too much, under a twelfth of what barium cement absorbs.
        """
        return replace(self, cement=cement)

    @property
    def materials(self) -> tuple[str, ...]:
        """What `paths` are through: tissues, needles, and each kind of cement once."""
        return (*CHANNELS, *NEEDLE, *dict.fromkeys(cement.material for cement in self.cement))

    @property
    def arm(self) -> CArm:
        """The C-arm."""
        return self.looks.arm

    @property
    def source_to_isocentre_mm(self) -> float:
        """Of the C-arm."""
        return self.arm.source_to_isocentre_mm

    def paths(
        self, beam: ConeBeam, needles: tuple[PlacedNeedle, ...] = (), out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Line integrals (materials, rows, columns) in mm, written to `out` where given."""
        materials = self.materials
        found = np.empty((len(materials), beam.rows, beam.columns), np.float32) if out is None else out
        patient = self.looks.patient(beam)
        found[: len(patient)] = patient
        found[len(patient) :] = 0.0
        filled = [self.looks.cement(cement, beam) for cement in self.cement]
        for shadow in filled:
            shadow.take_from(found[_DISPLACED])
        for shadow in (*filled, *(shadow for placed in needles for shadow in self.looks.needle(placed, beam))):
            shadow.add_to(found[materials.index(shadow.material)])
        return found


def cut_notices(volume: Volume) -> tuple[Notice, ...]:
    """A caution where a fifth of the CT's sides (left, right, front, back, or next to padding) is tissue, not air."""
    data = np.ones(volume.values.shape, bool) if volume.outside is None else ~volume.outside
    inner = np.pad(data, ((1, 1), (1, 1), (0, 0)))
    sides = data & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:])
    if not sides.any() or float((volume.values[sides] > _TISSUE_HU).mean()) <= _CUT_SHARE:
        return ()
    text = "the CT does not hold the whole body: what is missing is not in the picture, its dose is too low and its contrast not the patient's"
    return (Notice("body-cut", "scan", text),)


def _near(scan: Scan, heights_mm: tuple[float, float]) -> Scan:
    grid = scan.volume.grid
    places = grid.index_from_lps([[*grid.centre_lps_mm[:2], h] for h in heights_mm])[:, 2]
    room = _ALONG_MM / grid.spacing_mm[2]
    low = int(np.clip(np.floor(places.min() - room), 0, grid.shape[2] - 1))
    high = int(np.clip(np.ceil(places.max() + room) + 1, low + 1, grid.shape[2]))
    shape = grid.shape
    return Scan(scan.volume.cropped([0, 0, low], [shape[0], shape[1], high]), scan.acquisition)
