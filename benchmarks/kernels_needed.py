"""What a whole run of the demo compiles, in the order of need, written to `src/pedicle/data/kernels.json` with --keep.

Run it after a kernel's name or arguments have changed; the list in the repository lets a first run compile on two cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CHILD = "--child"


def compiled() -> list[tuple[str, str, str, float]]:
    """Module, kernel, signature and seconds of every kernel that the demo calls, in an empty cache, in the order of need."""
    import time

    from numba.core import event

    from pedicle.procedure import demo

    rows: list[tuple[str, str, str, float]] = []
    begun: list[float] = []

    class Compiling(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            begun.append(time.process_time())

        def on_end(self, event: Any) -> None:
            seconds = time.process_time() - begun.pop()
            function = event.data["dispatcher"].py_func
            package, _, module = function.__module__.rpartition(".")
            # What a kernel calls comes with it.
            if not begun and package == "pedicle.kernels":
                rows.append((module, function.__name__, repr(tuple(event.data["args"])), seconds))

    event.register("numba:compile", Compiling())
    with tempfile.TemporaryDirectory() as folder:
        demo(Path(folder) / "case")
    return rows


def main() -> None:
    """Print the kernels and their seconds; with --keep write the list; with --quick only whether its kernels exist."""
    from pedicle.kernels.ahead import LIST, kernel_of, needed

    if "--quick" in sys.argv:
        gone = [f"{module}.{name}" for module, name, _ in needed() if kernel_of(module, name) is None]
        print(f"{len(needed())} kernels listed, {len(gone)} of them gone {' '.join(gone)}")
        return
    if CHILD in sys.argv:
        print(json.dumps(compiled()))
        return
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "benchmarks.kernels_needed", CHILD]
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    rows = json.loads(found.stdout.splitlines()[-1])
    for module, name, _, seconds in sorted(rows, key=lambda row: -row[3])[:20]:
        print(f"{seconds:6.2f} s  {module}.{name}")
    print(f"{sum(row[3] for row in rows):6.2f} s  all {len(rows)}")
    if "--keep" in sys.argv:
        LIST.write_text("[\n" + ",\n".join(json.dumps(row[:3]) for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
