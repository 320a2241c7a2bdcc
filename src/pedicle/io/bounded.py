"""Bytes of an untrusted file under a budget: plain or gzip, read forward, never more than was announced."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from pedicle.model.errors import InputError
from pedicle.model.grid import Shape
from pedicle.model.progress import Progress

MIB = 1024 * 1024
_CEILING = 2048 * MIB
_TRAILING = MIB
_SLAB_BYTES = 16 * MIB


@dataclass(frozen=True)
class Budget:
    """How much a file may announce: `ratio` times its own size, but `floor` bytes in any case and 2 GiB at most."""

    ratio: int
    floor: int


# Noise keeps a CT from shrinking more than a few times; label maps are mostly zeros and shrink a hundredfold.
CT_BUDGET = Budget(200, 64 * MIB)
LABEL_BUDGET = Budget(400, 256 * MIB)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file for reading forward; gzip is recognised by its first bytes and unpacked on the way.

    InputError 34 for anything that is not a regular file, 50 when the gzip stream is broken while it is read.
    """
    if not is_file(path):
        raise InputError(34, path.name, "not a regular file", "a file that holds a volume", "check the path")
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if packed:
                with gzip.open(plain, "rb") as stream:
                    yield cast(BinaryIO, stream)
            else:
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise broken(path.name, f"the gzip stream is broken ({fault})") from fault
    except OSError as fault:
        raise unreadable(path, fault) from fault


def is_file(path: Path) -> bool:
    """Whether a regular file is there; not where the name is too long or its folder may not be entered."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Whether a file or folder is there, as `is_file`."""
    try:
        return path.exists()
    except OSError:
        return False


def unreadable(path: Path, fault: OSError) -> InputError:
    """The refusal of a file or folder that the system does not hand out."""
    return InputError(
        34, path.name[:80] or ".", f"cannot be read ({fault.strerror})", "readable", "check path and rights"
    )


def head(path: Path, count: int) -> bytes:
    """The first bytes of a file, unpacked; fewer when the file is shorter."""
    with opened(path) as stream:
        return stream.read(count)


def take(stream: BinaryIO, count: int, where: str) -> bytes:
    """Exactly `count` bytes; InputError 50 names what is missing."""
    found = stream.read(count)
    while len(found) < count:
        more = stream.read(count - len(found))
        if not more:
            raise broken(where, f"{count - len(found)} bytes missing")
        found += more
    return found


def trailing(stream: BinaryIO, where: str) -> int:
    """Bytes after the announced data; InputError 39 when they are more than a mebibyte."""
    found = len(stream.read(_TRAILING + 1))
    if found > _TRAILING:
        raise InputError(39, where, "data go on after the announced end", "at most 1 MiB", "export the file again")
    return found


def check_budget(path: Path, announced: int, budget: Budget) -> None:
    """Refuse a header that announces more than the file can honestly hold (InputError 39)."""
    limit = min(_CEILING, max(budget.floor, budget.ratio * path.stat().st_size))
    if announced > limit:
        raise InputError(
            39,
            path.name,
            f"{announced // MIB} MiB announced by a file of {path.stat().st_size / MIB:.1f} MiB",
            f"at most {limit // MIB} MiB",
            "export the volume again, or crop it to the spine",
        )


def slabs_of(
    stream: BinaryIO, shape: Shape, dtype: np.dtype[Any], where: str, progress: Progress
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Voxels stored with the first index fastest, in stacks of whole k-planes: (first plane, values (i, j, planes))."""
    ni, nj, nk = shape
    plane = ni * nj * dtype.itemsize
    step = max(1, _SLAB_BYTES // plane)
    for start in range(0, nk, step):
        count = min(step, nk - start)
        block = take(stream, plane * count, where)
        progress(start / nk, "reading voxels")
        yield start, np.frombuffer(block, dtype).reshape((ni, nj, count), order="F")


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes as they lie on disk; InputError 34 where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as fault:
        raise unreadable(path, fault) from fault


def broken(where: str, found: str) -> InputError:
    """The error for data shorter than announced or damaged."""
    return InputError(50, where, found, "the exact announced length", "copy or export the file again")
