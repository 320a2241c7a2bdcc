"""A case is a folder: blobs that never change, and one manifest that names them.

``objects/<sha256>`` are written once; ``case.json`` is the only file that is swapped (write, fsync, rename, fsync the
folder). Named files such as ``plan.json`` are copies for people. No patient identity is stored.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from pedicle.model.codec import Array, decode, encode
from pedicle.model.errors import BusyError, EnvironmentFault, InputError
from pedicle.model.notices import Notice

SCHEMA = "pedicle-case/1"
_MEND = "restore the file, or run into another --out"


@dataclass(frozen=True)
class StepRecord:
    """What one step leaves in the manifest: its digest, the object it made, its files, and how long it took."""

    digest: str
    result: str
    files: dict[str, str]
    seconds: float
    warnings: tuple[Notice, ...] = ()


@dataclass
class Case:
    """A case folder, open for reading; write through `Case.writing` only.

    Raises InputError (601 no case, 602 other schema, 603 damaged object), EnvironmentFault (610 cannot write),
    BusyError (620) when another run holds the folder.
    """

    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    _memory: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path | str) -> Case:
        """An existing case."""
        folder = Path(folder)
        path = folder / "case.json"
        if not path.is_file():
            raise InputError(
                601,
                folder.name,
                "no case here",
                "a folder with case.json",
                "name a case folder, or make one: pedicle run",
            )
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(603, path.name, "not valid JSON", SCHEMA, _MEND) from error
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
            found = manifest.get("schema") if isinstance(manifest, dict) else None
            raise InputError(
                602,
                path.name,
                f"schema {found!r}",
                SCHEMA,
                "open it with the version that wrote it, or run into another --out",
            )
        if not _is_manifest(manifest):
            raise InputError(603, path.name, "entries missing or of another kind", "as pedicle wrote them", _MEND)
        return cls(folder, manifest)

    @classmethod
    @contextmanager
    def writing(cls, folder: Path | str) -> Iterator[Case]:
        """The case in `folder`, made when absent, locked against other writers until the block ends."""
        folder = Path(folder)
        lock = _locked(folder)
        try:
            _sweep(folder)
            yield cls.open(folder) if (folder / "case.json").exists() else cls(folder, _empty_manifest())
        finally:
            lock.release()
            _forget_if_empty(folder)

    def step(self, name: str) -> StepRecord | None:
        """What the manifest holds of a step, or None."""
        found = self.manifest["steps"].get(name)
        if found is None:
            return None
        notices = tuple(Notice(**row) for row in found["warnings"])
        return StepRecord(found["digest"], found["result"], found["files"], found["seconds"], notices)

    def load(self, name: str) -> Any:
        """The noun a step made, e.g. ``case.load("plan")``; InputError 604 when the step has not run."""
        record = self.step(name)
        if record is None:
            raise InputError(
                604, self.folder.name, f"step {name} has not run", "each step once", f"run: pedicle run --upto {name}"
            )
        if record.result not in self._memory:
            self._memory[record.result] = decode(json.loads(self._bytes(record.result)), self._array)
        return self._memory[record.result]

    def commit(self, name: str, digest: str, result: Any, files: dict[str, bytes], record: dict[str, Any]) -> None:
        """Store a step's noun and named files, then swap the manifest; `record` holds seconds, warnings, references."""
        key = self.put_bytes(_json(encode(result, self._put_array)))
        self._memory[key] = result
        kept = {file: self.put_bytes(content) for file, content in files.items()}
        warnings = [vars(notice) for notice in record.get("warnings", ())]
        self.manifest["steps"][name] = {
            "digest": digest, "result": key, "files": kept, "seconds": round(record.get("seconds", 0.0), 3), "warnings": warnings,
        }  # fmt: skip
        self.manifest["references"] = sorted({*self.manifest["references"], *record.get("references", ())})
        self.save_manifest()
        for file, content in files.items():
            _replace(self.folder / file, content)

    def files_of(self, name: str) -> dict[str, bytes]:
        """The named files a step left, with their content; none when it has not run."""
        record = self.step(name)
        return {file: self._bytes(key) for file, key in record.files.items()} if record else {}

    def is_whole(self, name: str) -> bool:
        """Whether a step has run and every blob it left is there and unchanged."""
        record = self.step(name)
        try:
            self.load(name)
            for key in record.files.values() if record else ():
                self._bytes(key)
        except InputError:
            return False
        return True

    def forget(self, names: list[str]) -> None:
        """Drop steps and the named files they left; their blobs stay. Files go first, so that none outlives its step."""
        gone = [name for name in names if name in self.manifest["steps"]]
        for name in gone:
            for file in self.manifest["steps"][name]["files"]:
                (self.folder / file).unlink(missing_ok=True)
            del self.manifest["steps"][name]
        if gone:
            self.save_manifest()

    def refresh_files(self) -> None:
        """Write the named files again that differ from what their steps made; they are copies for people.

        A file that two steps made, as the log of the operation, is the later step's.
        """
        keys = {file: key for record in self.manifest["steps"].values() for file, key in record["files"].items()}
        for file, key in keys.items():
            path, content = self.folder / file, self._bytes(key)
            if not path.is_file() or path.read_bytes() != content:
                _replace(path, content)

    def save_manifest(self) -> None:
        """Write case.json durably."""
        _replace(self.folder / "case.json", _json(self.manifest, indent=1))

    def put_bytes(self, content: bytes) -> str:
        """Store a blob and return its sha256; a blob that is there unchanged is not written again."""
        key = hashlib.sha256(content).hexdigest()
        path = self.folder / "objects" / key
        if not path.is_file() or path.read_bytes() != content:
            _replace(path, content)
        return key

    def _put_array(self, array: Array) -> str:
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        return self.put_bytes(buffer.getvalue())

    def _bytes(self, key: str) -> bytes:
        path = self.folder / "objects" / key
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != key:
            raise InputError(
                603,
                f"objects/{key[:12]}",
                "missing or changed",
                "content of that hash",
                "run the case again: pedicle run makes what is missing",
            )
        return content

    def _array(self, key: str) -> Array:
        self._bytes(key)
        # Copy-on-write, because a read-only array is another type to numba and would compile every kernel again.
        return np.asarray(np.load(self.folder / "objects" / key, mmap_mode="c", allow_pickle=False))


