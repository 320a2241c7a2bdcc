"""How an options object is declared: frozen, keyword-only, bounded; the sentence under a field is its help everywhere."""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Declared = TypeVar("Declared")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def options(declared: type[Declared]) -> type[Declared]:
    """Class decorator: flag, web field, schema, docs table and default are all read from the fields it finds."""
    config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    made: Any = dataclass(frozen=True, kw_only=True, config=config)(declared)
    return made  # type: ignore[no-any-return]
