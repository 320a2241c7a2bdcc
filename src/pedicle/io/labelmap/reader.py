"""From numbers in a file to vertebrae: the scheme's meaning, landmarks, structures, and checks on single labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.io.labelmap.fit import bone_notices
from pedicle.io.labelmap.parts import part_notices
from pedicle.io.labelmap.schemes import (
    BY_NAMES,
    Scheme,
    level_named,
    other_scheme,
    recognise,
    structure_named,
    vertebra_named,
    way_to_levels,
)
from pedicle.io.raw import RawLabels
from pedicle.model.errors import InputError
from pedicle.model.levels import verse_of_level
from pedicle.model.notices import Notice
from pedicle.model.scan import InputFile, LabelMap, Scan
from pedicle.model.volume import Volume

# Structures kept as masks beside the vertebrae, under these names.
STRUCTURES = ("lungs", "ribs", "aorta", "vena_cava", "kidneys", "spinal_cord", "spinal_canal", "sacrum")
DICOM_SEG = "dicom-seg"
_BODIES = "bodies"


def no_labels_error(where: str) -> InputError:
    """What to say when a CT comes without a label map: one line that tells how to get one (InputError 100)."""
    return InputError(
        100,
        where,
        "no label map",
        "pedicle does not segment vertebrae itself",
        "make one, for example with `TotalSegmentator -i CT -o labels.nii.gz --ml --task total`, "
        "and give it with --labels labels.nii.gz",
    )


def label_map(raw: RawLabels, scan: Scan | None, asked: str | None, resample: bool) -> LabelMap:
    """The vertebrae of a label map in VerSe numbers, on the scan's grid (its own without a scan).

    Raises InputError 51 (another place), 52 (scheme not named, unknown values, no level), 53 (one number on two
    vertebrae).
    """
    present = _present(raw.volume.values)
    if not present:
        raise InputError(52, raw.where, "no labelled voxel", "vertebrae", "give the label map of this CT")
    scheme = _scheme_of(raw, asked, present)
    _check_known(present, scheme, raw.where)
    _check_levels(present, scheme, raw.where)
    _check_unique(present, scheme, raw.where)
    volume, told = _placed(raw, scan, resample)
    told = raw.notices + told + _left_out(present, scheme)
    found = _translated(replace(raw, volume=volume), scheme, present, told)
    return found if scan is None else replace(found, warnings=found.warnings + bone_notices(found, scan))


def bodies_mask(raw: RawLabels, asked: str | None = None) -> Volume:
    """The vertebral bodies of all levels together (1 where there is one), from a map without level identity."""
    present = _present(raw.volume.values)
    scheme = recognise(raw.names, raw.where, asked, present)
    _check_known(present, scheme, raw.where)
    wanted = [number for number in present if structure_named(scheme.labels[number]) == _BODIES]
    if not wanted:
        raise InputError(52, raw.where, f"no vertebral bodies in scheme {scheme.name}", "bodies", "give a body map")
    return raw.volume.with_values(np.isin(raw.volume.values, wanted).view(np.uint8))


def bodies_with_levels(bodies: Volume, levels: LabelMap) -> LabelMap:
    """Bodies with the level of the whole vertebra they lie in: the part common to both maps, coverage "body".

    `bodies` is a mask (nonzero = body) on the grid of `levels`, within 0.1 mm at the corners; else InputError 51.
    """
    from pedicle.io.labelmap.align import aligned

    mask, _ = aligned(bodies, levels.volume.grid, "body map", resample=False)
    values = np.where(mask.values > 0, levels.volume.values, 0).astype(np.uint8)
    return replace(levels, volume=levels.volume.with_values(values), scheme="vertebrae-body", coverage="body")


def _placed(raw: RawLabels, scan: Scan | None, resample: bool) -> tuple[Volume, tuple[Notice, ...]]:
    """The labels on the scan's grid; on their own when there is none, which must then be a believable one."""
    from pedicle.io.geometry import check_spacing, with_right_angles
    from pedicle.io.labelmap.align import aligned

    if scan is not None and resample:
        return aligned(raw.volume, scan.volume.grid, raw.where, resample)
    volume, told = with_right_angles(raw.volume, raw.where, resample=False)
    if scan is None:
        check_spacing(volume.grid, raw.where)
        return volume, told
    volume, moved = aligned(volume, scan.volume.grid, raw.where, resample)
    return volume, told + moved


