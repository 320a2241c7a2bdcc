"""What a person sees while a command runs: a progress bar on stderr, one line for a failure, JSON for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from pedicle.model.errors import PedicleError
from pedicle.model.progress import Progress, silent

Log = logging.getLogger("pedicle")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a command speaks."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON object for machines."""
    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but failures."""
    debug: Annotated[bool, Parameter(negative="")] = False
    """Show the traceback of a failure."""


@contextmanager
def speaking(talk: Talk) -> Iterator[Progress]:
    """Progress for a command's body, and its failures as one line with the right exit code."""
    try:
        with _bar(talk) as progress:
            yield progress
    except PedicleError as error:
        _fail(talk, str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail(talk, "E130 command: interrupted (by the user). Fix: run it again; finished steps are kept", 130)
    except MemoryError:
        _fail(talk, "E640 command: out of memory (see docs for the need). Fix: close programs or crop the CT", 4)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.name}:{place.lineno}"
        _fail(talk, f"E001 internal: {type(error).__name__} in {where} (a bug). Fix: run with --debug and report it", 1)


def _fail(talk: Talk, line: str, code: int) -> None:
    if talk.debug:
        traceback.print_exc()
    if talk.json:
        _print(json.dumps({"error": line, "exit": code}))
    print(line, file=sys.stderr)
    raise SystemExit(code) from None


@contextmanager
def _bar(talk: Talk) -> Iterator[Progress]:
    if talk.quiet or talk.json:
        yield silent
        return
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda done, text: bars.update(task, completed=done, description=text)


def _plain_lines() -> Callable[[float, str], None]:
    """One line whenever the text changes, where nobody watches a terminal."""
    last = [""]

    def say(done: float, text: str) -> None:
        if text != last[0]:
            last[0] = text
            print(f"{100 * done:3.0f} %  {text}", file=sys.stderr, flush=True)

    return say


def tell(talk: Talk, facts: dict[str, Any], lines: list[str]) -> None:
    """The outcome of a command: one JSON object, or lines for a person, or nothing."""
    if talk.json:
        _print(json.dumps(facts, allow_nan=False))
    elif not talk.quiet:
        _print("\n".join(lines))


def _print(text: str) -> None:
    """Print and flush. A reader that has gone away is no failure of the command; a full disk behind stdout is."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What is left in the buffer would fail once more when Python closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return
        line = f"E641 stdout: cannot write: {error.strerror} (room for the answer; the command itself is done). Fix: free the disk"
        print(line, file=sys.stderr)
        raise SystemExit(4) from None


Upto = Literal["measure", "plan", "operate", "cure", "strength", "care", "report"]
