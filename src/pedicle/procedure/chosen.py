"""Everything that may be chosen in a run, and what a case was last run with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pedicle.anatomy.options import MeasureOptions
from pedicle.care.options import CareOptions
from pedicle.curing.options import CureOptions
from pedicle.fluoroscopy.options import ExpectedOptions
from pedicle.injection.options import InjectOptions
from pedicle.io.options import ImportOptions
from pedicle.mechanics.options import StrengthOptions
from pedicle.model.case import Case
from pedicle.model.errors import InputError
from pedicle.model.operator import ScriptOptions
from pedicle.planning.options import PlanOptions
from pedicle.report.options import ReportOptions

StepName = Literal["measure", "plan", "operate", "cure", "strength", "care", "report"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Everything that may be chosen, one options object a step, and the last step to do."""

    upto: StepName = "report"
    imports: ImportOptions = field(default_factory=ImportOptions)
    measure: MeasureOptions = field(default_factory=MeasureOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    fluoroscopy: ExpectedOptions = field(default_factory=ExpectedOptions)
    operate: InjectOptions = field(default_factory=InjectOptions)
    operator: ScriptOptions = field(default_factory=ScriptOptions)
    cure: CureOptions = field(default_factory=CureOptions)
    strength: StrengthOptions = field(default_factory=StrengthOptions)
    care: CareOptions = field(default_factory=CareOptions)
    report: ReportOptions = field(default_factory=ReportOptions)


def stored_options(case: Case) -> RunOptions:
    """The options a case was last run with."""
    try:
        found: RunOptions = TypeAdapter(RunOptions).validate_python(case.manifest["options"])
    except ValidationError as error:
        raise InputError(
            603,
            "case.json",
            "options this version does not know",
            "options as pedicle wrote them",
            "run again: pedicle run",
        ) from error
    return found


def plain(options: Any) -> Any:
    """An options object as JSON values."""
    return TypeAdapter(type(options)).dump_python(options, mode="json")
