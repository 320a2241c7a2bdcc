"""The hardening of a level on paper, and what it carried and carries: heat, when it is hard, stiffness and strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pedicle.model.cure import CementClock, Cure, Harm
from pedicle.model.sourced import quantity
from pedicle.model.strength import STATES, State, StateStrength, Strength
from pedicle.model.vertebra import Estimate
from pedicle.report.borne import borne_facts, fill_chart
from pedicle.report.charts import BLUE, BROWN, GREEN, RED, Line, charted
from pedicle.report.strain import state_words, strain_chart
from pedicle.report.tables import Table
from pedicle.report.words import SPACE, clock, figure, with_unit

TISSUES = {"bone": "bone", "canal": "spinal canal", "nerve_root": "beside a nerve root", "disc": "disc"}
# Heat is over by then: the chart ends here, minutes.
_SHOWN_MIN = 60.0


@dataclass(frozen=True)
class CurePages:
    """What the report shows of a hardening: sentences, what heat did, curves."""

    facts: tuple[tuple[str, str], ...]
    harm: Table
    curve: Markup


@dataclass(frozen=True)
class StrengthPages:
    """What the report shows of a strength: a table of states, sentences, the load curve and the curve over fills where there are such."""

    table: Table
    facts: tuple[tuple[str, str], ...]
    curve: Markup | None
    strain: Markup
    fills: Markup | None


def cure_pages(cure: Cure) -> CurePages:
    """What the report shows of a hardening."""
    return CurePages(tuple(_cure_facts(cure)), _harm_table(cure), _heat_chart(cure))


def minutes(t_s: float | None) -> str:
    """A time in minutes and seconds; a time that was not reached says so.

    >>> minutes(754.0).replace(SPACE, " "), minutes(None)
    ('12:34 min', 'not within what was computed')
    """
    if t_s is None:
        return "not within what was computed"
    return f"{clock(t_s)}{SPACE}min"


def _cure_facts(cure: Cure) -> list[tuple[str, str]]:
    degree, energy = cure.degree_of_cure, cure.energy_j
    return [
        *_clock_facts(cure.clock),
        ("Cured after 1 h", f"{_percent(degree['1h'])} of the monomer, {_percent(degree['24h'])} after 24 h"),
        ("Strength after 1 h", cure.why_strength),
        (
            "Balance",
            f"{figure(energy['released'], 0)} J released, {figure(energy['start'], 0)} J brought in = {figure(energy['stored'], 0)} J stored + "
            f"{figure(energy['lost'], 0)} J lost to what lies around + {figure(energy['carried'], 0)} J carried off by blood, to "
            f"{cure.energy_balance_error:.0e}",
        ),
        ("Evidence", cure.evidence),
    ]


def _clock_facts(clock: CementClock) -> list[tuple[str, str]]:
    since = clock.mixed_s

    def at(t_s: float | None) -> str:
        return minutes(None if t_s is None else t_s - since)

    return [
        ("Times", "from mixing of the last batch used here"),
        ("Cannula out", f"from {at(clock.needle_from_s)} until {at(clock.needle_until_s)}"),
        ("Half of it set", at(clock.set_s)),
        ("Hard enough to turn", f"{at(clock.turn_s)}; to stand: {at(clock.stand_s)} (model, not clinical advice)"),
    ]


def _percent(share: float) -> str:
    return with_unit(figure(100.0 * share, 0), "percent")


def _harm_table(cure: Cure) -> Table:
    cement = ("Cement", _celsius(cure.peak_cement_c), "", "", "")
    rows = [_harm_row(words, cure.harm.get(tissue)) for tissue, words in TISSUES.items()]
    low, high = sorted(cure.necrosis_rim_mm.values())
    note = (
        f"Rim of dead bone about the cement: {figure(low, 2)} to {with_unit(figure(high, 2), 'mm')} by the two laws of damage, which "
        "disagree; that of minutes at 43 °C is the careful one."
    )
    columns = ("Tissue", "Hottest", "Damage over 1", "Over its minutes at 43 °C", "Above 50 °C")
    return Table("What heat did", columns, (cement, *rows), note)


def _harm_row(words: str, harm: Harm | None) -> tuple[str, ...]:
    if harm is None:
        return words.capitalize(), "not in what was computed"
    return (
        words.capitalize(),
        _celsius(harm.peak_c),
        with_unit(figure(harm.over_1_ml, 2), "ml"),
        with_unit(figure(harm.over_cem43_ml, 2), "ml"),
        minutes(harm.above_50_s),
    )


def _celsius(value: float) -> str:
    return with_unit(figure(value, 1), "°C")


def _heat_chart(cure: Cure) -> Markup:
    curve = cure.curve
    shown = curve.t_s <= 60.0 * _SHOWN_MIN
    t_min = curve.t_s[shown] / 60.0
    heat: list[Line] = [
        (t_min, values[shown], colour, name)
        for values, colour, name in (
            (curve.cement_c, RED, "cement"),
            (curve.bone_c, BROWN, "bone"),
            (curve.canal_c, BLUE, "canal"),
            (curve.nerve_c, GREEN, "beside a nerve root"),
        )
        if np.isfinite(values).all()
    ]
    hard: list[Line] = [
        (t_min, 100.0 * curve.conversion[shown], BLUE, "cured"),
        (t_min, 100.0 * curve.set_share[shown], RED, "set"),
    ]
    below = "time from the end of the injection, min"
    return charted([(heat, below, "hottest place, °C"), (hard, below, "% of the cement")])


def strength_pages(found: Strength) -> StrengthPages:
    """What the report shows of a strength."""
    facts = tuple(_strength_facts(found))
    return StrengthPages(_strength_table(found), facts, _push_chart(found), strain_chart(found), fill_chart(found))


def _strength_table(found: Strength) -> Table:
    rows = tuple(
        (
            state_words(found, state),
            _ranged(found.stiffness_n_mm[state], 1e-3, "kN/mm", 1),
            _ranged(found.strength_n[state], 1e-3, "kN", 2),
            with_unit(figure(1e-3 * found.states[state].failure_estimate_n, 1), "kN"),
            _tilt(found.states[state]),
        )
        for state in STATES
        if state in found.states
    )
    rule = quantity("mechanics/materials", "screen", "failure")
    note = (
        f"Compared by: {found.criterion}; that lies well below failure. Failure is estimated from stiffness at {100.0 * rule.value:.2f} % "
        f"shortening, a published rule with as wide a range [{rule.source}]. In brackets 95 % of what law, calibration, damage and cement leave open; the states share most of it."
    )
    pushed = any(one.curve is not None for one in found.states.values())
    columns = (
        "State",
        "Stiffness",
        "Greatest load of a push" if pushed else "Load at 0.2 %",
        "Failure, estimated",
        "Tilt of a free plate at 1 kN",
    )
    return Table("What the body carries", columns, rows, note)


def _ranged(value: Estimate, scale: float, unit: str, decimals: int) -> str:
    low, middle, high = (figure(scale * one, decimals) for one in (value.low, value.value, value.high))
    return f"{with_unit(middle, unit)} ({low} to {high})"


def _tilt(one: StateStrength) -> str:
    return with_unit(figure(float(np.degrees(np.hypot(*one.tilt_rad_per_kn))), 2), "deg")


def _strength_facts(found: Strength) -> list[tuple[str, str]]:
    states = found.states.values()
    residual, balance = max(one.relative_residual for one in states), max(one.balance_error for one in states)
    elements = max(one.elements for one in states)
    return [
        *_gains(found),
        *borne_facts(found),
        ("Model", f"{elements} cubes of {figure(found.cell_mm, 1)} mm, law {found.law}, pressed through {_LAYERS[found.end_layer]}"),
        ("Balance", f"residual {residual:.0e}; the reactions at both ends differ by {balance:.0e} of the load"),
        ("Evidence", found.evidence),
    ]  # fmt: skip


_LAYERS = {"pmma": "a cast of acrylic, as in the laboratory", "disc": "discs"}


def _gains(found: Strength) -> list[tuple[str, str]]:
    before: State = "fractured" if "fractured" in found.states else "intact"
    if "augmented" not in found.states:
        return []
    kinds = (("stiffness", found.stiffness_n_mm), ("load", found.strength_n))
    gain = [f"{name} {figure(values['augmented'].value / values[before].value, 2)} times" for name, values in kinds]
    return [("With cement", f"{' and '.join(gain)} that without it")]


def _push_chart(found: Strength) -> Markup | None:
    lines: list[Line] = []
    for state, colour in zip(STATES, (GREEN, RED, BLUE), strict=True):
        one = found.states.get(state)
        if one is not None and one.curve is not None:
            lines.append((100.0 * one.curve.strain, 1e-3 * one.curve.load_n, colour, state_words(found, state).lower()))
    return charted([(lines, "shortening, %", "load, kN")]) if lines else None
