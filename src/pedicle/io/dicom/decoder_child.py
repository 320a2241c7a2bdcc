"""The child process in which compressed frames are decoded: what a hostile stream breaks, it breaks here.

`decoding` starts it as `python -m pedicle.io.dicom.decoder_child` and talks to it over its standard streams: a request is
two lengths, a JSON header and the stream of one frame; an answer is a kind and four numbers' worth of header, then the
stored values or the name of the fault. Nothing of pedicle but this file runs here.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

REQUEST = struct.Struct("<II")
ANSWER = struct.Struct("<BIII")
VALUES, FAULT, MEMORY, MISSING = range(4)
_GRACE_S = 2.0


def main() -> None:
    """Answer requests until the other side closes the pipe. Arguments: the bytes that decoding may add to this process."""
    source, sink = sys.stdin.buffer, _private_output()
    import pydicom.pixels.decoders.base  # noqa: F401  # everything is loaded before the memory is limited

    _limit_memory(int(sys.argv[1]))
    while len(lengths := source.read(REQUEST.size)) == REQUEST.size:
        header, stream = (source.read(count) for count in REQUEST.unpack(lengths))
        for piece in answer(json.loads(header), stream):
            sink.write(piece)
        sink.flush()


def answer(request: dict[str, Any], stream: bytes) -> list[bytes]:
    """The answer to one request: `plugin`, `syntax` and `seconds`, and `options` as pydicom's decoders call them."""
    _alarm(request["seconds"] + _GRACE_S)
    try:
        array = decode(request, stream)
        if array is None:
            return [ANSWER.pack(MISSING, 0, 0, 0)]
        rows, columns = array.shape
        return [ANSWER.pack(VALUES, array.itemsize, rows, columns), array.tobytes()]
    except MemoryError:
        return [ANSWER.pack(MEMORY, 0, 0, 0)]
    except Exception as error:  # whatever a decoder raises is told by its name; its text may quote the file
        name = type(error).__name__.encode("ascii", "replace")[:64]
        return [ANSWER.pack(FAULT, len(name), 0, 0), name]
    finally:
        _alarm(0.0)


def decode(request: dict[str, Any], stream: bytes) -> Any:
    """Stored values of one frame, little endian, (rows, columns); None where the decoder is not installed."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    decoder = get_decoder(UID(request["syntax"]))
    if request["plugin"] not in decoder.available_plugins:
        return None
    array, _ = decoder.as_array(
        encapsulate([stream]), index=0, raw=True, decoding_plugin=request["plugin"], **request["options"]
    )
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _private_output() -> BinaryIO:
    """The pipe to the other side under a number of its own; what a library prints goes to standard error."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sink


def _limit_memory(extra_bytes: int) -> None:
    """At most `extra_bytes` more than now, and no core file. Windows and macOS have no such limit, or none that holds."""
    try:
        import resource

        with Path("/proc/self/statm").open(encoding="ascii") as state:
            used = int(state.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = used + extra_bytes if hard == resource.RLIM_INFINITY else min(used + extra_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        return


def _alarm(seconds: float) -> None:
    """The system ends this process after so many seconds, even inside a decoder and with nobody left to wait for it."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
