"""Good and bad DICOM series whose trouble lies in intensity, identity, files or encoding (rows 12 to 21 and 32 to 41)."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from benchmarks.case_book import Build, book, of, spoil_one
from benchmarks.series_maker import COUNT, CT, Plan, save, series, stored, write

CASES = book()
good, bad = CASES.good, CASES.bad


def _all(**extra: Any) -> Build:
    return of(Plan(extra=extra))


def _stored(change: Any, dtype: str = "<i2", **extra: Any) -> Build:
    """Every slice's stored values through `change`, with other elements beside it."""

    def build(folder: Path) -> None:
        datasets = series(Plan(extra=extra))
        for n, dataset in enumerate(datasets):
            dataset.PixelData = np.asarray(change(stored(dataset).astype(np.int64), n)).astype(dtype).tobytes()
        write(datasets, folder)

    return build


bad(12, "no rescale")(_all(RescaleSlope=None, RescaleIntercept=None))
bad(12, "no intercept")(_all(RescaleIntercept=None))
bad(12, "no slope on one slice")(spoil_one(9, RescaleSlope=None))
bad(12, "slope zero")(_all(RescaleSlope="0"))
bad(12, "slope not a number")(_all(RescaleSlope="nan"))


@good(13, "another intercept on each slice")
def intercepts(folder: Path) -> None:
    datasets = series()
    for n, dataset in enumerate(datasets):
        dataset.RescaleIntercept = str(-10 * n)
        dataset.PixelData = (stored(dataset) + 10 * n).astype("<i2").tobytes()
    write(datasets, folder)


@good(13, "another slope on each slice, not whole")
def slopes(folder: Path) -> None:
    datasets = series()
    for n, dataset in enumerate(datasets):
        slope = 0.25 + 0.05 * (n % 7)
        dataset.RescaleSlope = f"{slope:g}"
        dataset.RescaleIntercept = "-1024.5"
        dataset.PixelData = np.rint((stored(dataset) + 1024.5) / slope).astype("<i2").tobytes()
    write(datasets, folder)


def _shifted(first: int, last: int, by: int) -> Build:
    """Some slices' pixels as another rescale would have left them."""
    return _stored(lambda v, n: v + by * (first <= n < last))


bad(13, "one slice with another zero")(_shifted(9, 10, 1024))
bad(13, "half of the slices with another zero")(_shifted(13, COUNT, 1024))
bad(13, "half of the slices 1000 too low")(_shifted(13, COUNT, -1000))
bad(13, "the intercept of one slice lost its pixels")(spoil_one(9, RescaleIntercept="-1024"))
bad(32, "a blank slice inside")(_stored(lambda v, n: v if n != 12 else 0 * v - 1000))
bad(32, "two slices of zeros inside")(_stored(lambda v, n: v if n not in (11, 12) else 0 * v))
good(32, "blank slices at the ends")(_stored(lambda v, n: v if 1 < n < COUNT - 2 else 0 * v - 1000))
bad(14, "MONOCHROME1")(_all(PhotometricInterpretation="MONOCHROME1"))
bad(14, "no photometric interpretation")(_all(PhotometricInterpretation=None))


def _ring(values: Any, padding: int) -> Any:
    """The corners outside a circle set to padding."""
    j, i = np.indices(values.shape)
    beyond = np.hypot((i - 31.5) / 32.0, (j - 23.5) / 24.0) > 1.12
    return np.where(beyond, padding, values)


good(15, "padding -2000")(_stored(lambda v, n: _ring(v, -2000), PixelPaddingValue=-2000))
good(15, "padding -2000 with intercept -1024")(
    _stored(lambda v, n: _ring(v + 1024, -2000), PixelPaddingValue=-2000, RescaleIntercept="-1024")
)
good(15, "a range of padding")(
    _stored(lambda v, n: _ring(v, -2000 - n), PixelPaddingValue=-2000, PixelPaddingRangeLimit=-2040)
)
good(15, "padding -3024 without its tag", notice="padding")(_stored(lambda v, n: _ring(v, -3024)))
good(15, "padding 0 of unsigned pixels", notice="")(
    _stored(
        lambda v, n: _ring((v + 1024).clip(1), 0),
        "<u2",
        PixelPaddingValue=0,
        PixelRepresentation=0,
        RescaleIntercept="-1024",
    )
)


