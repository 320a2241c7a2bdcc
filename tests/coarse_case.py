"""How the tests go through a case: everything as by default, on cells that take seconds."""

from __future__ import annotations

from pedicle.curing.options import CureOptions
from pedicle.injection.options import InjectOptions
from pedicle.mechanics.options import StrengthOptions
from pedicle.planning.options import PlanOptions
from pedicle.procedure import RunOptions

COARSE = RunOptions(
    plan=PlanOptions(levels="fractured"),
    operate=InjectOptions(cell_mm=2.0),
    cure=CureOptions(duration=1800.0),
    strength=StrengthOptions(cell_mm=2.0, neighbours=False),
)
