"""Needle, syringe and cement against what was published: pressures in vivo, forces on a bench, handling times, exact drops."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from benchmarks._table import Row, flags, publish
from pedicle.injection.delivery import change_syringe, pressure_of_flow, push, start_delivery
from pedicle.model.cannula import Bore, Cannula, Plug, cannula_of, stepped
from pedicle.model.cement import Cement, age_rate, aged, cement, cements
from pedicle.model.delivery import Line, Push
from pedicle.model.needle import catalogue
from pedicle.model.sourced import Quantity, quantity
from pedicle.model.syringe import syringe
from pedicle.verify.needle_drop import PROBLEMS, fluid

FITTED = "standard-krebs2005"
# The cannula of the in-vivo series is not in its abstract: 11 G, 125 mm, 70 mm of it in the body, pushed at the bench's 4 ml/min
# by a hand.
NEEDLE = next(needle for needle in catalogue() if needle.gauge == 11 and needle.length_mm == 125.0)
INSERTED_MM = 70.0


def published(*keys: str) -> Quantity:
    """A target of data/injection/published."""
    return quantity("injection/published", *keys)


def peaks_kpa(name: str, of: Cement | None = None) -> tuple[list[float], list[float]]:
    """Highest pressure of each syringe of 1 ml, one after the other from 300 s and anew from 500 s, each until 160 s later.

    Into air: bone adds 2 to 10 %. A syringe whose flow at the force limit fell below a tenth is given up.
    """
    line = Line(syringe=syringe(name), cannula=cannula_of(NEEDLE), cement=of or cement(FITTED), inserted_mm=INSERTED_MM)
    starts = published("syringe_pressure", "early_from").value, published("syringe_pressure", "late_from").value
    return _peaks(line, starts[0], starts[1]), _peaks(line, starts[1], line.cement.working_until_s)


def _peaks(line: Line, start_s: float, end_s: float) -> list[float]:
    rate = published("cannula", "rate").value
    state, found, peak = start_delivery(line, start_s, 0.0), [], 0.0
    while state.t_s < end_s:
        state = push(state, line, Push("flow", rate), 0.5)
        peak = max(peak, state.pressure_pa / 1e3)
        given_up = state.t_s > state.ready_at_s and state.flow_mm3_s < rate / 10.0
        if "syringe empty" in state.limits or given_up:
            found.append(peak)
            state, peak = change_syringe(state, line), 0.0
    return found


def bench_forces_n(of: Cement | None = None) -> list[float]:
    """Highest force at the published constant rate for each of three filling tubes, pressed by a machine into the open."""
    machine = replace(syringe("filler-1.5ml"), force_limit_n=1e9)
    room = published("bench_force", "room").value
    tip = Cannula((Bore(machine.bore_mm, 1e-3),))
    line = Line(syringe=machine, cannula=tip, cement=of or cement(FITTED), inserted_mm=0.0)
    line = replace(line, room_c=room, store_c=room, batch_c=room)
    state, highest = start_delivery(line, published("bench_force", "start").value, 0.0), []
    for _ in range(3):
        forces = []
        while "syringe empty" not in state.limits:
            state = push(state, line, Push("flow", published("bench_force", "rate").value), 0.5)
            forces.append(state.force_n)
        highest.append(max(forces))
        state = replace(change_syringe(state, line), limits=())
    return highest


def filled_drop_pa(cannula: Cannula, of: Cement, age_s: float) -> float:
    """Drop of a full cannula alone at the bench's rate, all of it of one age."""
    line = Line(syringe=syringe("syringe-1ml"), cannula=cannula, cement=of, inserted_mm=INSERTED_MM)
    empty = start_delivery(line, 0.0, 0.0)
    state = replace(empty, hand_age_s=age_s)
    full = replace(state, plug=Plug(np.array([cannula.volume_mm3]), np.array([age_s])))
    rate = published("cannula", "rate").value
    return pressure_of_flow(full, line)(rate) - pressure_of_flow(state, line)(rate)


def stepped_reduction(index: float) -> float:
    """Part of the pressure saved by doubling the bore over the published part of the length, hub and syringe left out."""
    of, share = fluid(100.0, index), published("cannula", "stepped_share").value
    straight, wide = (Cannula(found.bores[1:]) for found in (cannula_of(NEEDLE), stepped(NEEDLE, share, 2.0)))
    return 1.0 - filled_drop_pa(wide, of, 0.0) / filled_drop_pa(straight, of, 0.0)


def share_of_cannula(of: Cement, age_s: float, permeability_mm2: float = 0.019, porosity: float = 0.85) -> float:
    """Cannula's part of the pressure in cannula and bone at the bench's rate.

    Bone: a sphere of cement of 10 mm around a tip with the bore's radius, integrated over the radius with the cement's
    viscosity at the shear rate of the pores, u / sqrt(k phi).
    """
    rate = published("cannula", "rate").value
    radius = np.geomspace(NEEDLE.inner_diameter_mm / 2.0, 10.0, 2001)
    speed = rate / (4.0 * np.pi * radius**2)
    shear = speed / np.sqrt(permeability_mm2 * porosity)
    bone = np.trapezoid(of.viscosity_pa_s(age_s, shear) * speed / permeability_mm2, radius)
    cannula = filled_drop_pa(cannula_of(NEEDLE), of, age_s)
    return float(cannula / (cannula + bone))


