"""One generic save and load: nouns to plain JSON with arrays set aside as blobs, and back.

Only the dataclasses of `pedicle.model` are known by name, so that a case file can never name other code.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pedicle.model.errors import InputError

_MODULES = (
    "frames",
    "grid",
    "volume",
    "scan",
    "vertebra",
    "bone",
    "needle",
    "carm",
    "trajectory",
    "patient",
    "notices",
    "conebeam",
    "shot",
    "placed",
    "cannula",
    "delivery",
    "flow",
    "injection",
    "fill",
    "spread",
    "cure",
    "strength",
    "sourced",
    "acts",
    "finding",
    "crisis",
    "care",
    "events",
    "expected",
)
Array = NDArray[Any]
_SMALL = 64


@cache
def _nouns() -> dict[str, type]:
    found: dict[str, type] = {}
    for name in _MODULES:
        module = import_module(f"pedicle.model.{name}")
        found |= {k: v for k, v in vars(module).items() if dataclasses.is_dataclass(v) and isinstance(v, type)}
    return found


def encode(thing: Any, put: Callable[[Array], str]) -> Any:
    """`thing` as JSON values; `put` stores an array and returns its key. TypeError for what is not a noun."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: encode(getattr(thing, f.name), put) for f in dataclasses.fields(thing)}
        return {"$noun": type(thing).__name__, **fields}
    if isinstance(thing, np.ndarray):
        if thing.size <= _SMALL and thing.dtype == np.float64 and np.isfinite(thing).all():
            return {"$floats": thing.tolist()}
        return {"$array": put(thing)}
    if isinstance(thing, dict):
        return {"$dict": [[encode(k, put), encode(v, put)] for k, v in thing.items()]}
    if isinstance(thing, tuple | list):
        return {"$tuple" if isinstance(thing, tuple) else "$list": [encode(item, put) for item in thing]}
    if isinstance(thing, np.generic):
        return thing.item()
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    raise TypeError(f"cannot store a {type(thing).__name__}")


def decode(found: Any, get: Callable[[str], Array]) -> Any:
    """The inverse of `encode`; InputError for a noun that this version does not know."""
    if not isinstance(found, dict):
        return found
    (mark, value), *_ = found.items()
    match mark:
        case "$noun":
            return _noun(found, get)
        case "$floats":
            return np.array(value, dtype=np.float64)
        case "$array":
            return get(value)
        case "$dict":
            return {decode(k, get): decode(v, get) for k, v in value}
        case "$tuple":
            return tuple(decode(item, get) for item in value)
        case "$list":
            return [decode(item, get) for item in value]
    raise InputError(
        603,
        "case object",
        f"unknown mark {mark!r}",
        "written by pedicle",
        "run the case again: pedicle run makes what is missing",
    )


def _noun(found: dict[str, Any], get: Callable[[str], Array]) -> Any:
    kind = _nouns().get(sys.intern(str(found["$noun"])))
    values = {k: decode(v, get) for k, v in found.items() if k != "$noun"}
    names = {f.name for f in dataclasses.fields(kind)} if kind else set()
    if kind is None or set(values) != names:
        raise InputError(
            603,
            "case object",
            f"{found['$noun']} as another version wrote it",
            "this version's nouns",
            "run the case again: pedicle run makes what is missing",
        )
    return kind(**values)
