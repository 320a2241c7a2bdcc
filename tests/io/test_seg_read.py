"""DICOM SEG: what highdicom writes from a real series comes back as the same vertebrae; everything else is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest

from pedicle.io.read import read_ct, read_labels
from pedicle.model.errors import InputError
from pedicle.model.levels import levels

VERTEBRA = "51282000"
AORTA = "15825003"
pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def series(shared_data: Path) -> list[Any]:
    found = [pydicom.dcmread(path) for path in sorted((shared_data / "totalsegmentator-dicom-j2k/series").iterdir())]
    for image in found:  # names and ids were blanked in the published files; the writer asks for them
        image.SOPClassUID = pydicom.uid.CTImageStorage
        for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(image, name, image.get(name))
    return sorted(found, key=lambda image: float(image.ImagePositionPatient[2]))


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> np.ndarray[Any, Any]:
    """Its TotalSegmentator label map, read without pedicle, as (slices up, rows = posterior, columns = left)."""
    image = nib.load(shared_data / "totalsegmentator-dicom-j2k/example_seg_dicom.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    return np.ascontiguousarray(np.asanyarray(image.dataobj)[:, ::-1, :].transpose(2, 1, 0))


@pytest.fixture(scope="module")
def scan(shared_data: Path) -> Any:
    return read_ct(shared_data / "totalsegmentator-dicom-j2k/series")


def segment(number: int, code: str, label: str, **changed: Any) -> hd.seg.SegmentDescription:
    given: dict[str, Any] = {
        "segment_number": number,
        "segment_label": label,
        "segmented_property_category": hd.sr.CodedConcept("123037004", "SCT", "Anatomical Structure"),
        "segmented_property_type": hd.sr.CodedConcept(code, "SCT", label),
        "algorithm_type": "MANUAL",
    }
    return hd.seg.SegmentDescription(**{**given, **changed})


def write_seg(
    path: Path, series: list[Any], masks: np.ndarray[Any, Any], segments: list[Any], kind: str = "BINARY"
) -> Path:
    image = hd.seg.Segmentation(
        source_images=series,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid=hd.UID(),
        series_number=100,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    image.save_as(path)
    return path


def masks_of(reference: np.ndarray[Any, Any], *numbers: int) -> np.ndarray[Any, Any]:
    return np.stack([reference == n for n in numbers], axis=-1).astype(np.uint8)


def code_of(level: str) -> str:
    return levels()[level].sct


@pytest.fixture(scope="module")
def three() -> list[Any]:
    return [segment(1, code_of("T12"), "first"), segment(2, code_of("T11"), "second"), segment(3, AORTA, "third")]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_come_back_as_levels_by_their_codes(tmp_path, series, reference, scan, three, kind):
    path = write_seg(tmp_path / "labels", series, masks_of(reference, 32, 33, 52), three, kind)
    found = read_labels(path, scan)
    expected = np.zeros_like(reference)
    expected[reference == 32], expected[reference == 33] = 19, 18
    assert found.scheme == "dicom-seg"
    assert found.levels == ["T11", "T12"]
    assert found.volume.grid is scan.volume.grid
    np.testing.assert_array_equal(found.volume.values, expected.transpose(2, 1, 0))
    np.testing.assert_array_equal(found.structures["aorta"].values, (reference == 52).transpose(2, 1, 0))


def test_without_a_scan_the_segmentation_keeps_its_own_slices(tmp_path, series, reference, three):
    path = write_seg(tmp_path / "seg.dcm", series, masks_of(reference, 32, 33, 52), three)
    found = read_labels(path)
    assert int((found.volume.values == 19).sum()) == int((reference == 32).sum())


def test_slices_without_segments_are_set_into_the_scans_grid(tmp_path, series, reference, scan):
    only = reference.copy()
    only[:4] = 0
    only[12:] = 0
    path = write_seg(tmp_path / "part.dcm", series, masks_of(only, 32), [segment(1, code_of("T12"), "x")])
    found = read_labels(path, scan)
    np.testing.assert_array_equal(found.volume.values == 19, (only == 32).transpose(2, 1, 0))


def test_a_level_without_a_code_of_its_own_goes_by_its_label(tmp_path, series, reference, scan):
    path = write_seg(tmp_path / "l6.dcm", series, masks_of(reference, 32), [segment(1, VERTEBRA, "vertebrae_L6")])
    assert read_labels(path, scan).levels == ["L6"]


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([segment(1, code_of("T12"), "vertebrae_L1")], "coded T12 and labelled L1"),
        ([segment(1, VERTEBRA, "bone")], "no vertebra among the codes"),
        ([segment(1, AORTA, "aorta")], "no vertebra among the codes"),
        ([segment(1, "54735007", "sacrum")], "no vertebra among the codes"),
    ],
)
def test_codes_that_name_no_single_vertebra_are_refused(tmp_path, series, reference, segments, said):
    path = write_seg(tmp_path / "seg.dcm", series, masks_of(reference, 32), segments)
    with pytest.raises(InputError, match=said) as caught:
        read_labels(path)
    assert caught.value.code == 52


def test_overlapping_segments_are_refused(tmp_path, series, reference):
    masks = masks_of(reference, 32, 32)
    path = write_seg(
        tmp_path / "a.dcm", series, masks, [segment(1, code_of("T12"), "a"), segment(2, code_of("T11"), "b")]
    )
    with pytest.raises(InputError, match="overlap") as caught:
        read_labels(path)
    assert caught.value.code == 52


@pytest.mark.parametrize(
    "change",
    [
        {"PatientID": "somebody else"},
        {"FrameOfReferenceUID": "1.2.3.4"},
    ],
    ids=str,
)
def test_a_segmentation_of_somebody_else_is_refused(tmp_path, folder, reference, change):
    """Same grid, same shape, another patient or frame of reference: nothing in the geometry would show it."""
    images = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    seg = write_seg(tmp_path / "s.dcm", images, masks_of(reference, 32), [segment(1, code_of("T12"), "a")])
    scan = read_ct(folder)
    assert read_labels(seg, scan).levels == ["T12"]
    with pytest.raises(InputError) as caught:
        read_labels(_changed(seg, **change), scan)
    assert caught.value.code == 21
    assert not any(value in str(caught.value) for value in change.values())


def test_a_segmentation_of_another_series_is_told(tmp_path, folder, reference):
    images = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    seg = write_seg(tmp_path / "s.dcm", images, masks_of(reference, 32), [segment(1, code_of("T12"), "a")])
    scan = read_ct(folder)
    assert "labels-other-series" not in {notice.code for notice in read_labels(seg, scan).warnings}
    dataset = pydicom.dcmread(seg)
    dataset.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
    dataset.save_as(seg)
    assert "labels-other-series" in {notice.code for notice in read_labels(seg, scan).warnings}


@pytest.fixture(scope="module")
def folder(series: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The series again with a patient's number, and UIDs, which the published files have blanked."""
    place = tmp_path_factory.mktemp("named")
    for n, image in enumerate(series):
        named = copy.deepcopy(image)
        named.PatientID, named.SeriesInstanceUID, named.SOPInstanceUID = "4711", "2.25.7", f"2.25.70{n}"
        named.save_as(place / f"{n}.dcm")
    return place


