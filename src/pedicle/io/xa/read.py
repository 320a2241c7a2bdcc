"""DICOM XA and Enhanced XA read: the picture and the C-arm's pose in the patient, about a stated isocentre.

XA gives angles about the patient. Enhanced XA may give angles in the equipment's isocentre system, which become the
patient's by how the patient lies. A letter of the file is compared with the beam's own directions and never used.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import SUPERIOR, angle_deg
from pedicle.model.notices import Notice
from pedicle.model.orientation import edge_letters, mirrored
from pedicle.model.table import POSITIONS, lps_from_table, positioner_axes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

XA_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
ENHANCED_XA_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1.1"
# Angles of one view in the patient's and in the equipment's frame agree within this, or the file contradicts itself.
_AGREE_DEG = 1.0
_LEVEL_DEG = 0.5
# SNOMED CT codes of how a patient lies (PS3.16 CID 19, 20, 21) and, before 2018, their SNOMED RT numbers.
_LYING = {"1240000": "P", "F-10310": "P", "40199007": "S", "F-10340": "S"}
_FIRST = {"102540001": "HF", "F-10470": "HF", "102541002": "FF", "F-10480": "FF"}


@dataclass(frozen=True, eq=False)
class XaImage:
    """A picture as read, (rows, columns) uint8 or uint16, with its view, geometry and the patient's position."""

    view: View
    beam: ConeBeam
    pixels: NDArray[Any]
    position: str
    warnings: tuple[Notice, ...] = ()


def read_xa(source: Path | bytes, isocentre_lps_mm: ArrayLike = (0.0, 0.0, 0.0), frame: int = 0) -> XaImage:
    """One frame of an XA or Enhanced XA file; the isocentre is where the caller knows it to be in the patient.

    InputError 720 not an XA image, 721 a distance, spacing or angle missing or impossible, 722 a table that is tilted,
    723 a file that contradicts itself. A picture of another orientation than its angles say is told by a warning.
    """
    dataset = _parsed(source)
    kind = str(dataset.get("SOPClassUID", ""))
    if kind not in (XA_STORAGE, ENHANCED_XA_STORAGE):
        raise _wrong(
            720, f"SOP class {kind or 'missing'}", "XA or Enhanced XA image", "give an X-ray angiographic image"
        )
    facts = _classic(dataset, frame) if kind == XA_STORAGE else _enhanced(dataset, frame)
    beam = facts.beam(np.asarray(isocentre_lps_mm, dtype=np.float64))
    pixels = _pixels(dataset, frame)
    if pixels.shape != (beam.rows, beam.columns):
        raise _wrong(
            720, f"pixels of shape {pixels.shape}", f"{beam.rows} x {beam.columns}", "give a single grey picture"
        )
    return XaImage(View.towards("as read", facts.detector_lps), beam, pixels, facts.position, _letters(dataset, beam))


@dataclass(frozen=True, eq=False)
class _Facts:
    """What both kinds of file come down to: the C-arm, where its detector is, what is up in the picture, a flip."""

    arm: CArm
    detector_lps: NDArray[np.float64]
    up_lps: NDArray[np.float64]
    flipped: bool
    position: str

    def beam(self, isocentre: NDArray[np.float64]) -> ConeBeam:
        found = ConeBeam.aimed(self.arm, isocentre, self.detector_lps, self.up_lps)
        return mirrored(found) if self.flipped else found


def _classic(dataset: Dataset, frame: int) -> _Facts:
    if frame or _number(dataset, "NumberOfFrames", 1.0) != 1.0:
        raise _wrong(720, "several frames in an XA image", "one frame", "export single frames, or Enhanced XA")
    view = View.from_dicom_angles(
        "as read", _number(dataset, "PositionerPrimaryAngle"), _number(dataset, "PositionerSecondaryAngle")
    )
    arm = _arm(dataset, dataset, _number(dataset, "DistanceSourceToPatient"))
    return _Facts(arm, view.detector_lps, SUPERIOR, _flip(dataset), str(dataset.get("PatientPosition", "")))


def _enhanced(dataset: Dataset, frame: int) -> _Facts:
    geometry = _group(dataset, frame, "XRayGeometrySequence")
    fov = _group(dataset, frame, "FieldOfViewSequence", needed=False)
    spacing = _group(dataset, frame, "FramePixelDataPropertiesSequence")
    arm = _arm(dataset, _joined(geometry, spacing), _number(geometry, "DistanceSourceToIsocenter"))
    position = _position(dataset)
    patient = _group(dataset, frame, "PositionerPositionSequence", needed=False)
    equipment = _group(dataset, frame, "IsocenterReferenceSystemSequence", needed=False)
    if equipment is None:
        if patient is None:
            raise _wrong(721, "no angles", "positioner or isocentre angles", "export the positioner's position")
        detector, up = _by_patient(patient), SUPERIOR
    else:
        detector, up = _by_equipment(equipment, position)
    if equipment is not None and patient is not None and angle_deg(detector, _by_patient(patient)) > _AGREE_DEG:
        apart = angle_deg(detector, _by_patient(patient))
        raise _wrong(
            723, f"patient and equipment angles are {apart:.1f} deg apart for {position}", f"{_AGREE_DEG:g} deg",
            "correct the patient position in the file",
        )  # fmt: skip
    return _Facts(arm, detector, up, fov is not None and _flip(fov), position)


def _by_patient(group: Dataset) -> NDArray[np.float64]:
    primary, secondary = _number(group, "PositionerPrimaryAngle"), _number(group, "PositionerSecondaryAngle")
    return View.from_dicom_angles("as read", primary, secondary).detector_lps