def _padded(syntax: UID) -> Build:
    """Implicit VR does not say whether the padding element has a sign; big endian turns its bytes."""

    def build(folder: Path) -> None:
        datasets = series(Plan(extra={"PixelPaddingValue": -2000}))
        for dataset in datasets:
            dataset.PixelData = _ring(stored(dataset), -2000).astype("<i2").tobytes()
        write(datasets, folder, syntax=syntax)

    return build


for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
    good(15, f"padding in {syntax.name}")(_padded(syntax))
bad(15, "padding at water")(_stored(lambda v, n: _ring(v, 0), PixelPaddingValue=0))
good(15, "a padding tag that no corner holds")(_stored(lambda v, n: v, PixelPaddingValue=40))

_BYTE = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
bad(16, "windowed to 8 bits")(_stored(lambda v, n: np.pad(np.clip((v + 160) * 255 / 400, 0, 255), 0), "u1", **_BYTE))
bad(16, "8 bits stretched over the range of a CT")(
    _stored(lambda v, n: np.clip((v + 1024) // 12, 0, 255), "u1", **_BYTE, RescaleSlope="12", RescaleIntercept="-1024")
)
bad(16, "clipped at -200")(_stored(lambda v, n: np.clip(v, -200, None)))
good(16, "floor at -1024, cap at 3071", notice="metal-clipped")(
    _stored(lambda v, n: np.where(np.indices(v.shape).sum(0) == 2, 3071, np.clip(v, -1024, 3071)))
)
bad(17, "signed pixels called unsigned")(_all(PixelRepresentation=0))
bad(17, "unsigned pixels called signed")(
    _stored(lambda v, n: v + 33000, "<u2", PixelRepresentation=1, RescaleIntercept="-33000")
)


def _overlay(values: Any, n: int) -> Any:
    return ((values + 1024) & 0xFFF) | (np.indices(values.shape)[0] % 2 << 14)


_TWELVE = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "RescaleIntercept": "-1024"}
good(18, "12 bits with an overlay above them")(_stored(_overlay, "<u2", **_TWELVE))
good(18, "12 bits signed, upper bits zero")(_stored(lambda v, n: v & 0xFFF, "<u2", BitsStored=12, HighBit=11))
good(18, "12 bits in the upper part")(_stored(lambda v, n: (v + 1024) << 4, "<u2", **{**_TWELVE, "HighBit": 15}))


def _two_series(folder: Path) -> None:
    write(series(), folder)
    write(series(Plan(step_mm=1.5), seed=1), folder / "other")


bad(19, "two series in one folder")(_two_series)
good(19, "two series, one named", series="2.25.70")(_two_series)
bad(19, "a slice without a series UID")(spoil_one(9, SeriesInstanceUID=None))
bad(19, "two series, neither named", series="2.25.9")(_two_series)
bad(19, "two series, both begin so", series="2.25.7")(_two_series)


def _twin(extra: dict[str, Any], shift_mm: float = 0.0) -> Build:
    """A second recon under the same UID, its pixels 60 HU brighter."""

    def build(folder: Path) -> None:
        twin = series(Plan(extra=extra), seed=3)
        for dataset in twin:
            dataset.SeriesInstanceUID = "2.25.70"
            x, y, z = (float(p) for p in dataset.ImagePositionPatient)
            dataset.ImagePositionPatient = [f"{x:g}", f"{y:g}", f"{z + shift_mm:g}"]
            dataset.PixelData = (stored(dataset) + 60).astype("<i2").tobytes()
        write(series(), folder)
        write(twin, folder / "twin")

    return build


bad(20, "two kernels")(_twin({"ConvolutionKernel": "B70f"}))
bad(20, "two kernels, slices between each other")(_twin({"ConvolutionKernel": "B70f"}, 1.0))
bad(20, "two tube voltages")(_twin({"KVP": "80"}))
bad(20, "two acquisitions")(_twin({"AcquisitionNumber": 2}))
bad(20, "two acquisitions, slices between each other")(_twin({"AcquisitionNumber": 2}, 1.0))
bad(20, "two phases between each other that no element tells apart")(_twin({}, 1.0))
bad(20, "two phases")(_twin({"TemporalPositionIdentifier": 2}))
good(20, "two kernels, the first chosen", series="2.25.70#1")(_twin({"ConvolutionKernel": "B70f"}))
bad(20, "two kernels, a third chosen", series="#3")(_twin({"ConvolutionKernel": "B70f"}))


@good(20, "two acquisitions one above the other")
def contiguous(folder: Path) -> None:
    datasets = series()
    for dataset in datasets[14:]:
        dataset.AcquisitionNumber = 2
    write(datasets, folder)


for keyword, value in {
    "PatientID": "P2", "PatientName": "OTHER^TWO", "PatientBirthDate": "19600101", "StudyInstanceUID": "2.25.61",
    "FrameOfReferenceUID": "2.25.51",
}.items():  # fmt: skip
    bad(21, f"{keyword} differs on one slice")(spoil_one(9, **{keyword: value}))


@bad(21, "two patients under one series")
def two_patients(folder: Path) -> None:
    second = series(seed=5)
    for dataset in second:
        dataset.SeriesInstanceUID, dataset.PatientID = "2.25.70", "P2"
    write(series()[:15], folder)
    write(second[15:], folder / "b")


@good(21, "each image names a frame of reference of its own", notice="frame-of-reference")
def own_frames(folder: Path) -> None:
    datasets = series()
    for n, dataset in enumerate(datasets):
        dataset.FrameOfReferenceUID = f"2.25.51{n}"
    write(datasets, folder)


good(21, "identity removed")(_all(PatientID="", PatientName="", PatientBirthDate=None))


def _cut(keep: float, *places: int) -> Build:
    """Files cut off after a share of their bytes."""

    def build(folder: Path) -> None:
        paths = write(series(), folder)
        for place in places or range(COUNT):
            data = paths[place].read_bytes()
            paths[place].write_bytes(data[: int(len(data) * keep)])

    return build


bad(32, "pixels of one slice cut off")(_cut(0.7, 9))
bad(32, "pixels of all slices cut off")(_cut(0.9))
bad(32, "one byte short on the last slice")(_cut(0.9999, COUNT - 1))
bad(32, "no pixel data", code=33)(lambda folder: write([_bare(d) for d in series()], folder))


def _bare(dataset: Dataset) -> Dataset:
    del dataset.PixelData
    return dataset


bad(33, "header of one slice cut off")(_cut(0.06, 9))
bad(33, "one file is empty")(_cut(0.0, 9))
bad(33, "one file ends in its preamble")(lambda folder: (_cut(0.0, 9)(folder), (folder / "I0009.dcm").write_bytes(bytes(100))))  # fmt: skip
good(33, "a bad file beside the series, left out on request", skip_bad=True, notice="passed-over")(
    lambda folder: (write(series(), folder), (folder / "bad.dcm").write_bytes(b""))
)
bad(33, "a bad file inside the series, left out on request", code=6, skip_bad=True)(_cut(0.0, 9))


@good(34, "other files and folders beside the series", notice="passed-over")
def company(folder: Path) -> None:
    write(series(), folder / "a" / "b")
    (folder / "notes.txt").write_text("hello")
    (folder / "README").write_text("hello")
    (folder / ".DS_Store").write_bytes(bytes(40))
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "a" / "gone").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")


