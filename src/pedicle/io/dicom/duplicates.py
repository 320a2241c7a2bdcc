"""Images at one position: identical ones are dropped with a note, others are two recons or a refusal."""

from __future__ import annotations

from collections.abc import Callable

from pedicle.io.dicom.geometry import SAME_PLACE_MM, Stack
from pedicle.io.dicom.headers import Frame
from pedicle.model.errors import InputError
from pedicle.model.notices import Notice

Hash = Callable[[Frame], str]


def without_duplicates(stack: Stack, pick: str | None, hash_of: Hash) -> tuple[list[Frame], list[Notice]]:
    """One frame a position, in the stack's order; `hash_of` tells whether two frames show the same.

    `pick` is the SOPInstanceUID to keep where they do not. Raises InputError 5 naming both files.
    """
    kept: list[Frame] = []
    dropped = picked = 0
    for group in _groups(stack):
        frame = _chosen(group, pick, hash_of) if len(group) > 1 else group[0]
        picked += len(group) > 1 and pick is not None and frame.sop_uid == pick
        dropped += len(group) - 1
        kept.append(frame)
    _check_unique(kept)
    if not dropped:
        return kept, []
    text = f"{dropped} images at a position that another holds left out" + (", one of them by choice" if picked else "")
    return kept, [Notice("duplicate-dropped", "scan", text, "note")]


def _groups(stack: Stack) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    last = None
    for frame, along in zip(stack.frames, stack.along, strict=True):
        if last is not None and along - last < SAME_PLACE_MM:
            groups[-1].append(frame)
        else:
            groups.append([frame])
        last = along
    return groups


def _chosen(group: list[Frame], pick: str | None, hash_of: Hash) -> Frame:
    ordered = sorted(group, key=lambda frame: (frame.sop_uid, frame.name))
    if len({(frame.place.position, hash_of(frame)) for frame in ordered}) == 1:
        return ordered[0]
    named = [frame for frame in ordered if frame.sop_uid == pick]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{frame.name} ({frame.sop_uid})" for frame in ordered[:3])
    raise InputError(
        5,
        ordered[0].name,
        f"{len(group)} different images at one position: {listed}",
        "one image a position",
        "keep one with --pick and its SOPInstanceUID, or take the others out",
    )


def _check_unique(frames: list[Frame]) -> None:
    seen: dict[tuple[str, int], Frame] = {}
    for frame in frames:
        key = (frame.sop_uid, frame.number)
        if frame.sop_uid and key in seen:
            found = f"the same SOPInstanceUID as {seen[key].name} at another position"
            raise InputError(5, frame.name, found, "one image a UID", "export the series again")
        seen[key] = frame
