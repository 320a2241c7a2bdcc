"""Good and bad NIfTI and NRRD CTs (rows 39 and 42 to 50): what must come in right, and what must be refused."""

from __future__ import annotations

import gzip
import math
import struct
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from benchmarks.case_book import Build, book
from benchmarks.nifti_maker import RAS_FROM_LPS, SHAPE, SPACING_MM, Nifti, lps_from_ijk, scene_on
from benchmarks.series_maker import Vector

CASES = book()
good, bad = CASES.good, CASES.bad
FILE, PACKED = "ct.nii", "ct.nii.gz"
MATRIX = lps_from_ijk()
HU = scene_on(MATRIX)
_UNIT = np.eye(3)


def rotation(degrees: float) -> Vector:
    """Axes turned about all three directions in a fixed order."""
    turned = np.eye(3)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        one = np.eye(3)
        angle = math.radians(degrees)
        one[a, a] = one[b, b] = math.cos(angle)
        one[a, b], one[b, a] = -math.sin(angle), math.sin(angle)
        turned = one @ turned
    return turned


def orientations() -> list[tuple[str, Vector]]:
    """The 48 ways three axes can run along the body, with the letters they grow towards."""
    letters = (("L", "R"), ("P", "A"), ("S", "I"))
    found = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            name = "".join(letters[axis][0 if sign > 0 else 1] for axis, sign in zip(order, signs, strict=True))
            found.append((name, np.array([sign * _UNIT[axis] for axis, sign in zip(order, signs, strict=True)])))
    return found


def turned(axes: Vector) -> tuple[Vector, Vector]:
    """The same voxels, stored along other axes: (values, affine) without any resampling."""
    order = [int(np.abs(axis).argmax()) for axis in axes]
    flips = tuple(slice(None, None, int(axis.sum())) for axis in axes)
    values = HU.transpose(order)[flips]
    spacing = [SPACING_MM[n] for n in order]
    return values, lps_from_ijk(axes.tolist(), values.shape, spacing)


def plain(name: str = FILE, values: Vector | None = None, **changed: Any) -> Build:
    """A file of the scene with some things changed."""

    def build(folder: Path) -> None:
        Nifti(**{"values": HU if values is None else values, "matrix": MATRIX, **changed}).save(folder / name)

    return build


def fields(**wrong: Any) -> Build:
    """A file of the scene with header fields overwritten."""
    return plain(fields=wrong)


def pixdim(*numbers: float) -> list[float]:
    """The eight numbers of pixdim with the first four given."""
    return [*numbers, 0, 0, 0, 0]


good(0, "plain, sform", path=FILE)(plain())
good(0, "gzip", path=PACKED)(plain(PACKED))
good(0, "no suffix: known by its content", path="scan")(plain("scan"))
good(0, "gzip with the wrong suffix", path="scan.nii")(
    lambda folder: (folder / "scan.nii").write_bytes(gzip.compress(Nifti(HU, MATRIX).content()))  # type: ignore[arg-type,return-value]
)
good(0, "qform only", path=FILE)(plain(codes=(1, 0)))
good(0, "both forms agree", path=FILE)(plain(codes=(1, 1)))
good(0, "NIfTI-2", path=FILE)(plain(version=2))
good(0, "big endian", path=FILE)(plain(dtype=">i2"))
good(0, "32-bit integers", path=FILE)(plain(dtype="<i4"))
good(0, "single precision", path=FILE)(plain(dtype="<f4"))
good(0, "double precision", path=FILE)(plain(dtype="<f8"))
good(0, "unsigned with intercept -1024", path=FILE)(
    plain(values=np.maximum(HU, -1024) + 1024, dtype="<u2", fields={"scl_slope": 1.0, "scl_inter": -1024.0})
)
good(0, "stored at half, slope 2", path=FILE)(
    plain(values=HU / 2, dtype="<f4", fields={"scl_slope": 2.0, "scl_inter": 0.0})
)
good(0, "slope 0 means no scaling", path=FILE)(fields(scl_slope=0.0, scl_inter=5.0))
good(0, "slope NaN means no scaling", path=FILE)(fields(scl_slope=float("nan")))
good(0, "fourth axis of length 1", path=FILE)(plain(values=HU[..., None]))
good(0, "oblique by 9 degrees", path=FILE)(
    plain(values=scene_on(lps_from_ijk(rotation(9).tolist())), matrix=lps_from_ijk(rotation(9).tolist()))
)
good(0, "oblique, qform only", path=FILE)(
    plain(
        values=scene_on(lps_from_ijk(rotation(17).tolist())), matrix=lps_from_ijk(rotation(17).tolist()), codes=(1, 0)
    )
)
good(48, "unit of length unknown", path=FILE)(fields(xyzt_units=0))
good(50, "a few bytes behind the image", notice="trailing-bytes", path=FILE)(plain(behind=bytes(32)))
good(50, "a few bytes behind the image, gzip", notice="trailing-bytes", path=PACKED)(plain(PACKED, behind=bytes(32)))
good(46, "forms disagree and one is named", path=FILE, use="sform")(
    plain(codes=(1, 1), qform_matrix=np.diag([-1.0, 1, 1, 1]) @ MATRIX)
)
_SHIFTED = MATRIX.copy()
_SHIFTED[0, 3] += 7.0
good(46, "forms disagree and the qform is named", path=FILE, use="qform")(
    plain(matrix=_SHIFTED, qform_matrix=MATRIX, codes=(1, 1))
)
_ROUNDED = MATRIX.copy()
_ROUNDED[:3, :3] = np.round(_ROUNDED[:3, :3] + 2e-5, 5)
good(45, "an affine rounded to five decimals", path=FILE)(plain(matrix=_ROUNDED))
for letters, axes in orientations():
    good(10, f"axes {letters}", path=FILE)(plain(values=turned(axes)[0], matrix=turned(axes)[1]))


