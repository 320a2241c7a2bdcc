"""Write the reference pages that are read from the code: commands, options, needles, sources. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import TypeAdapter

from pedicle.anatomy.options import MeasureOptions
from pedicle.app.cli import _TABLE as COMMANDS
from pedicle.app.cli import EPILOGUE
from pedicle.care.options import CareOptions
from pedicle.curing.options import CureOptions
from pedicle.fluoroscopy.options import PictureOptions, RegistrationOptions, ShotOptions
from pedicle.injection.options import InjectOptions
from pedicle.io.options import ImportOptions
from pedicle.mechanics.options import PushOptions, SolverOptions, StrengthOptions
from pedicle.model.needle import catalogue
from pedicle.model.sourced import references, table, table_names
from pedicle.planning.options import PlanOptions
from pedicle.report.options import ReportOptions

HERE = Path(__file__).resolve().parent
OPTIONS = (
    ImportOptions,
    MeasureOptions,
    PlanOptions,
    ShotOptions,
    PictureOptions,
    RegistrationOptions,
    InjectOptions,
    CureOptions,
    StrengthOptions,
    SolverOptions,
    PushOptions,
    CareOptions,
    ReportOptions,
)
MADE = "<!-- written by docs/build.py from the code: do not edit -->\n\n"


def commands_page() -> str:
    """Every command with its sentence."""
    rows = "\n".join(f"| `pedicle {name}` | {text} |" for name, text in COMMANDS.items())
    return f"{MADE}# Commands\n\n{EPILOGUE}\n\n| command | does |\n|---|---|\n{rows}\n\nOptions: [options](options.md), or `pedicle COMMAND --help`.\n"


def options_page() -> str:
    """Every option with default, bounds and meaning, one table a step."""
    parts = [MADE + "# Options\n\nOne object a step; the same fields are flags on the command line.\n"]
    for kind in OPTIONS:
        schema = TypeAdapter(kind).json_schema()
        parts.append(
            f"\n## {kind.__name__}\n\n{schema['description']}\n\n| flag | default | values | meaning |\n|---|---|---|---|\n"
        )
        for name, field in schema.get("properties", {}).items():
            flag = "--" + name.replace("_", "-")
            parts.append(f"| `{flag}` | {field.get('default')} | {_values(field)} | {field.get('description', '')} |\n")
    return "".join(parts)


def _values(field: dict[str, object]) -> str:
    """Bounds or choices of a field, from its JSON schema."""
    kinds = [field, *(field.get("anyOf") or [])]  # type: ignore[misc]
    choices = [str(value) for kind in kinds for value in kind.get("enum", [])]
    if choices:
        return ", ".join(choices)
    low = next((kind["minimum"] for kind in kinds if "minimum" in kind), None)
    high = next((kind["maximum"] for kind in kinds if "maximum" in kind), None)
    return "" if low is None and high is None else f"{low} to {'' if high is None else high}"


def sources_page() -> str:
    """Data files and references."""
    files = "\n".join(f"- `{name}`" for name in table_names())
    entries = "\n\n".join(f"```bibtex\n{text}\n```" for _, text in sorted(references().items()))
    needles = "\n".join(f"| {n.name} | {n.outer_diameter_mm} | {n.inner_diameter_mm} |" for n in catalogue())
    mark = table("needles")["needle"][0]["outer_diameter"]["evidence"]
    return (
        f"{MADE}# Sources\n\nEvery number in `src/pedicle/data` has a unit, a source and an evidence mark.\n\n{files}\n\n"
        f"## Needles ({mark})\n\n| needle | outer mm | inner mm |\n|---|---|---|\n{needles}\n\n## References\n\n{entries}\n"
    )


PAGES = {
    "reference/commands.md": commands_page,
    "reference/options.md": options_page,
    "reference/sources.md": sources_page,
}


def main() -> int:
    """Write the pages, or with --check return 1 when one is stale."""
    stale = []
    for name, page in PAGES.items():
        path, text = HERE / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    print("stale: " + ", ".join(stale) if stale else "docs are up to date")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