def _locked(folder: Path) -> FileLock:
    """The folder's lock, held; the folder is made when absent."""
    try:
        (folder / "objects").mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            620, folder.name, "another run holds this case", "one writer", "wait for it, or choose another --out"
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            610, folder.name, f"cannot write here: {error.strerror}", "a writable folder", "choose another --out"
        ) from error
    return lock


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed had begun to write; nobody else writes while the lock is held."""
    for part in (*folder.glob(".*.part"), *(folder / "objects").glob(".*.part")):
        part.unlink(missing_ok=True)


def _forget_if_empty(folder: Path) -> None:
    """Leave nothing behind when a run ended before it stored anything."""
    if (folder / "case.json").exists() or any((folder / "objects").iterdir()):
        return
    (folder / ".lock").unlink(missing_ok=True)
    (folder / "objects").rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()


def _empty_manifest() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "created_utc": now,
        "inputs": [],
        "steps": {},
        "options": {},
        "versions": {},
        "references": [],
    }


def _is_manifest(found: dict[str, Any]) -> bool:
    """Whether a manifest has the entries that `commit` writes; the file may come from anyone."""
    kinds = {name: type(value) for name, value in _empty_manifest().items()}
    if not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        return False
    return all(_is_record(record) for record in found["steps"].values())


def _is_record(found: Any) -> bool:
    kinds = {"digest": str, "result": str, "files": dict, "seconds": int | float, "warnings": list}
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        return False
    notice = {field.name for field in fields(Notice)}
    plain = all(Path(file).name == file and isinstance(key, str) for file, key in found["files"].items())
    return plain and all(isinstance(row, dict) and set(row) == notice for row in found["warnings"])


def _json(thing: Any, indent: int | None = None) -> bytes:
    return json.dumps(thing, indent=indent, allow_nan=False, ensure_ascii=False).encode()


def _replace(path: Path, content: bytes) -> None:
    """Write beside, fsync, rename, fsync the folder: a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise EnvironmentFault(
            611,
            path.name,
            f"write failed: {error.strerror}",
            "space and permission",
            "free the disk or choose another --out",
        ) from error
