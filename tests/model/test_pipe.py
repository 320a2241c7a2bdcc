"""Pipe flow against an integration of the velocity over the section, and against Hagen and Poiseuille."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from pedicle.model.pipe import (
    power_law_gradient_pa_mm,
    wall_shear_rate_per_s,
    yielding_flow_mm3_s,
    yielding_gradient_pa_mm,
)

BENCH_MM3_S = 4000.0 / 60.0

flows = st.floats(1e-3, 1e3)
radii = st.floats(0.3, 3.0)
stiff = st.floats(0.1, 1e5)
exponents = st.floats(0.2, 1.0)


@pytest.mark.parametrize(
    ("bore_mm", "viscosity", "kpa"), [(2.39, 100.0, 832), (2.39, 200.0, 1665), (1.80, 100.0, 2587), (1.80, 200.0, 5175)]
)
def test_the_cross_check_of_the_reference(bore_mm: float, viscosity: float, kpa: float):
    # 10 cm, 4 ml/min, computed by another hand, to whole kPa.
    drop = power_law_gradient_pa_mm(BENCH_MM3_S, bore_mm / 2, viscosity, 1.0) * 100.0 / 1e3
    assert drop == pytest.approx(kpa, abs=0.5)


def test_wall_shear_rate_of_the_cross_check():
    assert wall_shear_rate_per_s(BENCH_MM3_S, 2.39 / 2, 1.0) == pytest.approx(50.0, rel=0.01)


@settings(deadline=None)
@given(flows, radii, stiff, exponents)
def test_the_power_law_is_the_integrated_velocity_profile(flow: float, radius: float, consistency: float, index: float):
    gradient = float(power_law_gradient_pa_mm(flow, radius, consistency, index))

    # du/dr = -(stress / K)^(1/n), stress = gradient r / 2, from no slip at the wall inwards; flow = 2 pi integral of u r.
    def inward(s: float, both: np.ndarray) -> list[float]:
        r = radius - s
        return [(gradient * r / 2 / consistency) ** (1 / index), 2 * np.pi * r * both[0]]

    exact = solve_ivp(inward, (0.0, radius), [0.0, 0.0], rtol=1e-9, atol=1e-12 * flow).y[1, -1]
    assert flow == pytest.approx(exact, rel=1e-5)


@settings(deadline=None)
@given(flows, radii, stiff, exponents, st.floats(0.1, 1e4))
def test_a_yielding_fluid_is_its_integrated_shear(flow: float, radius: float, k: float, n: float, y: float):
    gradient = float(yielding_gradient_pa_mm(flow, radius, k, n, y))
    core = 2 * y / gradient
    assert core < radius
    exact = np.pi * quad(lambda r: r * r * ((gradient * r / 2 - y) / k) ** (1 / n), core, radius)[0]
    # Where the yield is nearly all of the stress its difference from the wall's stress loses digits.
    assert flow == pytest.approx(exact, rel=1e-4) or gradient * radius / 2 - y < 1e-6 * y


@settings(deadline=None)
@given(flows, radii, stiff, exponents)
def test_without_yield_it_is_the_power_law(flow: float, radius: float, consistency: float, index: float):
    law = power_law_gradient_pa_mm(flow, radius, consistency, index)
    assert yielding_gradient_pa_mm(flow, radius, consistency, index, 0.0) == pytest.approx(law, rel=1e-9)


def test_below_its_yield_nothing_flows():
    assert yielding_flow_mm3_s([99.0, 100.0], 1.0, 50.0, 0.5, 100.0).tolist() == [0.0, 0.0]
    assert yielding_gradient_pa_mm(0.0, 1.0, 50.0, 0.5, 100.0) == pytest.approx(200.0)


def test_set_cement_rests_without_pressure_and_bears_any():
    assert power_law_gradient_pa_mm(0.0, 1.0, np.inf, 0.5) == 0.0
    assert np.isinf(power_law_gradient_pa_mm(1.0, 1.0, np.inf, 0.5))
