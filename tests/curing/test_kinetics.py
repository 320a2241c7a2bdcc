"""Conversion: closed forms, the injection's clock, what temperature does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from pedicle.curing.hardening import modulus_mpa, strength_mpa
from pedicle.curing.kinetics import KELVIN, Kinetics, general_kinetics, kinetics
from pedicle.kernels.heat_reaction import conversion_rate
from pedicle.model.cement import age_rate, cement, cements
from pedicle.model.errors import InputError


@pytest.fixture(scope="module")
def law() -> Kinetics:
    return kinetics("standard-krebs2005")


def test_the_kernel_and_the_law_are_one(law):
    """Two texts of one formula: the law in NumPy and the loop."""
    for conversion in (1e-4, 0.1, 0.5, 0.8, 0.95):
        for celsius in (5.0, 21.9, 37.0, 60.0, 105.0, 130.0):
            found = conversion_rate(conversion, celsius + KELVIN, law.constants)
            assert found == pytest.approx(float(law.per_s(conversion, celsius)), rel=1e-12)


@pytest.mark.parametrize("celsius", [22.0, 37.0, 70.0])
def test_conversion_at_a_temperature_is_what_another_integrator_finds(law, celsius):
    """scipy's Radau at 1e-9; slices of Runge and Kutta leave less than 5e-4, at the glass."""
    times = np.linspace(0.0, 3600.0, 13)[1:]
    known = solve_ivp(
        lambda _, a: law.per_s(a, celsius), (0.0, 3600.0), [law.start], "Radau", times, rtol=1e-9, atol=1e-12
    ).y[0]  # fmt: skip
    found = [law.held_at(np.array([law.start]), celsius, float(t))[0] for t in times]
    assert np.abs(np.array(found) - known).max() < 5e-4


@pytest.mark.parametrize("name", cements())
def test_a_cement_sets_at_the_age_of_its_file(name):
    """Fitted, so it must come back: to the six digits that stand in the file."""
    found = kinetics(name)
    assert found.setting_s(22.0) == pytest.approx(cement(name).setting_s, rel=2e-4)
    assert float(found.at_age(cement(name).setting_s)) == pytest.approx(found.set_conversion, rel=2e-3)


def test_conversion_follows_the_clock_of_the_injection(law):
    """The same equivalent age is the same conversion, but that the glass gives more room at 37 degrees: the exponent grows by
    k t (0.82^n - 0.78^n), 0.16 here."""
    age = 400.0
    warm = law.held_at(np.array([law.start]), 37.0, age / float(age_rate(37.0)))[0]
    assert warm == pytest.approx(float(law.at_age(age)), rel=0.2)
    assert float(law.at_age(0.0)) == law.start


def test_a_cement_without_a_rate_is_refused():
    with pytest.raises(InputError, match="E760"):
        kinetics("plaster")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1e-4, 0.99), min_size=1, max_size=5), st.floats(0.0, 120.0), st.floats(0.1, 3000.0),
    st.floats(1e-3, 3e-2),
)  # fmt: skip
def test_conversion_never_falls_and_never_passes_one(conversions, celsius, seconds, rate):
    start = np.array(conversions)
    after = general_kinetics(rate).held_at(start, celsius, seconds)
    assert (after >= start).all()
    assert (after <= 1.0).all()


def test_above_its_glass_nothing_is_left_below_it_the_glass_decides(law):
    """T over T_glass: 0.82 at 37 degrees, where three quarters to 85 % were measured; 1 above 105."""
    fast = replace(law, slow_per_s=0.0)
    assert fast.held_at(np.array([1e-4]), 37.0, 86400.0)[0] == pytest.approx(310.15 / 378.15, rel=1e-3)
    assert fast.held_at(np.array([1e-4]), 110.0, 3600.0)[0] == pytest.approx(1.0, abs=1e-3)


def test_paste_has_no_stiffness_and_hard_cement_that_of_the_specimens(law):
    found = modulus_mpa(np.linspace(0.0, 1.0, 101), law)
    assert found[0] == 0.0
    assert (np.diff(found) >= 0.0).all()
    assert float(modulus_mpa(0.9, law)) == pytest.approx(2350.0)
    assert float(strength_mpa(0.9, law)) == pytest.approx(90.0)
