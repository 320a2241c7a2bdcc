"""The operator, the cycle and the solver against an assembled matrix and against what must hold of any elastic body."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

from pedicle.mechanics.elements import cube_stiffness, greatest_eigenvalue, modal_stiffness, modes_of_cube
from pedicle.mechanics.options import SolverOptions
from pedicle.mechanics.system import ElasticSystem
from pedicle.model.errors import NumericalError
from tests.mechanics.assembled import matrix

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)


def ragged(shape, seed, holes=0.3):
    rng = np.random.default_rng(seed)
    found = rng.uniform(0.1, 3.0, shape) * 10.0 ** rng.integers(0, 4, shape)
    found[rng.random(shape) < holes] = 0.0
    found.flat[0] = 1.0
    return found


def clamped(shape, axis=2):
    free = np.ones((3, *(n + 1 for n in shape)), bool)
    free.swapaxes(1, axis + 1)[:, [0, -1]] = False
    return free


def system(modulus, free=None, poisson=0.3, **options):
    free = clamped(modulus.shape) if free is None else free
    return ElasticSystem(modulus, 1.0, free, poisson, SolverOptions(**options))


def product(one, u):
    flat = one.flat(u)
    return one.by_node(one.product(flat, np.zeros_like(flat))) * one.greatest


@settings(deadline=None, max_examples=40)
@given(shape=SHAPES, seed=st.integers(0, 1000), poisson=st.sampled_from([0.0, 0.2, 0.3, 0.45]))
def test_the_operator_is_the_assembled_matrix(shape, seed, poisson):
    modulus = ragged(shape, seed)
    u = np.random.default_rng(seed).standard_normal((3, *(n + 1 for n in shape)))
    exact = (matrix(modulus, poisson) @ u.ravel()).reshape(u.shape)
    assert np.abs(product(system(modulus, poisson=poisson), u) - exact).max() <= 1e-12 * np.abs(exact).max()


@settings(deadline=None, max_examples=20)
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_it_is_symmetric_and_rigid_motion_costs_nothing(shape, seed):
    one = system(ragged(shape, seed))
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 3, *(n + 1 for n in shape)))
    scale = np.linalg.norm(product(one, x)) * np.linalg.norm(y)
    assert abs((product(one, x) * y).sum() - (product(one, y) * x).sum()) <= 1e-12 * scale
    place = np.indices(x.shape[1:]).astype(float)
    turn = np.cross(rng.standard_normal(3), np.moveaxis(place, 0, -1))
    rigid = np.moveaxis(turn + rng.standard_normal(3), -1, 0)
    assert np.abs(product(one, rigid)).max() <= 1e-12 * one.greatest * np.abs(rigid).max()


def test_modes_hold_all_of_a_cubes_stiffness():
    walsh, modal = modes_of_cube(), modal_stiffness(0.3)
    assert np.isclose((walsh @ cube_stiffness(0.3) @ walsh.T / 64.0).sum(), modal[:24].sum() + 2.0 * modal[24:].sum())
    # The bound of the reference for Poisson's ratio 0.3.
    assert greatest_eigenvalue(0.3) == pytest.approx(5.318, abs=1e-3)


def test_the_cycle_is_symmetric_and_positive():
    one = system(ragged((13, 9, 10), 4, 0.15))
    rng = np.random.default_rng(1)
    x, y = (np.where(one.unknown != 0.0, rng.standard_normal(one.unknown.size), 0.0) for _ in range(2))
    mx, my = (one.grids.cycle(v, 1.0).astype(float).copy() for v in (x, y))
    # float32 carries seven digits.
    assert abs(mx @ y - my @ x) <= 1e-5 * np.sqrt((mx @ x) * (my @ y))
    assert mx @ x > 0.0


@pytest.mark.parametrize("shape", [(7, 6, 5), (8, 8, 8), (11, 3, 9)])
def test_a_solve_is_the_direct_solve(shape):
    modulus = ragged(shape, 2, 0.1)
    free = clamped(shape)
    a = matrix(modulus)
    unknown = free.ravel() & (a.diagonal() > 0)
    given_mm = np.zeros(free.shape)
    given_mm[2, :, :, -1] = -0.1
    load = np.where(free, np.random.default_rng(0).standard_normal(free.shape), 0.0)
    exact = given_mm.ravel().copy()
    rhs = load.ravel()[unknown] - (a @ exact)[unknown]
    exact[unknown] = spsolve(a[unknown][:, unknown].tocsc(), rhs)
    found = system(modulus, tolerance=1e-10).solve(given_mm, np.where(unknown.reshape(free.shape), load, 0.0))
    assert np.abs(found.displacement_mm.ravel() - exact)[unknown].max() <= 1e-7 * np.abs(exact).max()
    assert found.relative_residual <= 1e-10


def test_patch_of_any_moduli_keeps_a_linear_field_where_moduli_are_equal():
    shape = (6, 7, 8)
    free = np.zeros((3, *(n + 1 for n in shape)), bool)
    free[:, 1:-1, 1:-1, 1:-1] = True
    gradient = np.random.default_rng(3).standard_normal((3, 3))
    linear = np.tensordot(gradient, np.indices(free.shape[1:]).astype(float), 1)
    found = system(np.full(shape, 700.0), free, tolerance=1e-12).solve(np.where(free, 0.0, linear))
    assert np.abs(found.displacement_mm - linear).max() <= 1e-10 * np.abs(linear).max()


def test_a_body_that_hangs_on_nothing_is_an_error_and_no_answer():
    modulus = np.zeros((9, 9, 9))
    modulus[:, :, :4], modulus[3:6, 3:6, 6:8] = 100.0, 1.0
    one = system(modulus, most_iterations=30)
    load = np.zeros((3, 10, 10, 10))
    load[2, 4, 4, 7] = 1.0
    with pytest.raises(NumericalError, match="E772"):
        one.solve(np.zeros_like(load), load)


CHILD = """
import hashlib, numpy as np, sys
from pedicle.mechanics import multigrid, system, plastic
multigrid.THREADS_FROM = system.THREADS_FROM = plastic.THREADS_FROM = 0
from pedicle.mechanics.loads import press
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.plastic import push
from pedicle.mechanics.system import ElasticSystem
from pedicle.verify.elastic import solid
rng = np.random.default_rng(0)
modulus = rng.uniform(1.0, 500.0, (24, 20, 17)); modulus[rng.random(modulus.shape) < 0.2] = 0.0
free = np.ones((3, 25, 21, 18), bool); free[:, :, :, [0, -1]] = False
given = np.zeros(free.shape); given[2, :, :, -1] = -1.0
found = ElasticSystem(modulus, 1.0, free, 0.3).solve(given)
block = solid(modulus, 0.007 * modulus)
curve = push(press(block, "ball", SolverOptions()), PushOptions(steps=2), end_mm=0.3)
assert curve.yielded_share > 0.01
print(curve.load_n.tobytes().hex(), hashlib.sha256(found.displacement_mm.tobytes() + found.force_n.tobytes()).hexdigest(), found.iterations)
"""


def test_one_and_two_threads_give_the_same_bytes():
    """Small, with the second thread made to take part; it sleeps when idle, because the machine may be busy."""
    answers = {
        subprocess.run(
            [sys.executable, "-c", CHILD],
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "NUMBA_NUM_THREADS": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    }
    assert len(answers) == 1
