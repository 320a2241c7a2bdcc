"""What an NRRD header says, and whether it can be believed: space, directions, units, encoding, segment names."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pedicle.io.bounded import MIB
from pedicle.io.geometry import singular
from pedicle.io.labelmap.schemes import level_named
from pedicle.model.errors import InputError
from pedicle.model.grid import Grid, Shape
from pedicle.model.levels import levels

_LPS_FROM_SPACE = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_CODES = {word: code for code, words in _TYPES.items() for word in words}
_SNOMED = re.compile(r"~SCT\^(\d+)\^")


@dataclass(frozen=True, eq=False)
class NrrdHeader:
    """A believed header: the grid in LPS, how voxels are stored, and the names of segments by number (or None)."""

    grid: Grid
    dtype: np.dtype[Any]
    packed: bool
    names: dict[int, str] | None

    @property
    def data_bytes(self) -> int:
        """Length of the voxel data, unpacked."""
        return int(np.prod(self.grid.shape, dtype=object)) * self.dtype.itemsize


def read_header(stream: BinaryIO, where: str) -> NrrdHeader:
    """Read and check the text before the voxels; the stream then stands at the first byte of data.

    Raises InputError 37, 44, 47, 48, 50, 52, and 41 for a header that points to another file.
    """
    fields = _fields(stream, where)
    _check_attached(fields, where)
    _check_modality(fields, where)
    shape = _shape(fields, where)
    packed = _packed(fields, where)
    dtype = _dtype(fields, where)
    _check_units(fields, where)
    return NrrdHeader(Grid(shape, _lps_from_ijk(fields, where)), dtype, packed, _segment_names(fields, where))


def _fields(stream: BinaryIO, where: str) -> dict[str, Any]:
    import nrrd

    lines: list[bytes] = []
    while (line := stream.readline(MIB)).strip():
        lines.append(line)
        if len(lines) > 20_000 or len(line) >= MIB:
            raise _broken(where, "a header without an end")
    if not line:
        raise _broken(where, "a header without data")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(nrrd.read_header(lines))
    except (nrrd.NRRDError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as fault:
        raise _broken(where, "a header that cannot be read") from fault


def _check_attached(fields: dict[str, Any], where: str) -> None:
    if "data file" in fields or "datafile" in fields:
        fix = "save header and data as one .nrrd file"
        raise InputError(41, where, "a detached header that points to another file", "one file", fix)
    if fields.get("byte skip", 0) or fields.get("line skip", 0):
        raise _broken(where, "a header that skips bytes")


def _check_modality(fields: dict[str, Any], where: str) -> None:
    """Diffusion MR says so in a key of its own."""
    modality = str(fields.get("modality", "CT")).strip().upper()
    if modality not in ("CT", ""):
        raise InputError(37, where, "an image that its header calls no CT", "modality CT", "give the CT")


def _shape(fields: dict[str, Any], where: str) -> Shape:
    sizes = [int(n) for n in np.atleast_1d(fields.get("sizes", []))]
    kinds = fields.get("kinds") or ["domain"] * len(sizes)
    if len(sizes) != 3 or fields.get("dimension") != 3 or min(sizes) < 2 or max(sizes) > 65535:
        found = f"an image of {' x '.join(str(n) for n in sizes[:7])}"
        raise InputError(50, where, found, "three dimensions", "export one three-dimensional volume, one layer")
    if any(kind not in ("domain", "space", "???", "none") for kind in kinds):
        raise InputError(50, where, f"axes of kind {' '.join(map(str, kinds))}", "space", "export one number a voxel")
    return sizes[0], sizes[1], sizes[2]


def _dtype(fields: dict[str, Any], where: str) -> np.dtype[Any]:
    code = _CODES.get(str(fields.get("type", "")).lower())
    endian = {"little": "<", "big": ">"}.get(str(fields.get("endian", "")).lower())
    if code is None or (endian is None and not code.endswith("1")):
        found = f"voxels of type {str(fields.get('type'))[:20]}, endian {str(fields.get('endian'))[:10]}"
        raise InputError(50, where, found, "a number type with its byte order", "export as int16")
    return np.dtype(f"{endian or '<'}{code}")


def _packed(fields: dict[str, Any], where: str) -> bool:
    encoding = str(fields.get("encoding", "")).lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(50, where, f"encoding {encoding[:20]}", "raw or gzip", "save it with gzip compression")
    return encoding != "raw"


def _check_units(fields: dict[str, Any], where: str) -> None:
    units = [str(unit).strip('"').lower() for unit in fields.get("space units") or []]
    if any(unit not in ("mm", "millimeter", "millimeters", "millimetre", "") for unit in units):
        raise InputError(48, where, f"space units {' '.join(units)[:40]}", "mm", "export in millimetres")


def _lps_from_ijk(fields: dict[str, Any], where: str) -> NDArray[np.float64]:
    signs = _LPS_FROM_SPACE.get(str(fields.get("space", "")).lower())
    directions, origin = fields.get("space directions"), fields.get("space origin")
    if signs is None or directions is None or origin is None:
        found = f"space {str(fields.get('space'))[:30]} without directions and origin of the patient"
        raise InputError(47, where, found, "LPS, RAS or LAS with directions", "export it with its orientation")
    matrix = np.eye(4)
    if np.shape(directions) != (3, 3) or np.shape(origin) != (3,):
        raise InputError(47, where, "space directions that are not three vectors", "three", "export it again")
    matrix[:3, :3] = np.asarray(directions, dtype=np.float64).T
    matrix[:3, 3] = np.asarray(origin, dtype=np.float64)
    matrix = matrix * np.array([*signs, 1.0])[:, None]
    if singular(matrix) or not np.abs(matrix).max() < 1e6:
        raise InputError(44, where, "singular space directions", "three independent axes", "export it again")
    return np.asarray(matrix)


def _segment_names(fields: dict[str, Any], where: str) -> dict[int, str] | None:
    """Names of a .seg.nrrd by label value; a SNOMED code of a vertebra in the tags names it where the name is free text.

    InputError 52 where code and name are two vertebrae, or two segments have one value.
    """
    codes = {level.sct: level.name for level in levels().values() if level.sct}
    names: dict[int, str] = {}
    for n in range(len(fields)):
        value, name = fields.get(f"Segment{n}_LabelValue"), str(fields.get(f"Segment{n}_Name", "")).strip()
        if value is None or not name or not str(value).strip().isdecimal():
            continue
        told = [codes[code] for code in _SNOMED.findall(str(fields.get(f"Segment{n}_Tags", ""))) if code in codes]
        meant = level_named(name)
        if told and meant and meant != told[0]:
            raise _two_meanings(where, f"segment {n} coded {told[0]} and named {meant}", "one level")
        if int(value) in names:
            raise _two_meanings(where, f"two segments with the label value {int(value)}", "one value a segment")
        names[int(value)] = told[0] if told else name
    return names or None


def _two_meanings(where: str, found: str, limit: str) -> InputError:
    return InputError(52, where, found, limit, "correct the segments and save them as one layer")


def _broken(where: str, found: str) -> InputError:
    return InputError(50, where, found, "a complete NRRD file", "export it again")
