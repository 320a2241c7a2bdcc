"""Problems with known answers, and what each registered solver makes of them: `suite()`."""

from __future__ import annotations

from collections.abc import Iterator

from pedicle.injection.solvers import SOLVERS
from pedicle.verify.elastic import elastic_answers
from pedicle.verify.heat import heat_answers
from pedicle.verify.interface import interface_problems
from pedicle.verify.lines import line_problems
from pedicle.verify.needle_drop import PROBLEMS
from pedicle.verify.pressure import pressure_problems
from pedicle.verify.problem import Answer, Problem
from pedicle.verify.properties import property_problems
from pedicle.verify.sinking import sinking_problems
from pedicle.verify.sphere import piston_problems
from pedicle.verify.thinning import thinning_problems

__all__ = ["Answer", "Problem", "delivery_answers", "elastic_answers", "heat_answers", "problems", "suite"]


def problems() -> list[Problem]:
    """All problems, in the order they are printed."""
    return [
        *line_problems(),
        *piston_problems(),
        *thinning_problems(),
        *interface_problems(),
        *pressure_problems(),
        *sinking_problems(),
        *property_problems(),
    ]


def delivery_answers() -> Iterator[Answer]:
    """Needle and syringe against their closed forms; no flow solver takes part."""
    for ask in PROBLEMS:
        found = ask()
        allowed = found.tolerance * abs(found.exact)
        yield Answer(found.name, "delivery", 1.0, found.computed, found.exact, allowed, "", found.holds)


def suite(solvers: tuple[str, ...] | None = None) -> Iterator[Answer]:
    """Every problem on every solver of the registry, or on those named, at the problem's own steps."""
    for problem in problems():
        for name in solvers or SOLVERS:
            for step in problem.steps:
                yield problem.run(name, step)
