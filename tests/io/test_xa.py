"""XA written and read back, Enhanced XA read: the same pose in the patient, whatever the patient's position."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from pedicle.io.xa.read import read_xa
from pedicle.io.xa.write import xa_bytes
from pedicle.model.carm import View
from pedicle.model.conebeam import CArm, ConeBeam
from pedicle.model.errors import InputError
from pedicle.model.frames import SUPERIOR, angle_deg
from pedicle.model.orientation import edge_words, mirrored, word
from pedicle.model.shot import Dose, Shot, Technique

ISOCENTRE = np.array([12.3, 31.7, -204.9])
ARM = CArm(968.0, 560.3, 0.5859375, 96, 128)
POSES = [(153.07, 3.0), (-160.0, -12.5), (0.0, 0.0), (90.0, -1.25), (180.0, 0.0), (-88.0, 40.0)]


def shot_of(primary: float, secondary: float, flip: bool = False) -> Shot:
    view = View.from_dicom_angles("bull's-eye left", primary, secondary)
    beam = ConeBeam.aimed(ARM, ISOCENTRE, view.detector_lps, SUPERIOR)
    picture = np.random.default_rng(3).integers(0, 256, (ARM.rows, ARM.columns)).astype(np.uint8)
    if flip:
        beam, picture = mirrored(beam), picture[:, ::-1]
    signal = picture.astype(np.float32) / 255
    technique = Technique(80.0, 3.0, 0.1, 0.05, 7.5)
    return Shot(view, beam, technique, signal, picture, Dose(0.0123, 0.4, 0.13, 1), "L1")


def assert_same_pose(found: ConeBeam, wanted: ConeBeam) -> None:
    """0.01 mm and 0.01 deg: a decimal string of DICOM has 16 characters, so it is far better."""
    for name in ("source_lps_mm", "corner_lps_mm"):
        assert np.abs(getattr(found, name) - getattr(wanted, name)).max() < 0.01, name
    assert angle_deg(found.column_step_lps_mm, wanted.column_step_lps_mm) < 0.01
    assert angle_deg(found.row_step_lps_mm, wanted.row_step_lps_mm) < 0.01
    assert found.pixel_mm == pytest.approx(wanted.pixel_mm, abs=1e-6)
    assert (found.rows, found.columns) == (wanted.rows, wanted.columns)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("pose", POSES)
def test_written_and_read_back_it_is_the_same_pose_and_picture(pose, flip):
    shot = shot_of(*pose, flip=flip)
    found = read_xa(xa_bytes(shot, ISOCENTRE, "HFP"), ISOCENTRE)
    assert_same_pose(found.beam, shot.beam)
    np.testing.assert_array_equal(found.pixels, shot.picture)
    assert edge_words(found.beam) == edge_words(shot.beam)
    assert angle_deg(found.view.detector_lps, shot.view.detector_lps) < 0.01
    assert found.warnings == ()


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP"])
def test_the_angles_of_a_plain_xa_are_the_patients_in_every_position(position):
    """PS3.3 C.8.7.5.1.2: about the patient. Over the back, 25 deg to the patient's left is +155 however the patient lies."""
    shot = shot_of(155.0, 0.0)
    content = xa_bytes(shot, ISOCENTRE, position)
    file = dcmread(io.BytesIO(content))
    assert float(file.PositionerPrimaryAngle) == pytest.approx(155.0, abs=1e-9)
    assert file.PatientPosition == position
    assert_same_pose(read_xa(content, ISOCENTRE).beam, shot.beam)


def test_what_stands_in_the_file():
    shot = shot_of(155.0, 8.0)
    file = dcmread(io.BytesIO(xa_bytes(shot, ISOCENTRE, "HFP")))
    assert file.SOPClassUID == "1.2.840.10008.5.1.4.1.1.12.1"
    assert float(file[0x0018, 0x1110].value) == pytest.approx(968.0)
    assert float(file[0x0018, 0x1111].value) == pytest.approx(560.3)
    assert [float(v) for v in file[0x0018, 0x1164].value] == pytest.approx([0.5859375, 0.5859375])
    # Seen from the back: columns run to the patient's right, rows to the feet.
    assert [letters[0] for letters in file.PatientOrientation] == ["R", "F"]
    assert "RESEARCH ONLY" in file.ContentDescription
    assert (str(file.PatientName), file.PatientID) == ("SYNTHETIC^PHANTOM", "SYNTHETIC")
    assert float(file.ImageAndFluoroscopyAreaDoseProduct) == pytest.approx(0.123)  # dGy cm2


