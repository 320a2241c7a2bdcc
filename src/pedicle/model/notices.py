"""Warnings are rows of a result, not messages on a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "caution", "danger"]


@dataclass(frozen=True)
class Notice:
    """One warning: a stable short code, the place it is about, and a sentence for a person.

    `severity`: note (good to know), caution (changes how far to trust a number), danger (stop and look).
    `where` is a level ("L3"), a side ("L3 left") or a file's content hash; never patient text.
    """

    code: str
    where: str
    text: str
    severity: Severity = "caution"