@good(34, "names that show alike")
def alike(folder: Path) -> None:
    write(series(), folder, [f"{chr(0xE0 + n)}.dcm" for n in range(COUNT)])


@good(34, "an MR and a report in the same folder", notice="passed-over")
def other_objects(folder: Path) -> None:
    write(series(), folder)
    write(series(Plan(extra={"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}), seed=2)[:3], folder / "mr")
    write(
        series(Plan(extra={"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}), seed=6)[:1], folder / "s"
    )


bad(34, "empty folder")(lambda folder: None)
bad(34, "text only")(lambda folder: (folder / "a.txt").write_text("hello"))
bad(34, "no such folder", path="nowhere")(lambda folder: None)
bad(34, "a pipe", path="pipe")(lambda folder: os.mkfifo(folder / "pipe"))
bad(34, "links only")(
    lambda folder: (
        [(folder / f"l{n}").symlink_to(p) for n, p in enumerate(write(series(), folder.parent / f"{folder.name}-x"))]
    )
)
bad(34, "nine folders deep")(lambda folder: write(series(), folder.joinpath(*"abcdefghi")))
bad(34, "a program in the preamble")(
    lambda folder: [p.write_bytes(b"MZ" + p.read_bytes()[2:]) for p in write(series(), folder)]
)
bad(35, "65535 rows")(_all(Rows=65535))
bad(35, "65535 rows on one slice")(spoil_one(9, Rows=65535))
bad(35, "fewer columns than stored")(_all(Columns=60))
bad(35, "more bits stored than allocated")(_all(BitsStored=20))
bad(35, "24 bits")(_all(BitsAllocated=24, BitsStored=24, HighBit=23))

for name, extra in {
    "an MR": {"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"},
    "an MR that calls itself CT": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"},
    "a PET": {"Modality": "PT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"},
    "secondary capture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
    "a screen save in a CT's clothes": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "a secondary image of unknown making": {"ImageType": ["DERIVED", "SECONDARY"]},
    "a maximum intensity projection": {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
    "a perfusion map": {"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]},
    "an iodine map": {"RescaleType": "MGML"},
    "effective atomic number": {"RescaleType": "Z_EFF"},
}.items():
    bad(37, name)(_all(**extra))
good(37, "a reformatted CT", notice="derived")(_all(ImageType=["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]))
good(37, "cone-beam CT", notice="cone-beam")(_all(ManufacturerModelName="O-arm"))


def packed(syntax: UID, spoil: Any = None, **options: Any) -> Build:
    """A series in a compressed transfer syntax; `spoil(dataset, n)` may damage it."""

    def build(folder: Path) -> None:
        for n, dataset in enumerate(series(Plan(extra={"PixelRepresentation": 0, "RescaleIntercept": "-1024"}))):
            dataset.PixelData = (stored(dataset) + 1024).clip(0).astype("<u2").tobytes()
            dataset.file_meta = _meta(ExplicitVRLittleEndian)
            dataset.compress(syntax, generate_instance_uid=False, **options)
            if spoil:
                spoil(dataset, n)
            save(dataset, folder / f"I{n}.dcm", syntax)

    return build


def _meta(syntax: UID) -> Any:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    return meta


def with_gdcm(path: Path, syntax: Any) -> None:
    """The file compressed once more, by GDCM: pydicom has no encoder for lossless JPEG."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
    good(38, f"compressed: {syntax.name}")(packed(syntax))
good(38, "JPEG 2000 with loss", notice="lossy")(packed(JPEG2000, j2k_cr=[4]))
good(38, "JPEG-LS within 2 HU", notice="lossy")(packed(JPEGLSNearLossless, jls_error=2))
good(38, "uncompressed after a compression with loss", notice="lossy")(_all(LossyImageCompression="01"))
for syntax in (JPEGLossless, JPEGLosslessSV1):

    @good(38, f"compressed: {syntax.name}")
    def lossless_jpeg(folder: Path, kind: str = syntax.name) -> None:
        import gdcm

        packed(RLELossless)(folder)
        for path in folder.iterdir():
            with_gdcm(
                path,
                gdcm.TransferSyntax.JPEGLosslessProcess14
                if "14)" in kind
                else gdcm.TransferSyntax.JPEGLosslessProcess14_1,
            )


for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian):
    good(38, f"encoded: {syntax.name}")(of(Plan(), syntax))
for name, syntax, row in (
    ("JPEG baseline", "1.2.840.10008.1.2.4.50", 16),
    ("JPEG extended", "1.2.840.10008.1.2.4.51", 38),
    ("HTJ2K", "1.2.840.10008.1.2.4.201", 38),
    ("unknown", "1.2.3.4", 38),
):

    def foreign(folder: Path, uid: str = syntax) -> None:
        for path in _packed_paths(folder):
            path.write_bytes(_with_syntax(path.read_bytes(), uid))

    bad(38, f"compressed: {name}", code=row)(foreign)


def _packed_paths(folder: Path) -> list[Path]:
    packed(RLELossless)(folder)
    return sorted(folder.iterdir())


def _with_syntax(data: bytes, uid: str) -> bytes:
    """The transfer syntax element replaced, the group length with it."""
    start = data.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack("<H", data[start + 6 : start + 8])[0]
    value = uid.encode() + b"\0" * (len(uid) % 2)
    element = data[start : start + 6] + struct.pack("<H", len(value)) + value
    group = struct.unpack("<L", data[140:144])[0] + len(value) - length
    return data[:140] + struct.pack("<L", group) + data[144:start] + element + data[start + 8 + length :]


def _broken(dataset: Dataset, n: int) -> None:
    if n == 9:
        dataset.PixelData = encapsulate([dataset.PixelData[16:][8:200]])


bad(38, "a broken JPEG 2000 stream", code=33)(packed(JPEG2000Lossless, _broken))
bad(38, "a broken JPEG-LS stream", code=33)(packed(JPEGLSLossless, _broken))
bad(35, "a stream larger than its header")(packed(JPEG2000Lossless, lambda d, n: setattr(d, "Rows", 44)))
bad(35, "a JPEG-LS stream larger than its header")(packed(JPEGLSLossless, lambda d, n: setattr(d, "Columns", 60)))


def _bomb() -> bytes:
    head = io.BytesIO()
    head.write(bytes(128) + b"DICM" + _element(2, 0, b"UL", struct.pack("<L", 30)))
    head.write(_element(2, 16, b"UI", b"1.2.840.10008.1.2.1.99"))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(_element(8, 0x16, b"UI", CT.encode() + b"\0"))
    zeros = bytes(1 << 20)
    for _ in range(96):
        body += packer.compress(zeros)
    return head.getvalue() + body + packer.flush()


def _element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


bad(39, "a deflated file of 96 MiB in 100 KiB")(lambda folder: (folder / "a.dcm").write_bytes(_bomb()))
bad(39, "a gzip of 96 MiB in 100 KiB")(lambda folder: (folder / "a.dcm").write_bytes(gzip.compress(bytes(96 << 20), 6)))
good(39, "each file gzipped")(
    lambda folder: [p.write_bytes(gzip.compress(p.read_bytes())) for p in write(series(), folder)]
)
bad(39, "a zip archive", path="a.zip")(lambda folder: (folder / "a.zip").write_bytes(b"PK\x03\x04" + bytes(300)))


def _nested(depth: int) -> Build:
    def build(folder: Path) -> None:
        datasets = series()
        inner = Dataset()
        for _ in range(depth):
            outer = Dataset()
            outer.add_new(0x00081140, "SQ", Sequence([inner]))
            outer[0x00081140].is_undefined_length = True
            inner = outer
        datasets[3].add_new(0x00081140, "SQ", Sequence([inner]))
        datasets[3][0x00081140].is_undefined_length = True
        write(datasets, folder)

    return build


good(40, "sequences 8 deep")(_nested(8))
bad(40, "sequences 20 deep")(_nested(20))
bad(40, "sequences 120 deep")(_nested(120))


@bad(40, "a private element of 65 MiB")
def fat(folder: Path) -> None:
    datasets = series()
    datasets[3].add_new(0x00091001, "OB", bytes(65 << 20))
    write(datasets, folder)


good(41, "markup and paths in the tags")(
    _all(PatientName="<script>alert(1)</script>", SeriesDescription="../../etc/passwd", ConvolutionKernel="<b>B30</b>")
)
good(41, "text in a character set that does not exist")(
    _all(SpecificCharacterSet="ISO_IR 999", PatientName="M\xfcller")
)
good(0, "file meta absent")(
    lambda folder: (
        [
            p.write_bytes(p.read_bytes()[132 + 12 + struct.unpack("<L", p.read_bytes()[140:144])[0] :])
            for p in write(series(), folder)
        ]
    )
)
