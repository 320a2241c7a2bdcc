"""Numbers with a source. The only module that opens pedicle's data files.

A file under data/ is TOML. A number is a row ``{value, unit, source, page, evidence, note}``; `evidence` is one of read
(read in the source), computed, fit, unverified. An unverified row may inform; it may neither refuse nor clear.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
Evidence = Literal["read", "computed", "fit", "unverified"]
EVIDENCE: tuple[Evidence, ...] = ("read", "computed", "fit", "unverified")

_used: ContextVar[set[str] | None] = ContextVar("references_used", default=None)


@dataclass(frozen=True)
class Quantity:
    """A sourced number: `value` in `unit`, optional `low` and `high`, where it was found and how well."""

    value: float
    unit: str
    source: str
    evidence: Evidence
    page: str = ""
    note: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def verified(self) -> bool:
        """Whether the row may refuse or clear something."""
        return self.evidence != "unverified"


@dataclass(frozen=True)
class Statement:
    """A sourced sentence: what is said, where it was found and how well."""

    text: str
    source: str
    evidence: Evidence
    note: str = ""

    @property
    def verified(self) -> bool:
        """Whether the sentence may refuse or clear something."""
        return self.evidence != "unverified"


@cache
def _parsed(name: str) -> dict[str, Any]:
    path = files("pedicle") / "data" / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def table(name: str) -> dict[str, Any]:
    """The parsed file data/<name>.toml; `name` may hold a folder, without the suffix. Treat it as read-only."""
    found = _parsed(name)
    _note(found.get("source", ""))
    return found


@cache
def _loaded(name: str) -> dict[str, NDArray[Any]]:
    import numpy as np

    with (files("pedicle") / "data" / f"{name}.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        found = {key: held[key] for key in held.files}
    for values in found.values():
        values.setflags(write=False)
    return found


def arrays(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of data/<name>.npz, read-only; where they come from stands under `made` in the TOML file beside it."""
    _note(table(name).get("made", {}).get("source", ""))
    return _loaded(name)


def quantity(name: str, *keys: str) -> Quantity:
    """One sourced number: ``quantity("morphometry/pedicle", "L1", "width")``; KeyError where there is none."""
    row: Any = table(name)
    for key in keys:
        row = row[key]
    return as_quantity(row)


def as_quantity(row: dict[str, Any]) -> Quantity:
    """A row of a data file as a `Quantity`; its source is noted as used."""
    _note(row["source"])
    return Quantity(**row)


def as_statement(row: dict[str, Any]) -> Statement:
    """A row with a `text` as a `Statement`; its source is noted as used."""
    _note(row["source"])
    return Statement(**row)


def table_names() -> list[str]:
    """Names of all data files, for tests and docs."""
    root = files("pedicle") / "data"
    found = [entry.name for entry in root.iterdir()]
    for folder in [entry for entry in root.iterdir() if entry.is_dir()]:
        found += [f"{folder.name}/{entry.name}" for entry in folder.iterdir()]
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


@contextmanager
def references_used() -> Iterator[set[str]]:
    """Collects the keys of references.bib behind every row asked for inside the block."""
    outer = _used.get()
    inner: set[str] = set()
    token = _used.set(inner)
    try:
        yield inner
    finally:
        _used.reset(token)
        if outer is not None:
            outer |= inner


def remembered(function: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Like `functools.cache` for what is read from data files: a repeated answer notes its references again.

    A plain cache would make the references of a case depend on what the process did before.
    """
    kept: dict[Any, tuple[Answer, frozenset[str]]] = {}

    @wraps(function)
    def answer(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        key = (args, tuple(sorted(kwargs.items())))
        if key not in kept:
            with references_used() as used:
                found = function(*args, **kwargs)
            kept[key] = (found, frozenset(used))
        found, sources = kept[key]
        _note("; ".join(sources))
        return found

    return answer


def references() -> dict[str, str]:
    """The entries of data/references.bib by key, as BibTeX text."""
    text = (files("pedicle") / "data" / "references.bib").read_text(encoding="utf-8")
    entries = [entry for entry in text.split("\n@") if "{" in entry]
    return {entry.split("{", 1)[1].split(",", 1)[0].strip(): "@" + entry.lstrip("@").strip() for entry in entries}


def used_so_far() -> tuple[str, ...]:
    """Keys noted in the innermost `references_used` that is open, in alphabetical order; none outside of one."""
    return tuple(sorted(_used.get() or ()))


def _note(source: str) -> None:
    used = _used.get()
    if used is not None:
        used.update(key.strip() for key in source.split(";") if key.strip())
