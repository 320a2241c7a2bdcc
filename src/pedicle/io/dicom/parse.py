"""Parses one DICOM file with pydicom, held to limits and kept quiet: no patient text reaches a log or a message."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from pedicle.io.dicom.files import FoundFile, Stream, inflated
from pedicle.model.errors import InputError, PedicleError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

DEEPEST = 16
LARGEST_ELEMENT = 64 * 1024**2
DEFLATED = "1.2.840.10008.1.2.1.99"
_EXPLICIT_LITTLE = b"1.2.840.10008.1.2.1\0"
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UT", b"UC", b"UR", b"SV", b"UV")
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom and highdicom without warnings, log lines or value checks: its messages quote the values, and those may name a patient."""
    import warnings

    from pydicom import config

    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def guarded(file: FoundFile, found: str = "cannot be read") -> Iterator[None]:
    """Whatever a hostile file makes pydicom or a decoder raise becomes a refusal: InputError 33, or 40 for depth and size.

    pydicom converts a value when it is asked for, so every look into a data set stands in such a block.
    """
    try:
        with quiet():
            yield
    except PedicleError:
        raise
    except (RecursionError, MemoryError) as error:
        raise _too_deep(file, "sequences nested too deep, or an element too large") from error
    except Exception as error:
        raise damaged(file, f"{found} ({type(error).__name__})") from error


def parsed(file: FoundFile, stream: Stream, with_pixels: bool = False) -> FileDataset:
    """The dataset of an open file, without its pixels unless asked for.

    Raises InputError 33 (cannot be read), 39 (unpacks beyond the budget), 40 (too deep or too large an element).
    """
    with guarded(file):
        dataset = _read(file, stream, with_pixels)
        _check_limits(file, dataset, stream.size)
        return dataset


def damaged(file: FoundFile, found: str) -> InputError:
    """E033: the file is DICOM by its looks and cannot be read."""
    return InputError(
        33, file.name, found, "a whole DICOM file", "copy the file again, or leave it out with --skip-bad"
    )


def _read(file: FoundFile, stream: Stream, with_pixels: bool) -> FileDataset:
    from pydicom import dcmread
    from pydicom.uid import UID

    syntax, body = _syntax_and_body(stream)
    source: Stream | io.BytesIO = stream
    if syntax == DEFLATED:
        stream.seek(body)
        data = inflated(stream, stream.size - body, file.name, -zlib.MAX_WBITS)
        source = io.BytesIO(_plain_start() + data)
    else:
        stream.seek(0)
    defer = None if with_pixels else LARGEST_ELEMENT
    readable = cast("BinaryIO", source)
    dataset = dcmread(readable, defer_size=defer, stop_before_pixels=not with_pixels, force=True)
    if syntax == DEFLATED:
        dataset.file_meta.TransferSyntaxUID = UID(DEFLATED)
    if not with_pixels:
        dataset.pedicle_reaches_pixels = _at_pixels(source, dataset)
    return dataset


def _syntax_and_body(stream: Stream) -> tuple[str, int]:
    """Transfer syntax in the file meta group and where the data set starts; ("", 0) where there is no meta group."""
    stream.seek(128)
    if stream.read(4) != b"DICM":
        return "", 0
    syntax, start = "", 132
    while True:
        head = stream.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            return syntax, start
        length = struct.unpack("<H", head[6:8])[0]
        if head[4:6] in _LONG:
            long = stream.read(4)
            length = struct.unpack("<L", long)[0] if len(long) == 4 else 0
        value = stream.read(min(length, 4096))
        if head[2:4] == b"\x10\x00":
            syntax = value.rstrip(b"\0 ").decode("ascii", "replace")
        start = stream.tell() - len(value) + length
        stream.seek(start)


def _plain_start() -> bytes:
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(_EXPLICIT_LITTLE)) + _EXPLICIT_LITTLE
    group = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<L", len(element))
    return bytes(128) + b"DICM" + group + element


def _at_pixels(source: Stream | io.BytesIO, dataset: FileDataset) -> bool:
    """Whether parsing stopped before pixel data, and not because the file ended."""
    head = source.read(4)
    if len(head) < 4:
        return False
    order = "<" if dataset.original_encoding[1] in (True, None) else ">"
    group, element = struct.unpack(f"{order}HH", head)
    return (group << 16 | element) in _PIXELS


def _check_limits(file: FoundFile, dataset: Dataset, size: int) -> None:
    """Refuse what no honest file holds: elements of more than 64 MiB before the pixels, sequences 16 deep."""
    from pydicom.dataelem import RawDataElement

    waiting: list[tuple[Dataset, int]] = [(dataset, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep(file, f"sequences nested deeper than {DEEPEST}")
        for tag in list(part._dict):
            element = part._dict[tag]
            if isinstance(element, RawDataElement):
                if element.length > LARGEST_ELEMENT and element.length != 0xFFFFFFFF and tag not in _PIXELS:
                    if element.length > size:
                        raise damaged(file, "has an element longer than the file")
                    raise _too_deep(file, f"an element of {element.length / 1024**2:.0f} MiB")
            elif element.VR == "SQ":
                waiting += [(item, depth + 1) for item in element.value]


def _too_deep(file: FoundFile, found: str) -> InputError:
    limit = f"depth {DEEPEST}, {LARGEST_ELEMENT // 1024**2} MiB"
    return InputError(40, file.name, found, limit, "export the image again without private elements")
