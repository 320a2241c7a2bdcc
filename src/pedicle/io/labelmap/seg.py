"""DICOM Segmentation (SEG) to vertebrae: levels from SNOMED CT codes, never from segment numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pedicle.io.bounded import sha256_of
from pedicle.io.dicom.decoding import Decoding
from pedicle.io.dicom.files import FoundFile, find_files, looks_like_dicom, opened, shown
from pedicle.io.dicom.headers import class_uid, hash_of, uid
from pedicle.io.dicom.parse import parsed, quiet
from pedicle.io.dicom.pixels import unpack
from pedicle.io.labelmap.align import placed
from pedicle.io.labelmap.reader import STRUCTURES, label_map
from pedicle.io.labelmap.schemes import level_named, structure_named, vertebra_named
from pedicle.io.options import ImportOptions
from pedicle.io.origin import Origin, check_same
from pedicle.io.raw import RawLabels
from pedicle.model.errors import InputError, PedicleError
from pedicle.model.grid import Grid
from pedicle.model.levels import levels
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress, silent
from pedicle.model.scan import LabelMap, Scan
from pedicle.model.sourced import table
from pedicle.model.volume import Volume

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
_ANY_VERTEBRA = "51282000"
_MOST_VOXELS = 2**30
_MOST_SEGMENTS = 1000


@dataclass(frozen=True)
class Segment:
    """One segment of a SEG: its number, the coded type (SNOMED CT) and its free label."""

    number: int
    code: str
    label: str


def read_seg(
    path: Path, scan: Scan | None = None, options: ImportOptions | None = None, progress: Progress = silent
) -> LabelMap:
    """The vertebrae of a DICOM SEG file (BINARY or LABELMAP) on the scan's grid, or on its own without a scan.

    A SEG may hold only the slices that have segments; they are set into the scan's grid by place. Raises InputError
    21 (another patient or frame of reference than the scan's), 33 (not readable), 37 (no SEG), 38 (compression), 51
    (another place), 52 (fractional, overlapping, or no coded vertebra).
    """
    options = options or ImportOptions()
    dataset = _dataset(path)
    where = shown(path.name)
    try:
        with quiet():
            names = _checked_names(dataset, where)
            told = _check_source(dataset, scan, where)
            with Decoding() as decoding:
                unpack(FoundFile(where, path), dataset, decoding)
            progress(0.2, "reading segments")
            volume = _volume(dataset, sorted(names), where)
    except PedicleError:
        raise
    except Exception as error:  # values are parsed when they are asked for; a hostile file may fail anywhere
        raise _unreadable(where, type(error).__name__) from error
    if scan is not None:
        volume = placed(volume, scan.volume.grid) or volume
    progress(0.9, "checking the labels")
    raw = RawLabels(volume, names, where, sha256_of(path), "dicom-seg", told)
    return label_map(raw, scan, options.scheme, options.resample_labels)


def _dataset(path: Path) -> Any:
    listing = find_files(path)
    if path.is_dir() or len(listing.files) != 1:
        raise InputError(52, shown(path.name), "a folder as label map", "one file", "name the label map's own file")
    file = FoundFile(shown(path.name), listing.files[0].path)
    stream = opened(file)
    try:
        if not looks_like_dicom(file, stream.read(132)):
            fix = "give a NIfTI, NRRD or DICOM SEG file"
            raise InputError(52, file.name, "neither NIfTI, NRRD nor DICOM", "a label map", fix)
        stream.seek(0)
        return parsed(file, stream, with_pixels=True)
    finally:
        stream.close()


def _checked_names(dataset: Any, where: str) -> dict[int, str]:
    """Names by segment number for the segments pedicle knows, after the rules on kind and size."""
    kind = class_uid(dataset)
    if kind not in (_SEGMENTATION, _LABELMAP):
        raise InputError(37, where, "a DICOM object that is no segmentation", "SEG", "give the label map's file")
    if "PixelData" not in dataset:
        raise _unreadable(where, "it ends before its pixels")
    if kind == _SEGMENTATION and str(dataset.get("SegmentationType", "")) != "BINARY":
        found = f"segmentation type {str(dataset.get('SegmentationType', 'absent'))[:16]}"
        raise InputError(52, where, found, "BINARY or LABELMAP", "export whole voxels, not fractions")
    size = int(dataset.Rows) * int(dataset.Columns) * int(dataset.NumberOfFrames)
    if not 0 < size <= _MOST_VOXELS or len(dataset.SegmentSequence) > _MOST_SEGMENTS:
        raise InputError(39, where, f"{size} voxels announced", f"at most {_MOST_VOXELS}", "export fewer segments")
    segments = _segments(dataset)
    _check_frames(dataset, [segment.number for segment in segments], where)
    named = {segment.number: _name(segment, where) for segment in segments}
    names = {number: name for number, name in named.items() if name is not None}
    if not any(vertebra_named(name) for name in names.values()):
        found = f"no vertebra among the codes of {len(named)} segments"
        raise InputError(52, where, found, "SNOMED CT codes of single vertebrae", "give a label map of the spine")
    return names


def _check_source(dataset: Any, scan: Scan | None, where: str) -> tuple[Notice, ...]:
    """Whether the segmentation and the CT say they are of one patient, one frame of reference, one series."""
    mine = Origin(hash_of(dataset, "PatientID"), hash_of(dataset, "FrameOfReferenceUID"))
    return check_same(
        scan, mine, [uid(one, "SeriesInstanceUID") for one in dataset.get("ReferencedSeriesSequence") or []], where
    )


def _check_frames(dataset: Any, numbers: list[int], where: str) -> None:
    """Every frame described, every description with its pixels, every number one segment: a slip here moves a level."""
    if len(set(numbers)) < len(numbers):
        raise InputError(52, where, "two segments of one number", "one segment a number", "export it again")
    frames, described = int(dataset.NumberOfFrames), dataset.PerFrameFunctionalGroupsSequence
    if len(described) != frames:
        raise _unreadable(where, f"{frames} frames but {len(described)} descriptions of frames")
    groups = [group.get("SegmentIdentificationSequence") for group in described]
    used = {int(group[0].ReferencedSegmentNumber) for group in groups if group}
    if not used <= set(numbers):
        raise _unreadable(where, "frames of a segment that is not described")
    need = -(-int(dataset.Rows) * int(dataset.Columns) * frames * int(dataset.BitsAllocated) // 8)
    if not dataset["PixelData"].is_undefined_length and len(dataset.PixelData) not in (need, need + 1):
        raise _unreadable(where, f"{len(dataset.PixelData)} bytes of pixels instead of {need}")


def _segments(dataset: Any) -> list[Segment]:
    found = []
    for item in dataset.SegmentSequence:
        kinds = item.get("SegmentedPropertyTypeCodeSequence") or [{}]
        code = str(kinds[0].get("CodeValue", "")) if _is_snomed(kinds[0]) else ""
        found.append(Segment(int(item.SegmentNumber), code, str(item.get("SegmentLabel", ""))))
    return found


def _is_snomed(code: Any) -> bool:
    return str(code.get("CodingSchemeDesignator", "")) == "SCT" and bool(code.get("CodeValue"))


def _name(segment: Segment, where: str) -> str | None:
    """What a segment is called here: by its code; by its label only where the code says vertebra without which."""
    told = level_named(segment.label.strip())
    meant = _levels_by_code().get(segment.code)
    if meant and told and told != meant:
        found = f"segment {segment.number} coded {meant} and labelled {told}"
        raise InputError(52, where, found, "one level", "correct the codes or the labels of the segmentation")
    if segment.code == _ANY_VERTEBRA:
        return told
    name = meant or table("schemes/snomed")["labels"].get(segment.code)
    known = name is not None and (level_named(name) is not None or structure_named(name) in STRUCTURES)
    return name if known else None


def _levels_by_code() -> dict[str, str]:
    return {level.sct: level.name for level in levels().values() if level.sct}


def _volume(dataset: Any, numbers: list[int], where: str) -> Volume:
    """The chosen segments as one canonical volume of segment numbers."""
    import highdicom

    image: Any = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
    try:
        found = image.get_volume(segment_numbers=numbers, combine_segments=True, dtype=np.uint16)
    except RuntimeError as error:
        if "overlap" in str(error).lower():
            fix = "export segments that do not overlap"
            raise InputError(52, where, "segments that overlap", "one label a voxel", fix) from error
        raise
    grid = Grid(found.array.shape, np.asarray(found.affine, dtype=np.float64))
    return Volume(grid, np.asarray(found.array, dtype=np.uint16)).canonical()


def _unreadable(where: str, reason: str) -> InputError:
    return InputError(33, where, f"a segmentation that cannot be read ({reason})", "a whole file", "export it again")