def spoilt(value: float, dtype: str = "<f4") -> Build:
    """One voxel that is no number."""
    values = HU.copy()
    values[5, 6, 7] = value
    return plain(values=values, dtype=dtype)


for told, value in (("NaN", math.nan), ("infinity", math.inf), ("minus infinity", -math.inf)):
    bad(42, f"a voxel of {told}", path=FILE)(spoilt(value))
bad(42, "NaN in double precision", path=FILE)(spoilt(math.nan, "<f8"))
bad(42, "beyond single precision", path=FILE)(spoilt(1e300, "<f8"))

for told, numbers in {
    "0": (1, 0, 1.9, 2),
    "negative": (1, -1.5, 1.9, 2),
    "NaN": (1, math.nan, 1.9, 2),
    "1e-9": (1, 1e-9, 1e-9, 1e-9),
    "1 % off": (1, 1.5, 1.9, 2.02),
}.items():
    bad(43, f"pixdim {told} against the sform", path=FILE)(fields(pixdim=pixdim(*numbers)))
for told, numbers in {"0": (1, 0, 1.9, 2), "negative": (1, 1.5, -1.9, 2), "NaN": (1, 1.5, 1.9, math.nan)}.items():
    bad(43, f"pixdim {told}, qform only", path=FILE)(plain(codes=(1, 0), fields={"pixdim": pixdim(*numbers)}))

_ROW = (RAS_FROM_LPS @ MATRIX)[0]
bad(44, "sform with two equal axes", path=FILE)(
    fields(srow_x=[0, 0, 0, 1], srow_y=[1.5, 1.9, 0, 0], srow_z=[0, 0, 2, 0])
)
bad(44, "sform of zeros", path=FILE)(fields(srow_x=[0] * 4, srow_y=[0] * 4, srow_z=[0] * 4))
bad(44, "sform with NaN", path=FILE)(fields(srow_x=[math.nan, 0, 0, 0]))
bad(44, "sform with an infinite origin", path=FILE)(fields(srow_x=[*_ROW[:3], math.inf]))
bad(44, "sform with one zero axis", path=FILE)(fields(srow_z=[0, 0, 0, 5], pixdim=pixdim(1, 1.5, 1.9, 0)))
bad(44, "qform with NaN", path=FILE)(plain(codes=(1, 0), fields={"quatern_b": math.nan}))
bad(44, "qform that is no rotation", path=FILE)(plain(codes=(1, 0), fields={"quatern_b": 3.0}))
bad(44, "qform with an infinite offset", path=FILE)(plain(codes=(1, 0), fields={"qoffset_x": math.inf}))
bad(44, "an origin a kilometre away", path=FILE)(fields(srow_x=[*_ROW[:3], 1e7]))


