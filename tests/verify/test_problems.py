"""Every problem with a known answer, on every registered solver."""

from __future__ import annotations

import pytest

from pedicle.injection.solvers import SOLVERS
from pedicle.verify import Problem, problems

CASES = [(problem, solver) for problem in problems() for solver in SOLVERS]


@pytest.mark.parametrize(("problem", "solver"), CASES, ids=[f"{p.name}: {s}" for p, s in CASES])
def test_a_solver_finds_the_known_answer(problem: Problem, solver: str):
    for step in problem.steps:
        answer = problem.run(solver, step)
        assert answer.passed, answer


@pytest.mark.parametrize("relation", ["=", "<=", ">="])
def test_no_number_is_no_answer(relation):
    problem = Problem("nothing", lambda solver, step: float("nan"), 0.0, 1e9, "1", "none", relation)
    assert not problem.run("any", 1.0).passed
