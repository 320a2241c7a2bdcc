"""A case under fault: runs killed at random times over all steps, two runs on one case, a full disk, a folder that cannot be written.

After every kill the case must open, every step it names must be whole, and no step that was whole before may be gone. The run
that is let through must leave the same bytes as one that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._table import Row, flags, publish

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess as Process

    from pedicle.model.case import Case

KILLS, QUICK_KILLS = 300, 3
# After this many kills, or when nothing is left to do, a run is let through and its bytes are compared.
THROUGH_EVERY = 4
# What a run imports.
LOADED = (
    "pedicle.procedure.steps",
    "pedicle.procedure.run",
    "pedicle.fluoroscopy.tip",
    "pedicle.injection.inject",
    "pedicle.mechanics.strength",
    "pedicle.report.render",
    "matplotlib.figure",
)
_RUN = """
import sys
from pathlib import Path
from benchmarks.faults import run_case
run_case(Path(sys.argv[1]), Path(sys.argv[2]))
"""
_FULL_BYTES = 200_000


def make_patient(folder: Path) -> None:
    """A small synthetic patient with a wedge at L1."""
    from pedicle import procedure
    from pedicle.phantom.cases import named_case

    procedure.write_phantom(named_case("small"), folder)


def run_case(patient: Path, out: Path) -> None:
    """The whole procedure on cells that take seconds."""
    from pedicle import procedure
    from pedicle.curing.options import CureOptions
    from pedicle.injection.options import InjectOptions
    from pedicle.mechanics.options import StrengthOptions
    from pedicle.planning.options import PlanOptions

    options = procedure.RunOptions(
        plan=PlanOptions(levels="fractured", draws=500),
        operate=InjectOptions(cell_mm=2.0, volume=0.6, second="never"),
        cure=CureOptions(duration=600.0),
        strength=StrengthOptions(cell_mm=2.0, neighbours=False),
    )
    procedure.run(patient / "ct", patient / "labels_seg-vert_msk.nii.gz", out, options)


def small_case(folder: Path) -> Case:
    """That procedure on that patient, for other benchmarks' quick rows."""
    from pedicle.model.case import Case

    make_patient(folder / "patient")
    run_case(folder / "patient", folder / "small")
    return Case.open(folder / "small")


def started(patient: Path, out: Path, limit_bytes: int | None = None) -> subprocess.Popen[str]:
    """A run in a process of its own, perhaps with files that cannot grow beyond a size."""

    def small_files() -> None:
        assert limit_bytes is not None
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "-c", _RUN, str(patient), str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=small_files if limit_bytes else None,
    )


def whole_steps(out: Path) -> set[str]:
    """Steps of a case that are whole; raises where the case is torn: it does not open, or names what is not there."""
    from pedicle.model.case import Case

    if not (out / "case.json").exists():
        return set()
    case = Case.open(out)
    torn = [name for name in case.manifest["steps"] if not case.is_whole(name)]
    if torn:
        raise ValueError(f"torn: {', '.join(torn)}")
    return set(case.manifest["steps"])


def files_of(out: Path) -> dict[str, bytes]:
    """Every file for people but case.json, which holds times."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file() and path.suffix != ".lock" and path.name not in ("case.json", ".lock")}  # fmt: skip


def forked(patient: Path, out: Path) -> Process:
    """A run in a child of this process, which has everything loaded: it begins at once, so that kills fall into its steps."""
    child: Process = get_context("fork").Process(target=_silent_run, args=(patient, out))
    child.start()
    return child


def _silent_run(patient: Path, out: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere), redirect_stdout(nowhere):
        run_case(patient, out)


def let_through(patient: Path, out: Path) -> None:
    """A run that nobody kills; RuntimeError when it fails."""
    child = forked(patient, out)
    child.join()
    if child.exitcode:
        raise RuntimeError(f"a run that nobody killed ended with {child.exitcode}")


def ends_s(out: Path) -> dict[str, float]:
    """When each step of a finished case was done, s from the start, by the steps' own times."""
    steps = json.loads((out / "case.json").read_text(encoding="utf-8"))["steps"]
    ends, total = {}, 0.0
    for name, record in steps.items():
        total += record["seconds"]
        ends[name] = total
    return ends


