"""A peer in its own environment, asked line by line, so that runs of both sides can alternate.

`python -m benchmarks._peer` says which peers are there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pedicle.fluoroscopy.projection import Absorber
    from pedicle.model.conebeam import ConeBeam

ROOT = Path(__file__).resolve().parents[1]
# `make peers` makes it; another place may be named.
PYTHON = Path(os.environ.get("PEDICLE_PEERS", ROOT / ".venv-peers")) / "bin" / "python"
# Both sides of a comparison by time run so many threads.
THREADS = 2
# What a peer needs: modules of its environment, or a program.
NEEDS = {
    "RTK": "from itk import RTK",
    "nanodrr": "import nanodrr.drr",
    "SpekPy and xraylib": "import spekpy, xraylib",
    "ParOSol": "import parosol_py, h5py",
    "gVirtualXRay": "import spekpy, xraylib; from gvxrPython3 import gvxr",
}
PROGRAMS = {"plastimatch": "plastimatch"}
# Programs that need nothing of the peers' environment.
ALONE = {"OPM Flow": "flow", "CalculiX": "ccx"}
ABSENT = "absent: make peers"


class Peer:
    """A script of benchmarks/peers that answers one line for one line; RuntimeError with what it said when it ends."""

    def __init__(self, script: str, *arguments: str) -> None:
        command = [str(PYTHON), str(ROOT / "benchmarks" / "peers" / script), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
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

    def seconds(self) -> float:
        """Wall time of one run by the peer's own clock."""
        return float(self.ask("run").split()[0])

    def _answer(self) -> str:
        assert self.process.stdout is not None
        found = self.process.stdout.readline()
        if not found:
            raise RuntimeError(f"the peer ended with code {self.process.wait()}")
        return found.strip()


def environment() -> dict[str, str]:
    """The environment of a peer: as many threads as ours."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(THREADS))}


@cache
def is_there(name: str) -> bool:
    """Whether a peer of NEEDS can be imported in the peers' environment, or one of PROGRAMS or ALONE be started."""
    if name in ALONE:
        return shutil.which(ALONE[name]) is not None
    if not PYTHON.exists() or (name in PROGRAMS and shutil.which(PROGRAMS[name]) is None):
        return False
    if name in PROGRAMS:
        return True
    return subprocess.run([str(PYTHON), "-c", NEEDS[name]], capture_output=True).returncode == 0


def answer(script: str, *arguments: str) -> str:
    """What a script of benchmarks/peers prints when it runs once; RuntimeError with its error when it fails."""
    command = [str(PYTHON), str(ROOT / "benchmarks" / "peers" / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "Error" in line]
        raise RuntimeError(f"{script} ended with code {done.returncode}: {' '.join(said[-1:])}")
    return done.stdout


def answers(script: str, asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The JSON object a script answers to one."""
    path = folder / "asked.json"
    path.write_text(json.dumps(asked))
    found: dict[str, Any] = json.loads(answer(script, str(path)))
    return found


def beam_arrays(beam: ConeBeam) -> dict[str, Any]:
    """A cone beam as the peers' scripts read it."""
    return {
        "source": beam.source_lps_mm,
        "corner": beam.corner_lps_mm,
        "column": beam.column_step_lps_mm,
        "row": beam.row_step_lps_mm,
        "rows": beam.rows,
        "columns": beam.columns,
    }


def volume_arrays(absorber: Absorber) -> dict[str, Any]:
    """The first channel, float32, and where its voxels lie."""
    values = absorber.values[0].astype(np.float32) * np.float32(absorber.scale)
    return {"values": values, "lps_from_ijk": absorber.grid.lps_from_ijk}


def main() -> None:
    """A line for each peer."""
    for name in (*NEEDS, *PROGRAMS, *ALONE):
        print(f"{name}: {'there' if is_there(name) else ABSENT}")


if __name__ == "__main__":
    main()
