"""Stored values of a frame: lengths are checked before anything is allocated, decoders are named, bits are masked.

The size that a compressed stream declares is compared with the header, and the header with the budget, before a decoder
sees a byte; the decoder itself runs in a child process (`decoding`). RLE is undone here: pydicom does it in Python.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.dicom.codestream import declared_size
from pedicle.io.dicom.decoding import Decoding, Packed
from pedicle.io.dicom.files import FoundFile, budget_error, budget_of
from pedicle.io.dicom.headers import Frame, PixelFormat, frame_of
from pedicle.io.dicom.parse import damaged, guarded
from pedicle.model.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Pixels = NDArray[np.int32]
LARGEST_SIDE = 4096
_LITTLE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", ""}
_BIG = {"1.2.840.10008.1.2.2"}
# Transfer syntax: its name, pydicom's plugin (all of permissive licence), and whether it loses information.
_DECODERS = {
    "1.2.840.10008.1.2.5": ("RLE", "pydicom", False),
    "1.2.840.10008.1.2.4.57": ("JPEG lossless", "gdcm", False),
    "1.2.840.10008.1.2.4.70": ("JPEG lossless", "gdcm", False),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS", "pyjpegls", False),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS near-lossless", "pyjpegls", True),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000", "pylibjpeg", False),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", "pylibjpeg", True),
}
# PS3.5 8.2.1 and A.4.1: eight bits a sample, and nothing else.
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
# PS3.3 C.8.2.1.1: a CT image stores 12 to 16 bits; a few archives keep 10. Eight bits are a windowed picture.
_FEWEST_BITS = 9
_OTHERS = {
    "1.2.840.10008.1.2.4.51": "JPEG extended (lossy, 12 bits)",
    "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000",
    "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
    "1.2.840.10008.1.2.8.1": "deflated frames",
}


def is_lossy(syntax: str) -> bool:
    """Whether a transfer syntax may lose information."""
    return syntax in _DECODERS and _DECODERS[syntax][2]


def check_format(frame: Frame, file_bytes: int) -> None:
    """Refuse a frame that its file cannot hold or that cannot be decoded here (E035, E032, E038), from the header alone."""
    pixels = frame.pixels
    if not (0 < pixels.rows <= LARGEST_SIDE and 0 < pixels.columns <= LARGEST_SIDE):
        found = f"{pixels.rows} rows x {pixels.columns} columns"
        raise InputError(35, frame.name, found, f"1 to {LARGEST_SIDE} each", "export the image again")
    sane = (
        1 <= pixels.bits_stored <= pixels.bits_allocated
        and pixels.bits_stored - 1 <= pixels.high_bit < pixels.bits_allocated
    )
    if pixels.bits_allocated not in (8, 16, 32) or not sane:
        found = f"{pixels.bits_stored} of {pixels.bits_allocated} bits, high bit {pixels.high_bit}"
        raise InputError(
            35, frame.name, found, "8, 16 or 32 bits allocated, stored within them", "export the image again"
        )
    _check_depth(frame)
    if pixels.syntax in _LITTLE | _BIG:
        need = frame_bytes(pixels) * pixels.frames
        if pixels.syntax != "1.2.840.10008.1.2.1.99" and need > file_bytes:
            raise _too_short(frame, need, file_bytes)
    elif pixels.syntax not in _DECODERS:
        raise _unknown_syntax(frame)


def _check_depth(frame: Frame) -> None:
    """Eight bits cannot hold the range of a CT, whatever rescale is written beside them."""
    pixels = frame.pixels
    if pixels.syntax == _JPEG_BASELINE:
        found = "compressed as JPEG baseline, which keeps 8 bits a pixel"
    elif pixels.bits_stored < _FEWEST_BITS and pixels.samples == 1:
        found = f"{pixels.bits_stored} bits a pixel"
    else:
        return
    fix = "export the original CT, not a windowed picture of it"
    raise InputError(16, frame.name, found, "Hounsfield units need 12 to 16 bits", fix)


def frame_bytes(pixels: PixelFormat) -> int:
    """Bytes of one uncompressed frame."""
    return pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated // 8


def _too_short(frame: Frame, need: int, have: int) -> InputError:
    return InputError(
        32,
        frame.name,
        f"pixel data cut off: {need - have} of {need} bytes are missing",
        f"{need} bytes",
        "copy the file again, or leave it out with --skip-bad",
    )


def stored_values(frame: Frame, dataset: Dataset, decoding: Decoding) -> Pixels:
    """Stored values of the frame, shape (rows, columns): masked to the stored bits, signed as the header says.

    `dataset` is the whole parsed file. Raises InputError 32 (cut off), 33 (broken stream), 35 (sizes contradict), 38, 39;
    EnvironmentFault 38 where the decoder is not installed.
    """
    pixels = frame.pixels
    if "PixelData" not in dataset:
        raise InputError(32, frame.name, "no pixel data", f"{frame_bytes(pixels)} bytes", "copy the file again, or leave it out with --skip-bad")  # fmt: skip
    with guarded(frame.file, "has pixels that cannot be read"):
        raw = _native(frame, dataset) if pixels.syntax in _LITTLE | _BIG else _decoded(frame, dataset, decoding)
    return _masked(raw, pixels)


def _native(frame: Frame, dataset: Dataset) -> NDArray[Any]:
    pixels, data = frame.pixels, dataset.PixelData
    one = frame_bytes(pixels)
    need = one * pixels.frames
    if len(data) < need:
        raise _too_short(frame, need, len(data))
    if len(data) > need + need % 2:
        found = f"{len(data)} bytes of pixels for {pixels.rows} x {pixels.columns}"
        raise InputError(35, frame.name, found, f"{need} bytes", "export the image again: its header is wrong")
    order = ">" if pixels.syntax in _BIG else "<"
    kind = np.dtype(f"{order}u{pixels.bits_allocated // 8}")
    if pixels.syntax in _BIG and kind.itemsize == 1:
        kind = np.dtype("u1")
    values = np.frombuffer(data, kind, count=pixels.rows * pixels.columns, offset=frame.number * one)
    return values.reshape(pixels.rows, pixels.columns)


def _decoded(frame: Frame, dataset: Dataset, decoding: Decoding) -> NDArray[Any]:
    from pydicom.encaps import get_frame

    pixels = frame.pixels
    name, plugin, _ = _DECODERS[pixels.syntax]
    with guarded(frame.file, f"has a {name} stream that cannot be decoded"):
        stream = get_frame(dataset.PixelData, frame.number, number_of_frames=pixels.frames)
        _check_stream(frame, stream, plugin)
        if plugin == "pydicom":
            return _run_lengths(frame, dataset)
    options = {
        "rows": pixels.rows, "columns": pixels.columns, "samples_per_pixel": pixels.samples, "number_of_frames": 1,
        "photometric_interpretation": pixels.photometric, "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored, "pixel_representation": int(pixels.signed), "pixel_keyword": "PixelData",
    }  # fmt: skip
    file, syntax = frame.file, pixels.syntax
    return decoding.decoded(
        Packed(file, frame.name, name, syntax, plugin, pixels.rows, pixels.columns, stream, options)
    )


def unpack(file: FoundFile, dataset: Dataset, decoding: Decoding) -> None:
    """Compressed pixels of any object replaced by plain ones; plain pixels and run lengths are left as they are.

    Raises what `stored_values` raises for a stream, and InputError 38 for a syntax or a depth that no decoder here knows.
    """
    from pydicom.uid import ExplicitVRLittleEndian

    first = frame_of(file, dataset)
    pixels = first.pixels
    syntax = pixels.syntax
    if syntax in _LITTLE | _BIG or syntax == "1.2.840.10008.1.2.5":
        return
    if syntax not in _DECODERS or pixels.bits_allocated not in (8, 16):
        raise _unknown_syntax(first)
    planes = [_decoded(replace(first, number=n), dataset, decoding) for n in range(pixels.frames)]
    dataset.PixelData = b"".join(plane.astype(f"<u{pixels.bits_allocated // 8}").tobytes() for plane in planes)
    dataset["PixelData"].VR = "OB" if pixels.bits_allocated == 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _unknown_syntax(frame: Frame) -> InputError:
    name = _OTHERS.get(frame.pixels.syntax, frame.pixels.syntax)
    known = "uncompressed, RLE, JPEG lossless, JPEG-LS, JPEG 2000"
    fix = "decompress it first, for example with gdcmconv --raw"
    return InputError(38, frame.name, f"compressed as {name}", known, fix)


def _run_lengths(frame: Frame, dataset: Dataset) -> NDArray[Any]:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import RLELossless

    array, _ = get_decoder(RLELossless).as_array(dataset, index=frame.number, raw=True, decoding_plugin="pydicom")
    if array.shape != (frame.pixels.rows, frame.pixels.columns):
        raise _wrong_size(frame, f"decoded to {' x '.join(str(n) for n in array.shape)}")
    return np.asarray(array).view(f"u{array.dtype.itemsize}")


def _check_stream(frame: Frame, stream: bytes, plugin: str) -> None:
    """The stream's own size against the header and the budget, before the decoder reserves memory."""
    pixels = frame.pixels
    if frame_bytes(pixels) > budget_of(len(stream)):
        raise budget_error(frame.name, f"a frame of {len(stream)} bytes unpacks to more", budget_of(len(stream)))
    if plugin == "pydicom":  # RLE declares no size: 64 bytes of header, and two bytes give at most 128
        if 64 * max(len(stream) - 64, 0) < frame_bytes(pixels):
            raise _too_short(frame, frame_bytes(pixels), 64 * max(len(stream) - 64, 0))
        return
    size = declared_size(stream)
    if size is None:
        raise damaged(frame.file, "a compressed stream without a size")
    if size != (pixels.rows, pixels.columns, pixels.samples):
        raise _wrong_size(frame, f"the stream says {size[0]} x {size[1]} x {size[2]}")


def _wrong_size(frame: Frame, found: str) -> InputError:
    pixels = frame.pixels
    return InputError(35, frame.name, found, f"the header's {pixels.rows} x {pixels.columns}", "export the image again")


def _masked(raw: NDArray[Any], pixels: PixelFormat) -> Pixels:
    """Bits above and below the stored ones (overlays) cut away, then the sign of the stored bits."""
    values = raw.astype(np.int64) if pixels.bits_allocated == 32 else raw.astype(np.int32)
    shift = pixels.high_bit + 1 - pixels.bits_stored
    if shift:
        values = values >> shift
    values &= (1 << pixels.bits_stored) - 1
    if pixels.signed:
        sign = 1 << (pixels.bits_stored - 1)
        values = (values ^ sign) - sign
    return values  # type: ignore[return-value]
