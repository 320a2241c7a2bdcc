"""Makes small DICOM CT series of a known scene, in any geometry, so that every bad and good variant has a truth.

The scene is a tissue cylinder in air with one bright marker beside the middle. It is sampled at the planes asked for, so
a tilted, coronal or prone series shows the same scene by construction, not by resampling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

CENTRE_MM = np.array([4.0, -6.0, 131.0])
MARKER_MM = CENTRE_MM + [11.0, -8.0, 7.0]
TISSUE_MM = CENTRE_MM + [-16.0, 12.0, -10.0]
GAS_MM = CENTRE_MM
TISSUE_HU, AIR_HU, MARKER_HU, GAS_HU = 40.0, -1000.0, 900.0, -1000.0
_BODY_RADIUS_MM, _MARKER_RADIUS_MM, _GAS_RADIUS_MM = 36.0, 5.0, 7.0
CT = "1.2.840.10008.5.1.4.1.1.2"
COUNT = 26
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
Vector = np.ndarray[Any, Any]


def scene(points_mm: Vector, noise: Vector) -> Vector:
    """HU at LPS points (..., 3): cylinder of 40 HU along z in air, a gas bubble at its centre, a 900 HU marker with soft edge."""
    offset = points_mm - CENTRE_MM
    hu = np.where(np.hypot(offset[..., 0], offset[..., 1]) < _BODY_RADIUS_MM, TISSUE_HU, AIR_HU)
    hu = np.where(np.linalg.norm(offset, axis=-1) < _GAS_RADIUS_MM, GAS_HU, hu)
    distance = np.linalg.norm(points_mm - MARKER_MM, axis=-1)
    share = np.clip((_MARKER_RADIUS_MM + 1.5 - distance) / 3.0, 0.0, 1.0)
    return np.rint(hu + share * (MARKER_HU - TISSUE_HU) + noise)


@dataclass
class Plan:
    """Geometry of a series: positions of the slices' first pixels, direction cosines, spacing (row, column), matrix."""

    count: int = COUNT
    step_mm: float = 2.0
    cosines: tuple[float, ...] = AXIAL
    spacing_mm: tuple[float, float] = (1.9, 1.5)
    rows: int = 48
    columns: int = 64
    along_mm: list[float] | None = None
    lean: tuple[float, float] = (0.0, 0.0)
    patient_position: str = "HFS"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def axes(self) -> Vector:
        """Row, column and normal directions, one a row."""
        row, column = np.array(self.cosines[:3]), np.array(self.cosines[3:])
        return np.stack([row, column, np.cross(row, column)])

    def positions(self) -> list[Vector]:
        """First pixel of each slice; the stack is centred on the scene, and leans by `lean` mm per mm along the normal."""
        row, column, normal = self.axes
        along = np.array(self.along_mm or [k * self.step_mm for k in range(self.count)])
        along = along - (along[0] + along[-1]) / 2
        corner = CENTRE_MM - row * (self.columns - 1) / 2 * self.spacing_mm[1]
        corner = corner - column * (self.rows - 1) / 2 * self.spacing_mm[0]
        return [corner + t * (normal + self.lean[0] * row + self.lean[1] * column) for t in along]


def series(plan: Plan | None = None, seed: int = 0) -> list[Dataset]:
    """One dataset a slice, along the normal, uncompressed signed 16 bits with intercept 0."""
    plan = plan or Plan()
    generator = np.random.default_rng(seed)
    row, column, _ = plan.axes
    i, j = np.meshgrid(np.arange(plan.columns), np.arange(plan.rows))
    datasets = []
    for k, position in enumerate(plan.positions()):
        points = position + i[..., None] * row * plan.spacing_mm[1] + j[..., None] * column * plan.spacing_mm[0]
        hu = scene(points, generator.normal(0.0, 6.0, i.shape))
        dataset = header(plan, k, position, seed)
        dataset.PixelData = hu.astype("<i2").tobytes()
        datasets.append(dataset)
    return datasets


def header(plan: Plan, k: int, position: Vector, seed: int) -> Dataset:
    """The header of one slice; `plan.extra` sets or (None) deletes elements of every slice."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, f"2.25.{1000 * (seed + 1) + k}"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = f"2.25.{70 + seed}", "2.25.60"
    dataset.FrameOfReferenceUID = "2.25.50"
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "P1", "TEST^ONE", "19500101"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.StudyDate, dataset.AcquisitionNumber, dataset.InstanceNumber = "20240229", 1, k + 1
    dataset.KVP, dataset.ConvolutionKernel, dataset.PatientPosition = "120", "B30f", plan.patient_position
    dataset.SliceThickness = decimal(plan.step_mm)
    dataset.ImagePositionPatient = [decimal(x) for x in position]
    dataset.ImageOrientationPatient = [decimal(c) for c in plan.cosines]
    dataset.PixelSpacing = [decimal(s) for s in plan.spacing_mm]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = plan.rows, plan.columns, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
    for keyword, value in plan.extra.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def decimal(value: float) -> str:
    """A DICOM decimal string."""
    return f"{float(value) + 0.0:.10g}"[:16]


def stored(dataset: Dataset) -> Vector:
    """The slice's stored values (rows, columns), int16."""
    return np.frombuffer(dataset.PixelData, "<i2").reshape(dataset.Rows, dataset.Columns).copy()


def write(
    datasets: list[Dataset], folder: Path, names: list[str] | None = None, syntax: UID = ExplicitVRLittleEndian
) -> list[Path]:
    """Write one file a dataset; returns the paths in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for n, dataset in enumerate(datasets):
        path = folder / (names[n] if names else f"I{n:04d}.dcm")
        save(dataset, path, syntax)
        paths.append(path)
    return paths


def save(dataset: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> None:
    """Write a dataset as a DICOM file in a transfer syntax; its pixels must already be encoded for it."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CT)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "2.25.1")
    dataset.file_meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == ExplicitVRBigEndian and dataset.BitsAllocated == 16:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset.save_as(path, enforce_file_format=True)
