"""The name table inside a NIfTI label map: a Caret XML extension (code 0) that names its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from pedicle.model.errors import InputError

CARET_CODE = 0


def name_table(extensions: Iterable[tuple[int, bytes]], where: str, must_read: bool = True) -> dict[int, str] | None:
    """Names by number from the first Caret label table; None where there is none.

    A table that cannot be read is an InputError 52, or None when `must_read` is False (the scheme was named).
    """
    for code, content in extensions:
        if code == CARET_CODE and b"<LabelTable" in content:
            found = _parsed(content)
            if found is None and must_read:
                limit = "numbers with names"
                raise InputError(52, where, "a name table that cannot be read", limit, "name the scheme: --scheme NAME")
            return found
    return None


def caret_extension(names: dict[int, str]) -> bytes:
    """The Caret XML text for a name table, as TotalSegmentator and Connectome Workbench write it."""
    root = ElementTree.Element("CaretExtension")
    information = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    labels = ElementTree.SubElement(information, "LabelTable")
    for number, name in sorted(names.items()):
        red, green, blue = _colour(number)
        entry = ElementTree.SubElement(labels, "Label", Key=str(number), Red=red, Green=green, Blue=blue, Alpha="1")
        entry.text = name
    ElementTree.SubElement(information, "VolumeType").text = "Label"
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


def _parsed(content: bytes) -> dict[int, str] | None:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return None
    try:
        root = ElementTree.fromstring(content.strip(b" \t\r\n\x00"))
        found = [(int(label.attrib["Key"]), (label.text or "").strip()) for label in root.iter("Label")]
    except (ElementTree.ParseError, LookupError, ValueError):
        return None
    names = {number: name for number, name in found if number and name}
    return names if names and len(names) == len([number for number, name in found if number and name]) else None


def _colour(number: int) -> tuple[str, str, str]:
    """A colour that differs between neighbours and is the same in every run."""
    shares = [((number * step) % 11) / 10 for step in (3, 7, 5)]
    return f"{shares[0]:.1f}", f"{shares[1]:.1f}", f"{shares[2]:.1f}"
