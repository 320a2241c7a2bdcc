"""Many independent cases over a few processes, each result kept as a file so that a stopped campaign goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

KEPT = Path(__file__).resolve().parent / "out"


def run_campaign(
    name: str, case: Callable[[Any], dict[str, Any]], keys: Iterable[Any], processes: int = 2
) -> list[dict[str, Any]]:
    """Results of `case(key)` for all keys, in their order; a case kept under benchmarks/out/NAME is not repeated.

    Processes are spawned. A case that raises is recorded as ``{"key", "failed"}`` and never averaged over in silence.
    """
    keys = list(keys)
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    todo = [key for key in keys if not _path(folder, key).exists()]
    started = time.monotonic()
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    with multiprocessing.get_context("spawn").Pool(min(processes, max(len(todo), 1))) as pool:
        jobs = ((case, key, folder) for key in todo)
        for n, (key, failed) in enumerate(pool.imap_unordered(_one, jobs), 1):
            said = f"  failed: {failed}" if failed else ""
            print(
                f"{name} {n}/{len(todo)} {time.monotonic() - started:.0f} s  {key}{said}", file=sys.stderr, flush=True
            )
    return [json.loads(_path(folder, key).read_text(encoding="utf-8")) for key in keys]


def _path(folder: Path, key: Any) -> Path:
    return folder / f"{str(key).replace(' ', '').replace('/', '-')}.json"


def _one(job: tuple[Callable[[Any], dict[str, Any]], Any, Path]) -> tuple[Any, str]:
    case, key, folder = job
    try:
        result, failed = case(key), ""
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
        result = {"key": str(key), "failed": failed}
    part = _path(folder, key).with_suffix(".part")
    part.write_text(json.dumps(result), encoding="utf-8")
    part.replace(_path(folder, key))
    return key, failed
