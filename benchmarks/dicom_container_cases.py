"""Good and bad multi-frame images and DICOMDIRs (rows 6, 29, 33, 34, 37, 41 in another dress)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from benchmarks.case_book import Build, book
from benchmarks.series_maker import COUNT, Plan, save, series, write

CASES = book()
good, bad = CASES.good, CASES.bad
ENHANCED = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY = "1.2.840.10008.5.1.4.1.1.2.2"
_IN_GROUPS = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope",
    "RescaleIntercept", "ConvolutionKernel", "KVP", "AcquisitionNumber", "InstanceNumber",
)  # fmt: skip


def _item(**elements: object) -> Sequence:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def multi_frame(slices: list[Dataset], kind: str = ENHANCED) -> Dataset:
    """One enhanced CT image of classic slices: geometry and rescale stand in functional groups only."""
    first = slices[0]
    whole = Dataset()
    whole.update(first)
    for keyword in _IN_GROUPS:
        delattr(whole, keyword)
    whole.SOPClassUID, whole.NumberOfFrames = kind, len(slices)
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
    shared.CTReconstructionSequence = _item(ConvolutionKernel=first.ConvolutionKernel)
    shared.CTXRayDetailsSequence = _item(KVP=first.KVP)
    shared.CTImageFrameTypeSequence = _item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    whole.SharedFunctionalGroupsSequence = Sequence([shared])
    whole.PerFrameFunctionalGroupsSequence = Sequence([_frame(one) for one in slices])
    whole.PixelData = b"".join(one.PixelData for one in slices)
    return whole


def _frame(one: Dataset) -> Dataset:
    groups = Dataset()
    groups.PlanePositionSequence = _item(ImagePositionPatient=one.ImagePositionPatient)
    groups.PlaneOrientationSequence = _item(ImageOrientationPatient=one.ImageOrientationPatient)
    groups.PixelValueTransformationSequence = _item(
        RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="HU"
    )
    groups.FrameContentSequence = _item(FrameAcquisitionNumber=1, StackID="1", InStackPositionNumber=1)
    return groups


def _one_file(plan: Plan | None = None, order: list[int] | None = None, kind: str = ENHANCED) -> Build:
    def build(folder: Path) -> None:
        slices = series(plan)
        save(multi_frame([slices[n] for n in order or range(len(slices))], kind), folder / "multi.dcm")

    return build


def _spoilt(change: object) -> Build:
    def build(folder: Path) -> None:
        whole = multi_frame(series())
        change(whole)  # type: ignore[operator]
        save(whole, folder / "multi.dcm")

    return build


good(10, "multi-frame CT", path="multi.dcm")(_one_file())
good(10, "multi-frame CT in a folder")(_one_file())
good(10, "multi-frame CT, frames in another order")(_one_file(order=[*range(0, COUNT, 2), *range(COUNT - 1, 0, -2)]))
good(10, "legacy converted CT")(_one_file(kind=LEGACY))
good(10, "coronal multi-frame CT")(
    _one_file(Plan(cosines=(1, 0, 0, 0, 0, -1), rows=64, spacing_mm=(1.5, 1.5), count=26))
)


@good(13, "another intercept on each frame")
def frame_intercepts(folder: Path) -> None:
    slices = series()
    for n, one in enumerate(slices):
        one.RescaleIntercept = str(-10 * n)
        one.PixelData = (np.frombuffer(one.PixelData, "<i2") + 10 * n).astype("<i2").tobytes()
    save(multi_frame(slices), folder / "multi.dcm")


@good(10, "multi-frame CT in two files")
def concatenated(folder: Path) -> None:
    slices = series()
    for n, few in enumerate((slices[:13], slices[13:])):
        whole = multi_frame(few)
        whole.SOPInstanceUID = f"2.25.30{n}"
        save(whole, folder / f"{n}.dcm")


@good(4, "one multi-frame file twice", notice="duplicate-dropped")
def multi_twice(folder: Path) -> None:
    for name in "ab":
        save(multi_frame(series()), folder / name)


@good(38, "multi-frame CT in JPEG 2000")
def packed(folder: Path) -> None:
    from pydicom.dataset import FileMetaDataset

    slices = series(Plan(extra={"PixelRepresentation": 0, "RescaleIntercept": "-1024"}))
    for one in slices:
        one.PixelData = (np.frombuffer(one.PixelData, "<i2") + 1024).clip(0).astype("<u2").tobytes()
    whole = multi_frame(slices)
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.compress(JPEG2000Lossless, generate_instance_uid=False)
    save(whole, folder / "multi.dcm", JPEG2000Lossless)


def _perfusion(whole: Dataset) -> None:
    whole.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence = _item(
        FrameType=["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]
    )


def _two_phases(kernel: str = "") -> Dataset:
    """Every position twice: a second temporal position, or a second kernel, 60 HU brighter."""
    first, second = series(), series(seed=3)
    for one in second:
        one.PixelData = (np.frombuffer(one.PixelData, "<i2") + 60).astype("<i2").tobytes()
    whole = multi_frame([*first, *second])
    for n, groups in enumerate(whole.PerFrameFunctionalGroupsSequence):
        late = n >= COUNT
        if kernel:
            groups.CTReconstructionSequence = _item(ConvolutionKernel=kernel if late else "B30f")
        else:
            groups.FrameContentSequence[0].TemporalPositionIndex = 2 if late else 1
    return whole


bad(6, "a frame missing")(_one_file(order=[n for n in range(COUNT) if n != 12]))
bad(9, "tilted multi-frame CT")(_one_file(Plan(lean=(0.0, 0.2), rows=64)))
bad(12, "frames without rescale")(
    _spoilt(
        lambda whole: [delattr(g, "PixelValueTransformationSequence") for g in whole.PerFrameFunctionalGroupsSequence]
    )
)


def _stacks(second: Plan, apart_mm: float) -> Build:
    """Two stacks in one file: the second `apart_mm` above the first."""

    def build(folder: Path) -> None:
        above = series(second, seed=2)
        for one in above:
            one.ImagePositionPatient[2] = float(one.ImagePositionPatient[2]) + apart_mm
        whole = multi_frame([*series(), *above])
        for n, groups in enumerate(whole.PerFrameFunctionalGroupsSequence):
            groups.FrameContentSequence[0].StackID = "1" if n < COUNT else "2"
        save(whole, folder / "multi.dcm")

    return build


bad(7, "two stacks with a gap between")(_stacks(Plan(), 60.0))
bad(23, "two stacks of two planes")(_stacks(Plan(cosines=(0, 1, 0, 0, 0, -1)), 0.0))
bad(25, "frames without pixel spacing")(
    _spoilt(lambda whole: delattr(whole.SharedFunctionalGroupsSequence[0], "PixelMeasuresSequence"))
)
bad(20, "multi-frame CT of two phases")(lambda folder: save(_two_phases(), folder / "multi.dcm"))
bad(20, "multi-frame CT of two kernels")(lambda folder: save(_two_phases("B70f"), folder / "multi.dcm"))
bad(29, "frames without positions")(
    _spoilt(lambda whole: [delattr(g, "PlanePositionSequence") for g in whole.PerFrameFunctionalGroupsSequence])
)
bad(29, "one frame without a position")(
    _spoilt(lambda whole: delattr(whole.PerFrameFunctionalGroupsSequence[5], "PlanePositionSequence"))
)
bad(5, "two frames at one position")(
    _spoilt(
        lambda whole: setattr(
            whole.PerFrameFunctionalGroupsSequence[3],
            "PlanePositionSequence",
            whole.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence,
        )
    )
)
bad(32, "frames cut off")(_spoilt(lambda whole: setattr(whole, "PixelData", whole.PixelData[:-3000])))
bad(33, "more frames than descriptions")(_spoilt(lambda whole: setattr(whole, "NumberOfFrames", COUNT + 1)))
bad(33, "no functional groups")(_spoilt(lambda whole: delattr(whole, "PerFrameFunctionalGroupsSequence")))
bad(37, "a multi-frame perfusion map")(_spoilt(_perfusion))
bad(29, "a classic image of many frames")(
    _spoilt(lambda whole: setattr(whole, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"))
)


def _medium(*names: str, upper: bool = False) -> Build:
    """A medium with a DICOMDIR that names its images, and with `names` besides."""

    def build(folder: Path) -> None:
        datasets = series()
        write(datasets, folder / "images", [f"im{n:03d}" for n in range(COUNT)])
        records = [
            _record(["IMAGES" if upper else "images", f"{'IM' if upper else 'im'}{n:03d}"]) for n in range(COUNT)
        ]
        records += [_record(name.split("/")) for name in names]
        directory = Dataset()
        directory.SOPClassUID = "1.2.840.10008.1.3.10"
        directory.DirectoryRecordSequence = Sequence(records)
        save(directory, folder / "DICOMDIR")
        write(series(seed=8), folder / "elsewhere")

    return build


def _record(parts: list[str]) -> Dataset:
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
    return record


good(34, "a DICOMDIR", path="DICOMDIR")(_medium())
good(34, "a DICOMDIR in capitals, files in small letters", path="DICOMDIR")(_medium(upper=True))
good(34, "a DICOMDIR that names an absent file, left out on request", path="DICOMDIR", skip_bad=True)(
    _medium("images/gone")
)
bad(33, "a DICOMDIR that names an absent file", path="DICOMDIR")(_medium("images/gone"))
bad(41, "a DICOMDIR that leads out of its folder", path="DICOMDIR")(_medium("../secret"))
bad(41, "a DICOMDIR with an absolute path", path="DICOMDIR")(_medium("/etc/passwd"))


@bad(34, "an empty DICOMDIR", path="DICOMDIR")
def empty_directory(folder: Path) -> None:
    directory = Dataset()
    directory.SOPClassUID = "1.2.840.10008.1.3.10"
    directory.DirectoryRecordSequence = Sequence([])
    save(directory, folder / "DICOMDIR")
