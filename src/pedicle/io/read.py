"""The two doors for outer files: a CT and a label map. The format is recognised by content, not by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pedicle.io.options import ImportOptions
from pedicle.model.errors import InputError
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import LabelMap, Scan

Format = Literal["nifti", "nrrd", "dicom"]
_HEAD = 1024
_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "zstd"}


def read_ct(path: Path | str, options: ImportOptions | None = None, progress: Progress = silent) -> Scan:
    """A CT from a DICOM folder or file, a NIfTI or an NRRD file, through the import gate.

    The scan is in HU, axes along left, posterior, superior, LPS millimetres. What the gate cannot trust it refuses with
    an InputError whose code is a row of docs/reference/input-rules.md.
    """
    path, options = Path(path), options or ImportOptions()
    match format_of(path):
        case "nifti":
            from pedicle.io.nifti import read_nifti_ct

            return read_nifti_ct(path, options, progress)
        case "nrrd":
            from pedicle.io.nrrd import read_nrrd_ct

            return read_nrrd_ct(path, options, progress)
        case "dicom":
            from pedicle.io.dicom.reader import read_dicom

            return read_dicom(path, options, progress)


def read_labels(
    path: Path | str, scan: Scan | None = None, options: ImportOptions | None = None, progress: Progress = silent
) -> LabelMap:
    """A label map (NIfTI, NRRD, DICOM SEG, or a folder with one NIfTI mask a structure) in VerSe numbers.

    It lies on the scan's grid afterwards, or on its own without a scan.

    The scheme is what `options.scheme` says, what the file's name table says, or what a VerSe/BIDS file name says;
    it is never guessed from numbers. Raises InputError 51 to 53 and what the format's reader raises.
    """
    from pedicle.io.bounded import is_there
    from pedicle.io.labelmap.reader import label_map

    path, options = Path(path), options or ImportOptions()
    match "folder" if is_there(path) and path.is_dir() else format_of(path):
        case "folder":
            from pedicle.io.labelmap.class_files import read_class_files

            raw = read_class_files(path, options, progress)
        case "nifti":
            from pedicle.io.nifti import read_nifti_labels

            raw = read_nifti_labels(path, options, progress)
        case "nrrd":
            from pedicle.io.nrrd import read_nrrd_labels

            raw = read_nrrd_labels(path, options, progress)
        case "dicom":
            from pedicle.io.labelmap.seg import read_seg

            return read_seg(path, scan, options, progress)
    progress(0.9, "checking the labels")
    return label_map(raw, scan, options.scheme, options.resample_labels)


def format_of(path: Path) -> Format:
    """Which reader a path needs, by its first bytes; everything unknown is left to the DICOM reader to judge.

    InputError 34 where there is nothing, 39 for archives that must be unpacked first.
    """
    from pedicle.io.bounded import head, is_there
    from pedicle.io.nifti_header import is_nifti

    if not is_there(path):
        raise InputError(34, path.name[:80] or ".", "nothing there", "a file or folder", "check the path")
    if path.is_dir():
        return "dicom"
    start = head(path, _HEAD)
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise InputError(39, path.name, f"a {name} archive", "a CT or label map", "unpack it first")
    if start.startswith(b"NRRD000"):
        return "nrrd"
    return "nifti" if is_nifti(start) else "dicom"
