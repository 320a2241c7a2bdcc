"""A decoder that hangs, dies, or takes too much memory is one line and no orphan; others never start a child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.dicom_content_cases import packed, with_gdcm
from benchmarks.series_maker import series, write
from pedicle.app.cli import main
from pedicle.io.dicom import decoder_child, decoding
from pedicle.io.dicom.decoder_child import ANSWER
from pedicle.io.dicom.decoding import Decoding, Limits, Packed
from pedicle.io.dicom.files import FoundFile
from pedicle.io.dicom.reader import read_dicom
from pedicle.model.errors import EnvironmentFault, InputError

DOUBLES = {
    "hangs": "while True: pass",
    "hangs with signals blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(600)",
    "dies": "os.abort()",
    "leaves": "os._exit(3)",
    "prints": "os.write(1, b'x' * 4096); os.abort()",
    "eats": "kept = [np.ones(1 << 27) for _ in range(9)]",
    "eats without Python": "ctypes.memset(ctypes.create_string_buffer(1 << 31), 1, 1 << 31)",
}
SAID = {
    "hangs": "does not come to an end", "hangs with signals blocked": "does not come to an end", "dies": "died (SIGABRT)",
    "leaves": "died (code 3)", "prints": "died (SIGABRT)", "eats": "needs more memory than it may have",
    "eats without Python": "needs more memory than it may have",
}  # fmt: skip


OPTIONS = {
    "rows": 40, "columns": 60, "samples_per_pixel": 1, "number_of_frames": 1, "pixel_keyword": "PixelData",
    "photometric_interpretation": "MONOCHROME2", "bits_allocated": 16, "bits_stored": 16, "pixel_representation": 0,
}  # fmt: skip


def double(work: str) -> Any:
    """The command of a child whose decoder does `work`."""
    code = (
        "import ctypes, os, signal, time\nimport numpy as np\nfrom pedicle.io.dicom import decoder_child as child\n"
        f"def decode(request, stream):\n    {work}\nchild.decode = decode\nchild.main()"
    )
    return lambda limits: [sys.executable, "-c", code, str(limits.memory_bytes)]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every child that is started."""
    children: list[subprocess.Popen[bytes]] = []
    started = Decoding._started

    def kept(self: Decoding) -> subprocess.Popen[bytes]:
        children.append(started(self))
        return children[-1]

    monkeypatch.setattr(Decoding, "_started", kept)
    return children


