"""What a path holds, as one hash: so that a step whose input did not change is not repeated."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pedicle.model.errors import InputError

_MAX_FILES = 20_000
_MAX_DEPTH = 8


def fingerprint(path: Path) -> str:
    """sha256 over the contents of a file, or of every regular file below a folder, whatever their names and order.

    Links are not followed. InputError 34 where there is nothing to read or more than 20 000 files.
    """
    if not path.exists():
        raise InputError(34, path.name or ".", "nothing there", "a file or folder", "check the path")
    digests = []
    for found in _regular_files(path, 0):
        with found.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
        if len(digests) > _MAX_FILES:
            raise InputError(
                34, path.name, f"more than {_MAX_FILES} files", "one study", "point to the CT's own folder"
            )
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


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
