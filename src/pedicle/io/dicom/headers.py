"""What the reader needs of an image's header, as plain values; patient identity becomes a hash at once."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pedicle.io.dicom.files import FoundFile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_CLASSES = {"1.2.840.10008.5.1.4.1.1.2"}
MULTI_FRAME_CLASSES = {"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"}
Numbers = tuple[float, ...]
_PATIENT = ("PatientID", "PatientName", "PatientBirthDate")
_CONE_BEAM = (
    "CBCT", "CONE BEAM", "CONE-BEAM", "DYNACT", "XPERCT", "INNOVACT", "O-ARM", "3DRX", "ORTHOPHOS", "GALILEOS", "NEWTOM",
    "I-CAT", "ICAT", "PROMAX", "ACCUITOMO", "PAX-", "CS 9", "SCANORA", "ZIEHM", "CIOS SPIN", "ARCADIS",
)  # fmt: skip


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of one frame are stored, and how they become HU; None where the header does not say."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    syntax: str
    slope: float | None
    intercept: float | None
    rescale_type: str
    padding: int | None
    padding_limit: int | None
    lossy: bool


@dataclass(frozen=True)
class Place:
    """Where a frame lies in the patient: LPS mm; None where absent, NaN inside where unreadable."""

    spacing: Numbers | None
    position: Numbers | None
    orientation: Numbers | None
    patient_orientation: tuple[str, ...]
    tilt_deg: float | None
    thickness_mm: float | None
    between_mm: float | None


@dataclass(frozen=True)
class Making:
    """How a frame was made: the facts by which recons and phases of one series are told apart."""

    image_type: tuple[str, ...]
    kernel: str
    kvp: float | None
    acquisition: str
    phase: str
    acquired_at: str
    made_at: str
    contrast: bool | None
    patient_position: str
    study_date: str
    cone_beam: bool


@dataclass(frozen=True)
class Frame:
    """One image plane of one file. `identity` holds hashes of patient, study and frame of reference."""

    file: FoundFile
    number: int
    sop_uid: str
    series_uid: str
    identity: tuple[str, str, str] = field(repr=False)
    patient_number: str = field(repr=False)
    pixels: PixelFormat
    place: Place
    making: Making

    @property
    def name(self) -> str:
        """File name and, in a multi-frame file, the frame from 1."""
        return self.file.name if self.pixels.frames == 1 else f"{self.file.name} frame {self.number + 1}"


def frame_of(file: FoundFile, dataset: Dataset) -> Frame:
    """The single frame of a classic CT image."""
    return Frame(
        file=file,
        number=0,
        sop_uid=instance_uid(dataset),
        series_uid=uid(dataset, "SeriesInstanceUID"),
        identity=identity_of(dataset),
        patient_number=hash_of(dataset, "PatientID"),
        pixels=pixel_format(dataset, dataset),
        place=place_of(dataset, dataset, dataset, dataset),
        making=making_of(dataset, words(dataset, "ImageType")),
    )


def class_uid(dataset: Any) -> str:
    """The kind of object; some anonymizers blank it in the data set and leave it in the file's meta group."""
    return uid(dataset, "SOPClassUID") or uid(getattr(dataset, "file_meta", {}), "MediaStorageSOPClassUID")


def instance_uid(dataset: Any) -> str:
    """The image's own UID, from the data set or the file's meta group."""
    return uid(dataset, "SOPInstanceUID") or uid(getattr(dataset, "file_meta", {}), "MediaStorageSOPInstanceUID")


def identity_of(dataset: Dataset) -> tuple[str, str, str]:
    """Hashes of patient (number, name, birth date), study and frame of reference; "" where all of it is empty."""
    patient = b"\0".join(_raw(dataset, keyword).strip(b" \0^") for keyword in _PATIENT)
    return _hash(patient), hash_of(dataset, "StudyInstanceUID"), hash_of(dataset, "FrameOfReferenceUID")


def hash_of(dataset: Dataset, keyword: str) -> str:
    """Hash of one element; "" where it is absent or empty."""
    return _hash(_raw(dataset, keyword))