def asked_consistency(pressure_kpa: float, index: float) -> float:
    """Consistency in Pa s^n with which a fluid of that index takes this pressure in a full line at the bench's rate."""
    line = Line(
        syringe=syringe("syringe-1ml"), cannula=cannula_of(NEEDLE), cement=fluid(1.0, index), inserted_mm=INSERTED_MM
    )
    plug = Plug(np.array([line.cannula.volume_mm3]), np.zeros(1))
    full = replace(start_delivery(line, 0.0, 0.0), plug=plug)
    return pressure_kpa * 1e3 / pressure_of_flow(full, line)(published("cannula", "rate").value)


def band(target: Quantity) -> str:
    """A target's interval in words."""
    return f"{target.low:g} to {target.high:g}"


def exact_rows() -> list[Row]:
    """Closed forms."""
    found = [problem() for problem in PROBLEMS]
    return [
        Row(one.name, "computed over exact - 1", float(one.computed / one.exact - 1.0), "1", f"<= {one.tolerance:.2g}")
        for one in found
    ]


def pressure_rows() -> list[Row]:
    """In vivo, on the bench, in the stepped cannula."""
    rows = []
    for opening, name in (("normal", "syringe-1ml"), ("wide", "syringe-1ml-wide")):
        early, late = peaks_kpa(name)
        case, target = f"peaks in vivo, {opening} opening", published("syringe_pressure", opening)
        rows.append(Row(case, "mean of the peaks", float(np.mean(early + late)), "kPa", band(target)))
        rows.append(Row(case, "300 to 500 s", float(np.mean(early)), "kPa", "below the next"))
        rows.append(Row(case, "from 500 s", float(np.mean(late)), "kPa"))
    strong = replace(syringe("syringe-1ml"), force_limit_n=1e9)
    line = Line(syringe=strong, cannula=cannula_of(NEEDLE), cement=cement(FITTED), inserted_mm=INSERTED_MM)
    for start in (300.0, 500.0):
        metric = f"peak of the first syringe from {start:g} s at 4 ml/min, no limit of force"
        rows.append(Row("peaks in vivo, normal opening", metric, _peaks(line, start, start + 16.0)[0], "kPa"))
    mean = published("syringe_pressure", "normal").value
    for index in (1.0, 0.5):
        metric = f"consistency that the mean peak asks for at 4 ml/min, index {index:g}"
        rows.append(Row("11 G x 125 mm", metric, asked_consistency(mean, index), "Pa s^n"))
    for age in (300.0, 400.0, 500.0):
        rows.append(Row(FITTED, f"consistency at {age:g} s", float(cement(FITTED).power_law(age)[0]), "Pa s^n"))
    for key, force in zip(("first", "second", "third"), bench_forces_n(), strict=True):
        case, target = f"force on the bench, {key} tube", published("bench_force", key)
        rows.append(Row(case, "highest", force, "N", band(target)))
        rows.append(Row(case, "published mean over computed", target.value / force, "1"))
    for index, words in ((1.0, "Newton"), (0.5, "index 0.5")):
        limit = band(published("cannula", "stepped_reduction"))
        rows.append(Row(f"stepped cannula, {words}", "pressure saved", stepped_reduction(index), "1", limit))
    for name in cements():
        share = share_of_cannula(cement(name), cement(name).working_from_s)
        rows.append(Row(name, "cannula's share of the pressure", share, "1", band(published("cannula", "share"))))
    return rows


def handling_rows() -> list[Row]:
    """Ageing by temperature; one energy alone beside the two that are used."""
    room, liquid = published("handling", "room").value, published("handling", "liquid_room").value
    energy = quantity("cement_laws", "activation_energy_warm").value
    alone = room * float(np.exp(energy / 8.314462618e-3 * (1.0 / 273.15 - 1.0 / 295.15)))
    ice = band(published("handling", "ice_bath"))
    cooled = aged(0.0, 60.0 * published("handling", "liquid_precooled").value, 4.0, 22.0)[0] / 60.0
    return [
        Row("ice bath", "handling, energy of 25 to 37 degC alone", alone, "min", ice),
        Row("ice bath", "handling, energy below room temperature", room / float(age_rate(0.0)), "min", ice),
        Row(
            "ice bath",
            "liquid phase",
            liquid / float(age_rate(0.0)),
            "min",
            band(published("handling", "liquid_ice_bath")),
        ),
        Row(
            "pre-cooled",
            "equivalent end of the liquid phase",
            cooled,
            "min",
            band(published("handling", "liquid_room")),
        ),
    ]


def cost_row() -> Row:
    """CPU seconds for 100 s of pushing."""
    line = Line(
        syringe=syringe("pump-10ml"), cannula=cannula_of(NEEDLE), cement=cement(FITTED), inserted_mm=INSERTED_MM
    )
    state, began = start_delivery(line, 300.0, 0.0), time.process_time()
    push(state, line, Push("flow", 60.0), 100.0)
    return Row("100 s in steps of 0.1 s", "CPU time", time.process_time() - began, "s")


def main() -> None:
    """Print all rows; --keep writes docs/validation/delivery."""
    chosen = flags(__doc__ or "")
    publish("delivery", exact_rows() + pressure_rows() + handling_rows() + [cost_row()], chosen)


if __name__ == "__main__":
    main()
