"""Volumes as NIfTI: RAS at this edge, a name table inside label maps, the same bytes every time."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from pedicle.io.labelmap.caret import CARET_CODE, caret_extension
from pedicle.io.nifti_header import LPS_FROM_RAS
from pedicle.model.volume import Volume

_MILLIMETRE = "mm"
_SCANNER = 1


def write_label_nifti(volume: Volume, path: Path, names: dict[int, str]) -> None:
    """A label map (.nii or .nii.gz) with the names of its numbers as a Caret XML extension.

    Values are stored as uint8 where they fit, else uint16. The bytes depend on the content alone.
    """
    dtype = np.uint8 if int(volume.values.max(initial=0)) <= 255 else np.uint16
    image = _image(volume, volume.values.astype(dtype))
    from nibabel.nifti1 import Nifti1Extension

    image.header.extensions.append(Nifti1Extension(CARET_CODE, caret_extension(names)))
    image.header.set_intent("label")
    _save(image, path)


def write_scan_nifti(volume: Volume, path: Path) -> None:
    """A CT (.nii or .nii.gz): int16 or float32 as the volume holds it, no scaling, qform and sform alike."""
    _save(_image(volume, volume.values), path)


def field_bytes(volume: Volume) -> bytes:
    """A field on any grid as the content of a .nii.gz file: float32, qform and sform alike, its affine in the CT's world."""
    return _packed(_image(volume, volume.values.astype(np.float32)))


def _image(volume: Volume, values: Any) -> Any:
    from nibabel.nifti1 import Nifti1Image

    affine = LPS_FROM_RAS @ volume.grid.lps_from_ijk
    make: Any = Nifti1Image
    image = make(values, affine)
    image.set_sform(affine, code=_SCANNER)
    image.set_qform(affine, code=_SCANNER)
    image.header.set_xyzt_units(_MILLIMETRE)
    return image


def _save(image: Any, path: Path) -> None:
    path.write_bytes(_packed(image) if path.name.endswith(".gz") else image.to_bytes())


def _packed(image: Any) -> bytes:
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