def _raw(dataset: Dataset, keyword: str) -> bytes:
    """Bytes of an element as stored, so that no character set has to be understood."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return b""
    value: Any = dataset.get_item(tag).value
    found = value if isinstance(value, bytes) else str("" if value is None else value).encode("utf-8", "replace")
    return found.strip(b" \0")


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest() if value.strip(b"\0 ") else ""


def pixel_format(dataset: Dataset, rescale: Dataset) -> PixelFormat:
    """Pixel description of the data set; `rescale` holds slope and intercept (a functional group in multi-frame)."""
    allocated = integer(dataset, "BitsAllocated", 0)
    stored = integer(dataset, "BitsStored", allocated)
    return PixelFormat(
        rows=integer(dataset, "Rows", 0),
        columns=integer(dataset, "Columns", 0),
        frames=max(integer(dataset, "NumberOfFrames", 1), 1),
        samples=integer(dataset, "SamplesPerPixel", 1),
        photometric=text(dataset, "PhotometricInterpretation").upper(),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=integer(dataset, "HighBit", stored - 1),
        signed=integer(dataset, "PixelRepresentation", 0) == 1,
        syntax=uid(getattr(dataset, "file_meta", {}), "TransferSyntaxUID"),
        slope=number(rescale, "RescaleSlope"),
        intercept=number(rescale, "RescaleIntercept"),
        rescale_type=text(rescale, "RescaleType").upper(),
        padding=_stored_number(dataset, "PixelPaddingValue"),
        padding_limit=_stored_number(dataset, "PixelPaddingRangeLimit"),
        lossy=text(dataset, "LossyImageCompression") == "01",
    )


def place_of(dataset: Dataset, measures: Dataset, position: Dataset, orientation: Dataset) -> Place:
    """Place of a frame from the data sets that hold its parts (all the same one in a classic image)."""
    return Place(
        spacing=numbers(measures, "PixelSpacing", 2),
        position=numbers(position, "ImagePositionPatient", 3),
        orientation=numbers(orientation, "ImageOrientationPatient", 6),
        patient_orientation=words(dataset, "PatientOrientation"),
        tilt_deg=number(dataset, "GantryDetectorTilt"),
        thickness_mm=number(measures, "SliceThickness"),
        between_mm=number(measures, "SpacingBetweenSlices"),
    )


def making_of(dataset: Dataset, image_type: tuple[str, ...], phase: str = "") -> Making:
    """How the image was made, from the top level of its header."""
    agent = "ContrastBolusAgent" in dataset or "ContrastBolusAgentSequence" in dataset
    named = bool(text(dataset, "ContrastBolusAgent")) or "ContrastBolusAgentSequence" in dataset
    kernel = "\\".join(words(dataset, "ConvolutionKernel", upper=False))
    return Making(
        image_type=image_type,
        kernel=plain(kernel),
        kvp=number(dataset, "KVP"),
        acquisition=text(dataset, "AcquisitionNumber"),
        phase=phase or text(dataset, "TemporalPositionIdentifier"),
        acquired_at=text(dataset, "AcquisitionTime"),
        made_at=text(dataset, "ContentTime"),
        contrast=named if agent else None,
        patient_position=text(dataset, "PatientPosition").upper(),
        study_date=text(dataset, "StudyDate"),
        cone_beam=_is_cone_beam(dataset, image_type),
    )


def _is_cone_beam(dataset: Dataset, image_type: tuple[str, ...]) -> bool:
    told = (text(dataset, key).upper() for key in ("ManufacturerModelName", "SeriesDescription", "ProtocolName"))
    return any(mark in line for line in (*told, " ".join(image_type)) for mark in _CONE_BEAM)


def plain(value: str) -> str:
    """Text that may be stored: printable ASCII without markup, at most 64 characters."""
    return "".join(c for c in value if c.isascii() and c.isprintable() and c not in "<>&\"'`")[:64]


def text(dataset: Any, keyword: str) -> str:
    """An element as stripped text, "" where absent."""
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def uid(dataset: Any, keyword: str) -> str:
    """A UID, every other character shown as "?"."""
    return "".join(c if c in "0123456789." else "?" for c in text(dataset, keyword))[:64]


def words(dataset: Dataset, keyword: str, upper: bool = True) -> tuple[str, ...]:
    """A multi-valued text element."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    parts = [value] if isinstance(value, str) else list(value)
    return tuple(str(part).strip().upper() if upper else str(part).strip() for part in parts)


def number(dataset: Any, keyword: str) -> float | None:
    """A number; None where absent or empty, NaN where it cannot be read."""
    try:
        value = dataset.get(keyword)
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def integer(dataset: Any, keyword: str, default: int) -> int:
    """A whole number; the default where absent, -1 where it cannot be read."""
    value = number(dataset, keyword)
    if value is None:
        return default
    return int(value) if math.isfinite(value) else -1


def numbers(dataset: Any, keyword: str, count: int) -> Numbers | None:
    """Exactly `count` numbers; None where absent or empty, NaN for each where they cannot be read or are not so many."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return None
        found = tuple(float(part) for part in value)
    except (TypeError, ValueError, OverflowError):
        return (math.nan,) * count
    return found if len(found) == count else (math.nan,) * count


def _stored_number(dataset: Dataset, keyword: str) -> int | None:
    """A value in the pixels' own encoding; the bytes are read as they stand where pydicom could not tell the sign."""
    value = dataset.get(keyword)
    if isinstance(value, bytes) and len(value) >= 2:
        return int.from_bytes(value[:2], "little")
    return int(value) if isinstance(value, int | float) else None
