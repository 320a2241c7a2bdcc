"""A book of input cases: what is built, with which options it is read, and what must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.uid import UID, ExplicitVRLittleEndian

from benchmarks.series_maker import Plan, series, write

Build = Callable[[Path], object]


@dataclass(frozen=True)
class InputCase:
    """`build(folder)` makes the files; `code` is the row that must refuse them, None where the scan must be right.

    `options` go to ImportOptions; `notice` is the code of a warning that must be there; `path` is what is read, below the
    folder.
    """

    row: int
    name: str
    build: Build
    code: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    notice: str = ""
    path: str = ""

    def __str__(self) -> str:
        return f"{self.row}: {self.name}"


class book(list[InputCase]):
    """Cases in order; `good` and `bad` are decorators that add one."""

    def good(self, row: int, name: str, notice: str = "", path: str = "", **options: Any) -> Callable[[Build], Build]:
        """A variant that must come in right."""
        return self._add(row, name, None, notice, path, options)

    def bad(
        self, row: int, name: str, path: str = "", code: int | None = None, **options: Any
    ) -> Callable[[Build], Build]:
        """A variant that must be refused with its row (or `code`)."""
        return self._add(row, name, row if code is None else code, "", path, options)

    def _add(
        self, row: int, name: str, code: int | None, notice: str, path: str, options: dict[str, Any]
    ) -> Callable[[Build], Build]:
        def keep(build: Build) -> Build:
            self.append(InputCase(row, name, build, code, options, notice, path))
            return build

        return keep


def of(plan: Plan, syntax: UID = ExplicitVRLittleEndian) -> Build:
    """The series of a plan, in a transfer syntax."""

    def build(folder: Path) -> None:
        write(series(plan), folder, syntax=syntax)

    return build


def spoil_one(place: int, **elements: Any) -> Build:
    """A good series with other elements (None: without them) on one slice."""

    def build(folder: Path) -> None:
        datasets = series()
        for keyword, value in elements.items():
            if value is None:
                delattr(datasets[place], keyword)
            else:
                setattr(datasets[place], keyword, value)
        write(datasets, folder)

    return build