@pytest.mark.parametrize("fault", DOUBLES)
def test_a_broken_decoder_is_one_line(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed(JPEG2000Lossless)(tmp_path)
    monkeypatch.setattr(decoding, "command", double(DOUBLES[fault]))
    monkeypatch.setattr(decoding, "LIMITS", Limits(1 << 30, 3.0, 0.0))
    children = watched(monkeypatch)
    begun = time.monotonic()
    with pytest.raises(InputError) as refusal:
        read_dicom(tmp_path)
    assert time.monotonic() - begun < 10.0
    assert refusal.value.code == 38
    line = str(refusal.value)
    assert "I0.dcm: the decoder of JPEG 2000 (1.2.840.10008.1.2.4.90)" in line
    assert SAID[fault] in line
    assert [child.poll() is not None for child in children] == [True]


def test_command_line_says_one_line_and_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    packed(JPEG2000Lossless)(tmp_path / "ct")
    monkeypatch.setattr(decoding, "command", double("os.abort()"))
    with pytest.raises(SystemExit) as end:
        main(
            ["run", str(tmp_path / "ct"), "--labels", str(tmp_path / "ct"), "--out", str(tmp_path / "case"), "--quiet"]
        )
    assert end.value.code == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert len([line for line in said if line.startswith("E038")]) == 1
    assert not any("Traceback" in line for line in said)


def test_a_decoder_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed(JPEGLSLossless)(tmp_path)
    monkeypatch.setattr(decoding, "command", double("return None"))
    with pytest.raises(EnvironmentFault, match="not installed") as fault:
        read_dicom(tmp_path)
    assert (fault.value.code, fault.value.exit_code) == (38, 4)


@pytest.mark.parametrize("kind", ["plain", "RLE"])
def test_no_child_without_a_foreign_decoder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Uncompressed pixels need no decoder, and run lengths are undone in Python."""
    write(series(), tmp_path / "plain")
    truth = read_dicom(tmp_path / "plain").volume.values
    packed(RLELossless)(tmp_path / "RLE")
    monkeypatch.setattr(decoding, "command", double("os.abort()"))
    # The packed series has no room below -1024 HU.
    assert (read_dicom(tmp_path / kind).volume.values.clip(-1024) == truth.clip(-1024)).all()


def test_one_child_reads_the_whole_series_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Twins at every position are decoded for comparison and once more for the volume: still one child."""
    packed(JPEGLSLossless)(tmp_path)
    packed(JPEGLSLossless)(tmp_path / "twin")
    children = watched(monkeypatch)
    read_dicom(tmp_path)
    assert len(children) == 1
    assert children[0].poll() is not None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_ends_by_itself_when_nobody_waits(tmp_path: Path):
    """The parent is killed while the decoder hangs: the child's own alarm ends it."""
    pid_file = tmp_path / "pid"
    work = f"open({str(pid_file)!r}, 'w').write(str(os.getpid()) + '.'); exec('while True: pass')"
    code = (
        "from pathlib import Path\nfrom pedicle.io.dicom import decoding\nfrom pedicle.io.dicom.files import FoundFile\n"
        f"from tests.io.test_decoding import double\ndecoding.command = double({work!r})\n"
        "packed = decoding.Packed(FoundFile('x', Path('x')), 'x', 'x', 'x', 'x', 1, 1, b'', {})\n"
        "decoding.Decoding(decoding.Limits(start_s=2.0, megapixel_s=0.0)).decoded(packed)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert _until(lambda: pid_file.exists() and pid_file.read_text().endswith("."), 20.0)
    parent.kill()
    parent.wait()
    child = int(pid_file.read_text()[:-1])
    assert _until(lambda: not _alive(child), 10.0)


def _until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(("place", "byte"), [(6, 0x11), (15, 0x00)], ids=["precision", "sampling"])
def test_one_byte_that_kills_a_real_decoder(place: int, byte: int, tmp_path: Path):
    """Found by changing bytes: 3.2.6 of GDCM ends with SIGSEGV or SIGABRT; a later one may refuse. This process lives."""
    import gdcm

    packed(RLELossless)(tmp_path)
    path = sorted(tmp_path.iterdir())[9]
    with_gdcm(path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    data = bytearray(path.read_bytes())
    start = data.index(b"\xff\xd8\xff\xc3")
    data[start + place] = byte
    for file in tmp_path.iterdir():
        file.unlink() if file != path else None
    path.write_bytes(bytes(data))
    dataset = pydicom.dcmread(path)
    for n in range(20):
        dataset.ImagePositionPatient[2], dataset.SOPInstanceUID = 2.0 * n, f"2.25.5{n}"
        dataset.save_as(tmp_path / f"{n}.dcm")
    path.unlink()
    with pytest.raises(InputError) as refusal:
        read_dicom(tmp_path)
    assert refusal.value.code in (33, 35, 38)
    assert "JPEG lossless" in str(refusal.value)


def test_values_cross_the_pipe_unchanged(tmp_path: Path):
    """A frame of random 16-bit values through JPEG-LS: the child hands on exactly what was packed."""
    import jpeg_ls

    values = np.random.default_rng(3).integers(0, 65536, (40, 60), np.uint16)
    stream = bytes(jpeg_ls.encode_array(values))
    file = FoundFile("one", tmp_path)
    with Decoding() as running:
        found = running.decoded(
            Packed(file, "one", "JPEG-LS", str(JPEGLSLossless), "pyjpegls", 40, 60, stream, OPTIONS)
        )
        assert (found == values).all()
        with pytest.raises(InputError) as refusal:
            running.decoded(
                Packed(file, "one", "JPEG-LS", str(JPEGLSLossless), "pyjpegls", 40, 60, b"\xff\xd8", OPTIONS)
            )
        assert refusal.value.code == 33
        again = running.decoded(
            Packed(file, "one", "JPEG-LS", str(JPEGLSLossless), "pyjpegls", 40, 60, stream, OPTIONS)
        )
        assert (again == values).all()


def test_no_process_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed(JPEGLSLossless)(tmp_path)
    monkeypatch.setattr(decoding, "command", lambda limits: [str(tmp_path / "nowhere")])
    with pytest.raises(EnvironmentFault, match="no process") as fault:
        read_dicom(tmp_path)
    assert fault.value.exit_code == 4


def test_answers_of_the_child():
    """The same three answers without a process between: values, a missing decoder, a fault by its name."""
    import jpeg_ls

    values = np.random.default_rng(4).integers(0, 65536, (40, 60), np.uint16)
    request = {"plugin": "pyjpegls", "syntax": str(JPEGLSLossless), "seconds": 60.0, "options": OPTIONS}
    head, data = decoder_child.answer(request, bytes(jpeg_ls.encode_array(values)))
    assert ANSWER.unpack(head) == (decoder_child.VALUES, 2, 40, 60)
    assert (np.frombuffer(data, "<u2").reshape(40, 60) == values).all()
    assert ANSWER.unpack(decoder_child.answer({**request, "plugin": "none"}, b"")[0])[0] == decoder_child.MISSING
    kind, size, _, _ = ANSWER.unpack(decoder_child.answer(request, b"no stream")[0])
    assert kind == decoder_child.FAULT
    assert size > 0
