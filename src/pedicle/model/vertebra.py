"""What is known of a vertebra and of the spine it belongs to. Filled by `anatomy`, read by every later step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.model.bone import Bone
from pedicle.model.frames import Pose, Side
from pedicle.model.notices import Notice
from pedicle.model.scan import Acquisition
from pedicle.model.volume import Volume

Basis = Literal["sacrum", "c2", "ribs", "given"]
Shape = Literal["none", "wedge", "biconcave", "crush"]
Cleft = Literal["none", "gas", "fluid"]
PosteriorWall = Literal["intact", "bulged", "broken"]

# Axes of a vertebra's frame, in this order: right-to-left (patient's left), front-to-back, feet-to-head. Its origin is
# the body's centroid. Named "vertebra"; anatomical words come from `Vertebra.right`, `.anterior`, `.superior`.
PART_NONE, PART_BODY, PART_POSTERIOR, PART_LEFT_PEDICLE, PART_RIGHT_PEDICLE, PART_CANAL, PART_OTHER_BONE = range(7)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and where it comes from."""

    value: float
    low: float
    high: float
    unit: str
    basis: str


@dataclass(frozen=True)
class Heights:
    """Body heights in mm at 12, 50 and 88 % of the depth from the front, mid-sagittal strip; `sigma_mm` is 1 SD."""

    anterior: float
    middle: float
    posterior: float
    sigma_mm: float


@dataclass(frozen=True)
class Fracture:
    """The shape of a body against what it should be. A shape, not an age: recent or old is not known from CT.

    Losses in percent (positive = lost) at the three stations against `reference` ("neighbours" or "norm F" ...).
    `grade_probability` is for Genant 0, 1, 2, 3. `over_20_percent`, `over_25_percent` are the two published cut-offs.
    `of_suggestion` is "" or "OF2".."OF4"; OF1 needs MRI. `of5` says in words which sign in bone asks for OF5 to be
    excluded, that none is seen, or why it was not assessed; "" for a body that is not fractured. `posterior_wall` is by shape and, on thin
    slices, by a gap in the cortex. Narrowing is of the mid-sagittal depth of the neighbours' canal.
    """

    loss_percent: tuple[float, float, float]
    reference: str
    height_loss_percent: float
    sigma_percent: float
    genant_grade: int
    grade_probability: tuple[float, float, float, float]
    shape: Shape
    over_20_percent: bool
    over_25_percent: bool
    of_suggestion: str
    cleft: Cleft | None
    posterior_wall: PosteriorWall | None
    canal_narrowing_percent: float | None
    verdict: str
    of5: str = ""


@dataclass(frozen=True, eq=False)
class Pedicle:
    """One pedicle. Lengths in mm; None = not evaluable, with the reason in words.

    `width_mm` is the least Feret diameter of the narrowest section, of the label weighed with the CT's edge where there is
    one; `label_width_mm` and `ct_width_mm` are by the label and by the CT's edge alone, `inscribed_mm` the label's largest
    circle. `axis_lps` points forward (into the body). `centre_lps_mm` is the isthmus.
    """

    side: Side
    visible: bool
    width_mm: float | None
    height_mm: float | None
    inscribed_mm: float | None
    ct_width_mm: float | None
    sigma_mm: float | None
    axis_lps: NDArray[np.float64] | None
    centre_lps_mm: NDArray[np.float64] | None
    reason: str = ""
    label_width_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Density:
    """Trabecular density of the standard region of interest; HU means and calcium hydroxyapatite equivalent.

    `usable` is False for fractured, cemented or instrumented levels: their value is shown apart, never as bone density.
    """

    mean_hu: float | None
    median_hu: float | None
    volume_ml: float
    density_mg_cm3: Estimate | None
    usable: bool
    sclerosis: bool
    reason: str = ""


@dataclass(frozen=True, eq=False)
class LocalMaps:
    """A vertebra's neighbourhood on one isotropic grid along its own axes, cut once by `anatomy`.

    `parts` (uint8) holds the PART_ codes; the canal is open space, other bone is any other labelled bone.
    `surface_mm` (float32) is the signed distance to the vertebra's own outer surface, negative inside.
    `canal_mm` (float32) is the signed distance to the canal's wall, negative inside the canal.
    """

    parts: Volume
    surface_mm: Volume
    canal_mm: Volume


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One vertebra. None = not evaluable; `warnings` say why. Lengths mm, volumes ml, points LPS.

    `lps_from_vertebra` has its origin at the body's centroid; its axes run to the patient's left, back and head.
    `complete` is False when the scan's border cuts the body, a pedicle or the arch: measured never, planned never.
    `posterior_wall_mm` is the wall's place along the frame's front-to-back axis at the mid-height; `heights_norm` and
    `width/depth` are of the body. `basis` and `confidence` say how the level was counted.
    """

    level: str
    basis: Basis
    confidence: float
    complete: bool
    centroid_lps_mm: NDArray[np.float64]
    lps_from_vertebra: Pose | None = None
    heights_mm: Heights | None = None
    body_width_mm: float | None = None
    body_depth_mm: float | None = None
    body_volume_ml: float | None = None
    wedge_deg: float | None = None
    canal_depth_mm: float | None = None
    posterior_wall_mm: float | None = None
    anterior_wall_mm: float | None = None
    fracture: Fracture | None = None
    density: Density | None = None
    pedicles: dict[str, Pedicle] | None = None
    cemented: bool = False
    metal: bool = False
    suspicious: tuple[str, ...] = ()
    maps: LocalMaps | None = None
    bone: Bone | None = None
    warnings: tuple[Notice, ...] = ()

    def _axis(self, index: int) -> NDArray[np.float64]:
        if self.lps_from_vertebra is None:
            raise ValueError(f"{self.level} has no frame: see its warnings")
        return self.lps_from_vertebra.axis(index)

    @property
    def right(self) -> NDArray[np.float64]:
        """Unit direction to the patient's right."""
        return -self._axis(0)

    @property
    def anterior(self) -> NDArray[np.float64]:
        """Unit direction to the front."""
        return -self._axis(1)

    @property
    def superior(self) -> NDArray[np.float64]:
        """Unit direction to the head."""
        return self._axis(2)


@dataclass(frozen=True, eq=False)
class Spine:
    """The vertebrae of a scan from the head down, the labels they were cut from, and the patient's own density.

    `density` is from unfractured, uncemented, complete lumbar and lower thoracic levels only. `kyphosis_deg` maps pairs
    such as "T11-L1" to angles. `not_evaluable` counts and explains what could not be measured.
    """

    vertebrae: tuple[Vertebra, ...]
    labels: Volume
    acquisition: Acquisition
    coverage: str
    density: Estimate | None = None
    kyphosis_deg: dict[str, float] | None = None
    structures: dict[str, Volume] | None = None
    not_evaluable: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def __getitem__(self, level: str) -> Vertebra:
        for vertebra in self.vertebrae:
            if vertebra.level == level:
                return vertebra
        raise KeyError(level)

    @property
    def levels(self) -> list[str]:
        """Level names from the head down."""
        return [vertebra.level for vertebra in self.vertebrae]
