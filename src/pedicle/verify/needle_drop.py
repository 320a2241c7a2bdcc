"""Needle and syringe against exact answers: pressure drop of straight and stepped cannulae, relaxation of a soft syringe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.integrate import quad

from pedicle.injection.delivery import pressure_of_flow, push, start_delivery
from pedicle.model.cannula import Bore, Cannula, Plug
from pedicle.model.cement import Cement, cement, cements
from pedicle.model.delivery import DeliveryState, Line, Push
from pedicle.model.syringe import Syringe

FLOW_MM3_S = 4000.0 / 60.0
# A barrel and a nozzle so wide that only the cannula counts: 1e-10 of the drop.
_WIDE_MM = 500.0


@dataclass(frozen=True)
class Compared:
    """A computed number beside its exact one; `tolerance` is relative."""

    name: str
    computed: float
    exact: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether they agree within the tolerance."""
        return abs(self.computed - self.exact) <= self.tolerance * abs(self.exact)


def fluid(consistency: float, index: float, yield_pa: float = 0.0) -> Cement:
    """A fluid that never changes: a cement with one flow curve at every age."""
    ages, flat = np.array([0.0, 1e9]), np.ones(2)
    base = replace(cement(cements()[0]), ages_s=ages, consistencies=consistency * flat, indices=index * flat)
    return replace(base, yields_pa=yield_pa * flat, setting_s=float("inf"), working_until_s=float("inf"))


def full_line(cannula: Cannula, of: Cement, elastic_mm3_pa: float = 0.0) -> tuple[Line, DeliveryState]:
    """A line whose cannula is full and whose syringe resists nothing."""
    wide = Syringe("wide", "", 1e6, _WIDE_MM, _WIDE_MM, 0.0, elastic_mm3_pa, 0.0, 1e12, 101.3e3)
    line = Line(syringe=wide, cannula=cannula, cement=of, inserted_mm=0.0)
    plug = Plug(np.array([cannula.volume_mm3]), np.zeros(1))
    state = start_delivery(line, 0.0, 0.0)
    return line, replace(state, plug=plug, loaded_ml=state.loaded_ml + cannula.volume_mm3 / 1e3)


def straight_newton() -> Compared:
    """11 G, 100 mm, 100 Pa s, 4 ml/min against Hagen and Poiseuille: 8 mu L Q / (pi R^4)."""
    line, state = full_line(Cannula((Bore(2.388, 100.0),)), fluid(100.0, 1.0))
    exact = 8.0 * 100.0 * 100.0 * FLOW_MM3_S / (np.pi * 1.194**4)
    return Compared("needle drop, straight, Newton", pressure_of_flow(state, line)(FLOW_MM3_S), exact, 1e-6)


def stepped_newton() -> Compared:
    """Part of the pressure saved when two thirds of the bore are doubled: 2/3 (1 - 1/16)."""
    narrow, wide = Bore(2.388, 40.0), Bore(4.776, 80.0)
    of = fluid(100.0, 1.0)
    drops = []
    for bores in ((Bore(2.388, 120.0),), (wide, narrow)):
        line, state = full_line(Cannula(bores), of)
        drops.append(pressure_of_flow(state, line)(FLOW_MM3_S))
    return Compared("needle drop, stepped, Newton", 1.0 - drops[1] / drops[0], 2.0 / 3.0 * 15.0 / 16.0, 1e-6)


def integrated_flow(
    gradient_pa_mm: float, radius_mm: float, consistency: float, index: float, yield_pa: float = 0.0
) -> float:
    """Flow in mm3/s through a round pipe, its shear rate integrated over the section: pi integral of r^2 shear_rate(r)."""

    def shear(r: float) -> float:
        over = max(0.0, gradient_pa_mm * r / 2.0 - yield_pa)
        return float((over / consistency) ** (1.0 / index))

    core = min(radius_mm, 2.0 * yield_pa / gradient_pa_mm)
    return float(np.pi * quad(lambda r: r * r * shear(r), core, radius_mm, epsrel=1e-12)[0])


def straight_power_law() -> Compared:
    """Power law with index 0.5: the flow that the computed pressure drives, integrated over the section."""
    line, state = full_line(Cannula((Bore(2.388, 100.0),)), fluid(1300.0, 0.5))
    drop = pressure_of_flow(state, line)(FLOW_MM3_S)
    return Compared(
        "needle drop, straight, power law", FLOW_MM3_S, integrated_flow(drop / 100.0, 1.194, 1300.0, 0.5), 1e-6
    )


def straight_yield() -> Compared:
    """Herschel and Bulkley, yield 500 Pa, index 0.5: as above."""
    line, state = full_line(Cannula((Bore(2.388, 100.0),)), fluid(1300.0, 0.5, 500.0))
    # The wide barrel bears its own yield over its length: take it off.
    barrel = 4.0 * 500.0 / _WIDE_MM * state.syringe_ml * 1e3 / line.syringe.area_mm2
    drop = pressure_of_flow(state, line)(FLOW_MM3_S) - barrel
    exact = integrated_flow(drop / 100.0, 1.194, 1300.0, 0.5, 500.0)
    return Compared("needle drop, straight, yield stress", FLOW_MM3_S, exact, 1e-3)


def relaxation(step_s: float = 0.5) -> Compared:
    """A soft syringe let alone: Newton's fluid leaves with exp(-t / (resistance * compliance)); first order in the step."""
    bore, compliance = Bore(2.388, 100.0), 2e-5
    line, state = full_line(Cannula((bore,)), fluid(100.0, 1.0), compliance)
    resistance = 8.0 * 100.0 * 100.0 / (np.pi * 1.194**4)
    at = 20.0 / compliance
    state = replace(state, stored_mm3=20.0, pressure_pa=at, flow_mm3_s=at / resistance)
    held = Push("travel", 0.0)
    for _ in range(round(0.5 / step_s)):
        state = push(state, line, held, step_s)
    exact = 20.0 * (1.0 - float(np.exp(-0.5 / (resistance * compliance))))
    # The line's own step is a tenth of the relaxation time at the most.
    return Compared("soft syringe relaxes", state.injected_ml * 1e3, exact, 0.025)


PROBLEMS: tuple[Callable[[], Compared], ...] = (
    straight_newton,
    stepped_newton,
    straight_power_law,
    straight_yield,
    relaxation,
)
