"""From stored values to a volume in HU: rescale slice by slice, padding set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io import gate_limits as limits
from pedicle.io.dicom.decoding import Decoding
from pedicle.io.dicom.files import MOST_BYTES, FoundFile, budget_error, opened
from pedicle.io.dicom.headers import Frame, PixelFormat
from pedicle.io.dicom.parse import parsed
from pedicle.io.dicom.pixels import Pixels, check_format, stored_values
from pedicle.io.slices import check_slices
from pedicle.model.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Slab = NDArray[np.int16] | NDArray[np.float32]
Told = Callable[[float, str], None]


def read_slices(
    frames: list[Frame], decoding: Decoding, told: Told, where: str
) -> tuple[Slab, NDArray[np.bool_] | None, dict[str, str]]:
    """HU of all frames (n, rows, columns), the mask of padding or None, and the SHA-256 of each file by path.

    int16 where every slope and intercept is a whole number, else float32. Each file is opened and hashed once.
    """
    first = frames[0].pixels
    shape = (len(frames), first.rows, first.columns)
    whole = all(_is_whole(frame.pixels) for frame in frames)
    size = int(np.prod(shape, dtype=np.int64)) * (2 if whole else 4)
    if size > MOST_BYTES:
        raise budget_error(where, f"a volume of {size / 1024**3:.1f} GiB", MOST_BYTES)
    values: Slab = np.empty(shape, np.int16) if whole else np.empty(shape, np.float32)
    outside = np.zeros(shape, bool)
    hashes: dict[str, str] = {}
    done = 0
    for file, places in _by_file(frames).items():
        dataset, hashes[str(file.path)] = _whole_file(frames[places[0]])
        for k in places:
            values[k], outside[k] = hu_of(frames[k], stored_values(frames[k], dataset, decoding))
            done += 1
            told(done / len(frames), "reading slices")
    mask = outside if outside.any() else None
    check_slices(values, mask, [frame.name for frame in frames])
    return values, mask, hashes


def _is_whole(pixels: PixelFormat) -> bool:
    return all(float(number or 0.0).is_integer() for number in (pixels.slope, pixels.intercept))


def _by_file(frames: list[Frame]) -> dict[FoundFile, list[int]]:
    places: dict[FoundFile, list[int]] = {}
    for k, frame in enumerate(frames):
        places.setdefault(frame.file, []).append(k)
    return places


def _whole_file(frame: Frame) -> tuple[Dataset, str]:
    stream = opened(frame.file)
    try:
        check_format(frame, stream.size)
        digest = hashlib.sha256()
        stream.seek(0)
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        stream.seek(0)
        return parsed(frame.file, stream, with_pixels=True), digest.hexdigest()
    finally:
        stream.close()


def pixel_hash(frame: Frame, decoding: Decoding) -> str:
    """Hash of a frame's stored values and rescale: two frames with one hash show the same."""
    dataset, _ = _whole_file(frame)
    stored = stored_values(frame, dataset, decoding)
    rescale = f"{stored.shape}{frame.pixels.slope}{frame.pixels.intercept}".encode()
    return hashlib.sha256(stored.tobytes() + rescale).hexdigest()


def hu_of(frame: Frame, stored: Pixels) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """HU of one frame and its padding; padding is -1024 HU. InputError 15 (padding within tissue), 17 (beyond int16)."""
    pixels = frame.pixels
    padding = _padding(frame, stored)
    slope, intercept = pixels.slope or 0.0, pixels.intercept or 0.0
    factor, offset = (int(slope), int(intercept)) if _is_whole(pixels) else (slope, intercept)
    values: NDArray[Any] = stored * factor + offset
    values[padding] = limits.AIR_VALUE_HU
    low, high = limits.HU_RANGE
    if values.min() < low or values.max() > high:
        raise InputError(
            17,
            frame.name,
            f"values from {values.min():.0f} to {values.max():.0f} HU",
            f"{low} to {high} HU",
            "the sign or scale of the pixels is wrong: export the CT again",
        )
    return values, padding


def _padding(frame: Frame, stored: Pixels) -> NDArray[np.bool_]:
    pixels = frame.pixels
    if pixels.padding is None:
        return np.zeros(stored.shape, bool)
    first = _as_stored(pixels.padding, pixels)
    last = first if pixels.padding_limit is None else _as_stored(pixels.padding_limit, pixels)
    found = (stored >= min(first, last)) & (stored <= max(first, last))
    highest = max(first, last) * (pixels.slope or 0.0) + (pixels.intercept or 0.0)
    if highest <= limits.AIR_HU:
        return found
    corners = found[[0, 0, -1, -1], [0, -1, 0, -1]]
    if corners.sum() >= 2:
        raise InputError(
            15,
            frame.name,
            f"padding at {highest:.0f} HU, inside the range of tissue",
            f"below {limits.AIR_HU} HU",
            "export the CT again without padding",
        )
    return np.zeros(stored.shape, bool)


def _as_stored(value: int, pixels: PixelFormat) -> int:
    """A padding value in the sign and width of the stored values, whatever sign its own element was read with."""
    value &= (1 << pixels.bits_stored) - 1
    return value - (1 << pixels.bits_stored) if pixels.signed and value >> (pixels.bits_stored - 1) else value
