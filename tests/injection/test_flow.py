"""The flow solver: mass, divided time, saved states, refusals."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from pedicle.injection.flow import FlowOptions, advance_flow, ball_source, start_flow
from pedicle.injection.solvers import SOLVERS
from pedicle.model.errors import InputError, NumericalError, RefusedError
from pedicle.verify.media import medium_of, newtonian, open_side, outlet, smooth_bone
from pedicle.verify.properties import ageing, random_bone, random_injection
from tests.injection.simple_medium import body_with_cleft, setting, three_axes

CENTRE = (7.0, 7.0, 7.0)


def balance(medium, state) -> float:
    """|injected - found - left| / injected, summed here from the fields."""
    found = float((medium.pore_volume_mm3 * state.saturation).sum())
    return abs(state.injected_mm3 - found - float(state.outflow_cement_mm3.sum())) / state.injected_mm3


def level(medium):
    """Without the opening at another pressure: at rest nothing flows."""
    return replace(medium, outlets=medium.outlets[:2])


@pytest.mark.parametrize(("seed", "solver"), [(0, "ordered"), (1, "ordered"), (2, "ordered"), (0, "explicit")])
def test_what_is_injected_is_found_or_has_left(seed, solver):
    """Cement, summed here from the fields; and both fluids together, because they fill the pores."""
    medium = random_bone(seed)
    state = random_injection(seed, solver, 1.0, 10.0 if solver == "explicit" else 1e4)
    assert balance(medium, state) < 1e-10
    assert state.balance_error < 1e-6
    assert state.outflow_cement_mm3.sum() > 1.0
    out = state.outflow_cement_mm3.sum() + state.outflow_marrow_mm3.sum()
    assert out == pytest.approx(state.injected_mm3, rel=1e-6)
    assert state.saturation.min() >= 0.0
    assert state.saturation.max() <= 1.0 + 1e-9


def test_a_saved_state_goes_on_with_identical_bytes():
    medium = random_bone(1)
    source, fluids = ball_source(medium, CENTRE, 1.2), ageing(1000.0)
    half = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 80.0, 2.0)
    saved = pickle.loads(pickle.dumps(half))
    a, b = (advance_flow(medium, source, fluids, state, 60.0, 5.0) for state in (half, saved))
    for each in fields(a):
        left, right = getattr(a, each.name), getattr(b, each.name)
        assert pickle.dumps(left) == pickle.dumps(right), each.name


def test_the_number_of_threads_changes_no_byte():
    """Two processes, one and two threads."""
    script = (
        "import hashlib\n"
        "from pedicle.verify.properties import random_injection\n"
        "states = [random_injection(seed, 'ordered', 1.0) for seed in range(2)]\n"
        "print([hashlib.sha256(s.saturation.tobytes() + s.pressure_pa.tobytes()).hexdigest() for s in states])\n"
    )
    seen = set()
    for threads in ("1", "2"):
        environment = dict(os.environ, NUMBA_NUM_THREADS=threads)
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1


def test_at_rest_cement_ages_and_stays():
    medium = level(random_bone(3))
    source, fluids = ball_source(medium, CENTRE, 1.2), ageing(1000.0)
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 80.0, 3.0)
    rest = advance_flow(medium, source, fluids, state, 0.0, 63.0)
    assert np.array_equal(rest.saturation, state.saturation)
    there = state.saturation > 0.0
    assert np.allclose((rest.scalars - state.scalars)[0][there], 60.0)
    assert np.array_equal(rest.scalars[1], state.scalars[1])
    assert rest.t_s == 63.0
    # 60 s at exp(t / 100 s) thicker, and cement's drop is nearly all of it.
    assert rest.tip_slope_pa_s_mm3 / state.tip_slope_pa_s_mm3 > 1.5


def test_set_cement_never_moves_and_fresh_cement_goes_round_it():
    medium = level(random_bone(4))
    first, second = ball_source(medium, (6.0, 6.0, 6.0), 1.2), ball_source(medium, (10.0, 9.0, 9.0), 1.2)
    fluids = setting(200.0)
    state = advance_flow(medium, first, fluids, start_flow(medium, first, fluids), 80.0, 3.0)
    rest = advance_flow(medium, first, fluids, state, 0.0, 400.0)
    again = advance_flow(medium, second, fluids, rest, 80.0, 406.0)
    assert np.allclose(again.set_saturation, state.saturation, atol=1e-8)
    assert balance(medium, again) < 1e-10
    mobile = again.saturation - again.set_saturation > 1e-6
    assert (again.scalars[1][mobile] >= 399.0).all()
    with pytest.raises(RefusedError, match="E565"):
        advance_flow(medium, first, fluids, rest, 80.0, 406.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_bone_without_a_way_out_is_an_error(solver):
    permeability = np.full((6, 6, 6), 1e-2)
    permeability[3] = 0.0
    medium = medium_of(permeability, (1.0, 1.0, 1.0), (open_side(permeability, (1.0, 1.0, 1.0), 0, -1),))
    source, fluids = ball_source(medium, (1.0, 2.0, 2.0), 0.5), newtonian(100.0)
    with pytest.raises(NumericalError, match="no way out"):
        advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 50.0, 1.0, FlowOptions(solver=solver))


def test_a_pressure_that_does_not_converge_is_an_error():
    medium = random_bone(5)
    source, fluids = ball_source(medium, CENTRE, 1.2), newtonian(100.0)
    with pytest.raises(NumericalError, match="E561"):
        advance_flow(
            medium, source, fluids, start_flow(medium, source, fluids), 50.0, 1.0, FlowOptions(most_iterations=1)
        )


def test_negative_flow_a_clock_turned_back_and_an_unknown_solver_are_refused():
    medium = random_bone(6)
    source, fluids = ball_source(medium, CENTRE, 1.2), newtonian(100.0)
    state = start_flow(medium, source, fluids, t_s=5.0)
    for rate, until, options in (
        (-1.0, 6.0, FlowOptions()),
        (1.0, 4.0, FlowOptions()),
        (1.0, 6.0, FlowOptions(solver="x")),
    ):
        with pytest.raises(InputError):
            advance_flow(medium, source, fluids, state, rate, until, options)


def test_an_opening_where_nothing_flows_is_an_error():
    medium = random_bone(7)
    with pytest.raises(NumericalError, match="E564"):
        ball_source(medium, (-20.0, 0.0, 0.0), 1.2)


def test_the_active_box_changes_little_and_opens_no_balance():
    """Its sides keep the response of the last whole solve: marrow's, a thousandth of the cement's resistance."""
    permeability, spacing = np.full((40, 30, 30), 1e-2), (1.0, 1.0, 1.0)
    outlets = (open_side(permeability, spacing, 0, 0), outlet("vein", np.array([40 * 900 - 1]), np.array([0.01]), 0.0))
    medium = medium_of(permeability, spacing, outlets)
    source, fluids = ball_source(medium, (18.0, 15.0, 15.0), 1.2), newtonian(100.0)
    seen = []
    for active_box in ("off", "on"):
        options = FlowOptions(active_box=active_box)
        seen.append(advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 10.0, options))
    whole, box = seen
    volume = medium.pore_volume_mm3
    assert np.prod(box.box[:, 1] - box.box[:, 0]) < 0.5 * volume.size
    assert float(np.abs(volume * (box.saturation - whole.saturation)).sum()) / 1000.0 < 2e-3
    assert box.tip_pressure_pa == pytest.approx(whole.tip_pressure_pa, rel=1e-3)
    assert box.outflow_marrow_mm3 == pytest.approx(whole.outflow_marrow_mm3, rel=0.02)
    assert balance(medium, box) < 1e-10


def body_with_a_vein():
    """A shell that lets little through; from the middle a wide vein runs to one side, and away from it the needle's opening."""
    permeability, spacing = np.full((40, 30, 30), 1e-3), (1.0, 1.0, 1.0)
    permeability[22:, 14:16, 14:16] = 1.0
    sides = tuple(
        replace(side, conductance_mm3=1e-6 * side.conductance_mm3)
        for side in (open_side(permeability, spacing, axis, end) for axis in range(3) for end in (0, -1))
    )
    cells = np.ravel_multi_index(np.stack(np.meshgrid([39], [14, 15], [14, 15])).reshape(3, -1), permeability.shape)
    vein = outlet("vein", cells, np.full(4, 0.1), 0.0)
    return medium_of(permeability, spacing, (*sides, vein))


