"""What a path holds, as one hash: so that a step whose input did not change is not repeated."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pedicle.io.bounded import is_file, is_there, sha256_of, unreadable
from pedicle.io.sidecar import sidecar_of
from pedicle.model.errors import InputError

_MAX_FILES = 20_000
_MAX_DEPTH = 8
_HEAD = 1024
_NOT_CODE = {".pyc", ".nbi", ".nbc"}
_DIRECTORY_CLASS = b"1.2.840.10008.1.3.10"


def fingerprint(path: Path) -> str:
    """sha256 over the contents of a file, or of every regular file below a folder, whatever their names and order.

    A DICOMDIR stands for all that lies beside and below it, a NIfTI for itself and the sidecar that is read with it. Links
    are not followed. InputError 34 where there is nothing, nothing that can be read, or more than 20 000 files.
    """
    if not is_there(path):
        raise InputError(34, path.name[:80] or ".", "nothing there", "a file or folder", "check the path")
    digests = []
    try:
        for found in _read_with(path):
            digests.append(sha256_of(found))
            if len(digests) > _MAX_FILES:
                raise InputError(
                    34, path.name, f"more than {_MAX_FILES} files", "one study", "point to the CT's own folder"
                )
    except OSError as fault:
        raise unreadable(path, fault) from fault
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


@cache
def code_fingerprint() -> str:
    """sha256 over pedicle's own code and numbers: what was computed by other code is computed again."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix not in _NOT_CODE:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _read_with(path: Path) -> Iterator[Path]:
    """All files that a reader may open when it is given `path`."""
    if is_file(path):
        with path.open("rb") as stream:
            if _DIRECTORY_CLASS in stream.read(_HEAD):
                path = path.resolve().parent
    yield from _regular_files(path, 0)
    sidecar = sidecar_of(path)
    if sidecar is not None:
        yield sidecar


def _regular_files(path: Path, depth: int) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir() and depth <= _MAX_DEPTH:
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    yield from _regular_files(Path(entry.path), depth + 1)
