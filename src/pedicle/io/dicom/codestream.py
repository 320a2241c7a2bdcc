"""Size that a compressed frame declares, read before a decoder may reserve memory for it."""

from __future__ import annotations

import struct

_NO_LENGTH = {0x01, *range(0xD0, 0xDA)}
# Start-of-frame markers of JPEG (without DHT C4, JPG C8, DAC CC) and of JPEG-LS.
_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def declared_size(codestream: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and components that a JPEG, JPEG-LS, JPEG 2000 or JP2 stream declares; None where it cannot be read."""
    start = codestream.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0:
        return _jpeg_2000(codestream[start:])
    if codestream[:2] == b"\xff\xd8":
        return _jpeg(codestream)
    return None


def _jpeg_2000(stream: bytes) -> tuple[int, int, int] | None:
    if len(stream) < 42:
        return None
    width, height, left, top = struct.unpack(">LLLL", stream[8:24])
    components = struct.unpack(">H", stream[40:42])[0]
    return height - top, width - left, components


def _jpeg(stream: bytes) -> tuple[int, int, int] | None:
    place = 2
    while place + 10 <= len(stream):
        if stream[place] != 0xFF:
            return None
        marker = stream[place + 1]
        if marker == 0xFF or marker in _NO_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME:
            rows, columns, components = struct.unpack(">HHB", stream[place + 5 : place + 10])
            return rows, columns, components
        place += 2 + int(struct.unpack(">H", stream[place + 2 : place + 4])[0])
    return None
