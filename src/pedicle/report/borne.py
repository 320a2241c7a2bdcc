"""How much cement is worth what, how far an open gap still moves, what the neighbours bear: a level's later questions on paper."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from pedicle.model.sourced import quantity
from pedicle.model.strength import STATES, FillCurve, NeighbourLoad, Strength, neighbour_evidence
from pedicle.report.charts import BLUE, BROWN, GREEN, RED, Line, charted
from pedicle.report.words import figure, with_unit

# First yield stays in the file: bone at the cement's edge yields first, so that it says little of more cement.
_CURVES = {"stiffness": "Stiffness", "screen": "load at 0.2 %", "push": "greatest load of a push"}


def borne_facts(found: Strength) -> list[tuple[str, str]]:
    """Sentences on the gap, the neighbours and the fill curve; nothing about what was not computed."""
    rows = [*_gap_fact(found), *_neighbour_facts(found)]
    if found.fill_curve is not None:
        rows.append(("Fill", f"{_passing(found.fill_curve)} Cement was {found.fill_curve.order}."))
    if found.fill_curve is not None or found.neighbours is not None:
        rows.append(("Neighbours break?", neighbour_evidence()))
    return rows


def _gap_fact(found: Strength) -> list[tuple[str, str]]:
    moved = [found.states[state].gap_mm for state in STATES[1:] if state in found.states]
    if not moved or moved[0] is None:
        return []
    load = with_unit(figure(quantity("mechanics/materials", "gap", "load").value, 0), "N")
    text = f"its faces come {with_unit(figure(moved[0], 2), 'mm')} nearer under {load}"
    if len(moved) > 1 and moved[1] is not None:
        still = 1.0 - moved[1] / moved[0]
        text += (
            f", with cement {with_unit(figure(moved[1], 3), 'mm')}: {figure(100.0 * still, 0)} % of the motion is gone"
        )
    return [("Gap", f"{text}. The first figure rests on the assumed softness of an open cleft.")]


def _neighbour_facts(found: Strength) -> list[tuple[str, str]]:
    if found.neighbours is None:
        return []
    return [(f"The {side} neighbour", _borne(one, found, side)) for side, one in found.neighbours.items()]


def _borne(one: NeighbourLoad | None, found: Strength, side: str) -> str:
    if one is None:
        return next(
            (
                w.text.removeprefix(f"{side} neighbour ")
                for w in found.warnings
                if w.code == "neighbour-missing" and w.text.startswith(side)
            ),
            "not computed",
        )
    change = (found.load_transfer or {}).get(side) or 0.0
    endplate = 1e3 * (one.endplate_mm[1] - one.endplate_mm[0])
    return (
        f"under the same load the high strain next to the level changes by {100.0 * change:+.1f} %, the middle of its endplate "
        f"moves {endplate:+.1f} µm further in; {figure(100.0 * one.middle_share[0], 0)} % of the load goes through the middle of the disc "
        f"before, {figure(100.0 * one.middle_share[1], 0)} % after. Changes below "
        f"{quantity('mechanics/materials', 'neighbours', 'resolved').value:.0f} % are not resolved."
    )


def _passing(curve: FillCurve) -> str:
    """Where each curve passes the intact estimate."""
    words = []
    for key, name in _CURVES.items():
        if key not in curve.intact_at:
            continue
        at = curve.intact_at[key]
        if at is None:
            words.append(f"{name} does not pass the estimate before the fracture")
        else:
            words.append(f"{name} passes it at {with_unit(figure(at[0], 1), 'ml')} ({figure(at[1], 0)} % of the body)")
    return "; ".join(words) + f"; the level holds {with_unit(figure(curve.own_ml, 1), 'ml')}."


def fill_chart(found: Strength) -> Markup | None:
    """Stiffness and loads against millilitres, the intact estimate level, the level's own fill upright; None without a curve."""
    curve = found.fill_curve
    if curve is None:
        return None
    ml, ends = curve.cement_ml, np.array([0.0, float(curve.cement_ml[-1])])
    whole = found.states["intact"] if "fractured" in found.states else None
    stiffness: list[Line] = [(ml, 1e-3 * curve.stiffness_n_mm, BLUE, "with cement")]
    loads: list[Line] = [(ml, 1e-3 * curve.screen_n, BLUE, "at 0.2 %")]
    if curve.push_n is not None:
        loads.append((ml, 1e-3 * curve.push_n, BROWN, "greatest of a push"))
    if whole is not None:
        stiffness.append((ends, np.full(2, 1e-3 * whole.stiffness_n_mm), GREEN, "before the fracture"))
        loads.append((ends, np.full(2, 1e-3 * whole.screen_n), GREEN, "before, at 0.2 %"))
    own = np.full(2, curve.own_ml)
    stiffness.append((own, np.array([0.0, 1e-3 * curve.stiffness_n_mm.max()]), RED, "this level"))
    below = "cement in the body, ml"
    return charted([(stiffness, below, "stiffness, kN/mm"), (loads, below, "load, kN")])
