"""A picture as DICOM X-Ray Angiographic Image. Angles in it are the patient's, whatever the patient's position."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pedicle.io.dicom.write import number_text, uid_of
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.frames import SUPERIOR, angle_deg
from pedicle.model.orientation import edge_letters, is_mirrored
from pedicle.model.shot import Shot
from pedicle.model.table import TablePosition

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

XA_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
# A detector whose middle lies further than this from the central ray is no XA geometry.
_CENTRED_MM = 1e-3
_UPRIGHT_DEG = 1e-3


def xa_bytes(shot: Shot, isocentre_lps_mm: ArrayLike, position: TablePosition, study: str = "") -> bytes:
    """The picture of a shot as an XA file (Part 10), of a synthetic patient, the same bytes for the same shot.

    `isocentre_lps_mm` lies on the central ray; it gives Distance Source to Patient and is not in the file: XA has no
    place for it. UIDs come from the content; files of one `study` text share its study. ValueError when the detector is not square to the central ray about its middle,
    or the head is not at the top (a mirrored picture is written as Field of View Horizontal Flip YES).
    """
    dataset = _described(shot, np.asarray(isocentre_lps_mm, dtype=np.float64), position)
    if study:
        dataset.StudyInstanceUID = uid_of(study, "study")
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _described(shot: Shot, isocentre: NDArray[np.float64], position: str) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    beam = shot.beam
    _check(beam)
    stamp = hashlib.sha256(shot.picture.tobytes() + beam.matrix.tobytes() + position.encode()).hexdigest()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(XA_STORAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid_of(stamp, "xa"))
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    dataset.file_meta.ImplementationClassUID = UID(uid_of("pedicle"))
    dataset.SOPClassUID, dataset.SOPInstanceUID = XA_STORAGE, uid_of(stamp, "xa")
    _identify(dataset, stamp)
    _place(dataset, shot, isocentre, position)
    _expose(dataset, shot)
    _fill(dataset, shot)
    return dataset


def _check(beam: ConeBeam) -> None:
    middle = beam.pixel_lps_mm([0.5 * (beam.columns - 1), 0.5 * (beam.rows - 1)])
    off = middle - beam.source_lps_mm
    off = off - (off @ beam.normal_lps) * beam.normal_lps
    if np.linalg.norm(off) > _CENTRED_MM:
        raise ValueError("the central ray does not meet the detector's middle: XA cannot say so")
    upright = ConeBeam.aimed(arm_of(beam), [0.0, 0.0, 0.0], beam.normal_lps, SUPERIOR)
    if angle_deg(upright.row_step_lps_mm, beam.row_step_lps_mm) > _UPRIGHT_DEG:
        raise ValueError("the head is not at the top: XA cannot say so")


def arm_of(beam: ConeBeam) -> CArm:
    """The C-arm of a beam, its isocentre half way; for its distances and pixels."""
    distance = beam.source_to_detector_mm
    return CArm(distance, distance / 2, beam.pixel_mm[0], beam.rows, beam.columns)


def _identify(dataset: Dataset, stamp: str) -> None:
    for word in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{word}Date", "20000101")
        setattr(dataset, f"{word}Time", "000000")
    dataset.ImageType = ["DERIVED", "PRIMARY", "SINGLE PLANE"]
    dataset.DerivationDescription = "computed from a CT"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "", ""
    dataset.Modality, dataset.Manufacturer = "XA", "pedicle"
    dataset.PatientName, dataset.PatientID = "SYNTHETIC^PHANTOM", "SYNTHETIC"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid_of(stamp, "study"), uid_of(stamp, "series")
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = "1", 1, 1, 1
    dataset.SeriesDescription = "simulated fluoroscopy"
    dataset.ContentDescription = "RESEARCH ONLY: simulated, not for diagnosis or treatment"
    dataset.ImageComments = "Simulated from a CT by research and training software. Not a medical device."
    dataset.BodyPartExamined = "SPINE"


def _place(dataset: Dataset, shot: Shot, isocentre: NDArray[np.float64], position: str) -> None:
    beam, view = shot.beam, View.towards(shot.view.name, shot.beam.normal_lps)
    to_isocentre = float((isocentre - beam.source_lps_mm) @ beam.normal_lps)
    dataset.PatientPosition = position
    dataset.PositionerMotion = "STATIC"
    dataset.PositionerPrimaryAngle = number_text(view.dicom_primary_deg)
    dataset.PositionerSecondaryAngle = number_text(view.dicom_secondary_deg)
    dataset.DistanceSourceToDetector = number_text(beam.source_to_detector_mm)
    dataset.DistanceSourceToPatient = number_text(to_isocentre)
    dataset.EstimatedRadiographicMagnificationFactor = number_text(beam.source_to_detector_mm / to_isocentre)
    column, row = beam.pixel_mm
    dataset.ImagerPixelSpacing = [number_text(row), number_text(column)]
    edges = edge_letters(beam)
    dataset.PatientOrientation = [edges["right"], edges["bottom"]]
    dataset.FieldOfViewShape, dataset.FieldOfViewRotation = "RECTANGLE", "0"
    dataset.FieldOfViewHorizontalFlip = "YES" if is_mirrored(beam) else "NO"


def _expose(dataset: Dataset, shot: Shot) -> None:
    technique = shot.technique
    dataset.KVP = number_text(technique.kvp)
    dataset.RadiationSetting, dataset.RadiationMode = "SC", "PULSED"
    dataset.XRayTubeCurrent, dataset.ExposureTime, dataset.Exposure = None, None, None
    dataset.ExposureInuAs = round(1000.0 * technique.mas_per_pulse)
    # dGy cm2, as DICOM has it.
    dataset.ImageAndFluoroscopyAreaDoseProduct = number_text(10.0 * shot.dose.kap_gy_cm2)


def _fill(dataset: Dataset, shot: Shot) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = shot.picture.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelIntensityRelationship = "DISP"
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    data = np.ascontiguousarray(shot.picture).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"
