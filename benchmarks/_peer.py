"""A peer in its own environment, asked line by line, so that runs of both sides can alternate."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# `make peers` makes it; another place may be named.
PYTHON = Path(os.environ.get("PEDICLE_PEERS", ROOT / ".venv-peers")) / "bin" / "python"


class Peer:
    """A script of benchmarks/peers that answers one line for one line; RuntimeError with what it said when it ends."""

    def __init__(self, script: str, *arguments: str) -> None:
        command = [str(PYTHON), str(ROOT / "benchmarks" / "peers" / script), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = self._answer()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def ask(self, line: str) -> str:
        """The answer to a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        found = self.process.stdout.readline()
        if not found:
            raise RuntimeError(f"the peer ended with code {self.process.wait()}")
        return found.strip()


def is_there() -> bool:
    """Whether the peers' environment was made."""
    return PYTHON.exists()