def test_a_vein_that_cement_closes_turns_the_marrow_elsewhere():
    """Pressure beyond the box must follow: kept as it was, the marrow there streamed through the box to the vein, twenty times
    what was pushed, and took cement along."""
    medium, seen = body_with_a_vein(), []
    source, fluids = ball_source(medium, (21.0, 15.0, 15.0), 1.2), newtonian(100.0)
    for active_box in ("off", "on"):
        options = FlowOptions(active_box=active_box)
        state = start_flow(medium, source, fluids)
        for until in np.arange(1.0, 31.0):
            state = advance_flow(medium, source, fluids, state, 50.0, float(until), options)
        seen.append(state)
    whole, box = seen
    assert box.outflow_cement_mm3[-1] > 100.0
    assert box.outflow_cement_mm3 == pytest.approx(whole.outflow_cement_mm3, rel=0.01, abs=0.1)
    assert box.outflow_marrow_mm3 == pytest.approx(whole.outflow_marrow_mm3, rel=0.01, abs=1.0)
    assert box.tip_pressure_pa == pytest.approx(whole.tip_pressure_pa, rel=0.01)
    volume = medium.pore_volume_mm3
    assert float(np.abs(volume * (box.saturation - whole.saturation)).sum()) / 1500.0 < 5e-3


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_an_intact_wall_lets_marrows_fluid_out_and_holds_cement_as_before(solver):
    """Bone without resistance of its own behind a tight wall: the pressure is the wall's, by what passes it."""
    permeability, spacing, rate = np.full((5, 5, 5), 10.0), (1.0, 1.0, 1.0), 50.0
    side = open_side(permeability, spacing, 0, -1)
    wall = replace(side, conductance_mm3=np.full(side.cells.size, 1e-5), marrow_ease=60.0)
    medium = medium_of(permeability, spacing, (wall,))
    source, fluids, options = ball_source(medium, (1.0, 2.0, 2.0), 1.2), newtonian(2.0), FlowOptions(solver=solver)
    conducts = float(wall.conductance_mm3.sum())
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), rate, 1e-3, options)
    at_wall = state.pressure_pa.ravel()[wall.cells].mean()
    assert at_wall == pytest.approx(rate * medium.marrow_viscosity_pa_s / (60.0 * conducts), rel=1e-3)
    # The same box full of cement.
    held = float(medium.pore_volume_mm3.sum()) + float(state.outflow_cement_mm3.sum())
    full = replace(state, saturation=np.ones_like(state.saturation), injected_mm3=held)
    state = advance_flow(medium, source, fluids, full, rate, 2e-3, options)
    assert state.pressure_pa.ravel()[wall.cells].mean() == pytest.approx(rate * 2.0 / conducts, rel=1e-3)


