"""A problem whose answer is known, and what a solver made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Relation = Literal["=", "<=", ">="]


@dataclass(frozen=True)
class Answer:
    """One row: `step` is the front's cells a step (Courant number); `passed` follows from the relation of its problem."""

    name: str
    solver: str
    step: float
    computed: float
    exact: float
    tolerance: float
    unit: str
    passed: bool


@dataclass(frozen=True)
class Problem:
    """A question with an exact answer.

    `compute(solver, step)` runs a solver of the registry and measures; `exact` comes from a closed form, never from a run.
    "=": |computed - exact| <= tolerance; "<=" and ">=": a bound, with the tolerance granted. `source` says where the closed
    form stands.
    """

    name: str
    compute: Callable[[str, float], float]
    exact: float
    tolerance: float
    unit: str
    source: str
    relation: Relation = "="
    steps: tuple[float, ...] = (1.0,)

    def run(self, solver: str, step: float) -> Answer:
        """The solver's answer, judged; not a number does not pass."""
        computed = float(self.compute(solver, step))
        away = computed - self.exact
        passed = {"=": abs(away) <= self.tolerance, "<=": away <= self.tolerance, ">=": -away <= self.tolerance}
        return Answer(self.name, solver, step, computed, self.exact, self.tolerance, self.unit, passed[self.relation])
