"""What was seen is not summed again: base planes by source, the patient's last look, shadows of what did not move.

Theatre asks for the same picture thirty times a second with one thing moved. The results do not depend on what is
remembered: planes lie where source and C-arm alone put them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pedicle.fluoroscopy.needle_shadow import Shadow, cement_shadow, needle_shadows
from pedicle.fluoroscopy.projection import Absorber, BasePlane, cast
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.placed import PlacedCement, PlacedNeedle

Image = NDArray[np.float32]
# The latest of each kind that are kept; a base plane of three channels takes a few megabytes.
_PLANES, _SHADOWS = 4, 16


@dataclass(eq=False)
class Looks:
    """A patient as one C-arm has seen it. Not for two threads at once."""

    absorber: Absorber
    arm: CArm
    _planes: list[BasePlane] = field(default_factory=list)
    _looked: tuple[bytes, Image] | None = None
    _shadows: dict[tuple[object, ...], list[Shadow]] = field(default_factory=dict)
    _room: Image = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))

    def patient(self, beam: ConeBeam) -> Image:
        """Line integrals (channels, rows, columns) in mm; not to be written to."""
        key = beam_key(beam)
        if self._looked is None or self._looked[0] != key:
            seen = self._plane(beam).seen_by(beam)
            seen.setflags(write=False)
            self._looked = key, seen
        return self._looked[1]

    def needle(self, placed: PlacedNeedle, beam: ConeBeam) -> list[Shadow]:
        """Shadows of a needle; the last ones when neither it nor the beam moved."""
        pose = placed.tip_lps_mm.tobytes() + placed.direction_lps.tobytes()
        name = (placed.needle, pose, placed.stylet, placed.shape, placed.roll_deg, beam_key(beam))
        return self._shadow(name, lambda: needle_shadows(placed, beam))

    def cement(self, cement: PlacedCement, beam: ConeBeam) -> Shadow:
        """The shadow of cement; the last one when it is the same object and the beam did not move."""
        name = (cement, beam_key(beam))
        return self._shadow(name, lambda: [cement_shadow(cement.filled, beam, cement.material)])[0]

    def room(self, shape: tuple[int, int, int]) -> Image:
        """An array for line integrals that is used again by the next who asks for this shape; its content is anything."""
        if self._room.shape != shape:
            self._room = np.empty(shape, np.float32)
        return self._room

    def _plane(self, beam: ConeBeam) -> BasePlane:
        """A kept plane that covers the beam, or a new one; of a source seen before with half as much room again."""
        found = next((plane for plane in self._planes if plane.covers(beam)), None)
        if found is None:
            again = any(plane.has_source_of(beam) for plane in self._planes)
            found = cast(self.absorber, roomy(beam) if again else beam, self.arm)
        self._planes = [found, *(plane for plane in self._planes if plane is not found)][:_PLANES]
        return found

    def _shadow(self, name: tuple[object, ...], make: Callable[[], list[Shadow]]) -> list[Shadow]:
        found = self._shadows.pop(name, None)
        if found is None:
            found = make()
        self._shadows[name] = found
        if len(self._shadows) > _SHADOWS:
            del self._shadows[next(iter(self._shadows))]
        return found


def roomy(beam: ConeBeam) -> ConeBeam:
    """The beam with a quarter of its rows and columns more on each side: holds it turned by any angle, or panned by as much."""
    column, row = beam.columns // 4, beam.rows // 4
    return beam.cropped((-column, -row), beam.rows + 2 * row, beam.columns + 2 * column)


def beam_key(beam: ConeBeam) -> bytes:
    """Equal for equal geometry."""
    ends = (beam.source_lps_mm, beam.corner_lps_mm, beam.column_step_lps_mm, beam.row_step_lps_mm)
    return b"".join(end.tobytes() for end in ends) + bytes(f"{beam.rows} {beam.columns}", "ascii")
