"""What every benchmark shares: its flags, its rows, how they are printed and kept."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "docs" / "validation"


@dataclass
class Row:
    """One measured figure; `ratio` is peer over pedicle, larger is better for pedicle."""

    case: str
    metric: str
    value: float | str
    unit: str
    limit: str = ""
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    same_work: dict[str, Any] = field(default_factory=dict)


def flags(description: str) -> argparse.Namespace:
    """--quick, --json, and --keep: write the figures to docs/validation with the commit they were measured at."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="decisive rows only, under 50 s")
    parser.add_argument("--json", action="store_true", help="last line is one JSON object")
    parser.add_argument("--keep", action="store_true", help="write docs/validation/NAME.json and NAME.md")
    parser.add_argument("--cases", type=int, help="how many cases of a campaign; all when not given")
    return parser.parse_args()


def publish(name: str, rows: list[Row], chosen: argparse.Namespace, pictures: Sequence[str] = ()) -> None:
    """Print the rows, and keep or emit them as asked; `pictures` are SVG texts of the same figures, for the page."""
    print(markdown(rows))
    document = {"name": name, "commit": commit(), "rows": [asdict(row) for row in rows]}
    if chosen.keep:
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        page = f"# {name}\n\nWritten by `python -m benchmarks.{name} --keep` at commit {document['commit']}.\n\n"
        for n, text in enumerate(pictures, 1):
            (OUT / f"{name}-{n}.svg").write_text(text, encoding="utf-8")
            page += f"![the same figures drawn]({name}-{n}.svg)\n\n"
        (OUT / f"{name}.md").write_text(page + markdown(rows) + "\n", encoding="utf-8")
    if chosen.json:
        print(json.dumps(document))
    sys.stdout.flush()


def markdown(rows: list[Row]) -> str:
    """The rows as a table."""
    lines = ["| case | metric | value | unit | must show | peer | ratio |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        value = f"{row.value:.4g}" if isinstance(row.value, float) else str(row.value)
        peer = f"{row.peer} {row.peer_value:.4g}" if row.peer_value is not None else row.peer
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        lines.append(f"| {row.case} | {row.metric} | {value} | {row.unit} | {row.limit} | {peer} | {ratio} |")
    return "\n".join(lines)


def falls_short(row: Row) -> bool:
    """Whether a figure is outside its limit, "<= x" or ">= x" of the value, or of the ratio where it says "ratio"; other
    words in a limit are for people."""
    found = re.fullmatch(r"(ratio )?(<=|>=) ([-+.\de]+)", row.limit)
    if not found:
        return False
    value = row.ratio if found[1] else row.value
    limit = float(found[3])
    # Not a number falls short.
    return not (value is not None and (float(value) <= limit if found[2] == "<=" else float(value) >= limit))


def short_of(rows: list[Row]) -> int:
    """Names the rows that fall short, one a line, and the exit code: 1 when there are some."""
    short = [row for row in rows if falls_short(row)]
    for row in short:
        print(f"falls short: {row.case}, {row.metric}: must be {row.limit}", file=sys.stderr)
    return int(bool(short))


def commit() -> str:
    """The commit measured, with a mark when the tree has changes."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "src"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
