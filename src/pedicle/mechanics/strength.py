"""What a level can carry before its fracture, with it and with cement: `assess_strength`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pedicle.mechanics.fill_curve import fill_curve
from pedicle.mechanics.loads import Pressed, press
from pedicle.mechanics.model import body_of
from pedicle.mechanics.options import StrengthOptions
from pedicle.mechanics.plastic import push
from pedicle.mechanics.states import StrengthCase, cement_modulus, damage_of, is_broken, sampled_on, solid_in
from pedicle.mechanics.stiffness import stiffness_of
from pedicle.mechanics.transfer import load_transfer, neighbour_loads
from pedicle.mechanics.unit import Side
from pedicle.model.elasticity import elastic_law, elastic_law_names
from pedicle.model.errors import InputError, RefusedError
from pedicle.model.notices import Notice
from pedicle.model.sourced import Quantity, quantity
from pedicle.model.strength import STATES, Z95, State, StateStrength, Strength
from pedicle.model.vertebra import PART_BODY, Estimate, Vertebra
from pedicle.model.volume import Volume

_FILE = "mechanics/materials"
PUSH = "greatest load of an elastic-plastic push to 2 percent; its range is that of the linear model"
SCREEN = "load at 0.2 percent shortening of the body in a linear model"
EVIDENCE = (
    "computed: the solver is verified against exact solutions and other programs; law, damage and the contact of cement are "
    "assumptions with the ranges given. For comparing states of one body, not this patient's load at failure"
)


def assess_strength(
    vertebra: Vertebra,
    share: Volume | None = None,
    options: StrengthOptions | None = None,
    cement_modulus_mpa: Volume | None = None,
    order: Volume | None = None,
    neighbours: dict[Side, Vertebra | None] | None = None,
) -> Strength:
    """Stiffness and strength of a level's body, pedicles off, in every state that it has.

    `share` is the part of each cell that is cement (`Fill.share`, on the flow's grid, along the vertebra's axes; it is taken
    to the bone's grid here); None = no augmented state. `cement_modulus_mpa` is the cement's own modulus by place, on the grid of
    `share`, 0 where there is none; None = cured cement of the catalogue. `order` says when each cell was reached (`order_of_arrival`),
    for the fill curve. `neighbours` has the vertebrae "upper" and "lower", None where there is none; with cement, and where the
    options do not leave them out, they are pressed on together. The fractured state exists for a body that is fractured (Genant 1 or more, or
    a cleft); its intact state is then an estimate with the height given back. InputError 770 without a body, 771 without such a law, 774 where the
    scan cuts the level, 776 for share and modulus on different grids; RefusedError 775 where it holds cement or metal already.
    """
    options = options or StrengthOptions()
    if options.law not in elastic_law_names():
        raise InputError(
            771, vertebra.level, f"no law named {options.law}", ", ".join(elastic_law_names()), "name one of them"
        )
    _refuse_unreadable(vertebra)
    if vertebra.bone is None:
        raise InputError(770, vertebra.level, "no bone map of this level", "one body", "see the warnings of measure")
    bone = body_of(vertebra.bone, options.cell_mm)
    broken = is_broken(vertebra, bone)
    values = sampled_on(share, bone, 0.0) if share is not None else None
    cement: NDArray[np.float64] | float = quantity(_FILE, "cement", "modulus").value
    if share is not None and cement_modulus_mpa is not None:
        cement = cement_modulus(share, cement_modulus_mpa, bone)
    interface = quantity(_FILE, "cement", "interface").value
    case = StrengthCase(bone, options, broken, values, cement, damage=damage_of(broken), interface=interface)
    found = _assessed(vertebra, case)
    if share is None or not (values is not None and values[bone.parts.values == PART_BODY].any()):
        return found
    if options.curve:
        turn = None if order is None else sampled_on(order, bone, np.inf)
        found = replace(found, fill_curve=fill_curve(vertebra, case, found.states, turn))
    if neighbours is None or not options.neighbours:
        return found
    loads, told = neighbour_loads(vertebra, case, share, neighbours)
    return replace(found, neighbours=loads, load_transfer=load_transfer(loads), warnings=(*found.warnings, *told))


def _refuse_unreadable(vertebra: Vertebra) -> None:
    """A body that the scan cuts, or whose density is not that of bone, has no strength to tell."""
    if not vertebra.complete:
        raise InputError(
            774, vertebra.level, "the scan's border cuts it", "a whole vertebra", "use a scan that holds all of it"
        )
    if vertebra.cemented or vertebra.metal:
        what = "cement" if vertebra.cemented else "metal"
        raise RefusedError(
            775, vertebra.level, f"holds {what} already", "density must be of bone", "assess another level"
        )


def _assessed(vertebra: Vertebra, case: StrengthCase) -> Strength:
    names = [state for state in STATES if _exists(state, case)]
    compute = _pushed if case.options.analysis == "plastic" else _computed
    states = {state: compute(vertebra, state, case) for state in names}
    spread = {state: _spread(vertebra, state, case, states[state]) for state in names}
    options = case.options

    def ranged(unit: str, of: Callable[[StateStrength], float]) -> dict[State, Estimate]:
        return {state: _estimate(of(states[state]), spread[state], unit, options.law) for state in names}

    return Strength(
        level=vertebra.level,
        law=options.law,
        end_layer=options.end_layer,
        plate=options.plate,
        cell_mm=options.cell_mm,
        criterion=SCREEN if options.analysis == "screen" else PUSH,
        stiffness_n_mm=ranged("N/mm", lambda one: one.stiffness_n_mm),
        strength_n=ranged("N", strength_of),
        states=states,
        evidence=EVIDENCE,
        warnings=_notices(vertebra, states, case),
    )


def _exists(state: State, case: StrengthCase) -> bool:
    return {"intact": True, "fractured": case.fractured, "augmented": case.share is not None}[state]


def _computed(vertebra: Vertebra, state: State, case: StrengthCase) -> StateStrength:
    pressed = _pressed(vertebra, state, case)
    return stiffness_of(pressed, _gap(pressed, state, case))


def _gap(pressed: Pressed, state: State, case: StrengthCase) -> NDArray[np.bool_] | None:
    """The body's cleft on the cells of its solid; the intact estimate has none."""
    if state == "intact":
        return None
    cleft = np.asarray(case.bone.cleft.values, bool) & (case.bone.parts.values == PART_BODY)
    return np.asarray(case.bone.parts.with_values(cleft.astype(np.uint8)).resampled(pressed.solid.grid, 0).values > 0)


def _pressed(vertebra: Vertebra, state: State, case: StrengthCase) -> Pressed:
    return press(solid_in(vertebra, state, case), case.options.plate, case.options.solver)


def _pushed(vertebra: Vertebra, state: State, case: StrengthCase) -> StateStrength:
    """A state's linear answers and its elastic-plastic push."""
    pressed = _pressed(vertebra, state, case)
    return replace(stiffness_of(pressed, _gap(pressed, state, case)), curve=push(pressed, case.options.push))


def strength_of(one: StateStrength) -> float:
    """The load that is called strength: the greatest of the push, or the screen's."""
    return float(one.curve.load_n.max()) if one.curve is not None else one.screen_n


def _spread(vertebra: Vertebra, state: State, case: StrengthCase, middle: StateStrength) -> float:
    """One standard deviation of the logarithm of stiffness: every doubtful number moved in turn, taken as independent."""
    moved = [replace(case, options=replace(case.options, law=elastic_law(case.options.law).other))]
    if (density := _density_sd(vertebra)) > 0.0:
        moved.append(replace(case, density_factor=float(np.exp(density))))
    if state != "intact" and case.fractured:
        softer = replace(case.damage, stiffness=_one_sd(quantity(_FILE, "fracture", "damage")))
        moved.append(replace(case, damage=softer))
    if state == "augmented":
        moved.append(replace(case, interface=_one_sd(quantity(_FILE, "cement", "interface"))))
        modulus = quantity(_FILE, "cement", "modulus")
        factor = _one_sd(modulus) / modulus.value
        moved.append(replace(case, cement_mpa=case.cement_mpa * factor))
    logs = [np.log(_computed(vertebra, state, other).stiffness_n_mm / middle.stiffness_n_mm) for other in moved]
    # The two laws bracket the truth: half their distance is one standard deviation.
    logs[0] *= 0.5
    return float(np.sqrt(np.square(logs).sum()))


def _one_sd(row: Quantity) -> float:
    """A number moved up by one standard deviation; its bounds hold 95 %."""
    assert row.low is not None
    assert row.high is not None
    return row.value + (row.high - row.low) / (2.0 * Z95)


def _density_sd(vertebra: Vertebra) -> float:
    """One standard deviation of the logarithm of density, by its calibration."""
    known = vertebra.density.density_mg_cm3 if vertebra.density else None
    if known is None or not 0.0 < known.low < known.high:
        return 0.0
    return float(np.log(known.high / known.low)) / (2.0 * Z95)


def _estimate(value: float, sd_ln: float, unit: str, law: str) -> Estimate:
    factor = float(np.exp(Z95 * sd_ln))
    return Estimate(
        value, value / factor, value * factor, unit, f"law {law}; range from law, calibration, damage, cement"
    )


def _notices(vertebra: Vertebra, states: dict[State, StateStrength], case: StrengthCase) -> tuple[Notice, ...]:
    found = []
    removed = {state: one.islands_removed for state, one in states.items() if one.islands_removed}
    if removed:
        text = ", ".join(f"{state}: {count}" for state, count in removed.items())
        found.append(
            Notice("cells-removed", vertebra.level, f"cells that hung on nothing were left out ({text})", "note")
        )
    if case.fractured:
        text = "the intact state is an estimate: lost height given back, mineral spread over it, clefts closed"
        found.append(Notice("intact-estimated", vertebra.level, text, "note"))
    if _density_sd(vertebra) == 0.0:
        text = "density of this level has no usable interval: the ranges leave calibration out"
        found.append(Notice("density-range-unknown", vertebra.level, text, "caution"))
    return tuple(found)
