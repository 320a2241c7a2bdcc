"""Makes NIfTI files of the known scene, header field by header field, so that every field can be right or wrong."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from benchmarks.series_maker import CENTRE_MM, Vector, scene

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (64, 48, 32)
SPACING_MM = (1.5, 1.9, 2.0)


def lps_from_ijk(
    axes: Sequence[Sequence[float]] = ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    shape: Sequence[int] = SHAPE,
    spacing_mm: Sequence[float] = SPACING_MM,
) -> Vector:
    """Affine of a grid centred on the scene; `axes` are the LPS directions of i, j, k, one a row."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.array(axes, dtype=float) * np.array(spacing_mm)[:, None]).T
    matrix[:3, 3] = CENTRE_MM - matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    return matrix


def points_of(matrix: Vector, shape: Sequence[int] = SHAPE) -> Vector:
    """LPS of all voxel centres, shape (*shape, 3)."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return index @ matrix[:3, :3].T + matrix[:3, 3]


def scene_on(matrix: Vector, shape: Sequence[int] = SHAPE, seed: int = 0) -> Vector:
    """The scene in HU with noise, sampled on a grid."""
    noise = np.random.default_rng(seed).normal(0.0, 6.0, tuple(shape))
    return np.asarray(scene(points_of(matrix, shape), noise))


@dataclass
class Nifti:
    """What goes into a file. `values` are stored as they are; `fields` overwrite header fields last, right or wrong."""

    values: Vector
    matrix: Vector
    dtype: str = "<i2"
    codes: tuple[int, int] = (0, 1)
    version: int = 1
    qform_matrix: Vector | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    extension: bytes = b""
    cut: int = 0
    behind: bytes = b""

    def content(self) -> bytes:
        """The file's bytes, not compressed. `codes` are those of qform and sform; `cut` bytes are left out at the end."""
        header = self._header()
        extension = _extension(self.extension, "<" if self.dtype[0] == "<" else ">") if self.extension else b""
        header["vox_offset"] = header["sizeof_hdr"] + 4 + len(extension)
        for name, value in self.fields.items():
            header[name] = value
        start = header.binaryblock + (b"\x01\0\0\0" if extension else bytes(4)) + extension
        data = np.asfortranarray(self.values.astype(self.dtype)).tobytes(order="F")
        whole = start + data
        return (whole[: len(whole) - self.cut] if self.cut else whole) + self.behind

    def _header(self) -> Any:
        kind: Any = Nifti1Header if self.version == 1 else Nifti2Header
        header = kind(endianness="<" if self.dtype[0] == "<" else ">")
        header.set_data_dtype(np.dtype(self.dtype))
        header["dim"][: self.values.ndim + 1] = [self.values.ndim, *self.values.shape]
        ras = RAS_FROM_LPS @ self.matrix
        quaternion = ras if self.qform_matrix is None else RAS_FROM_LPS @ self.qform_matrix
        header["magic"] = b"n+1" if self.version == 1 else b"n+2\0\r\n\x1a\n"
        header.set_qform(quaternion, code=1, strip_shears=True)
        header.set_sform(ras, code=1)
        if self.codes[1] and self.values.ndim >= 3:
            header["pixdim"][1:4] = np.linalg.norm(self.matrix[:3, :3], axis=0)
        header["qform_code"], header["sform_code"] = self.codes
        header["xyzt_units"] = 2
        return header

    def save(self, path: Path) -> None:
        """Write the file; gzip when the name says so."""
        content = self.content()
        path.write_bytes(gzip.compress(content, 1, mtime=0) if path.name.endswith(".gz") else content)


def _extension(content: bytes, order: str) -> bytes:
    size = -(-(len(content) + 8) // 16) * 16
    return np.array([size, 0], f"{order}i4").tobytes() + content.ljust(size - 8, b"\0")
