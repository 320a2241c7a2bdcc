"""OPM Flow as a peer: a deck of the same problem, its run, and what it found.

Only the mobility ratio, the geometry and the pore volumes let in matter without gravity, capillarity and compressibility; a
reservoir simulator's units want larger ones. Lengths are x 1000, viscosities and permeabilities / 100, seconds become days and
0.1 ml/s 100 m3 a day; a pressure of the deck is then 11.574 times ours (1e6 / 86400, bar for bar).

Two options keep the wells open: without them OPM shuts wells that do not converge at the first step and ends early, with
hardly any cement in the bone and no error. What went in is therefore read from its saturation and compared.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PROGRAM = "flow"
M2_OF_MILLIDARCY = 9.869233e-16
# Pressure of the deck over ours.
PRESSURE = 1e6 / 86400.0
INITIAL_BAR = 300.0
OPTIONS = (
    "--linear-solver=cpr",
    "--newton-max-iterations=12",
    "--time-step-control-target-newton-iterations=12",
    "--initial-time-step-in-days=0.01",
    "--ds-max=1.0",
    "--shut-unsolvable-wells=false",
    "--min-time-step-before-shutting-problematic-wells-in-days=1e-10",
    "--enable-opm-rst-file=true",
    "--threads-per-process=1",
)


@dataclass(frozen=True, eq=False)
class Problem:
    """Cement pushed into four cells of bone: permeability m2 and porosity (nx, ny, nz), cell size mm, flow ml/s, time s,
    viscosities Pa s; open at pressure 0 on the four sides across x and y."""

    permeability_m2: Array
    porosity: Array
    cell_mm: float
    flow_ml_s: float
    seconds: float
    cement_pa_s: float
    marrow_pa_s: float
    reports: int

    @property
    def wells(self) -> list[tuple[int, int, int]]:
        """The four cells, counted from 0."""
        nx, ny, nz = self.porosity.shape
        return [(nx // 2 - 1 + a, ny // 2 - 1 + b, nz // 2 - 1) for a in (0, 1) for b in (0, 1)]


@dataclass(frozen=True, eq=False)
class Found:
    """OPM's answer at its last report: saturation of cement, highest pressure Pa, CPU and wall seconds, seconds reached."""

    saturation: Array
    peak_pa: float
    cpu_s: float
    wall_s: float
    reached_s: float
    version: str


def _column(values: Array) -> str:
    """Values in the deck's order, the first axis fastest."""
    flat = values.ravel(order="F")
    return "\n".join(" ".join(f"{value:.9g}" for value in flat[n : n + 8]) for n in range(0, flat.size, 8)) + "\n/\n"


