"""A folder of masks, one file a structure, named by what they hold: how TotalSegmentator writes without `--ml`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pedicle.io.labelmap.reader import STRUCTURES
from pedicle.io.labelmap.schemes import level_named, scheme, structure_named
from pedicle.io.nifti import read_nifti_labels
from pedicle.io.options import ImportOptions
from pedicle.io.raw import RawLabels
from pedicle.model.errors import InputError
from pedicle.model.progress import Progress, part, silent
from pedicle.model.volume import Volume

_NUMBERS = "totalsegmentator-v2"


def class_files(folder: Path) -> dict[str, Path]:
    """Masks of a folder by the class their file name says; only classes pedicle knows, regular files, no links.

    InputError 52 where two files are named alike.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.nii*")):
        name = path.name.removesuffix(".gz").removesuffix(".nii")
        if not _known(name) or path.is_symlink() or not path.is_file():
            continue
        if name in found:
            fix = "leave one of them in the folder"
            raise InputError(52, path.name, f"a second mask beside {found[name].name}", "one mask a structure", fix)
        found[name] = path
    return found


def read_class_files(folder: Path, options: ImportOptions | None = None, progress: Progress = silent) -> RawLabels:
    """All known masks of a folder as one label map, numbered as TotalSegmentator 2 numbers its classes.

    Raises InputError 51 (masks on different grids), 52 (a mask with other values than 0 and 1, masks that overlap).
    """
    numbers = {name: number for number, name in scheme(_NUMBERS).labels.items()}
    names: dict[int, str] = {}
    joined: Volume | None = None
    digests: list[str] = []
    files = class_files(folder)
    for n, (name, path) in enumerate(files.items()):
        mask = read_nifti_labels(path, options, part(progress, n / len(files), (n + 1) / len(files)))
        number = numbers.get(name, max([*numbers.values(), *names]) + 1)
        joined = _with(joined, mask, number)
        names[number] = name
        digests.append(mask.sha256)
    if joined is None:
        fix = "name the label map's own file, or a folder of masks named vertebrae_L1.nii.gz and so on"
        raise InputError(52, folder.name, "a folder without masks of known names", "a label map", fix)
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    return RawLabels(joined, names, folder.name, digest, "nifti")


def _known(name: str) -> bool:
    return level_named(name) is not None or structure_named(name) in STRUCTURES


def _with(joined: Volume | None, mask: RawLabels, number: int) -> Volume:
    """The map with one more mask in it."""
    values = mask.volume.values
    if int(values.max()) > 1:
        raise InputError(52, mask.where, f"values up to {int(values.max())}", "a mask of 0 and 1", "name one label map")
    if joined is None:
        return mask.volume.with_values((values * np.uint16(number)).astype(np.uint16))
    if not mask.volume.grid.same_place(joined.grid):
        raise InputError(51, mask.where, "a mask on another grid than the others", "0.1 mm", "segment one CT at a time")
    if ((joined.values > 0) & (values > 0)).any():
        raise InputError(52, mask.where, "a mask that overlaps another", "one label a voxel", "name one label map")
    return joined.with_values(np.where(values > 0, np.uint16(number), joined.values))
