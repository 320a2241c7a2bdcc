"""Computed vertebroplasty, end to end: from the CT to the hardened cement.

Research and training software. Not a medical device.

The shop window is small: `read_ct`, `read_labels`, `find_vertebrae`, `plan`, `shoot`,
`locate`, `inject`, `cure`, `assess_strength`, `care_plan`, `write_report`, `run` and `Case`.
Names load when they are first used, so that ``import pedicle`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WINDOW = {
    "read_ct": "pedicle.io.read",
    "read_labels": "pedicle.io.read",
    "find_vertebrae": "pedicle.anatomy.spine",
    "plan": "pedicle.planning.plan",
    "shoot": "pedicle.fluoroscopy.shoot",
    "locate": "pedicle.fluoroscopy.tip",
    "register": "pedicle.fluoroscopy.registration",
    "inject": "pedicle.injection.inject",
    "cure": "pedicle.curing.cure",
    "assess_strength": "pedicle.mechanics.strength",
    "care_plan": "pedicle.care.care",
    "write_report": "pedicle.report.write",
    "run": "pedicle.procedure",
    "Case": "pedicle.model.case",
}

__all__ = [
    "Case",
    "assess_strength",
    "care_plan",
    "cure",
    "find_vertebrae",
    "inject",
    "locate",
    "plan",
    "read_ct",
    "read_labels",
    "register",
    "run",
    "shoot",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _WINDOW:
        raise AttributeError(f"module 'pedicle' has no attribute {name!r}")
    return getattr(import_module(_WINDOW[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WINDOW])
