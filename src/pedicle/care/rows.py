"""The rows of care, with those that a local file replaces."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pedicle.model.errors import InputError
from pedicle.model.sourced import EVIDENCE, Quantity, Statement, as_quantity, as_statement, table

FILES = ("drugs", "anaesthetics", "limits", "scores", "monitoring", "selection", "checklist", "discharge", "crises")
_KEYS = {"value", "unit", "source", "evidence", "page", "note", "low", "high"}


@dataclass(frozen=True)
class Rows:
    """Numbers and sentences by dotted name, "limits.inr"; `local` are the replaced numbers."""

    local: dict[str, Quantity] = field(default_factory=dict)

    def number(self, name: str) -> Quantity:
        """A number; KeyError where there is none."""
        return self.local[name] if name in self.local else as_quantity(self.raw(name))

    def statement(self, name: str) -> Statement:
        """A sentence."""
        return as_statement(self.raw(name))

    def numbers(self, name: str) -> dict[str, Quantity]:
        """All numbers of a table, by key."""
        return {key: self.number(f"{name}.{key}") for key, row in self.raw(name).items() if _is_number(row)}

    def statements(self, name: str) -> dict[str, Statement]:
        """All sentences of a table, by key."""
        return {
            key: as_statement(row) for key, row in self.raw(name).items() if isinstance(row, dict) and "text" in row
        }

    def raw(self, name: str) -> Any:
        """What stands under a name; KeyError where there is nothing."""
        file, *keys = name.split(".")
        found: Any = table(f"care/{file}")
        for key in keys:
            found = found[key]
        return found

    @property
    def replaced(self) -> dict[str, str]:
        """What was replaced, and by whose word."""
        return {
            name: f"{row.value:g} {row.unit} instead of {self.raw(name)['value']:g} ({row.source}, {row.evidence})"
            for name, row in self.local.items()
        }


def _is_number(row: Any) -> bool:
    return isinstance(row, dict) and "value" in row and "unit" in row


def load_rows(path: Path | None = None) -> Rows:
    """The rows, those of a local file in their places.

    The file has a table for each data file: ``[limits.inr]`` with value, unit, source, evidence. InputError 780 for a file that
    cannot be read, 781 for a row that is none, has another name or unit, or no source.
    """
    if path is None:
        return Rows()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            780, path.name, f"cannot be read: {error}", "TOML text", "see docs/explanation/care.md"
        ) from error
    return Rows({name: _checked(path.name, name, row) for name, row in _flat(found).items()})


def _flat(found: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Rows by dotted name."""
    rows: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, dict) and "value" not in value:
            rows |= _flat(value, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = value
    return rows


def _checked(file: str, name: str, row: Any) -> Quantity:
    fault = _fault(name, row)
    if fault:
        raise InputError(
            781, file, f"{name}: {fault}", "value, unit, source and evidence of a known row", "correct the row"
        )
    return Quantity(**row)


def _fault(name: str, row: Any) -> str:
    """What is wrong with a local row, or ""."""
    try:
        known = Rows().raw(name)
    except (KeyError, TypeError, FileNotFoundError):
        return "no such row"
    if not _is_number(known) or not isinstance(row, dict):
        return "not a number with a source"
    values = [row[key] for key in ("value", "low", "high") if key in row]
    if not values or not all(isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v) for v in values):
        return "its value is not a number"
    if min(values) < 0:
        return "its value is negative"
    if row.get("unit") != known["unit"]:
        return f"unit {row.get('unit')!r} is not {known['unit']!r}"
    if not str(row.get("source", "")).strip() or row.get("evidence") not in EVIDENCE:
        return "no source or no evidence mark"
    return f"unknown key {min(set(row) - _KEYS)!r}" if set(row) - _KEYS else ""