def _changed(path: Path, **change: str) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
def test_compressed_segmentations_come_back_as_they_were(tmp_path, series, reference, scan, three, syntax):
    path = write_seg(tmp_path / "labels", series, masks_of(reference, 32, 33, 52), three, "LABELMAP")
    plain = read_labels(path, scan).volume.values
    dataset = pydicom.dcmread(path)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(path)
    np.testing.assert_array_equal(read_labels(path, scan).volume.values, plain)


def test_fractions_are_refused(tmp_path, series, reference):
    masks = masks_of(reference, 32).astype(np.float32) * 0.5
    path = write_seg(tmp_path / "f.dcm", series, masks, [segment(1, code_of("T12"), "a")], "FRACTIONAL")
    with pytest.raises(InputError, match="FRACTIONAL"):
        read_labels(path)


def test_a_scheme_for_a_segmentation_is_refused_unless_it_is_its_own(tmp_path, series, reference, scan):
    from pedicle.io.options import ImportOptions

    path = write_seg(tmp_path / "s.dcm", series, masks_of(reference, 32), [segment(1, code_of("T12"), "a")])
    with pytest.raises(InputError, match="its own codes"):
        read_labels(path, scan, ImportOptions(scheme="verse"))
    assert read_labels(path, scan, ImportOptions(scheme="dicom-seg")).levels == ["T12"]