def sheared(degrees: float) -> tuple[Vector, Vector]:
    """The scene on a grid whose slices lean."""
    axes = np.eye(3)
    axes[2] = [0.0, math.sin(math.radians(degrees)), math.cos(math.radians(degrees))]
    matrix = lps_from_ijk(axes.tolist())
    return scene_on(matrix), matrix


for degrees in (0.5, 5.0, 18.5):
    values_, matrix_ = sheared(degrees)
    bad(45, f"sheared by {degrees} degrees", path=FILE)(plain(values=values_, matrix=matrix_))
good(45, "sheared by 5 degrees, resampling asked for", notice="shear-resampled", path=FILE, resample=True)(
    plain(values=sheared(5.0)[0], matrix=sheared(5.0)[1])
)

bad(46, "qform mirrors the sform", path=FILE)(plain(codes=(1, 1), qform_matrix=np.diag([-1.0, 1, 1, 1]) @ MATRIX))
bad(46, "qform 5 mm away from the sform", path=FILE)(
    plain(codes=(1, 1), qform_matrix=MATRIX + np.outer([1, 0, 0, 0], [0, 0, 0, 5.0]))
)
bad(46, "qform turned by 3 degrees", path=FILE)(plain(codes=(1, 1), qform_matrix=lps_from_ijk(rotation(3).tolist())))

bad(47, "both codes 0", path=FILE)(plain(codes=(0, 0)))
bad(47, "negative codes", path=FILE)(plain(codes=(-1, -1)))
bad(47, "ANALYZE header", path=FILE)(fields(magic=b"\0\0\0\0"))

for told, unit in {"metre": 1, "micrometre": 3, "a reserved code": 6}.items():
    bad(48, f"unit of length: {told}", path=FILE)(fields(xyzt_units=unit))
bad(27, "metres without saying so", path=FILE)(plain(matrix=lps_from_ijk(spacing_mm=[s / 1000 for s in SPACING_MM])))

good(46, "coordinates of a template", notice="template-space", path=FILE)(fields(sform_code=4))


def _with_sidecar(text: str) -> Build:
    return lambda folder: (plain()(folder), (folder / "ct.json").write_text(text))  # type: ignore[func-returns-value]


bad(37, "a sidecar that says MR", path=FILE)(_with_sidecar('{"Modality": "MR"}'))
good(37, "a sidecar that says CT", path=FILE)(_with_sidecar('{"Modality": "CT", "KVP": 120}'))
good(41, "a sidecar of nonsense", path=FILE)(
    _with_sidecar('{"KVP": 1e999, "PatientPosition": "DOE^JOHN", "Modality": 3}')
)
bad(34, "a folder with a NIfTI in it")(plain())
bad(34, "a name of 5000 letters", path="x" * 5000)(lambda folder: None)
for size, told in ((2**31 - 1, "huge"), (-16, "negative"), (0, "empty")):

    @bad(50, f"an extension of {told} size", path=FILE)
    def extension(folder: Path, size: int = size) -> None:
        content = bytearray(Nifti(HU, MATRIX, fields={"vox_offset": 368.0}).content())
        content[348:352] = struct.pack("<4B", 1, 0, 0, 0) + struct.pack("<ii", size, 6) + bytes(8)
        (folder / FILE).write_bytes(bytes(content))


_ZEROES = np.where(np.arange(SHAPE[2]) < 12, HU, HU + 1024)
bad(13, "planes with another zero", path=FILE)(plain(values=_ZEROES))
bad(32, "a blank plane inside", path=FILE)(plain(values=np.where(np.arange(SHAPE[2]) == 12, -1000, HU)))
good(32, "blank planes at the ends", path=FILE)(plain(values=np.where(np.arange(SHAPE[2]) > 29, -1000, HU)))

