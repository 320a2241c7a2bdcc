"""Finds DICOM files in a folder and opens them without following links, blocking on pipes, or unpacking bombs."""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pedicle.model.errors import InputError

DEEPEST = 8
MOST_FILES = 20_000
# A CT of 2 GiB is over 4000 slices of 512 x 512. Unpacking beyond 200 times the packed size is no image of a body;
# under the floor a constant slice may pack better than that.
MOST_BYTES = 2 * 1024**3
MOST_RATIO = 200
RATIO_FLOOR = 64 * 1024**2
_PREAMBLE = 128
_CHUNK = 1 << 20
_HELD_BYTES = 16 * 1024**2
_ARCHIVES = {b"PK\x03\x04": "zip", b"7z\xbc\xaf": "7z", b"BZh": "bzip2", b"\xfd7zX": "xz", b"Rar!": "rar"}
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"#!")
_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima", ".dic"}


@dataclass(frozen=True, order=True)
class FoundFile:
    """A regular file under the folder the user gave; `name` is for messages only, and two files may show the same one."""

    name: str
    path: Path


@dataclass
class Listing:
    """The files of a folder, and how many entries of which kind were passed over."""

    files: list[FoundFile]
    passed_over: Counter[str]


def find_files(path: Path) -> Listing:
    """Regular files at `path` (a file or a folder), sorted by name.

    Links, pipes, sockets and devices are passed over and counted. Raises InputError 34 where there is nothing to read,
    too much, or too deep.
    """
    where = shown(path.name or str(path))
    try:
        there = path.exists()
    except OSError:  # a name too long, or a folder on the way that may not be entered
        there = False
    if not there:
        raise InputError(34, where, "there is no such file or folder", "a file or folder", "check the path")
    if path.is_dir():
        return _walk(path.resolve(), where)
    if not path.is_file():
        raise InputError(34, where, "a pipe, socket or device", "a regular file", "copy the data into a file")
    return Listing([FoundFile(where, path.resolve())], Counter())


def _walk(root: Path, where: str) -> Listing:
    listing = Listing([], Counter())
    waiting = [(root, 1)]
    while waiting:
        folder, depth = waiting.pop()
        for entry in _entries(folder, where):
            kind = _kind_of(entry)
            if kind == "folder":
                if depth >= DEEPEST:
                    raise _too_much(where, f"folders nested deeper than {DEEPEST}", f"{DEEPEST} levels")
                waiting.append((Path(entry.path), depth + 1))
            elif kind == "file":
                listing.files.append(FoundFile(shown(str(Path(entry.path).relative_to(root))), Path(entry.path)))
            else:
                listing.passed_over[kind] += 1
            if len(listing.files) > MOST_FILES:
                raise _too_much(where, f"more than {MOST_FILES} files", f"{MOST_FILES} files")
    listing.files.sort()
    return listing


def _entries(folder: Path, where: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise InputError(
            34, where, f"a folder that cannot be read ({error.strerror})", "readable", "check its rights"
        ) from error


def _kind_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "pipe or device"


def _too_much(where: str, found: str, limit: str) -> InputError:
    return InputError(34, where, found, limit, "name the folder of one series")


def shown(name: str) -> str:
    """A file name as it may stand in a line of text: printable characters, at most 120."""
    safe = "".join(c if c.isprintable() and c.isascii() and c not in "<>&\"'" else "?" for c in name)
    return safe if len(safe) <= 120 else "..." + safe[-117:]


class Bounded:
    """A file that never reads past its end, so that a forged length cannot make Python reserve memory for it."""

    def __init__(self, handle: BinaryIO, size: int) -> None:
        self._handle = handle
        self.size = size

    def read(self, count: int = -1) -> bytes:
        """At most what is left."""
        left = max(self.size - self._handle.tell(), 0)
        return self._handle.read(left if count < 0 else min(count, left))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Held to the end of the file."""
        if whence == 0:
            offset = min(offset, self.size)
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        """Position from the start."""
        return self._handle.tell()

    def close(self) -> None:
        """Closes the file behind it."""
        self._handle.close()


class Held(io.BytesIO):
    """A file's bytes in memory, with their number."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.size = len(data)


Stream = Bounded | Held


def opened(file: FoundFile) -> Stream:
    """The file's bytes, gunzipped under a budget where it is a gzip; the caller closes it.

    Raises InputError 34 (not a regular file), 39 (more than the budget).
    """
    try:
        handle = os.fdopen(os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)), "rb")
    except OSError as error:
        raise InputError(
            34, file.name, f"cannot be opened ({error.strerror})", "readable", "check its rights"
        ) from error
    state = os.fstat(handle.fileno())
    if not stat.S_ISREG(state.st_mode):
        handle.close()
        raise InputError(34, file.name, "not a regular file", "a regular file", "copy the data into a file")
    start = handle.read(4)
    handle.seek(0)
    if start[:2] == b"\x1f\x8b":
        with handle:
            data = inflated(handle, state.st_size, file.name, zlib.MAX_WBITS | 16)
        return Held(data)
    if state.st_size > MOST_BYTES:
        handle.close()
        raise budget_error(file.name, f"a file of {state.st_size / 1024**3:.1f} GiB", MOST_BYTES)
    if state.st_size <= _HELD_BYTES:  # small files are parsed faster from memory
        with handle:
            return Held(_read(handle, file.name))
    return Bounded(handle, state.st_size)


