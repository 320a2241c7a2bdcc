"""Writes a CT series: real DICOM files of a volume nobody owns, the same bytes for the same volume and seed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedicle.model.grid import Grid
from pedicle.model.scan import Acquisition
from pedicle.model.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_DATE, _TIME = "20200101", "120000"
_INTERCEPT = -1024
_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}


def write_ct_series(volume: Volume, folder: Path, acquisition: Acquisition, seed: int) -> None:
    """Write `volume` as one CT series, a file a slice, into `folder` (made when absent).

    `volume` is in HU on an orthogonal grid of any orientation: i runs along a row, j down a column, k through the
    slices; turn it first with `turned` to write a sagittal or coronal series. Values are rounded to whole HU and held
    between -1024 and 31743. Unique identifiers are 2.25 + a hash of content and seed, dates are fixed, and the patient
    is SYNTHETIC^PHANTOM. Voxels marked outside are written as padding. Raises ValueError for a sheared grid.
    """
    axes = volume.grid.axes
    if np.abs(axes @ axes.T - np.eye(3)).max() > 1e-4:
        raise ValueError("a CT series needs an orthogonal grid")
    folder.mkdir(parents=True, exist_ok=True)
    stored = _stored(volume)
    stamp = hashlib.sha256(stored.tobytes() + volume.grid.lps_from_ijk.tobytes()).hexdigest()
    for k in range(volume.grid.shape[2]):
        dataset = _slice_dataset(volume.grid, k, acquisition, f"{stamp}/{seed}")
        if volume.outside is not None:
            dataset.PixelPaddingValue = 0
        dataset.PixelData = np.ascontiguousarray(stored[:, :, k].T).tobytes()
        dataset.save_as(folder / f"CT{k + 1:05d}.dcm", enforce_file_format=True)


def turned(volume: Volume, letters: str) -> Volume:
    """The same voxels with axes permuted and flipped so that i, j, k grow towards `letters`, e.g. "LIP" for coronal.

    Nothing is resampled. Raises ValueError when the letters do not name three different axes.
    """
    wanted = [_LETTERS[letter] for letter in letters]
    if sorted(axis for axis, _ in wanted) != [0, 1, 2]:
        raise ValueError(f"{letters} does not name three axes")
    canonical = volume.canonical()
    order = tuple(axis for axis, _ in wanted)
    flips = tuple(slice(None, None, sign) for _, sign in wanted)
    matrix = np.eye(4)
    start = [canonical.grid.shape[axis] - 1 if sign < 0 else 0 for axis, sign in wanted]
    for place, (axis, sign) in enumerate(wanted):
        matrix[:3, place] = canonical.grid.lps_from_ijk[:3, axis] * sign
    matrix[:3, 3] = canonical.grid.lps_from_index([start[order.index(axis)] for axis in range(3)])

    def turn(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array.transpose(order)[flips])

    shape = tuple(canonical.grid.shape[axis] for axis in order)
    outside = None if canonical.outside is None else turn(canonical.outside)
    return Volume(Grid((shape[0], shape[1], shape[2]), matrix), turn(canonical.values), outside)


def _stored(volume: Volume) -> NDArray[np.uint16]:
    """Stored values: HU + 1024, 16 bits unsigned; 0 is padding where the volume has an outside, else plain -1024 HU."""
    hu = np.clip(np.rint(volume.values), _INTERCEPT, 31743).astype(np.int32)
    if volume.outside is not None:
        hu = np.where(volume.outside, _INTERCEPT, np.maximum(hu, _INTERCEPT + 1))
    return np.asarray(hu - _INTERCEPT, dtype="<u2")


def uid_of(*parts: str) -> str:
    """A UID made from texts: the same for the same texts."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _slice_dataset(grid: Grid, k: int, acquisition: Acquisition, stamp: str) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(_CT_IMAGE_STORAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid_of(stamp, "slice", str(k)))
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    dataset.file_meta.ImplementationClassUID = UID(uid_of("pedicle"))
    dataset.SOPClassUID = _CT_IMAGE_STORAGE
    dataset.SOPInstanceUID = uid_of(stamp, "slice", str(k))
    _identify(dataset, stamp)
    _describe_acquisition(dataset, acquisition)
    _place(dataset, grid, k)
    dataset.SliceThickness = number_text(acquisition.slice_thickness_mm or grid.spacing_mm[2])
    _describe_pixels(dataset, grid)
    return dataset


def _identify(dataset: Dataset, stamp: str) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for word in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{word}Date", _DATE)
        setattr(dataset, f"{word}Time", _TIME)
    dataset.AccessionNumber = ""
    dataset.Manufacturer = "pedicle"
    dataset.ReferringPhysicianName = ""
    dataset.SeriesDescription = "synthetic spine"
    dataset.PatientName = "SYNTHETIC^PHANTOM"
    dataset.PatientID = "SYNTHETIC"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = uid_of(stamp, "study")
    dataset.SeriesInstanceUID = uid_of(stamp, "series")
    dataset.FrameOfReferenceUID = uid_of(stamp, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.AcquisitionNumber = 1


def _describe_acquisition(dataset: Dataset, acquisition: Acquisition) -> None:
    dataset.Modality = "CT"
    dataset.BodyPartExamined = "SPINE"
    dataset.KVP = None if acquisition.kvp is None else number_text(acquisition.kvp)
    dataset.PatientPosition = acquisition.patient_position or "HFS"
    if acquisition.kernel:
        dataset.ConvolutionKernel = acquisition.kernel.split("\\")
    if acquisition.contrast:
        dataset.ContrastBolusAgent = "IODINE"
    if acquisition.study_date:
        dataset.StudyDate = acquisition.study_date.replace("-", "")


def _place(dataset: Dataset, grid: Grid, k: int) -> None:
    row, column = grid.axes[0], grid.axes[1]
    position = grid.lps_from_index([0, 0, k])
    spacing = grid.spacing_mm
    dataset.InstanceNumber = k + 1
    dataset.ImagePositionPatient = [number_text(x) for x in position]
    dataset.ImageOrientationPatient = [number_text(x) for x in (*row, *column)]
    dataset.PixelSpacing = [number_text(spacing[1]), number_text(spacing[0])]
    dataset.SliceLocation = number_text(float(position @ np.cross(row, column)))


def _describe_pixels(dataset: Dataset, grid: Grid) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = grid.shape[1], grid.shape[0]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept = str(_INTERCEPT)
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "HU"


def number_text(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM allows; positions keep 1e-9 mm or better where they can."""
    for digits in range(15, 0, -1):
        text = f"{float(value) + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError(f"{value} does not fit a decimal string")