_DARK = np.clip((HU + 160) / 400 * 255, 0, 255)
bad(49, "slope 2 in the header", path=FILE)(fields(scl_slope=2.0, scl_inter=0.0))
bad(49, "slope 2 and air without noise: it looks like padding", path=FILE)(
    plain(values=np.where(HU < -900, -1000, HU), fields={"scl_slope": 2.0, "scl_inter": 0.0})
)
bad(49, "slope 0.5 in the header", path=FILE, code=16)(fields(scl_slope=0.5, scl_inter=0.0))
bad(49, "slope -1 in the header", path=FILE)(fields(scl_slope=-1.0, scl_inter=0.0))
bad(49, "1024 added", path=FILE, code=16)(plain(values=HU + 1024))
bad(49, "intercept 1024 in the header", path=FILE, code=16)(fields(scl_slope=1.0, scl_inter=1024.0))
bad(49, "100 subtracted", path=FILE)(plain(values=HU - 100))
bad(49, "air alone", path=FILE)(plain(values=np.random.default_rng(1).normal(-1000, 6, HU.shape)))
bad(49, "every voxel -1000", path=FILE)(plain(values=np.full(HU.shape, -1000)))
bad(49, "infinite slope", path=FILE)(fields(scl_slope=math.inf))
bad(49, "intercept NaN", path=FILE)(fields(scl_slope=1.0, scl_inter=math.nan))
bad(49, "windowed to 8 bits", path=FILE, code=16)(plain(values=_DARK, dtype="<u1"))
bad(49, "signed read as unsigned", path=FILE, code=17)(plain(values=HU.astype("<i2").view("<u2"), dtype="<u2"))

bad(50, "two volumes", path=FILE)(plain(values=np.stack([HU, HU], axis=-1)))
bad(50, "one plane", path=FILE)(plain(values=HU[:, :, 0], codes=(0, 1)))
bad(50, "a volume of one plane", path=FILE)(plain(values=HU[:, :, :1]))
bad(50, "RGB", path=FILE)(fields(datatype=128, bitpix=24))
bad(50, "complex", path=FILE)(fields(datatype=32, bitpix=64))
bad(50, "unknown type", path=FILE)(fields(datatype=7777))
bad(50, "bits that do not fit the type", path=FILE)(fields(bitpix=8))
bad(50, "truncated by one byte", path=FILE)(plain(cut=1))
bad(50, "truncated by half", path=FILE)(plain(cut=HU.size))
bad(50, "header only", path=FILE)(plain(cut=HU.size * 2))
bad(50, "truncated inside gzip", path=PACKED)(plain(PACKED, cut=1000))
bad(50, "detached header", path=FILE)(fields(magic=b"ni1"))
bad(50, "voxels said to start at 0", path=FILE)(fields(vox_offset=0))
bad(50, "voxels said to start at NaN", path=FILE)(fields(vox_offset=math.nan))
bad(50, "negative size", path=FILE)(fields(dim=[3, 64, -48, 32, 1, 1, 1, 1]))
bad(50, "rank 0", path=FILE)(fields(dim=[0, 64, 48, 32, 1, 1, 1, 1]))
bad(50, "one slice more than there is", path=FILE)(fields(dim=[3, 64, 48, 33, 1, 1, 1, 1]))
bad(39, "32767 in every direction", path=FILE)(fields(dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]))
bad(39, "a mebibyte and more behind the image", path=FILE)(plain(behind=bytes(1024 * 1024 + 10)))


@bad(50, "gzip cut off", path=PACKED)
def gzip_cut(folder: Path) -> None:
    (folder / PACKED).write_bytes(gzip.compress(Nifti(HU, MATRIX).content(), 1)[:-500])


@bad(50, "gzip with a wrong checksum", path=PACKED)
def gzip_checksum(folder: Path) -> None:
    content = bytearray(gzip.compress(Nifti(HU, MATRIX).content(), 1))
    content[-6] ^= 0xFF
    (folder / PACKED).write_bytes(bytes(content))


@bad(39, "a small gzip that announces 2 GiB", path=PACKED)
def bomb(folder: Path) -> None:
    nifti = Nifti(HU, MATRIX, fields={"dim": [3, 1024, 1024, 1000, 1, 1, 1, 1]})
    (folder / PACKED).write_bytes(gzip.compress(nifti.content()[:352] + bytes(8 * 1024 * 1024), 9))


@bad(39, "a zip archive", path="ct.zip")
def zipped(folder: Path) -> None:
    (folder / "ct.zip").write_bytes(b"PK\x03\x04" + bytes(400))