def _read(handle: BinaryIO, name: str) -> bytes:
    try:
        return handle.read(_HELD_BYTES)
    except OSError as error:
        raise InputError(34, name, f"cannot be read ({error.strerror})", "readable", "check the disk") from error


def inflated(source: BinaryIO | Stream, packed: int, name: str, window: int) -> bytes:
    """Decompressed bytes of a zlib stream of `packed` bytes; InputError 39 beyond the budget, 33 where it is broken."""
    budget = budget_of(packed)
    unpacker = zlib.decompressobj(window)
    pieces: list[bytes] = []
    total = 0
    try:
        while chunk := source.read(_CHUNK):
            while chunk:
                piece = unpacker.decompress(chunk, budget - total + 1)
                total += len(piece)
                if total > budget:
                    raise budget_error(name, "unpacks to more", budget)
                pieces.append(piece)
                chunk = unpacker.unconsumed_tail
    except zlib.error as error:
        raise InputError(33, name, "a broken compressed stream", "a whole file", "copy the file again") from error
    if not unpacker.eof:
        raise InputError(33, name, "a compressed stream that ends early", "a whole file", "copy the file again")
    return b"".join(pieces)


def budget_of(packed: int) -> int:
    """Most bytes that `packed` bytes may unpack to."""
    return min(MOST_BYTES, max(RATIO_FLOOR, MOST_RATIO * packed))


def budget_error(name: str, found: str, budget: int) -> InputError:
    """E039: this would take more memory than an honest file of its size."""
    limit = f"{budget / 1024**2:.0f} MiB"
    return InputError(39, name, found, limit, "unpack it yourself if you trust it, and name the folder")


def looks_like_dicom(file: FoundFile, start: bytes) -> bool:
    """Whether a file claims to be DICOM, by its first 132 bytes, its first element, or its name.

    Raises InputError 39 for an archive and 34 for a program hidden in the preamble.
    """
    archive = next((kind for magic, kind in _ARCHIVES.items() if start.startswith(magic)), None)
    if archive and start[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
        if file.path.suffix.lower() in _DICOM_SUFFIXES or file.name == file.path.name:
            raise InputError(39, file.name, f"a {archive} archive", "DICOM files", "unpack it and name the folder")
        return False
    if start[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        if start.startswith(_PROGRAMS):
            raise InputError(34, file.name, "a program hidden in the preamble", "an empty preamble", "do not open it; ask where the file came from")  # fmt: skip
        return True
    first_group = start[:4] in (b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x16\x00", b"\x08\x00\x00\x00")
    return first_group or file.path.suffix.lower() in _DICOM_SUFFIXES or _empty_and_nameless(file, start)


def _empty_and_nameless(file: FoundFile, start: bytes) -> bool:
    """An image that a full disk cut to nothing: no content, and a name that is a number or a UID."""
    suffix = file.path.suffix[1:]
    return not start.strip(b"\0") and (not suffix or suffix.isdigit()) and any(c.isdigit() for c in file.path.name)
