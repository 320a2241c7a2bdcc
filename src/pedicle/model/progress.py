"""How far a long computation has come: a callable goes down, only `app` draws it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]


def silent(done: float, text: str) -> None:
    """Progress that nobody watches; `done` is a fraction 0 to 1."""


def part(progress: Progress, low: float, high: float) -> Progress:
    """The stretch low..high of a larger progress, seen as 0..1 from inside.

    >>> part(lambda done, text: print(f"{done:.2f} {text}"), 0.5, 1.0)(0.5, "plan")
    0.75 plan
    """
    return lambda done, text: progress(low + (high - low) * done, text)