def different(here: dict[str, bytes], there: dict[str, bytes]) -> list[str]:
    """Names of files that are not the same, or on one side only."""
    return sorted(name for name in {*here, *there} if here.get(name) != there.get(name))


def kills(patient: Path, folder: Path, count: int) -> list[Row]:
    """Runs killed at random times of what they had left to do, and what they left."""
    chance = np.random.default_rng(5)
    # Once to compile: its time is not that of a run.
    let_through(patient, folder / "compiled")
    begun, reference = time.monotonic(), folder / "reference"
    let_through(patient, reference)
    whole_s, truth, ends = time.monotonic() - begun, files_of(reference), ends_s(reference)
    torn = lost = differing = through = 0
    at: dict[str, int] = {}
    out = folder / "case-0"
    for number in range(count):
        before = whole_steps(out)
        left_s = max(whole_s - max((ends[name] for name in before), default=0.0), 0.2)
        child = forked(patient, out)
        time.sleep(float(chance.uniform(0.0, left_s)))
        child.kill()
        child.join()
        try:
            after = whole_steps(out)
        except Exception as error:
            torn += 1
            print(f"kill {number}: {error}", file=sys.stderr)
            after = set()
        lost += len(before - after)
        last = max(after, key=_place, default="nothing")
        at[last] = at.get(last, 0) + 1
        if "report" in after or (number + 1) % THROUGH_EVERY == 0 or number + 1 == count:
            let_through(patient, out)
            through += 1
            names = different(files_of(out), truth)
            differing += bool(names)
            if names:
                print(f"kill {number}, last whole step {last}: other bytes in {', '.join(names)}", file=sys.stderr)
            shutil.rmtree(out)
            out = folder / f"case-{number + 1}"
        print(f"faults {number + 1}/{count} {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    rows = [
        Row(f"{count} kills", "torn cases", torn, "1", "0"),
        Row(f"{count} kills", "steps lost", lost, "1", "0"),
        Row(f"{count} kills", "resumed runs with other bytes", differing, f"of {through}", "0"),
        Row("undisturbed", "run", whole_s, "s wall"),
    ]
    return rows + [Row("killed after", name, at.get(name, 0), "runs") for name in ("nothing", *ends)]


def _place(name: str) -> int:
    from pedicle.procedure.records import ORDER

    return ORDER.index(name)


def other_faults(patient: Path, folder: Path) -> list[Row]:
    """Two runs on one case, a disk that is full, a file where the folder should be: exit codes and what is left."""
    first = started(patient, folder / "shared")
    while not (folder / "shared" / ".lock").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    second = started(patient, folder / "shared")
    said = second.communicate()[1]
    first_code = first.wait()
    full = started(patient, folder / "full", _FULL_BYTES)
    full_said = full.communicate()[1]
    whole = whole_steps(folder / "full")
    (folder / "taken").write_text("a file")
    taken = started(patient, folder / "taken" / "case")
    taken_said = taken.communicate()[1]
    return [
        Row("two runs on one case", "the second refused as busy", int("E620" in said), "1", "1"),
        Row("two runs on one case", "exit code of the first", first_code, "", "0"),
        Row("disk full", "said in one line", int("E611" in full_said), "1", "1"),
        Row("disk full", "steps whole", len(whole), "1"),
        Row("no folder can be made", "said in one line", int("E610" in taken_said), "1", "1"),
    ]


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    count = QUICK_KILLS if chosen.quick else chosen.cases or KILLS
    # Threads do not survive a fork: here nothing is run, only loaded.
    os.environ.update(NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    for module in LOADED:
        import_module(module)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own, for the same reason.
        command = "from benchmarks.faults import make_patient; from pathlib import Path; import sys; make_patient(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", command, str(folder / "patient")], check=True)
        rows: list[Any] = [*kills(folder / "patient", folder, count), *other_faults(folder / "patient", folder)]
    publish("faults", rows, chosen)


if __name__ == "__main__":
    main()
