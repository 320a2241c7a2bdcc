"""The procedure: its steps in order, each computed once for the same input and options.

`run` makes or continues a case; `again` repeats one step with other options and whatever stood on it. A step whose
digest (its options, its inputs' digests, the code) is unchanged is not repeated.
"""

from __future__ import annotations

from pedicle.procedure.chosen import RunOptions, StepName, stored_options
from pedicle.procedure.run import Sources, again, run
from pedicle.procedure.shots import Taken, shoot
from pedicle.procedure.steps import STEPS, Made, Step
from pedicle.procedure.synthetic import demo, write_phantom

__all__ = [
    "STEPS",
    "Made",
    "RunOptions",
    "Sources",
    "Step",
    "StepName",
    "Taken",
    "again",
    "demo",
    "run",
    "shoot",
    "stored_options",
    "write_phantom",
]
