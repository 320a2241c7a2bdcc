"""The one place that sets up numba: where compiled kernels are kept and which threads run them.

Import `kernel` and `parallel_kernel` from here, never `numba.njit`. No fastmath: kernels here carry mass, energy or a
guard. The cache folder's name holds a hash of every kernel module, because a cached caller keeps an old inlined helper
after another file changed; a bounds-checked run has a cache of its own.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import platformdirs


def _stamp() -> str:
    digest = hashlib.sha256(os.environ.get("NUMBA_BOUNDSCHECK", "0").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cache_folder() -> Path:
    """Folder for compiled kernels: below NUMBA_CACHE_DIR when given, else the user's cache, else a temporary folder.

    The stamp is part of the path in every case: a fixed folder would serve old inlined helpers after a change.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    root = Path(given) if given else platformdirs.user_cache_path("pedicle")
    folder = root / f"kernels-{_stamp()}"
    return folder if _writable(folder) else Path(tempfile.mkdtemp(prefix="pedicle-kernels-"))


CACHE = cache_folder()

import numba  # noqa: E402

# Typed loosely: numba makes these settings when it starts, so that no checker sees them.
_settings: Any = numba.config
_settings.CACHE_DIR = str(CACHE)
_settings.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]

prange = numba.prange
# Cells, or as much work.
SERIAL_BELOW = 50_000


def kernel(function: Any) -> Any:
    """Compile a serial loop; cached on disk."""
    return _saved_in_turn(numba.njit(cache=True, nogil=True)(function))


def parallel_kernel(function: Any) -> Any:
    """Compile a loop with `prange`; cached on disk. Never scatter-add under `prange`."""
    return _saved_in_turn(numba.njit(cache=True, nogil=True, parallel=True)(function))


def _saved_in_turn(dispatcher: Any) -> Any:
    """Two processes that save compilations of one kernel at a time would choose the same file: one saves after the other."""
    cache = getattr(dispatcher, "_cache", None)
    if cache is None:
        return dispatcher
    save = cache.save_overload

    def in_turn(signature: Any, data: Any) -> None:
        with filelock.FileLock(CACHE / ".lock"):
            save(signature, data)

    cache.save_overload = in_turn
    return dispatcher


@contextmanager
def threads_for(cells: int, least: int = SERIAL_BELOW) -> Iterator[None]:
    """One thread for what is too small to share: waiting for a second one may cost more than the work, most of all on a busy
    machine, where the other thread first has to be given a turn. `least` says from how many cells on it is worth it.
    """
    before = numba.get_num_threads()
    if cells >= least or before == 1:
        yield
        return
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)