def test_the_same_shot_gives_the_same_bytes_and_another_picture_another_uid():
    one, other = shot_of(155.0, 8.0), shot_of(154.0, 8.0)
    first, again = (xa_bytes(one, ISOCENTRE, "HFP", "case") for _ in range(2))
    assert first == again
    files = [dcmread(io.BytesIO(content)) for content in (first, xa_bytes(other, ISOCENTRE, "HFP", "case"))]
    assert files[0].SOPInstanceUID != files[1].SOPInstanceUID
    assert files[0].StudyInstanceUID == files[1].StudyInstanceUID


def test_letters_in_the_file_are_compared_and_never_used():
    shot = shot_of(155.0, 0.0)
    file = dcmread(io.BytesIO(xa_bytes(shot, ISOCENTRE, "HFP")))
    file.PatientOrientation = ["L", "F"]
    found = read_xa(saved(file), ISOCENTRE)
    assert [notice.code for notice in found.warnings] == ["xa-letters"]
    assert edge_words(found.beam)["left"] == "left"


def test_a_picture_that_xa_cannot_describe_is_not_written():
    shot = shot_of(155.0, 0.0)
    off = Shot(**{**vars(shot), "beam": shot.beam.cropped((10, 0), 96, 100)})
    with pytest.raises(ValueError, match="middle"):
        xa_bytes(off, ISOCENTRE, "HFP")
    rolled = ConeBeam.aimed(ARM, ISOCENTRE, shot.view.detector_lps, [0.5, 0.0, 1.0])
    with pytest.raises(ValueError, match="head"):
        xa_bytes(Shot(**{**vars(shot), "beam": rolled}), ISOCENTRE, "HFP")


@pytest.mark.parametrize(
    "name", ["PositionerPrimaryAngle", "DistanceSourceToDetector", "DistanceSourceToPatient", "ImagerPixelSpacing"]
)
def test_a_missing_part_of_the_geometry_is_refused_not_guessed(name):
    file = dcmread(io.BytesIO(xa_bytes(shot_of(155.0, 0.0), ISOCENTRE, "HFP")))
    del file[name]
    with pytest.raises(InputError, match="E721"):
        read_xa(saved(file))


def test_another_kind_of_file_is_refused():
    with pytest.raises(InputError, match="E720"):
        read_xa(b"no dicom at all")


def test_dciodvfy_finds_no_error(tmp_path):
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed: the file is not checked against the standard's tables")
    path = tmp_path / "shot.dcm"
    path.write_bytes(xa_bytes(shot_of(155.0, 8.0), ISOCENTRE, "HFP"))
    found = subprocess.run([program, str(path)], capture_output=True, text=True)
    assert "Error" not in found.stderr + found.stdout


def saved(file: Dataset) -> bytes:
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def item(**values) -> Dataset:
    found = Dataset()
    for name, value in values.items():
        setattr(found, name, value)
    return found


