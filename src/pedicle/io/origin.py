"""Whose CT a scan is and in which frame of reference, kept beside the scan while it is in memory and never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from pedicle.model.errors import InputError
from pedicle.model.notices import Notice
from pedicle.model.scan import Scan


@dataclass(frozen=True)
class Origin:
    """Hashes of patient number and frame of reference, and the series' UID; "" where the file does not say."""

    patient: str = field(default="", repr=False)
    frame_of_reference: str = field(default="", repr=False)
    series: str = ""


_KNOWN: WeakKeyDictionary[Scan, Origin] = WeakKeyDictionary()


def remember(scan: Scan, origin: Origin) -> Scan:
    """The scan, whose origin `origin_of` tells from now on."""
    _KNOWN[scan] = origin
    return scan


def origin_of(scan: Scan | None) -> Origin:
    """What is known of the scan's origin; nothing for a scan from NIfTI, NRRD or a case."""
    return Origin() if scan is None else _KNOWN.get(scan, Origin())


def check_same(scan: Scan | None, labels: Origin, sources: Iterable[str], where: str) -> tuple[Notice, ...]:
    """Refuse a segmentation of another patient or in another frame of reference (InputError 21); what is empty says nothing.

    `sources` are the UIDs of the series it was made on; a caution where the scan's is not among them.
    """
    mine, made_on = origin_of(scan), {source for source in sources if source}
    pairs = {
        "patient": (mine.patient, labels.patient),
        "frame of reference": (mine.frame_of_reference, labels.frame_of_reference),
    }
    for what, (first, second) in pairs.items():
        if first and second and first != second:
            found, fix = f"another {what} than the CT's", "give the segmentation that was made on this CT"
            raise InputError(21, where, found, f"one {what}", fix)
    if not mine.series or not made_on or mine.series in made_on:
        return ()
    text = "the segmentation was made on another series of this patient: look whether it fits"
    return (Notice("labels-other-series", "labels", text),)
