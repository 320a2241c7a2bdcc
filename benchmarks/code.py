"""The code itself: how long functions and modules are, and how much of each package the tests walk through.

`--quick` leaves the tests out; in full the whole suite runs once under coverage.
"""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks._table import Row, flags, publish

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "pedicle"
# Readers, gates and planning must reach this share of branches; the others are shown beside them.
WANTED = {"io": ">= 90", "planning": ">= 90", "model": ">= 90"}


def size_rows() -> list[Row]:
    """Median and longest function, longest module."""
    lengths, modules = [], {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        modules[str(path.relative_to(SOURCE))] = text.count("\n")
        lengths += [
            (node.end_lineno or 0) - node.lineno + 1
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    longest = max(modules, key=lambda name: modules[name])
    return [
        Row("functions", f"median length of {len(lengths)}", float(statistics.median(lengths)), "lines", "<= 12"),
        Row("functions", "longest", float(max(lengths)), "lines"),
        Row(f"modules, longest: {longest}", f"length, of {len(modules)}", float(modules[longest]), "lines", "<= 500"),
    ]


def coverage_rows() -> list[Row]:
    """Branch coverage of each package by the whole test suite; compiled kernels cannot be seen and are left out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        arguments = ["-q", "--cov=pedicle", "--cov-branch", f"--cov-report=json:{report}", "--cov-report="]
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"tests failed:\n{done.stdout[-2000:]}")
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    taken: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, found in files.items():
        package = _package(Path(name))
        if package == "kernels":
            continue
        taken[package][0] += found["summary"]["covered_branches"]
        taken[package][1] += found["summary"]["num_branches"]
    rows = [_coverage_row(package, *taken[package]) for package in sorted(taken) if taken[package][1]]
    return [Row("tests", "last line", done.stdout.strip().splitlines()[-1].strip("= "), ""), *rows]


def _package(path: Path) -> str:
    inside = path.parts[path.parts.index("pedicle") + 1 :]
    return inside[0] if len(inside) > 1 else "procedure"


def _coverage_row(package: str, covered: int, branches: int) -> Row:
    limit = WANTED.get(package, "")
    return Row(f"branches, {package}", f"covered, of {branches}", 100.0 * covered / branches, "percent", limit)


def main() -> None:
    """Print the rows."""
    chosen: Any = flags(__doc__ or "")
    publish("code", [*size_rows(), *([] if chosen.quick else coverage_rows())], chosen)


if __name__ == "__main__":
    main()
