"""Reads a CT from DICOM: a folder, a file, a DICOMDIR or a multi-frame image.

Geometry comes from ImagePositionPatient and ImageOrientationPatient alone; nothing is assumed where a tag is absent, and
nothing is interpolated unless asked for. The rules are the rows of docs/reference/input-rules.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from pedicle.io.dicom.decoding import Decoding
from pedicle.io.dicom.directory import DIRECTORY_CLASS, files_of_directory
from pedicle.io.dicom.duplicates import Hash, without_duplicates
from pedicle.io.dicom.enhanced import frames_of
from pedicle.io.dicom.files import FoundFile, Listing, find_files, looks_like_dicom, opened, shown
from pedicle.io.dicom.geometry import Stack, check_places, judged, one_plane, stacked
from pedicle.io.dicom.headers import CT_CLASSES, MULTI_FRAME_CLASSES, Frame, class_uid, frame_of, text, uid
from pedicle.io.dicom.hu import Slab, pixel_hash, read_slices
from pedicle.io.dicom.parse import damaged, guarded, parsed
from pedicle.io.dicom.pixels import check_format, is_lossy
from pedicle.io.dicom.resample import resampled
from pedicle.io.dicom.series import choose_series, one_recon
from pedicle.io.gate import canonical_scan
from pedicle.io.options import ImportOptions
from pedicle.io.origin import Origin, remember
from pedicle.model.errors import InputError
from pedicle.model.notices import Notice
from pedicle.model.progress import Progress, part, silent
from pedicle.model.scan import Acquisition, InputFile, Scan
from pedicle.model.volume import Volume

# Only these words are repeated in messages; anything else in the element might be a person's name.
_MODALITIES = {
    "AU", "CR", "CT", "DX", "ECG", "ES", "IO", "IVUS", "KO", "MG", "MR", "NM", "OCT", "OT", "PR", "PT", "PX", "REG", "RF",
    "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SC", "SEG", "SM", "SR", "US", "XA", "DOC",
}  # fmt: skip
_VOLUMES = (".nii", ".nii.gz", ".nrrd")
_POSITIONS = {
    "HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL", "LFP", "LFS", "RFP", "RFS", "AFDR", "AFDL", "PFDR",
    "PFDL",
}  # fmt: skip


def read_dicom(path: Path, options: ImportOptions | None = None, progress: Progress = silent) -> Scan:
    """The CT at `path` as a canonical `Scan` in HU; the order and the names of the files do not matter.

    `path` is a folder (searched to depth 8), a single image, a DICOMDIR, or a gzip of one file. Raises InputError with the
    row of the input rules that is broken, EnvironmentFault 38 where a decoder is missing. No patient identity leaves here.
    """
    options = options or ImportOptions()
    where = shown(path.name or str(path))
    frames, notices = _frames(path, options, where, part(progress, 0.0, 0.3))
    chosen = choose_series(frames, options.series, where)
    notices += chosen.notices
    check_places(chosen.frames)
    kept, told = one_plane(chosen.frames)
    with Decoding() as decoding:
        stack, duplicates = _one_a_position(kept, chosen.part, options, partial(pixel_hash, decoding=decoding), where)
        stack, tags = judged(stack, options.resample, where)
        slices = read_slices(stack.frames, decoding, part(progress, 0.3, 0.95), where)
    scan = _scan(stack, slices, (*notices, *told, *duplicates, *tags), where)
    progress(1.0, "CT read")
    return remember(scan, _origin(stack.frames))


def _origin(frames: list[Frame]) -> Origin:
    """What the frames agree on; a frame of reference of its own for every image tells nothing."""
    first = frames[0]
    reference = first.identity[2] if len({frame.identity[2] for frame in frames}) == 1 else ""
    return Origin(first.patient_number, reference, first.series_uid)


def _frames(path: Path, options: ImportOptions, where: str, progress: Progress) -> tuple[list[Frame], list[Notice]]:
    """All CT frames at `path` and notes on what was passed over; InputError 34, 33, 37 where there is none."""
    listing = find_files(path)
    directory = _directory(path, listing, options.skip_bad)
    listing = directory or listing
    frames: list[Frame] = []
    passed = listing.passed_over
    for n, file in enumerate(listing.files):
        try:
            frames += _frames_of_file(file, passed)
        except InputError as error:
            if not options.skip_bad or error.code not in (32, 33, 35, 40):
                raise
            passed["bad file"] += 1
        progress((n + 1) / len(listing.files), "reading headers")
    if not frames:
        raise _nothing(where, passed)
    return frames, _passed_notices(passed)


def _directory(path: Path, listing: Listing, skip_bad: bool) -> Listing | None:
    if path.is_dir() or len(listing.files) != 1:
        return None
    file = listing.files[0]
    stream = opened(file)
    try:
        start = stream.read(132)
        if not looks_like_dicom(file, start):
            raise InputError(
                34, file.name, _unlike(stream.size), "a CT", "name a DICOM folder or file, a NIfTI or an NRRD"
            )
        dataset = parsed(file, stream)
    finally:
        stream.close()
    with guarded(file):
        media = uid(getattr(dataset, "file_meta", {}), "MediaStorageSOPClassUID")
        return files_of_directory(file, dataset, skip_bad) if media == DIRECTORY_CLASS else None


def _unlike(size: int) -> str:
    return "neither DICOM nor NIfTI nor NRRD" if size else "an empty file"


def _frames_of_file(file: FoundFile, passed: Counter[str]) -> list[Frame]:
    """CT frames of one file; others are counted by what they are."""
    stream = opened(file)
    try:
        if not looks_like_dicom(file, stream.read(132)):
            passed["NIfTI or NRRD" if file.path.name.endswith(_VOLUMES) else "not DICOM"] += 1
            return []
        dataset = parsed(file, stream)
        size = stream.size
    finally:
        stream.close()
    with guarded(file, "has a header that cannot be read"):
        return _frames_of_dataset(file, dataset, size, passed)


def _frames_of_dataset(file: FoundFile, dataset: object, size: int, passed: Counter[str]) -> list[Frame]:
    kind = class_uid(dataset)
    if not kind:
        raise damaged(file, "a header without the kind of object")
    if kind not in CT_CLASSES | MULTI_FRAME_CLASSES or text(dataset, "Modality") != "CT":
        modality = text(dataset, "Modality")
        passed[modality if modality in _MODALITIES else "other object"] += 1
        return []
    if not getattr(dataset, "pedicle_reaches_pixels", False):
        raise damaged(file, "ends before its pixel data")
    multi = kind in MULTI_FRAME_CLASSES
    frames = frames_of(file, dataset) if multi else [frame_of(file, dataset)]  # type: ignore[arg-type]
    if not multi and frames[0].pixels.frames > 1:
        found = f"a single-frame image of {frames[0].pixels.frames} frames: their positions are not told"
        raise InputError(29, file.name, found, "one position a frame", "export as single images or as enhanced CT")
    check_format(frames[0], size)
    lossy = is_lossy(frames[0].pixels.syntax)
    return [replace(f, pixels=replace(f.pixels, lossy=True)) if lossy else f for f in frames]


def _nothing(where: str, passed: Counter[str]) -> InputError:
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    objects = set(passed) - {
        "not DICOM",
        "NIfTI or NRRD",
        "link",
        "pipe or device",
        "bad file",
        "file named but absent",
    }
    if objects:
        return InputError(37, where, f"no CT image among {told}", "modality CT", "name the CT series")
    fix = "name the folder of the series" + (", or the NIfTI or NRRD file itself" if passed["NIfTI or NRRD"] else "")
    found = f"no DICOM image{': ' + told if told else ', the folder is empty'}"
    return InputError(34, where, found, "a CT series", fix)


def _passed_notices(passed: Counter[str]) -> list[Notice]:
    if not passed:
        return []
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    severity = "caution" if passed["bad file"] or passed["file named but absent"] else "note"
    return [Notice("passed-over", "scan", f"files passed over: {told}", severity)]  # type: ignore[arg-type]


def _one_a_position(
    frames: list[Frame], recon: int | None, options: ImportOptions, hash_of: Hash, where: str
) -> tuple[Stack, list[Notice]]:
    stack = stacked(frames)
    along = {id(frame): float(t) for frame, t in zip(stack.frames, stack.along, strict=True)}
    kept = one_recon(stack.frames, recon, along, where)
    kept, notices = without_duplicates(stacked(kept), options.pick, hash_of)
    return stacked(kept), notices


def _scan(stack: Stack, slices: tuple[Slab, object, dict[str, str]], notices: tuple[Notice, ...], where: str) -> Scan:
    values, outside, hashes = slices
    acquisition = acquisition_of(stack.frames)
    told = list(notices) + _position_notices(acquisition)
    if stack.tilt_deg or stack.uneven:
        volume, note = resampled(stack, values, outside)  # type: ignore[arg-type]
        told.append(note)
        acquisition = replace(acquisition, tilt_resampled_deg=round(stack.tilt_deg, 3) if stack.tilt_deg else None)
    else:
        mask = None if outside is None else outside.transpose(2, 1, 0)  # type: ignore[attr-defined]
        volume = Volume(stack.grid, values.transpose(2, 1, 0), mask)
    inputs = tuple(InputFile(digest, "ct") for digest in sorted(set(hashes.values())))
    return canonical_scan(volume, acquisition, inputs, tuple(told), where)


def acquisition_of(frames: list[Frame]) -> Acquisition:
    """Facts of the acquisition, from the frame that comes first along the body; None where the header does not say."""
    making, place = frames[0].making, frames[0].place
    date = making.study_date
    return Acquisition(
        kvp=_positive(making.kvp),
        kernel=making.kernel or None,
        contrast=any(f.making.contrast for f in frames) if making.contrast is not None else None,
        slice_thickness_mm=_positive(place.thickness_mm),
        patient_position=making.patient_position if making.patient_position in _POSITIONS else None,
        study_date=f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else None,
        calibrated_hu=not any(f.making.cone_beam for f in frames),
        source_format="DICOM multi-frame" if frames[0].pixels.frames > 1 else "DICOM",
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and 0 < value < 1e4 else None


def _position_notices(acquisition: Acquisition) -> list[Notice]:
    position = acquisition.patient_position
    if position is None:
        return [Notice("position-unknown", "scan", "how the patient lay is not told", "note")]
    if position.endswith("P") and len(position) == 3:
        return [Notice("prone", "scan", "the patient lay prone", "note")]
    if len(position) == 4:
        return [Notice("decubitus", "scan", "the patient lay on the side")]
    return []
