"""The command line. This module stays light: commands load when they are called."""

from __future__ import annotations

import json
import os
import sys

from cyclopts import App
from cyclopts.exceptions import CycloptsError
from pydantic import ValidationError

# Before numpy loads: its many small solves are ten times slower with two threads that wait for each other (measured: a tip
# found in 0.9 s with one, 8 to 14 s with two on a busy machine). Who sets it keeps it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_COMMANDS = "pedicle.app.commands"
_TABLE = {
    "demo": "Synthetic patient with an osteoporotic wedge fracture: from the CT to the report.",
    "run": "The whole procedure on a CT and its label map.",
    "measure": "Only the spine: levels, heights, fracture grade, density.",
    "plan": "Plan the needles of a case again, with other options.",
    "shoot": "A simulated X-ray picture of a planned case, with the needle in view.",
    "inject": "Inject cement through the planned needles of a case, and add it to the case's log.",
    "cure": "Let the cement of a case harden: heat, damage, when it is hard.",
    "strength": "What the injected levels of a case could carry before and after.",
    "care": "The operation of a case from the last push to the way home, and the care plan.",
    "report": "Write a case's report again.",
    "cite": "The references a case used, as BibTeX.",
    "phantom": "A synthetic CT with label map and known truth.",
    "verify": "Problems with exact answers, solved by every registered solver.",
    "warm-up": "Compile the kernels once.",
}

EPILOGUE = (
    "Research and training software. Not a medical device. "
    "Not for diagnosis or for guiding treatment of a patient. Figures are model estimates with the stated uncertainty."
)


def _version() -> str:
    from importlib.metadata import version

    return version("pedicle")


app = App(
    name="pedicle",
    help="Computed vertebroplasty, end to end: from a patient's CT to the needle plan and the report.",
    help_epilogue=EPILOGUE,
    version=_version,
)
for _name, _help in _TABLE.items():
    app.command(f"{_COMMANDS}:{_name.replace('-', '_')}", name=_name, help=_help)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code: 0 done, 1 internal, 2 input, 3 refused, 4 to 6 see the docs."""
    tokens = sys.argv[1:] if arguments is None else arguments
    if "" in tokens:
        _refuse("an empty argument, perhaps a variable that is not set", tokens)
    try:
        app(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _refuse(_words(error), tokens)
    except KeyboardInterrupt:  # while a command is still being imported
        print("E130 command: interrupted (by the user). Fix: run it again", file=sys.stderr)
        raise SystemExit(130) from None


def _refuse(found: str, tokens: list[str]) -> None:
    line = f"E102 command line: {' '.join(found.split()).rstrip('.')} (see --help). Fix: correct the arguments"
    if "--json" in tokens:
        print(json.dumps({"error": line, "exit": 2}))
    print(line, file=sys.stderr)
    raise SystemExit(2)


def _words(error: CycloptsError) -> str:
    """What is wrong with the arguments, without the links and types that pydantic adds."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    rows = cause.errors(include_url=False, include_context=False)
    flags = ["--" + "-".join(str(part) for part in row["loc"]).replace("_", "-") for row in rows]
    return "; ".join(f"{flag} {row['input']}: {row['msg'].lower()}" for flag, row in zip(flags, rows, strict=True))