def deck(problem: Problem) -> str:
    """The problem as OPM reads it."""
    nx, ny, nz = problem.porosity.shape
    metres = f"{problem.cell_mm:g}"
    cells = nx * ny * nz
    millidarcy = problem.permeability_m2 / M2_OF_MILLIDARCY / 100.0
    fluid = "300 1 1e-9 {:g} 0 /\n"
    cement, marrow = (fluid.format(mu * 1000.0 / 100.0) for mu in (problem.cement_pa_s, problem.marrow_pa_s))
    wells = [f"'W{n}'" for n in range(4)]
    places = list(zip(wells, problem.wells, strict=True))
    rate = problem.flow_ml_s * 1000.0 / 4.0
    specs = "".join(f"{w} 'G' {i + 1} {j + 1} 1* WATER /\n" for w, (i, j, _) in places)
    open_at = "".join(f"{w} {i + 1} {j + 1} {k + 1} {k + 1} OPEN 1* 1* 0.01 /\n" for w, (i, j, k) in places)
    rates = "".join(f"{w} WATER OPEN RATE {rate:g} 1* 1e5 /\n" for w in wells)
    free = f"1 1 1 {ny} 1 {nz} X- FREE /\n{nx} {nx} 1 {ny} 1 {nz} X FREE /\n1 {nx} 1 1 1 {nz} Y- FREE /\n1 {nx} {ny} {ny} 1 {nz} Y FREE /\n"
    return (
        f"RUNSPEC\nTITLE\nBONE\nDIMENS\n{nx} {ny} {nz} /\nMETRIC\nOIL\nWATER\nTABDIMS\n/\nWELLDIMS\n4 1 1 4 /\nUNIFOUT\n"
        "START\n1 JAN 2020 /\nGRID\nINIT\n"
        f"DXV\n{nx}*{metres} /\nDYV\n{ny}*{metres} /\nDZV\n{nz}*{metres} /\nTOPS\n{nx * ny}*2000 /\n"
        f"PORO\n{_column(problem.porosity)}PERMX\n{_column(millidarcy)}COPY\nPERMX PERMY /\nPERMX PERMZ /\n/\n"
        f"PROPS\nSWOF\n0 0 1 0\n1 1 0 0 /\nPVTW\n{cement}PVCDO\n{marrow}ROCK\n300 1e-9 /\nDENSITY\n0.01 0.01 0.01 /\n"
        f"SOLUTION\nPRESSURE\n{cells}*{INITIAL_BAR:g} /\nSWAT\n{cells}*0 /\n"
        f"SCHEDULE\nBC\n{free}/\nRPTRST\nBASIC=2 /\nWELSPECS\n{specs}/\nCOMPDAT\n{open_at}/\nWCONINJE\n{rates}/\n"
        f"TSTEP\n{problem.reports}*{problem.seconds / problem.reports:g} /\nEND\n"
    )


def run(problem: Problem, folder: Path) -> Found:
    """One run on one thread; RuntimeError when it wrote no report."""
    path = folder / "BONE.DATA"
    path.write_text(deck(problem))
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [PROGRAM, str(path), f"--output-dir={folder}", *OPTIONS]
    with (folder / "log").open("w") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=_one_thread(), check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    restart = folder / "BONE.UNRST"
    if not restart.exists():
        raise RuntimeError("OPM Flow wrote no report: " + (folder / "log").read_text()[-300:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _found(problem, restart, (cpu, wall), _version())


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def _version() -> str:
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return "OPM Flow " + (said[-1] if said else "")


def _found(problem: Problem, restart: Path, seconds: tuple[float, float], version: str) -> Found:
    records = list(read_records(restart))
    shape = problem.porosity.shape
    saturation = [values for name, values in records if name == "SWAT"][-1]
    pressure = [values for name, values in records if name == "PRESSURE"][-1]
    reports = sum(name == "SWAT" for name, _ in records)
    # A report at the start counts when the initial state was written.
    done = [float(values[0]) for name, values in records if name == "DOUBHEAD"][-1]
    peak = (float(pressure.max()) - INITIAL_BAR) * 1e5 / PRESSURE
    assert reports > 0
    return Found(saturation.astype(float).reshape(shape, order="F"), peak, *seconds, done, version)


def read_records(path: Path) -> list[tuple[str, Array]]:
    """Records of an Eclipse binary file: name and numbers; others than numbers are left out."""
    raw, at, found = path.read_bytes(), 0, []
    kinds = {"REAL": (">f4", 4, 1000), "DOUB": (">f8", 8, 1000), "INTE": (">i4", 4, 1000)}
    sizes = {**{kind: (size, many) for kind, (_, size, many) in kinds.items()}, "CHAR": (8, 105), "LOGI": (4, 1000)}
    while at < len(raw):
        name, count, kind = (
            raw[at + 4 : at + 12].decode().strip(),
            raw[at + 12 : at + 16],
            raw[at + 16 : at + 20].decode(),
        )
        left, at, parts = int.from_bytes(count, "big"), at + 24, []
        size, many = sizes.get(kind, (0, 1))
        while left and size:
            take = min(left, many)
            parts.append(raw[at + 4 : at + 4 + take * size])
            at, left = at + 8 + take * size, left - take
        if kind in kinds:
            found.append((name, np.frombuffer(b"".join(parts), kinds[kind][0])))
    return found