def _scheme_of(raw: RawLabels, asked: str | None, present: list[int]) -> Scheme:
    """The file's scheme; a DICOM SEG needs none, its codes have named its segments already."""
    if raw.kind != DICOM_SEG:
        return recognise(raw.names, raw.where, asked, present)
    if asked not in (None, DICOM_SEG):
        raise InputError(52, raw.where, f"scheme {asked} for a DICOM SEG", "its own codes", "leave --scheme out")
    return Scheme(DICOM_SEG, "whole", raw.names or {})


def _present(values: NDArray[Any]) -> list[int]:
    seen = np.zeros(int(np.iinfo(np.uint16).max) + 1, bool)
    for slab in values:
        seen[slab] = True
    return [int(n) for n in np.flatnonzero(seen) if n]


def _check_known(present: list[int], scheme: Scheme, where: str) -> None:
    unknown = [number for number in present if number not in scheme.labels]
    if unknown:
        listed = ", ".join(str(number) for number in unknown[:5])
        found = f"label {listed} is not in scheme {scheme.name}"
        raise InputError(52, where, found, "known labels only", other_scheme(scheme, present))


def _check_levels(present: list[int], scheme: Scheme, where: str) -> None:
    if any(vertebra_named(scheme.labels[number]) for number in present):
        return
    if not scheme.has_levels:
        found = f"scheme {scheme.name} does not tell one vertebra from another"
        raise InputError(52, where, found, "levels", way_to_levels(scheme, where))
    raise InputError(52, where, "no vertebra among the labels", "at least one", "give a label map of the spine")


def _check_unique(present: list[int], scheme: Scheme, where: str) -> None:
    seen: dict[str, int] = {}
    for number in present:
        level = vertebra_named(scheme.labels[number])
        if level in seen:
            found = f"labels {seen[level]} and {number} are both called {level}"
            raise InputError(52, where, found, "one label a vertebra", "correct the names of the label map")
        if level:
            seen[level] = number


def _left_out(present: list[int], scheme: Scheme) -> tuple[Notice, ...]:
    """A note on labels that a file's own table gives names pedicle does not know; the names may be anything and stay."""
    if scheme.name != BY_NAMES:
        return ()
    strange = [n for n in present if not level_named(scheme.labels[n]) and not structure_named(scheme.labels[n])]
    if not strange:
        return ()
    listed = ", ".join(str(number) for number in strange[:5]) + (" ..." if len(strange) > 5 else "")
    return (Notice("labels-left-out", "labels", f"labels without a name pedicle knows left out: {listed}", "note"),)


def _translated(raw: RawLabels, scheme: Scheme, present: list[int], notices: tuple[Notice, ...]) -> LabelMap:
    stored = raw.volume.values
    verse = np.zeros(max(present) + 1, np.uint8)
    for number in present:
        level = level_named(scheme.labels[number])
        verse[number] = verse_of_level(level) if level else 0
    volume = raw.volume.with_values(verse[stored])
    structures = _structures(raw.volume, scheme, present)
    found = part_notices(volume, raw.where)
    files = (InputFile(raw.sha256, "labels"),)
    landmarks = _landmarks(scheme, present)
    return LabelMap(volume, scheme.name, scheme.coverage, landmarks, structures or None, files, notices + found)


def _landmarks(scheme: Scheme, present: list[int]) -> tuple[str, ...]:
    names = [scheme.labels[number] for number in present]
    levels = {level_named(name) for name in names}
    ribs = any(structure_named(name) == "ribs" for name in names)
    found = (("sacrum", "sacrum" in levels), ("c2", "C2" in levels), ("ribs", ribs))
    return tuple(name for name, there in found if there)


def _structures(volume: Volume, scheme: Scheme, present: list[int]) -> dict[str, Volume]:
    """One mask a structure that is there; every label belongs to one structure at most."""
    group = np.zeros(max(present) + 1, np.uint8)
    for number in present:
        name = scheme.labels[number]
        known = "sacrum" if level_named(name) == "sacrum" else structure_named(name)
        if known in STRUCTURES:
            group[number] = 1 + STRUCTURES.index(known)
    if not group.any():
        return {}
    groups = group[volume.values]
    there = [known for n, known in enumerate(STRUCTURES, start=1) if n in group]
    return {known: volume.with_values(_equal(groups, 1 + STRUCTURES.index(known))) for known in there}


def _equal(values: NDArray[Any], number: int) -> NDArray[np.uint8]:
    return np.asarray(values == number).view(np.uint8)
