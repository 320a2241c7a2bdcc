"""Closed forms of elastic and plastic bodies, and what does not depend on how they are computed."""

from __future__ import annotations

import numpy as np
import pytest

from pedicle.mechanics.loads import press
from pedicle.mechanics.options import PushOptions, SolverOptions
from pedicle.mechanics.plastic import PlasticLaw, push
from pedicle.model.errors import NumericalError
from pedicle.verify.elastic import cantilever, elastic_answers, inclusion, solid


def test_every_closed_form_is_met():
    answers = list(elastic_answers())
    assert len(answers) == 9
    assert not [answer for answer in answers if not answer.passed]


def test_a_thin_bar_is_too_stiff_by_what_full_integration_makes_it():
    """The reference's own bricks: 0.866, 0.955 and 0.982 for 2, 4 and 8 across."""
    assert [cantilever(n) for n in (2, 4)] == pytest.approx([0.866, 0.955], abs=1e-3)


def test_the_error_at_a_balls_surface_falls_with_the_cube():
    assert abs(inclusion(20) - 1.0) >= 1.6 * abs(inclusion(40) - 1.0)


@pytest.fixture(scope="module")
def uneven():
    """A column of uneven bone, 12 x 10 x 12 mm, weakest on one side."""
    rng = np.random.default_rng(7)
    density = np.exp(rng.normal(0.0, 0.25, (12, 10, 12))) * np.linspace(0.7, 1.4, 12)[:, None, None]
    return solid(300.0 * density, 2.0 * density**1.3)


def pushed(one, plate="bonded", **changed):
    options = {"steps": 8, "tolerance": 1e-3, **changed}
    return push(press(one, plate, SolverOptions()), PushOptions(**options))


def test_half_the_step_and_half_the_tolerance_move_the_end_by_less_than_a_percent(uneven):
    first = pushed(uneven).load_n[-1]
    assert pushed(uneven, steps=16).load_n[-1] == pytest.approx(first, rel=0.01)
    assert pushed(uneven, tolerance=5e-4).load_n[-1] == pytest.approx(first, rel=0.01)


def test_a_push_begins_elastic_and_cannot_exceed_what_yields(uneven):
    linear = press(uneven, "bonded", SolverOptions())
    curve = pushed(uneven)
    tiny = push(linear, PushOptions(steps=1, tolerance=1e-6), end_mm=1e-4)
    assert tiny.load_n[-1] == pytest.approx(1e-4 * linear.stiffness[0, 0], rel=1e-4)
    assert tiny.yielded_share == 0.0
    assert curve.yielded_share > 0.1
    # The ends are held sideways, which strengthens; a third is far more than that does here.
    assert curve.load_n.max() < 1.33 * uneven.yield_mpa[:, :, 0].sum()


def test_a_plate_free_to_tilt_takes_no_moment_and_carries_no_more(uneven):
    held, free = pushed(uneven), pushed(uneven, "ball")
    assert free.load_n.max() <= held.load_n.max() * 1.001
    pressed = press(uneven, "ball", SolverOptions())
    moments = pressed.plates.resultant(pressed.forces(pressed.move), 1.0)
    assert np.abs(moments[1:]).max() <= 1e-5 * abs(moments[0]) * 12.0


def test_a_push_that_finds_no_balance_is_an_error(uneven):
    with pytest.raises(NumericalError, match="E773"):
        pushed(uneven, steps=1, most_iterations=3, tolerance=1e-6)


def test_bone_that_pressure_crushes_has_the_plastic_poisson_ratio_of_the_data():
    assert PlasticLaw.of_bone().ellipse == pytest.approx(4.5 * 0.4 / 1.3)
