"""A DICOMDIR names the images of a medium; only those inside its own folder are read."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pedicle.io.dicom.files import MOST_FILES, FoundFile, Listing, shown
from pedicle.model.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_COMPONENT = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_DEEPEST = 8


def files_of_directory(file: FoundFile, dataset: Dataset, skip_bad: bool) -> Listing:
    """The image files that a DICOMDIR names, in its own folder and below.

    Raises InputError 34 where it names none, 41 for a name that could lead elsewhere, 33 for a file that is not there
    (with `skip_bad` these are counted).
    """
    root = file.path.parent.resolve()
    listing = Listing([], Counter())
    for record in dataset.get("DirectoryRecordSequence") or []:
        parts = record.get("ReferencedFileID")
        if not parts or str(record.get("DirectoryRecordType", "")).strip() != "IMAGE":
            continue
        names = [parts] if isinstance(parts, str) else [str(part) for part in parts]
        found = _resolved(file, root, [name.strip() for name in names])
        if found is not None:
            listing.files.append(FoundFile(shown("/".join(names)), found))
        elif skip_bad:
            listing.passed_over["file named but absent"] += 1
        else:
            raise InputError(
                33,
                shown("/".join(names)),
                f"{file.name} names this file and it is not there",
                "all files of the medium",
                "copy the whole medium, or leave it out with --skip-bad",
            )
        if len(listing.files) > MOST_FILES:
            raise InputError(34, file.name, f"more than {MOST_FILES} files", f"{MOST_FILES}", "name one series' folder")
    if not listing.files:
        raise InputError(34, file.name, "names no image", "at least one series", "name the folder with the images")
    return listing


def _resolved(file: FoundFile, root: Path, names: list[str]) -> Path | None:
    """The file behind the components, upper or lower case; None where there is none."""
    for name in names:
        if not _COMPONENT.fullmatch(name) or set(name) <= {"."} or len(names) > _DEEPEST:
            found = "a file name that could lead out of the folder"
            raise InputError(41, file.name, found, "letters, digits and _", "name the folder with the images instead")
    for given in (names, [name.lower() for name in names]):
        path = root.joinpath(*given)
        if path.is_file() and path.resolve().is_relative_to(root) and not path.is_symlink():
            return path
    return None