def test_every_segmentation_of_other_organs_is_refused_in_one_line(shared_data):
    corner = shared_data / "dicom-corner-cases"
    files = sorted([*corner.glob("pydicom-data/liver*.dcm"), *corner.glob("highdicom/seg_*.dcm")])
    assert len(files) >= 8
    for path in files:
        with pytest.raises(InputError) as caught:
            read_labels(path)
        assert caught.value.code == 52, (path.name, str(caught.value))
        assert "\n" not in str(caught.value)


FAULTS: dict[str, tuple[int, Callable[[Any], object]]] = {
    "a frame less announced": (33, lambda seg: setattr(seg, "NumberOfFrames", seg.NumberOfFrames - 1)),
    "a description taken out": (33, lambda seg: seg.PerFrameFunctionalGroupsSequence.pop(3)),
    "a description and its number taken out": (
        33,
        lambda seg: (
            seg.PerFrameFunctionalGroupsSequence.pop(3),
            setattr(seg, "NumberOfFrames", seg.NumberOfFrames - 1),
        ),
    ),
    "pixels cut off": (33, lambda seg: setattr(seg, "PixelData", seg.PixelData[:-200])),
    "no pixels": (33, lambda seg: delattr(seg, "PixelData")),
    "two segments of one number": (52, lambda seg: setattr(seg.SegmentSequence[1], "SegmentNumber", 1)),
    "a frame of no segment": (
        33,
        lambda seg: setattr(
            seg.PerFrameFunctionalGroupsSequence[2].SegmentIdentificationSequence[0], "ReferencedSegmentNumber", 9
        ),
    ),
    "two segments of one level": (
        52,
        lambda seg: [
            (setattr(one.SegmentedPropertyTypeCodeSequence[0], "CodeValue", code_of("T12")))
            for one in seg.SegmentSequence
        ],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_slip_that_would_move_a_level_is_refused(tmp_path, series, reference, scan, three, fault):
    """Numbers, frames and pixels that do not match: a reader that goes on calls T12 what is T11, or drops slices."""
    path = write_seg(tmp_path / "s.dcm", series, masks_of(reference, 32, 33, 52), three)
    seg = pydicom.dcmread(path)
    code, change = FAULTS[fault]
    change(seg)
    seg.save_as(path)
    with pytest.raises(InputError) as caught:
        read_labels(path, scan)
    assert caught.value.code == code


def test_levels_with_empty_slices_between_them(tmp_path, series, reference, scan):
    """Only the lowest and the highest slices are segmented; the file leaves out what lies between."""
    only = np.zeros_like(reference)
    only[1:4, 200:240, 230:280], only[15:18, 200:240, 230:280] = 1, 2
    masks = np.stack([only == 1, only == 2], axis=-1).astype(np.uint8)
    segments = [segment(1, code_of("T12"), "a"), segment(2, code_of("T11"), "b")]
    found = read_labels(write_seg(tmp_path / "s.dcm", series, masks, segments), scan).volume.values
    np.testing.assert_array_equal(found, np.select([only == 1, only == 2], [19, 18]).transpose(2, 1, 0))


def test_a_ct_image_is_no_label_map(shared_data):
    with pytest.raises(InputError) as caught:
        read_labels(shared_data / "dicom-corner-cases/pydicom/CT_small.dcm")
    assert caught.value.code == 37


def test_damaged_segmentations_end_in_one_line(tmp_path, series, reference, three):
    good = write_seg(tmp_path / "good.dcm", series, masks_of(reference, 32, 33, 52), three).read_bytes()
    random = np.random.Generator(np.random.Philox(key=(7, 1)))
    path = tmp_path / "bad.dcm"
    lines = []
    for n in range(40):
        bad = bytearray(good)
        for at in random.integers(132, min(len(good), 30_000), size=1 + n % 8):
            bad[at] = int(random.integers(256))
        path.write_bytes(bytes(bad[: int(random.integers(132, len(bad)))]) if n % 4 == 0 else bytes(bad))
        try:
            read_labels(path)
        except InputError as refused:
            lines.append(str(refused))
    assert len(lines) > 5
    assert not any("\n" in line for line in lines)
