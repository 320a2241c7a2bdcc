"""How long a user waits: `--help`, the demo the first time (kernels compile) and the second, a large CT to its report."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._table import Row, flags, publish

UP_TO_PLAN = ("read", "measure", "plan")


def wall_s(arguments: list[str], cache: Path | None = None) -> float:
    """Wall time of one pedicle process; CalledProcessError when it fails."""
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pedicle", *arguments], check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def help_row() -> Row:
    """The best of five, because the door must open at once."""
    best = min(wall_s(["--help"]) for _ in range(5))
    return Row("--help", "best of five", best, "s wall", "< 0.4")


def demo_rows(quick: bool) -> list[Row]:
    """First run with an empty kernel cache, second with it filled, each into an empty case folder."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "kernels"
        if not quick:
            first = wall_s(["demo", "--out", f"{folder}/first"], cache)
            rows.append(Row("demo", "first run", first, "s wall", "<= 90"))
            before = first - after_plan_s(Path(folder) / "first")
            rows.append(Row("demo", "first run up to the plan, and its report", before, "s", "<= 60"))
        second = wall_s(["demo", "--out", f"{folder}/second"], None if quick else cache)
        rows.append(Row("demo", "second run", second, "s wall", "<= 45"))
        rows.append(Row("demo", "second run up to the plan", until_plan_s(Path(folder) / "second"), "s", "< 15"))
    return rows


def until_plan_s(case: Path) -> float:
    """What reading, measuring and planning took in a case, by its own record."""
    steps = json.loads((case / "case.json").read_text(encoding="utf-8"))["steps"]
    return float(sum(steps[name]["seconds"] for name in UP_TO_PLAN))


def after_plan_s(case: Path) -> float:
    """What the steps between plan and report took."""
    steps = json.loads((case / "case.json").read_text(encoding="utf-8"))["steps"]
    return float(sum(record["seconds"] for name, record in steps.items() if name not in (*UP_TO_PLAN, "report")))


def large_rows() -> list[Row]:
    """A 512 x 512 x 300 CT with labels, to plan and report, all levels, without the operation; time and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        wall_s(["phantom", "--name", "large", "--out", f"{folder}/patient"])
        paths = [f"{folder}/patient/ct", "--labels", f"{folder}/patient/labels_seg-vert_msk.nii.gz"]
        seconds = wall_s(["run", *paths, "--levels", "all", "--upto", "plan", "--out", f"{folder}/case"])
        seconds += wall_s(["report", f"{folder}/case"])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return [
        Row("512x512x300", "CT and labels to plan and report", seconds, "s wall", "<= 60"),
        Row("512x512x300", "largest process, phantom included", peak, "GiB", "<= 4"),
    ]


def main() -> None:
    """Print the rows."""
    chosen = flags(__doc__ or "")
    rows = [help_row(), *demo_rows(chosen.quick)]
    if not chosen.quick:
        rows += large_rows()
    publish("procedure", rows, chosen)


if __name__ == "__main__":
    main()
