"""ParOSol and CalculiX on a block of cubes, each a process of its own: reaction at the upper end and CPU seconds.

ParOSol is the program that the package parosol-py carries (GPL), in the peers' environment; its file is written there and not
timed, its reading of it is. CalculiX (GPL) reads one table of materials; its whole run is timed.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._peer import answer
from benchmarks._voxel_body import POISSON, STRAIN, Array

# Elements of CalculiX's C3D8 list the corners of a cube, lower face then upper, each the same way around.
_AROUND = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))


@dataclass(frozen=True)
class Found:
    """Reaction N for cubes of side 1 mm, CPU seconds of the whole program, and what it said of itself."""

    reaction_n: float
    cpu_s: float
    iterations: int


def parosol(modulus: Array, folder: Path, tolerance: float) -> Found:
    """One run on one process."""
    np.save(folder / "modulus.npy", modulus.astype(np.float32))
    asked = {
        "modulus": str(folder / "modulus.npy"),
        "folder": str(folder),
        "tolerance": tolerance,
        "strain": STRAIN,
        "poisson": POISSON,
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    found = json.loads(answer("parosol_run.py", str(folder / "asked.json")))
    return Found(**found)


def calculix(modulus: Array, folder: Path, solver: str) -> Found:
    """One run on one thread; `solver` as its *STATIC card names it."""
    (folder / "block.inp").write_text(deck(modulus, solver))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["ccx", "block"], cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = folder / "block.dat"
    found = re.findall(r"total force.*?\n\s*\n\s*(\S+)\s+(\S+)\s+(\S+)", path.read_text()) if path.exists() else []
    if not found:
        raise RuntimeError("CalculiX gave no reaction: " + done.stdout[-300:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Found(float(found[-1][2]), cpu, 0)


def deck(modulus: Array, solver: str) -> str:
    """The block as CalculiX reads it."""
    cells = np.argwhere(modulus > 0)
    number = np.zeros(np.array(modulus.shape) + 1, int)
    corners = np.stack([cells + corner for corner in _AROUND], axis=1)
    number[tuple(corners.reshape(-1, 3).T)] = 1
    nodes = np.argwhere(number)
    number[tuple(nodes.T)] = np.arange(1, len(nodes) + 1)
    elements = number[tuple(np.moveaxis(corners, -1, 0))]
    values = modulus[tuple(cells.T)]
    lines = ["*NODE, NSET=ALL"]
    lines += [f"{n},{x},{y},{z}" for n, (x, y, z) in enumerate(nodes, 1)]
    levels = np.unique(values)
    for m, level in enumerate(levels):
        lines.append(f"*ELEMENT, TYPE=C3D8, ELSET=E{m}")
        lines += [f"{n + 1}," + ",".join(map(str, elements[n])) for n in np.flatnonzero(values == level)]
        lines += [
            f"*MATERIAL, NAME=M{m}",
            "*ELASTIC",
            f"{level:.9g},{POISSON}",
            f"*SOLID SECTION, ELSET=E{m}, MATERIAL=M{m}",
        ]
    for name, layer in (("LOW", 0), ("TOP", modulus.shape[2])):
        lines += [f"*NSET, NSET={name}", *(str(n) for n in np.flatnonzero(nodes[:, 2] == layer) + 1)]
    lines += [
        "*STEP",
        f"*STATIC, SOLVER={solver}",
        "*BOUNDARY",
        "LOW,1,3,0",
        "TOP,1,2,0",
        f"TOP,3,3,{STRAIN * modulus.shape[2]:.12g}",
    ]
    return "\n".join([*lines, "*NODE PRINT, NSET=TOP, TOTALS=ONLY", "RF", "*END STEP", ""])
