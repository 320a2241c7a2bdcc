"""Heat: exact answers, the balance, the maximum principle, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import diags, identity, kron
from scipy.sparse.linalg import expm_multiply

from pedicle.curing.heat import Pace, advance, body_of, started, step
from pedicle.curing.kinetics import general_kinetics
from pedicle.model.errors import NumericalError
from pedicle.verify.heat import BLOOD, CLOSED, OUTSIDE_C, C, K, heat_problems

LAW = general_kinetics(0.01)


@pytest.mark.parametrize("problem", heat_problems(), ids=lambda problem: problem.name)
def test_a_closed_form_is_found(problem):
    answer = problem.run("heat", 1.0)
    assert answer.passed, answer


def matrix(k: float, n: int, h: float):
    """Conduction along one axis of n cells between sides at 0: half a cell to each side."""
    diagonal = np.full(n, -2.0)
    diagonal[[0, -1]] = -3.0
    return diags([np.ones(n - 1), diagonal, np.ones(n - 1)], [-1, 0, 1]) * (k / h**2)


def test_three_axes_after_each_other_are_one_conduction():
    """Against scipy's exponential of the whole 3-D matrix on the same grid; steps of 2 s, second order."""
    shape, h, seconds = (9, 8, 7), (1.0, 1.2, 0.9), 40.0
    rng = np.random.default_rng(1)
    start = rng.random(shape)
    fill = lambda value: np.full(shape, value)  # noqa: E731
    body = body_of(fill(K), fill(C), fill(BLOOD), h, OUTSIDE_C, fill(0.0))
    now = started(body, start + OUTSIDE_C, np.zeros(0))
    for _ in range(20):
        step(body, LAW, now, seconds / 20)
    x, y, z = (matrix(K, n, d) for n, d in zip(shape, h, strict=True))
    one = [identity(n) for n in shape]
    whole = kron(kron(x, one[1]), one[2]) + kron(kron(one[0], y), one[2]) + kron(kron(one[0], one[1]), z)
    whole = (whole - BLOOD * identity(start.size)) / C
    known = expm_multiply(whole.tocsc() * seconds, start.ravel()).reshape(shape)
    assert np.abs(now.temperature - known).max() < 4e-3 * known.max()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 300.0))
def test_conduction_makes_nothing_hotter_or_colder_than_it_was(seed, dt):
    """The maximum principle for any step and any materials, steel beside air too; outside is 0."""
    rng = np.random.default_rng(seed)
    shape = (5, 4, 6)
    k, c = K * 10.0 ** rng.uniform(-2, 2, shape), C * 10.0 ** rng.uniform(-1, 1, shape)
    body = body_of(k, c, np.zeros(shape), (1.0, 0.5, 2.0), OUTSIDE_C, np.zeros(shape))
    start = rng.uniform(-5.0, 30.0, shape)
    now = started(body, start + OUTSIDE_C, np.zeros(0))
    for _ in range(3):
        step(body, LAW, now, dt)
    assert now.temperature.max() <= max(start.max(), 0.0) + 1e-9
    assert now.temperature.min() >= min(start.min(), 0.0) - 1e-9
    assert now.balance_error < 1e-12


def test_a_closed_body_keeps_its_heat():
    rng = np.random.default_rng(5)
    shape = (6, 5, 4)
    share = rng.random(shape)
    body = body_of(np.full(shape, K), np.full(shape, C), np.zeros(shape), (1.0, 1.0, 1.0), OUTSIDE_C, share, CLOSED)
    law = replace(LAW, start=0.05)
    now = started(body, np.full(shape, OUTSIDE_C), np.full(body.cells.size, law.start))
    while now.t_s < 2000.0:
        advance(body, law, now, Pace(2000.0, 2.0, 60.0))
    assert now.lost_j == pytest.approx(0.0, abs=1e-9)
    released = law.heat_j_mm3 * float(((now.conversion - law.start) * body.cement_mm3).sum())
    assert float((now.temperature * body.capacity_j_k).sum()) == pytest.approx(released, rel=1e-12)


def test_an_open_balance_is_an_error():
    """Heat taken away behind the books' back."""
    shape = (3, 3, 3)
    body = body_of(np.full(shape, K), np.full(shape, C), np.zeros(shape), (1.0, 1.0, 1.0), OUTSIDE_C, np.ones(shape))
    now = started(body, np.full(shape, OUTSIDE_C), np.full(27, 0.3))
    step(body, LAW, now, 5.0)
    now.temperature *= 0.5
    with pytest.raises(NumericalError, match="E762"):
        step(body, LAW, now, 5.0)


def test_conversion_that_is_no_number_is_an_error():
    shape = (2, 2, 2)
    body = body_of(np.full(shape, K), np.full(shape, C), np.zeros(shape), (1.0, 1.0, 1.0), OUTSIDE_C, np.ones(shape))
    now = started(body, np.full(shape, OUTSIDE_C), np.full(8, np.nan))
    with pytest.raises(NumericalError, match="E763"):
        step(body, LAW, now, 1.0)