def _by_equipment(group: Dataset, position: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Detector and up of the picture in the patient, from the isocentre system's angles."""
    for name in ("TableHeadTiltAngle", "TableCradleTiltAngle"):
        if abs(_number(group, name, 0.0)) > _LEVEL_DEG:
            raise _wrong(
                722, f"{name} {_number(group, name):g} deg", "a level table", "only a level table is understood"
            )
    axes = positioner_axes(
        _number(group, "PositionerIsocenterPrimaryAngle"),
        _number(group, "PositionerIsocenterSecondaryAngle"),
        _number(group, "PositionerIsocenterDetectorRotationAngle", 0.0),
    )
    lps = lps_from_table(position, _number(group, "TableHorizontalRotationAngle", 0.0))
    return lps.turn(-axes[1]), lps.turn(axes[2])


def _position(dataset: Dataset) -> str:
    """DICOM's word for how the patient lies, from the word itself or from the coded sequences."""
    word = str(dataset.get("PatientPosition", ""))
    if word in POSITIONS:
        return word
    lying = _code(dataset, "PatientOrientationCodeSequence", "PatientOrientationModifierCodeSequence")
    first = _code(dataset, "PatientGantryRelationshipCodeSequence")
    found = _FIRST.get(first, "") + _LYING.get(lying, "")
    if found not in POSITIONS:
        raise _wrong(721, "how the patient lies is not stated", "patient position", "export Patient Position")
    return found


def _code(dataset: Dataset, name: str, inner: str | None = None) -> str:
    items = dataset.get(name) or []
    if inner is not None:
        items = (items[0].get(inner) if items else None) or []
    return str(items[0].get("CodeValue", "")) if items else ""


def _group(dataset: Dataset, frame: int, name: str, needed: bool = True) -> Any:
    """The one item of a functional group, of the frame or shared by all."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if frames and frame >= len(frames):
        raise _wrong(720, f"frame {frame} of {len(frames)}", "a frame of the file", "choose another frame")
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for groups in (*frames[frame : frame + 1], *shared[:1]):
        if groups.get(name):
            return groups[name][0]
    if needed:
        raise _wrong(721, f"no {name}", "the geometry of the picture", "export the geometry")
    return None


def _joined(first: Dataset, second: Dataset) -> Dataset:
    from pydicom.dataset import Dataset as Empty

    found = Empty()
    found.update(first)
    found.update(second)
    return found


def _arm(dataset: Dataset, facts: Dataset, to_isocentre_mm: float) -> CArm:
    spacing = [float(value) for value in facts.get("ImagerPixelSpacing") or dataset.get("ImagerPixelSpacing") or ()]
    to_detector = _number(facts, "DistanceSourceToDetector")
    if len(spacing) != 2 or min(spacing) <= 0 or abs(spacing[0] - spacing[1]) > 1e-6 * spacing[0]:
        raise _wrong(721, f"imager pixel spacing {spacing}", "square pixels in mm", "export square pixels")
    if not 0 < to_isocentre_mm < to_detector:
        found = f"source to isocentre {to_isocentre_mm:g}, to detector {to_detector:g} mm"
        raise _wrong(721, found, "0 < isocentre < detector", "export both distances")
    return CArm(to_detector, to_isocentre_mm, spacing[0], int(dataset.Rows), int(dataset.Columns))


def _flip(dataset: Dataset) -> bool:
    if abs(_number(dataset, "FieldOfViewRotation", 0.0)) > _LEVEL_DEG:
        raise _wrong(721, "a turned field of view", "rotation 0", "export it upright")
    return str(dataset.get("FieldOfViewHorizontalFlip", "NO")) == "YES"


def _letters(dataset: Dataset, beam: ConeBeam) -> tuple[Notice, ...]:
    """A warning when the file's own letters disagree with the beam."""
    stated = dataset.get("PatientOrientation")
    if not isinstance(stated, Sequence) or isinstance(stated, str) or len(stated) != 2:
        return ()
    edges = edge_letters(beam)
    told = (str(stated[0]), str(stated[1]))
    if told[0][:1] in edges["right"] and told[1][:1] in edges["bottom"]:
        return ()
    text = (
        f"the file says {told[0]}\\{told[1]}, its angles say {edges['right']}\\{edges['bottom']}: the angles are used"
    )
    return (Notice("xa-letters", "picture", text, "danger"),)


def _number(dataset: Dataset, name: str, missing: float | None = None) -> float:
    value = dataset.get(name)
    if value is None or value == "":
        if missing is None:
            raise _wrong(721, f"no {name}", "the geometry of the picture", "export the geometry")
        return missing
    found = float(value)
    if not np.isfinite(found):
        raise _wrong(721, f"{name} {found}", "a number", "export the geometry again")
    return found


def _pixels(dataset: Dataset, frame: int) -> NDArray[Any]:
    try:
        pixels = np.asarray(dataset.pixel_array)
    except Exception as error:
        raise _wrong(720, "pixel data cannot be decoded", "a readable picture", "export it uncompressed") from error
    return pixels[frame] if pixels.ndim == 3 else pixels


def _parsed(source: Path | bytes) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(io.BytesIO(source) if isinstance(source, bytes) else source)
    except (InvalidDicomError, OSError) as error:
        raise _wrong(720, "not a DICOM file", "XA or Enhanced XA image", "give an X-ray angiographic image") from error


def _wrong(code: int, found: str, limit: str, fix: str) -> InputError:
    return InputError(code, "XA image", found, limit, fix)