def test_pressure_is_linear_in_the_rate_with_the_slope_given():
    """Frozen mobility: the same state pushed for no time at two rates; the solver's tolerance."""
    medium = level(random_bone(8))
    source, fluids = ball_source(medium, CENTRE, 1.2), newtonian(20.0)
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 3.0)
    a, b = (advance_flow(medium, source, fluids, state, rate, 3.0 + 1e-9) for rate in (50.0, 150.0))
    assert b.tip_pressure_pa - a.tip_pressure_pa == pytest.approx(100.0 * a.tip_slope_pa_s_mm3, rel=1e-4)


def test_cells_long_on_one_axis_and_anisotropic_bone_converge():
    medium = three_axes((16, 24, 32), (2.0, 1.0, 0.5), (1e-2, 5e-3, 2e-2))
    source, fluids = ball_source(medium, (16.0, 12.0, 8.0), 1.2), newtonian(100.0)
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 5.0)
    assert state.most_iterations <= 15


@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4])
def test_any_mobility_ratio_takes_at_most_fifteen_iterations(ratio):
    medium = smooth_bone((30, 30, 20), 1.5)
    source, fluids = ball_source(medium, (21.0, 21.0, 15.0), 1.2), newtonian(0.1 * ratio)
    state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 10.0)
    assert 0 < state.most_iterations <= 15


def test_shell_cleft_and_anisotropy_take_at_most_thirty_iterations():
    """Permeability over eight decades; the opening in bone and in the cleft, where cement meets it."""
    medium, middle = body_with_cleft()
    fluids = newtonian(1000.0)
    for away in ((0.0, 0.0, 0.0), (8.0, -6.0, 4.0)):
        source = ball_source(medium, middle + away, 1.2)
        state = advance_flow(medium, source, fluids, start_flow(medium, source, fluids), 100.0, 5.0)
        assert state.most_iterations <= 30
        assert balance(medium, state) < 1e-10
