"""Compressed frames are decoded in a child process with limits on memory and time; a crash there is a refusal here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.dicom.decoder_child import ANSWER, FAULT, MEMORY, MISSING, REQUEST
from pedicle.io.dicom.files import FoundFile
from pedicle.io.dicom.parse import damaged
from pedicle.model.errors import EnvironmentFault, InputError

_MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """What decoding may cost: memory beside the loaded libraries, seconds at the start, seconds more a megapixel.

    A 4096 x 4096 frame takes JPEG 2000 about 300 MiB; 512 x 512 take 0.1 s. Time left over is kept for later frames, so
    the allowance bounds a frame and the series alike.
    """

    memory_bytes: int = 1024 * _MIB
    start_s: float = 30.0
    megapixel_s: float = 5.0


@dataclass(frozen=True)
class Packed:
    """One compressed frame: whose it is, how it is compressed, and its size as the header says."""

    file: FoundFile
    name: str
    codec: str
    syntax: str
    plugin: str
    rows: int
    columns: int
    stream: bytes
    options: dict[str, Any]


LIMITS = Limits()


def command(limits: Limits) -> list[str]:
    """How the child is started: this Python, and no module from the current folder."""
    return [sys.executable, "-P", "-m", "pedicle.io.dicom.decoder_child", str(limits.memory_bytes)]


class Decoding:
    """A context in which frames are decoded by one child, started with the first frame and ended with the context.

    Where the system knows no limit on memory (Windows, macOS), only the time is limited.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or LIMITS
        self._child: subprocess.Popen[bytes] | None = None
        self._left_s = self._limits.start_s

    def __enter__(self) -> Decoding:
        return self

    def __exit__(self, *_: object) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def decoded(self, packed: Packed) -> NDArray[Any]:
        """Stored values of the frame, unsigned, in the shape the stream has.

        InputError 33 where the decoder refuses the stream, 35 where it has another size than `packed` says, 38 where the
        decoder dies, takes too long or too much memory; EnvironmentFault 38 where it is not installed.
        """
        self._left_s += self._limits.megapixel_s * packed.rows * packed.columns / 1e6
        child = self._child = self._child or self._launched(packed)
        started, expired = time.monotonic(), threading.Event()
        timer = threading.Timer(self._left_s, _expire, (child, expired))
        timer.daemon = True
        timer.start()
        try:
            return self._asked(child, packed)
        except (OSError, EOFError):
            raise self._ended(child, packed, expired.is_set()) from None
        finally:
            timer.cancel()
            self._left_s -= time.monotonic() - started

    def _launched(self, packed: Packed) -> subprocess.Popen[bytes]:
        try:
            return self._started()
        except (OSError, TypeError) as error:  # no memory for a process, or no interpreter to start
            found = f"compressed as {packed.codec}, and no process for its decoder can be started"
            fix = "free some memory, or decompress it elsewhere"
            raise EnvironmentFault(38, packed.name, found, type(error).__name__, fix) from error

    def _started(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        return subprocess.Popen(
            command(self._limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
        )

    def _asked(self, child: subprocess.Popen[bytes], packed: Packed) -> NDArray[Any]:
        request = {"plugin": packed.plugin, "syntax": packed.syntax, "seconds": self._left_s, "options": packed.options}
        header = json.dumps(request).encode()
        assert child.stdin is not None  # both are pipes
        for piece in (REQUEST.pack(len(header), len(packed.stream)), header, packed.stream):
            child.stdin.write(piece)
        child.stdin.flush()
        kind, size, rows, columns = ANSWER.unpack(_exactly(child, ANSWER.size))
        if kind == MISSING:
            raise EnvironmentFault(38, packed.name, f"compressed as {packed.codec}", "its decoder is not installed", "pip install 'pedicle[codecs]'")  # fmt: skip
        if kind == MEMORY:
            raise _given_up(packed, "needs more memory than it may have", f"{self._limits.memory_bytes // _MIB} MiB")
        if kind == FAULT:
            reason = _exactly(child, min(size, 64)).decode("ascii", "replace")
            raise damaged(packed.file, f"has a {packed.codec} stream that cannot be decoded ({reason})")
        if (rows, columns) != (packed.rows, packed.columns) or size not in (1, 2, 4):
            found, limit = f"decoded to {rows} x {columns}", f"the header's {packed.rows} x {packed.columns}"
            raise InputError(35, packed.name, found, limit, "export the image again")
        return np.frombuffer(_exactly(child, rows * columns * size), f"<u{size}").reshape(rows, columns)

    def _ended(self, child: subprocess.Popen[bytes], packed: Packed, expired: bool) -> InputError:
        child.kill()
        code = child.wait()
        if expired:
            return _given_up(packed, "does not come to an end", f"{self._left_s:.0f} s")
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"code {code}"
        return _given_up(packed, f"died ({name})", "a whole frame")


def _expire(child: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    child.kill()


def _exactly(child: subprocess.Popen[bytes], count: int) -> bytes:
    assert child.stdout is not None  # a pipe
    found = child.stdout.read(count)
    if len(found) < count:
        raise EOFError  # the child ended
    return found


def _given_up(packed: Packed, what: str, limit: str) -> InputError:
    fix = "take the file out, or decompress it elsewhere, for example with gdcmconv --raw"
    return InputError(38, packed.name, f"the decoder of {packed.codec} ({packed.syntax}) {what}", limit, fix)
