"""From all images found to the frames of one recon of one series of one patient."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from pedicle.io.dicom.headers import Frame, Making
from pedicle.model.errors import InputError
from pedicle.model.notices import Notice

_LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
# Results of a computation whose numbers are not the attenuation at a place.
_PROJECTED = {
    "MIP", "MINIP", "MAXIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "MAXIMUM", "MINIMUM", "VOLUME RENDERING", "VRT",
    "SSD", "VXTL STATE", "SCREEN SAVE", "SUBTRACTION", "PERFUSION", "RCBF", "RCBV", "MTT", "TTP",
    "MATERIAL_FRACTION", "MAT_SPECIFIC", "MAT_MODIFIED", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY", "IODINE_MAP",
}  # fmt: skip
_REFORMATTED = {"REFORMATTED", "MPR", "AVERAGE", "RESAMPLED", "CPR", "MULTIPLANAR"}
_SMALLEST_PART = 10
_MOST_LISTED = 6
Key = Callable[[Frame], str]


@dataclass(frozen=True)
class Chosen:
    """Frames of one series, still in any order, and what was noticed while choosing."""

    frames: list[Frame]
    part: int | None
    notices: tuple[Notice, ...]


def choose_series(frames: list[Frame], wanted: str | None, where: str) -> Chosen:
    """The one CT series among `frames`, without localizers.

    `wanted` is the start of a SeriesInstanceUID, and ``#2`` behind it names the second recon of that series.
    Raises InputError 22 (only localizers), 19 (several series, or none of that name), 21, 37, 14, 12.
    """
    prefix, _, part = (wanted or "").partition("#")
    images = [frame for frame in frames if not _LOCALIZERS & set(frame.making.image_type)]
    if not images:
        raise InputError(22, where, f"only localizer images ({len(frames)})", "a CT volume", "name the axial series")
    series: dict[str, list[Frame]] = defaultdict(list)
    for frame in images:
        series[frame.series_uid].append(frame)
    names = [uid for uid in sorted(series) if uid.startswith(prefix)]
    if len(names) != 1:
        raise _which_series(where, series, names, wanted)
    kept = series[names[0]]
    dropped = sum(frame.series_uid == names[0] for frame in frames) - len(kept)
    notices = [] if not dropped else [_note("localizer-dropped", f"{dropped} localizer images left out")]
    notices += check_identity(kept, where)
    notices += check_suitable(kept)
    return Chosen(kept, int(part) if part.isdigit() else None, tuple(notices))


def _note(code: str, text: str) -> Notice:
    return Notice(code, "scan", text, "note")


def _which_series(where: str, series: dict[str, list[Frame]], names: list[str], wanted: str | None) -> InputError:
    listed = names or sorted(series)
    lines = ", ".join(f"{uid or 'without UID'} ({len(series[uid])} images)" for uid in listed[:_MOST_LISTED])
    more = f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else ""
    found = (
        f"{len(listed)} CT series: {lines}{more}"
        if names
        else f"no series begins with {wanted!r}; there are {lines}{more}"
    )
    return InputError(19, where, found, "one series", "choose one with --series and the start of its UID")


def check_identity(frames: list[Frame], where: str) -> list[Notice]:
    """Refuse frames of more than one patient, study or frame of reference (E021), naming two files, never the person.

    A frame of reference of its own for every image says nothing about the patient: some anonymizers write it so. That is
    told and passes.
    """
    for n, what in enumerate(("patients", "studies", "frames of reference")):
        values = Counter(frame.identity[n] for frame in frames)
        if n == 2 and len(values) == len(frames) > 2:
            return [
                Notice("frame-of-reference", "scan", "each image names a frame of reference of its own: not compared")
            ]
        if len(values) > 1:
            ordered = sorted_by_name(frames)
            first = ordered[0]
            other = next(frame for frame in ordered if frame.identity[n] != first.identity[n])
            raise InputError(
                21,
                where,
                f"{len(values)} {what} in one series ({first.name} and {other.name} differ)",
                "one patient, one study, one frame of reference",
                "separate the files by patient and name one folder",
            )
    return []


def sorted_by_name(frames: list[Frame]) -> list[Frame]:
    """Frames by file name and number, for messages that do not depend on the order of reading."""
    return sorted(frames, key=lambda frame: (frame.file.name, frame.number))


def check_suitable(frames: list[Frame]) -> list[Notice]:
    """Refuse images that hold no Hounsfield units at a place (E037, E014, E012); notices for derived and lossy ones."""
    for frame in sorted_by_name(frames):
        _check_kind(frame)
        _check_units(frame)
    notices = []
    if any(frame.making.image_type[:1] == ("DERIVED",) for frame in frames):
        notices.append(Notice("derived", "scan", "images derived from others (reformatted or recompressed)"))
    if any(frame.pixels.lossy for frame in frames):
        notices.append(
            Notice(
                "lossy", "scan", "lossy compression, or one that allows it: fine structure and density are less certain"
            )
        )
    if any(frame.making.cone_beam for frame in frames):
        notices.append(
            Notice("cone-beam", "scan", "cone-beam CT: numbers are not Hounsfield units, no density from them")
        )
    return notices


def _check_kind(frame: Frame) -> None:
    kinds = set(frame.making.image_type)
    wrong = sorted(kinds & _PROJECTED)
    if "SECONDARY" in frame.making.image_type[1:2] and not kinds & _REFORMATTED:
        wrong = wrong or ["secondary capture"]
    if frame.pixels.samples != 1:
        wrong = wrong or ["a colour picture"]
    if frame.pixels.rescale_type not in ("", "HU", "US"):
        wrong = wrong or ["units other than HU"]
    if wrong:
        found = f"not a CT of attenuation ({wrong[0].lower()})"
        raise InputError(37, frame.name, found, "original CT in HU", "name the original reconstruction")


def _check_units(frame: Frame) -> None:
    pixels = frame.pixels
    if pixels.photometric != "MONOCHROME2":
        found = f"photometric interpretation {pixels.photometric[:16] or 'absent'}"
        raise InputError(14, frame.name, found, "MONOCHROME2", "export the CT again from the scanner or archive")
    slope, intercept = pixels.slope, pixels.intercept
    if slope is None or intercept is None:
        raise InputError(12, frame.name, "no rescale slope and intercept", "both present", "export the CT with its rescale tags: HU cannot be guessed")  # fmt: skip
    if not (1e-4 <= slope <= 100 and abs(intercept) <= 40_000):  # false for NaN too
        found = f"rescale slope {slope:g}, intercept {intercept:g}"
        raise InputError(12, frame.name, found, "slope 0.0001 to 100, intercept within 40000", "export the CT again")


def split_keys() -> dict[str, Key]:
    """By what two recons or phases under one UID can be told apart, the surest first."""

    def of(read: Callable[[Making], object]) -> Key:
        return lambda frame: str(read(frame.making))

    return {
        "kernel": of(lambda m: m.kernel),
        "kVp": of(lambda m: m.kvp),
        "image type": of(lambda m: m.image_type),
        "phase": of(lambda m: m.phase),
        "acquisition": of(lambda m: m.acquisition),
        "acquisition time": of(lambda m: m.acquired_at),
        "content time": of(lambda m: m.made_at),
        "thickness": lambda frame: str(frame.place.thickness_mm),
    }


def parts_by(frames: list[Frame], key: Key) -> list[tuple[str, list[Frame]]]:
    """Frames grouped by a key, in the key's order."""
    groups: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return sorted(groups.items())


