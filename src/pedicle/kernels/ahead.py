"""Kernels compiled ahead of need: at the first run a process beside it compiles on the second core what comes later.

`data/kernels.json` lists what a whole run of the demo compiles, in the order of need (`python -m benchmarks.kernels_needed`). A list
that is out of date costs time only: what it lacks is compiled when it is called.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types as python_types
from importlib import import_module
from pathlib import Path
from typing import Any

from numba.core import types

from pedicle.kernels.jit import CACHE

LIST = Path(__file__).parent.parent / "data" / "kernels.json"
# The run itself compiles the first part of the list: this process begins behind it, and takes that part last.
_RUNS_OWN_SHARE = 0.3


def needed() -> list[tuple[str, str, str]]:
    """Module, kernel and signature of all that a run compiles, in the order of need."""
    return [(module, name, signature) for module, name, signature in json.loads(LIST.read_text(encoding="utf-8"))]


def is_compiled() -> bool:
    """Whether every kernel of the list has been compiled on this machine; a run that ended early leaves some for the next."""
    there = {path.name.rpartition("-")[0] for path in CACHE.rglob("*.nbi")}
    return all(f"{module}.{name}" in there for module, name, _ in needed())


def signature_of(text: str) -> Any:
    """Argument types from their own words, as numba writes them: `(Array(float64, 1, 'C', False, aligned=True), int64)`."""
    # Only names of numba's types are in reach, and the text is this package's own.
    return eval(text, {"__builtins__": {}, "Tuple": types.Tuple, **vars(types)})


def kernel_of(module: str, name: str) -> Any:
    """The kernel, None when there is none of that name any more."""
    home: python_types.ModuleType | None = None
    try:
        home = import_module(f"pedicle.kernels.{module}")
    except ModuleNotFoundError:
        return None
    return getattr(home, name, None)


def compile_ahead() -> int:
    """Compile the whole list, what is compiled already apart; answers the number of kernels that exist."""
    rows = needed()
    begin = int(_RUNS_OWN_SHARE * len(rows))
    count = 0
    for module, name, signature in rows[begin:] + rows[:begin]:
        kernel = kernel_of(module, name)
        if kernel is not None:
            kernel.compile(signature_of(signature))
            count += 1
    return count


def beside() -> subprocess.Popen[bytes] | None:
    """A process that compiles ahead; None on a machine without a second core. The caller ends it."""
    if (os.cpu_count() or 1) < 2:
        return None
    command = [sys.executable, "-m", "pedicle.kernels.ahead"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    compile_ahead()
