"""Published label conventions (data/schemes/*.toml) and how a file's own is recognised. Never from bare integers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pedicle.model.errors import InputError
from pedicle.model.levels import levels
from pedicle.model.scan import Coverage
from pedicle.model.sourced import remembered, table

SCHEMES = (
    "verse",
    "totalsegmentator-v2",
    "totalsegmentator-v1",
    "totalsegmentator-v3",
    "vertebrae-body",
    "vertebrae-pp",
    "spineps",
    "spineps-parts",
)
BY_NAMES = "name-table"

_LEVEL = re.compile(r"(?:vertebrae?[ _])?([CTL]\d{1,2}|S[1-6]|sacrum|coccyx)(?:[ _]vertebra)?", re.IGNORECASE)
_TOTALSEGMENTATOR = re.compile(r"vertebrae_[CTLS]\d{1,2}")
_VERSE_FILE = re.compile(r".*_seg-vert_msk\.nii(\.gz)?|verse\d+\w*_seg\.nii(\.gz)?", re.IGNORECASE)
_PARTS_FILE = re.compile(r"(.*_seg-)(spine|subreg)(_msk\.nii(\.gz)?)", re.IGNORECASE)
_STRUCTURES = (
    ("lungs", re.compile(r"(upper_|middle_|lower_)?lung(s|_(upper|middle|lower)_lobe)?(_(left|right))?")),
    ("ribs", re.compile(r"ribs?(_.*)?")),
    ("aorta", re.compile(r"aorta")),
    ("vena_cava", re.compile(r"(inferior|superior)_vena_cava")),
    ("kidneys", re.compile(r"kidneys?(_(left|right))?")),
    ("spinal_cord", re.compile(r"spinal_cord")),
    ("spinal_canal", re.compile(r"spinal_canal")),
    ("discs", re.compile(r"intervertebral_discs?|disc(_.*)?")),
    ("bodies", re.compile(r"vertebrae_body|body")),
)


@dataclass(frozen=True)
class Scheme:
    """A label convention: what each number is called, and whether a level's label is the vertebra or its body only."""

    name: str
    coverage: Coverage
    labels: dict[int, str] = field(hash=False)

    @property
    def has_levels(self) -> bool:
        """Whether any label of the scheme tells which vertebra it is."""
        return any(vertebra_named(name) for name in self.labels.values())


@remembered
def scheme(name: str) -> Scheme:
    """A published scheme by its name; KeyError for one that is not in SCHEMES."""
    if name not in SCHEMES:
        raise KeyError(name)
    row = table(f"schemes/{name}")
    return Scheme(name, row["coverage"], {int(number): label for number, label in row["labels"].items()})


def level_named(name: str) -> str | None:
    """The level a label name stands for, or None; S1 to S6 are parts of the sacrum.

    >>> level_named("vertebrae_L1"), level_named("T12"), level_named("vertebrae_S1"), level_named("rib_left_1")
    ('L1', 'T12', 'sacrum', None)
    """
    match = _LEVEL.fullmatch(name)
    if match is None:
        return None
    word = match.group(1)
    found = (
        "sacrum" if re.fullmatch(r"S\d", word, re.IGNORECASE) else (word.upper() if len(word) <= 3 else word.lower())
    )
    return found if found in levels() else None


def vertebra_named(name: str) -> str | None:
    """The level of a single vertebra a label name stands for; None for sacrum and coccyx."""
    level = level_named(name)
    return None if level in ("sacrum", "coccyx") else level


def structure_named(name: str) -> str | None:
    """The structure pedicle knows a label name by, or None.

    >>> structure_named("lung_upper_lobe_left"), structure_named("rib_left_7"), structure_named("liver")
    ('lungs', 'ribs', None)
    """
    return next((known for known, pattern in _STRUCTURES if pattern.fullmatch(name)), None)


def recognise(names: dict[int, str] | None, where: str, asked: str | None, present: Iterable[int]) -> Scheme:
    """The scheme a label map is written in.

    The user's word decides, if the file's own name table does not contradict it; else the name table; else a file
    name of the VerSe/BIDS convention. `present` are the numbers found in the voxels, `where` is the file's name.
    InputError 52 when nothing says it: a number alone is never taken for a level.
    """
    found = list(present)
    if asked is not None:
        return _asked(asked, names, found, where)
    if names:
        return _from_names(names, where)
    if _VERSE_FILE.fullmatch(where):
        return scheme("verse")
    if _PARTS_FILE.fullmatch(where):
        return scheme("spineps-parts")
    if _like_parts(found):
        raise _ask(where, "label numbers without names, as in a SPINEPS map of parts, which tells no level")
    raise _ask(where, "label numbers without names")


def _like_parts(present: list[int]) -> bool:
    """Whether numbers could be arches and bodies of a SPINEPS seg-spine map. A hint in a refusal, never a reading."""
    parts = scheme("spineps-parts").labels
    return {41, 50} & set(present) != set() and set(present) <= set(parts)


def way_to_levels(chosen: Scheme, where: str) -> str:
    """What to give instead of a map that tells no levels; of SPINEPS, the other file of the same run."""
    if chosen.name != "spineps-parts":
        return "give a map that names levels (TotalSegmentator task total, VerSe, SPINEPS seg-vert)"
    match = _PARTS_FILE.fullmatch(where)
    other = f"{match.group(1)}vert{match.group(3)}" if match else "its ..._seg-vert_msk.nii.gz"
    return f"give the vertebra map of the same SPINEPS run: --labels {other} --scheme spineps"


def other_scheme(chosen: Scheme, present: Iterable[int]) -> str:
    """Which scheme to name for a file whose numbers `chosen` does not know; SPINEPS writes discs and ribs under VerSe's name."""
    if chosen.name == "verse" and set(present) <= set(scheme("spineps").labels):
        return "if SPINEPS or TPTBox wrote it: --scheme spineps"
    return "name the right scheme: --scheme NAME"


def _asked(asked: str, names: dict[int, str] | None, present: list[int], where: str) -> Scheme:
    if asked not in SCHEMES:
        raise InputError(52, where, f"scheme {asked} for this file", "a label map scheme", "name the file's own scheme")
    chosen = scheme(asked)
    for number in present:
        told, meant = (names or {}).get(number), chosen.labels.get(number)
        if told is not None and meant is not None and level_named(told) != level_named(meant):
            found = f"{asked} calls {number} {meant}, the file calls it {told}"
            raise InputError(52, where, found, "one meaning a number", "leave --scheme out, or give another file")
    return chosen


def _from_names(names: dict[int, str], where: str) -> Scheme:
    fits = [known for known in map(scheme, SCHEMES) if names.items() <= known.labels.items()]
    exact = [known for known in fits if known.labels == names]
    if exact:
        return exact[0]
    if any(known.name == "vertebrae-pp" for known in fits):
        raise _ask(where, "TotalSegmentator names on VerSe numbers: bodies or whole vertebrae")
    if fits:
        return replace(fits[0], labels=dict(names))
    if any(vertebra_named(name) for name in names.values()):
        return Scheme(BY_NAMES, "whole", dict(names))
    raise InputError(
        52, where, "a name table without a vertebra", "labels of vertebrae", "give a label map of the spine"
    )


def _ask(where: str, found: str) -> InputError:
    return InputError(52, where, found, "a named scheme", "say which it is: --scheme " + "|".join(SCHEMES[:7]))