def one_recon(frames: list[Frame], part: int | None, along: dict[int, float], where: str) -> list[Frame]:
    """The frames of one recon; `along` is each frame's place along the normal by `id`.

    Frames of two kernels or tube voltages are two recons wherever they lie; frames that differ in another key are so
    only when they share positions or their ranges overlap. Raises InputError 20 with the list unless `part` picks one.
    """
    for name, key in split_keys().items():
        parts = parts_by(frames, key)
        if len(parts) < 2:
            continue
        if name in ("kernel", "kVp") or (_all_large(parts) and _overlap(parts, along)):
            if part is None or not 1 <= part <= len(parts):
                raise _which_part(where, name, parts)
            return one_recon(parts[part - 1][1], None, along, where)
    return frames


def _all_large(parts: list[tuple[str, list[Frame]]]) -> bool:
    return all(len(group) >= _SMALLEST_PART for _, group in parts)


def _overlap(parts: list[tuple[str, list[Frame]]], along: dict[int, float]) -> bool:
    """Whether the stretches along the body that the parts cover overlap."""
    ranges = sorted((min(along[id(f)] for f in group), max(along[id(f)] for f in group)) for _, group in parts)
    return any(second[0] <= first[1] for first, second in pairwise(ranges))


def _which_part(where: str, name: str, parts: list[tuple[str, list[Frame]]]) -> InputError:
    listed = ", ".join(
        f"#{n} {name} {_short(value)} ({len(group)} images)" for n, (value, group) in enumerate(parts[:_MOST_LISTED], 1)
    )
    return InputError(
        20,
        where,
        f"{len(parts)} reconstructions under one series UID: {listed}",
        "one reconstruction",
        f"choose one with --series {parts[0][1][0].series_uid}#1",
    )


def _short(value: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c not in "<>&\"'" else "?" for c in value)[:40] or "unnamed"
