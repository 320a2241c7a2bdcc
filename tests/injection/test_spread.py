"""The same plan injected many times: runs differ, more cement never leaks less often, one seed gives one answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pedicle.injection.options import InjectOptions
from pedicle.injection.spread import Planned, spread_of
from pedicle.model.errors import InputError
from pedicle.model.fill import ROUTES
from pedicle.model.vertebra import PART_BODY
from tests.fluoroscopy import simple_spine
from tests.injection import simple_level as simple
from tests.injection.test_session import needle

OPTIONS = InjectOptions(cell_mm=2.0, flow=0.2)
PLANNED = Planned(needle(7.0), "left", 1.0, 2.0)
RUNS = 6


@pytest.fixture(scope="module")
def vertebra():
    return replace(simple_spine.vertebra(), bone=simple.bone())


@pytest.fixture(scope="module")
def spread(vertebra):
    return spread_of(vertebra, PLANNED, OPTIONS, RUNS)


def test_probabilities_are_shares_of_the_runs_and_grow_with_the_volume(spread):
    assert spread.volumes_ml[-1] == pytest.approx(2.0)
    assert 1.0 in spread.volumes_ml
    for key in (*ROUTES, "any", "grave"):
        chance = spread.leak_probability[key]
        np.testing.assert_allclose(chance * RUNS, np.rint(chance * RUNS), atol=1e-9)
        assert (np.diff(chance) >= 0.0).all()
    each = np.stack([spread.leak_probability[route] for route in ROUTES])
    assert (spread.leak_probability["any"] >= each.max(axis=0) - 1e-12).all()
    assert all(0.0 <= row[3] <= 1.0 for row in spread.opening_probability)


def test_runs_differ_and_the_fill_stays_about_the_needle(spread):
    chance = spread.fill_probability.values
    # Full in every run about the tip, in some at the rim: tips and bone were drawn apart.
    assert chance.max() == pytest.approx(1.0)
    assert ((chance > 0.0) & (chance < 1.0)).sum() > 30
    points = simple.pose().inverse @ spread.fill_probability.grid.lps_from_index(np.argwhere(chance > 0.5))
    assert points[:, 0].mean() == pytest.approx(6.5, abs=3.0)


def test_drawn_tips_scatter_by_a_millimetre_and_stay_in_the_body(vertebra):
    from pedicle.injection.spread import drawn_needle

    generator = np.random.Generator(np.random.Philox(key=(1, 2)))
    tips = np.array([drawn_needle(vertebra, PLANNED.needle, generator).tip_lps_mm for _ in range(200)])
    assert tips.std(axis=0) == pytest.approx([1.0, 1.0, 1.0], rel=0.2)
    assert (vertebra.bone.parts.sampled(tips, order=0, fill=0.0) == PART_BODY).all()


def test_one_seed_one_answer_another_seed_another(vertebra, spread):
    again, other = (
        spread_of(vertebra, PLANNED, replace(OPTIONS, openings_seed=seed), 2).fill_probability.values for seed in (1, 9)
    )
    first = spread_of(vertebra, PLANNED, OPTIONS, 2).fill_probability.values
    assert again.tobytes() == first.tobytes()
    assert other.tobytes() != first.tobytes()


def test_one_run_is_no_spread(vertebra):
    with pytest.raises(InputError, match="E744"):
        spread_of(vertebra, PLANNED, OPTIONS, 1)