def enhanced(position: str, angles: tuple[float, float, float], patient=None, table_deg=0.0, tilt_deg=0.0) -> bytes:
    """A small Enhanced XA file written by hand: its isocentre system as the standard defines it."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.12.1.1")
    file.SOPInstanceUID = UID("2.25.5")
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = (
        file.SOPClassUID,
        file.SOPInstanceUID,
    )
    if position:
        file.PatientPosition = position
    file.Rows, file.Columns, file.NumberOfFrames = 96, 128, 1
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 0
    file.PixelData = np.arange(96 * 128, dtype="<u2").tobytes()
    primary, secondary, rotation = angles
    frame = item(
        IsocenterReferenceSystemSequence=Sequence([item(
            PositionerIsocenterPrimaryAngle=primary, PositionerIsocenterSecondaryAngle=secondary,
            PositionerIsocenterDetectorRotationAngle=rotation, TableXPositionToIsocenter=0.0, TableYPositionToIsocenter=120.0,
            TableZPositionToIsocenter=0.0, TableHorizontalRotationAngle=table_deg, TableHeadTiltAngle=tilt_deg,
            TableCradleTiltAngle=0.0,
        )]),
    )  # fmt: skip
    if patient is not None:
        frame.PositionerPositionSequence = Sequence(
            [item(PositionerPrimaryAngle=str(patient[0]), PositionerSecondaryAngle=str(patient[1]))]
        )
    geometry = item(DistanceSourceToDetector="1000", DistanceSourceToIsocenter=600.0)
    file.SharedFunctionalGroupsSequence = Sequence([item(
        XRayGeometrySequence=Sequence([geometry]),
        FramePixelDataPropertiesSequence=Sequence([item(ImagerPixelSpacing=["0.6", "0.6"])]),
    )])  # fmt: skip
    file.PerFrameFunctionalGroupsSequence = Sequence([frame])
    return saved(file)


@pytest.mark.parametrize(
    ("position", "primary", "patient_primary"),
    [
        # One detector place in the patient, over the back and 25 deg to the patient's left (+155), as the room sees it.
        ("HFS", 155.0, 155.0),  # the detector under the table
        ("HFP", -25.0, 155.0),  # above, to the table's right, where a prone patient's left is
        ("FFS", -155.0, 155.0),
        ("FFP", 25.0, 155.0),
    ],
)
def test_enhanced_xa_equipment_angles_become_the_patients(position, primary, patient_primary):
    found = read_xa(enhanced(position, (primary, 0.0, 0.0)), ISOCENTRE)
    assert (found.view.detector_over, found.view.tilt_toward) == ("back", "left")
    assert found.view.dicom_primary_deg == pytest.approx(patient_primary, abs=1e-4)
    source = ISOCENTRE - 600.0 * View.from_dicom_angles("v", patient_primary, 0.0).detector_lps
    np.testing.assert_allclose(found.beam.source_lps_mm, source, atol=0.01)
    assert found.beam.source_to_detector_mm == pytest.approx(1000.0)
    assert found.pixels[1, 0] == 128


@pytest.mark.parametrize(("position", "top"), [("HFS", "head"), ("HFP", "head"), ("FFS", "feet"), ("FFP", "feet")])
def test_the_top_of_an_enhanced_picture_is_the_tables_head_whoever_lies_there(position, top):
    found = read_xa(enhanced(position, (10.0, 0.0, 0.0)), ISOCENTRE)
    assert edge_words(found.beam)["top"] == top


def test_a_turned_detector_turns_the_picture_clockwise_as_the_matrix_of_the_standard_says():
    """PS3.17 Z.2: at 90 deg the rows run towards the table's feet."""
    found = read_xa(enhanced("HFS", (0.0, 0.0, 90.0)), ISOCENTRE)
    assert word(found.beam.column_step_lps_mm) == "feet"


def test_a_table_turned_in_the_room_is_turned_back():
    """The table's head turned from +Z to +X by 30 deg; the detector follows it about the vertical: still straight lateral."""
    still = read_xa(enhanced("HFS", (0.0, 30.0, 0.0)), ISOCENTRE).view
    # Detector turned to +Z by 30 deg; with the table's head at +X (90 deg) the patient's left lies at -Z, so it is over the right.
    turned = read_xa(enhanced("HFS", (0.0, 30.0, 0.0), table_deg=90.0), ISOCENTRE).view
    assert still.dicom_secondary_deg == pytest.approx(30.0, abs=1e-4)
    assert turned.dicom_secondary_deg == pytest.approx(0.0, abs=1e-4)
    assert turned.dicom_primary_deg == pytest.approx(-30.0, abs=1e-4)


def test_both_frames_in_one_file_must_agree():
    assert read_xa(enhanced("HFP", (-25.0, 5.0, 0.0), patient=(155.0, 5.0))).view.tilt_toward == "left"
    with pytest.raises(InputError, match="E723"):
        read_xa(enhanced("HFS", (-25.0, 5.0, 0.0), patient=(155.0, 5.0)))


def test_a_tilted_table_and_an_unknown_position_are_refused():
    with pytest.raises(InputError, match="E722"):
        read_xa(enhanced("HFP", (0.0, 0.0, 0.0), tilt_deg=10.0))
    with pytest.raises(InputError, match="E721"):
        read_xa(enhanced("", (0.0, 0.0, 0.0)))
