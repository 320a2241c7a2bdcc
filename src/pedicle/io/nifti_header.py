"""What a NIfTI header says, and whether it can be believed: dimensions, units, qform and sform, name table.

NIfTI is RAS; it is turned to LPS here, at the edge, and nowhere else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from pedicle.io.bounded import MIB, take
from pedicle.io.geometry import corner_gap_mm, singular
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid, Shape

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MAGIC = {b"n+1\x00": 1, b"ni1\x00": 1, b"n+2\x00": 2, b"ni2\x00": 2}
_MAX_EXTENSIONS = 4 * MIB
_MILLIMETRE, _UNKNOWN = 2, 0
_FORMS_AGREE_MM = 0.5
_PIXDIM_TOLERANCE = 1e-3

# nifti1.h: Talairach, MNI 152, another template. Scanner is 1, aligned to another image 2.
_TEMPLATE_CODES = (3, 4, 5)

Form = Literal["qform", "sform"]


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """A believed header: the grid in LPS, how voxels are stored, and the text extensions (code, bytes).

    `template` is True where the coordinates are said to be those of a template and not of the patient.
    """

    grid: Grid
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    extensions: tuple[tuple[int, bytes], ...]
    template: bool

    @property
    def data_bytes(self) -> int:
        """Length of the voxel data."""
        return int(np.prod(self.grid.shape, dtype=object)) * self.dtype.itemsize


def is_nifti(start: bytes) -> bool:
    """Whether these first bytes (540 or more) are a NIfTI-1, NIfTI-2 or ANALYZE header."""
    return len(start) >= 348 and _header_size(start) in (348, 540)


def read_header(stream: BinaryIO, where: str, use: Form | None = None) -> NiftiHeader:
    """Read and check everything before the voxels; the stream then stands at the first voxel.

    `use` picks a form when both are given and disagree. Raises InputError 43, 44 and 46 to 50.
    """
    raw, version = _raw_header(stream, where)
    shape = _shape(raw, where)
    dtype = _dtype(raw, where)
    offset = _offset(raw, version, where)
    _check_units(raw, where)
    slope, intercept = _scaling(raw, where)
    with np.errstate(over="ignore", invalid="ignore"):  # wild numbers become infinite and are refused as such
        grid = Grid(shape, _lps_from_ijk(raw, shape, where, use))
    size = 348 if version == 1 else 540
    extensions = _extensions(take(stream, offset - size, where), "<" if raw.endianness == "<" else ">", where)
    template = max(int(raw["qform_code"]), int(raw["sform_code"])) in _TEMPLATE_CODES
    return NiftiHeader(grid, dtype, slope, intercept, extensions, template)


def _header_size(start: bytes) -> int | None:
    for order in "<>":
        size: int = struct.unpack(f"{order}i", start[:4])[0]
        if size in (348, 540):
            return size
    return None


def _raw_header(stream: BinaryIO, where: str) -> tuple[Any, int]:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    block = take(stream, 348, where)
    size = _header_size(block)
    magic = block[344:348] if size == 348 else block[4:8]
    version = _MAGIC.get(magic)
    if version is None or size is None or (version == 2) != (size == 540):
        raise InputError(47, where, "an ANALYZE header", "NIfTI: ANALYZE knows no left and right", "convert from DICOM")
    if magic[:2] == b"ni":
        raise InputError(50, where, "a detached header (.hdr/.img)", "one file .nii or .nii.gz", "save it as one file")
    if version == 2:
        block += take(stream, 192, where)
    order = "<" if struct.unpack("<i", block[:4])[0] == size else ">"
    kind: Any = Nifti1Header if version == 1 else Nifti2Header
    return kind(block, endianness=order, check=False), version


def _shape(raw: Any, where: str) -> Shape:
    dim = [int(n) for n in raw["dim"]]
    rank = dim[0]
    if not 3 <= rank <= 7 or any(n != 1 for n in dim[4 : rank + 1]) or min(dim[1:4]) < 2:
        sizes = " x ".join(str(n) for n in dim[1 : max(rank, 0) + 1]) if 1 <= rank <= 7 else f"rank {rank}"
        raise InputError(50, where, f"an image of {sizes}", "three dimensions", "export one three-dimensional volume")
    return dim[1], dim[2], dim[3]


def _dtype(raw: Any, where: str) -> np.dtype[Any]:
    code, bits = int(raw["datatype"]), int(raw["bitpix"])
    names = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
    if code not in names:
        kind = {128: "RGB", 2304: "RGBA", 32: "complex", 1792: "complex", 1: "binary"}.get(code, "unknown")
        raise InputError(50, where, f"voxels of type {code} ({kind})", "one real number a voxel", "export as int16")
    dtype = np.dtype(names[code]).newbyteorder(raw.endianness)
    if bits != 8 * dtype.itemsize:
        raise InputError(50, where, f"{bits} bits a voxel for type {code}", f"{8 * dtype.itemsize}", "export it again")
    return dtype


def _offset(raw: Any, version: int, where: str) -> int:
    least = 352 if version == 1 else 544
    offset = float(raw["vox_offset"])
    if not (np.isfinite(offset) and least <= offset <= least + _MAX_EXTENSIONS and offset == int(offset)):
        raise InputError(50, where, f"voxels said to start at byte {offset:g}", f"{least} or later", "export it again")
    return int(offset)


def _check_units(raw: Any, where: str) -> None:
    unit = int(raw["xyzt_units"]) & 7
    if unit not in (_MILLIMETRE, _UNKNOWN):
        name = {1: "metre", 3: "micrometre"}.get(unit, f"code {unit}")
        raise InputError(48, where, f"unit of length: {name}", "millimetre", "export in millimetres")


def _scaling(raw: Any, where: str) -> tuple[float, float]:
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    if slope == 0 or np.isnan(slope):
        return 1.0, 0.0
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise InputError(49, where, f"scaling {slope:g} x + {intercept:g}", "finite numbers", "export it again")
    return slope, intercept


def _lps_from_ijk(raw: Any, shape: Shape, where: str, use: Form | None) -> NDArray[np.float64]:
    forms = _forms(raw, where)
    chosen: Form = use if use in forms else ("sform" if "sform" in forms else "qform")
    if len(forms) == 2 and use is None:
        _check_agreement(forms, shape, where)
    matrix = forms[chosen]
    if chosen == "sform":
        _check_pixdim(raw, matrix, where)
    if singular(matrix):
        raise InputError(44, where, f"a singular {chosen}", "three independent axes", "export it with an orientation")
    return np.asarray(LPS_FROM_RAS @ matrix)


def _forms(raw: Any, where: str) -> dict[Form, NDArray[np.float64]]:
    codes = {"qform": int(raw["qform_code"]), "sform": int(raw["sform_code"])}
    if max(codes.values()) <= 0:
        raise InputError(47, where, "qform and sform codes are 0", "an orientation", "export it with an orientation")
    forms: dict[Form, NDArray[np.float64]] = {}
    if codes["qform"] > 0:
        forms["qform"] = _qform(raw, where)
    if codes["sform"] > 0:
        forms["sform"] = np.asarray(raw.get_sform(), dtype=np.float64)
    for name, matrix in forms.items():
        if not np.isfinite(matrix).all() or not np.abs(matrix).max() < 1e6:
            raise InputError(44, where, f"{name} with numbers that are not finite", "finite", "export it again")
    return forms


def _qform(raw: Any, where: str) -> NDArray[np.float64]:
    pixdim = np.asarray(raw["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(pixdim).all() and (pixdim > 0).all()):
        raise InputError(43, where, f"pixdim {_list(pixdim)}", "positive numbers", "export it again")
    quaternion = np.array([raw["quatern_b"], raw["quatern_c"], raw["quatern_d"]], dtype=np.float64)
    if not (np.isfinite(quaternion).all() and float(quaternion @ quaternion) <= 1.0 + 1e-4):
        raise InputError(44, where, "a qform that is no rotation", "a unit quaternion", "export it again")
    b, c, d = quaternion / max(1.0, float(np.linalg.norm(quaternion)))
    a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * (pixdim * [1.0, 1.0, -1.0 if float(raw["pixdim"][0]) < 0 else 1.0])
    matrix[:3, 3] = [raw["qoffset_x"], raw["qoffset_y"], raw["qoffset_z"]]
    return matrix


def _check_agreement(forms: dict[Form, NDArray[np.float64]], shape: Shape, where: str) -> None:
    gap = corner_gap_mm(Grid(shape, forms["qform"]), Grid(shape, forms["sform"]))
    if gap > _FORMS_AGREE_MM:
        raise InputError(
            46,
            where,
            f"qform and sform differ by {gap:.1f} mm",
            f"{_FORMS_AGREE_MM} mm at the corners",
            "say which is right: --use qform or --use sform",
        )


def _check_pixdim(raw: Any, matrix: NDArray[np.float64], where: str) -> None:
    pixdim = np.asarray(raw["pixdim"][1:4], dtype=np.float64)
    length = np.linalg.norm(matrix[:3, :3], axis=0)
    if (length == 0).any():
        raise InputError(44, where, "an sform with a zero axis", "three independent axes", "export it again")
    if not (np.abs(pixdim - length) <= _PIXDIM_TOLERANCE * length).all():
        found = f"pixdim {_list(pixdim)} against an sform of {_list(length)} mm"
        raise InputError(43, where, found, "equal to 0.1 %", "export it again")


def _extensions(block: bytes, order: str, where: str) -> tuple[tuple[int, bytes], ...]:
    found: list[tuple[int, bytes]] = []
    at = 4
    while block[:1] != b"\x00" and at + 8 <= len(block):
        size, code = struct.unpack(f"{order}ii", block[at : at + 8])
        if size < 8 or at + size > len(block):
            raise InputError(50, where, f"a header extension of {size} bytes", "one that fits", "export it again")
        found.append((code, block[at + 8 : at + size]))
        at += size
    return tuple(found)


def _list(numbers: NDArray[np.float64]) -> str:
    return " ".join(f"{n:g}" for n in numbers)