def nrrd_file(
    path: str = "ct.nrrd", values: Vector | None = None, text: dict[str, str] | None = None, **changed: Any
) -> Build:
    """An NRRD of the scene; header entries changed, or (None) left out, and whole lines of text replaced."""

    def build(folder: Path) -> None:
        header: dict[str, Any] = {
            "space": "left-posterior-superior",
            "space directions": MATRIX[:3, :3].T,
            "space origin": MATRIX[:3, 3],
            "kinds": ["domain"] * 3,
            "encoding": "raw",
            **changed,
        }
        stored = (HU if values is None else values).astype("<i2")
        nrrd.write(str(folder / path), stored, {name: value for name, value in header.items() if value is not None})
        if text:
            head, data = (folder / path).read_bytes().split(b"\n\n", 1)
            for old, new in text.items():
                head = head.replace(old.encode(), new.encode())
            (folder / path).write_bytes(head + b"\n\n" + data)

    return build


_RAS = RAS_FROM_LPS @ MATRIX
NRRD = "ct.nrrd"
good(0, "NRRD, LPS, raw", path=NRRD)(nrrd_file())
good(0, "NRRD, gzip", path=NRRD)(nrrd_file(encoding="gzip"))
good(0, "NRRD, RAS", path=NRRD)(
    nrrd_file(**{"space": "RAS", "space directions": _RAS[:3, :3].T, "space origin": _RAS[:3, 3]})
)
_LAS = np.diag([1.0, -1, 1, 1]) @ MATRIX
good(0, "NRRD, LAS", path=NRRD)(
    nrrd_file(**{"space": "left-anterior-superior", "space directions": _LAS[:3, :3].T, "space origin": _LAS[:3, 3]})
)
good(48, "NRRD, units in mm", path=NRRD)(nrrd_file(**{"space units": ["mm"] * 3}))
bad(48, "NRRD, units in m", path=NRRD)(nrrd_file(**{"space units": ["m"] * 3}))
bad(47, "NRRD without a space", path=NRRD)(nrrd_file(text={"space: left-posterior-superior": "space dimension: 3"}))
bad(47, "NRRD in scanner coordinates", path=NRRD)(nrrd_file(space="scanner-xyz"))
bad(47, "NRRD without directions", path=NRRD)(nrrd_file(**{"space directions": None}))
bad(47, "NRRD without an origin", path=NRRD)(nrrd_file(**{"space origin": None}))
bad(44, "NRRD with singular directions", path=NRRD)(
    nrrd_file(**{"space directions": np.array([[1.5, 0, 0], [1.5, 0, 0], [0, 0, 2.0]])})
)
bad(45, "NRRD, sheared", path=NRRD)(
    nrrd_file(values=sheared(5.0)[0], **{"space directions": sheared(5.0)[1][:3, :3].T})
)
bad(41, "NRRD header that points to another file", path=NRRD)(
    nrrd_file(text={"encoding: raw": "encoding: raw\ndata file: /etc/passwd"})
)
bad(50, "NRRD that skips bytes", path=NRRD)(nrrd_file(text={"encoding: raw": "encoding: raw\nbyte skip: 100"}))
bad(37, "NRRD of diffusion MR", path=NRRD)(nrrd_file(text={"encoding: raw": "encoding: raw\nmodality:=DWMRI"}))
bad(50, "NRRD in bzip2", path=NRRD)(nrrd_file(encoding="bzip2"))
bad(50, "NRRD with a list axis", path=NRRD)(nrrd_file(kinds=["list", "domain", "domain"]))
bad(50, "NRRD of unknown type", path=NRRD)(nrrd_file(text={"type: int16": "type: block"}))
bad(50, "NRRD without byte order", path=NRRD)(nrrd_file(text={"endian: little": "content: x"}))
bad(50, "NRRD with a broken header", path=NRRD)(nrrd_file(text={"sizes: ": "sizes: many "}))
bad(50, "NRRD larger than its data", path=NRRD)(
    nrrd_file(text={f"sizes: {SHAPE[0]} {SHAPE[1]} {SHAPE[2]}": f"sizes: {SHAPE[0]} {SHAPE[1]} {SHAPE[2] + 1}"})
)
bad(39, "NRRD that announces 2 TiB", path=NRRD)(
    nrrd_file(text={f"sizes: {SHAPE[0]} {SHAPE[1]} {SHAPE[2]}": "sizes: 10000 10000 10000"})
)


@bad(50, "NRRD without an end of its header", path=NRRD)
def nrrd_headless(folder: Path) -> None:
    (folder / NRRD).write_bytes(b"NRRD0005\n# only a comment\n")
